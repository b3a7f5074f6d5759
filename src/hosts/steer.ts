import { type HostPurpose, type HostTold, type HostWanted, isSamePurpose, purposeOf } from '../model/index.ts'

/**
 * What an engine that places by itself is to be told next, from what it says of a host and what is wanted of it. It is drained there only once
 * Manor has emptied it: an engine's own drain ends controllers without waiting for their builds. Pure.
 */
export const stepOf = ({ state }: HostTold, { service, drainedAt }: HostWanted): 'cordon' | 'uncordon' | 'drain' | undefined => {
  switch (service) {
    case undefined:
      return undefined
    case 'open':
      return state === 'ready' ? undefined : 'uncordon'
    case 'cordoned':
      return state === 'ready' ? 'cordon' : undefined
    case 'drained':
      if (state === 'ready') return 'cordon'
      return drainedAt !== undefined && state === 'cordoned' ? 'drain' : undefined
  }
}

/** What an engine is to be told that a host is for; undefined where it says that already. */
export const purposeWanted = (told: HostTold, wanted: HostWanted): HostPurpose | undefined => {
  const purpose = purposeOf(told, wanted)
  return isSamePurpose(purpose, told) ? undefined : purpose
}

/** Whether a host that was to take work again does; one whose engine cannot be told does as far as Manor can say. */
export const isSettled = ({ state }: HostTold, { service }: HostWanted, canBeTold: boolean): boolean =>
  service === 'open' && (state === 'ready' || !canBeTold)

/** What is still wanted of it then; undefined where that is nothing. */
export const settled = ({ service: _s, ...rest }: HostWanted): HostWanted | undefined =>
  rest.role === undefined && rest.reservedFor === undefined ? undefined : rest
