import type { HostId, TenantId } from './ids.ts'
import type { Reason } from './reason.ts'
import type { Resources } from './resources.ts'
import type { Timestamp } from './units.ts'

export const HOST_ROLES = ['any', 'controllers', 'builds'] as const
export type HostRole = (typeof HOST_ROLES)[number]

/** `draining` is being emptied, `drained` is empty and stays so. Only a `ready` one takes anything new. */
export const HOST_STATES = ['ready', 'cordoned', 'draining', 'drained', 'silent'] as const
export type HostState = (typeof HOST_STATES)[number]

/** A machine that an engine can place workloads on. */
export type Host = {
  readonly id: HostId
  readonly engine: string
  readonly role: HostRole
  readonly reservedFor?: TenantId
  /** What may be given to workloads; what the system and Manor itself need is taken off already. */
  readonly capacity: Resources
  readonly attributes: Readonly<Record<string, string>>
  /** Keys (imageKey) of images that it has, in order; absent where its engine runs none or cannot tell. */
  readonly images?: readonly string[]
  readonly state: HostState
  readonly seenAt: Timestamp
  /** Whether limits hold here, and if not, why, in words for a person. */
  readonly limits: { readonly memory: boolean; readonly cpu: boolean; readonly reason?: string }
  readonly reason?: Reason
  /** Until when builds may end on a host that is being emptied; absent means as long as they take. */
  readonly drainBy?: Timestamp
  /** What its engine says of it, where an operator wants something else. */
  readonly told?: HostTold
}

export type HostTold = Pick<Host, 'role' | 'reservedFor' | 'state' | 'reason'>

export type HostService = 'open' | 'cordoned' | 'drained'

/** What an operator wants of a host, whichever engine has it. Outlives the host: one that comes back is as it was wanted. */
export type HostWanted = {
  readonly id: HostId
  /** `open` takes a cordon or a drain back, also one that its engine was told of; absent leaves it to the engine. */
  readonly service?: HostService
  readonly since: Timestamp
  /** Until when builds may end on a host that is drained; absent means as long as they take. */
  readonly drainBy?: Timestamp
  /** When nothing of Manor's was left on it. */
  readonly drainedAt?: Timestamp
  readonly role?: HostRole
  /** `null`: for all tenants, whatever its engine says. */
  readonly reservedFor?: TenantId | null
}

/** What the engine says of a host, whatever an operator wants of it. */
export const toldOf = ({ told, role, reservedFor, state, reason }: Host): HostTold =>
  told ?? {
    role,
    state,
    ...(reservedFor === undefined ? {} : { reservedFor }),
    ...(reason === undefined ? {} : { reason }),
  }

/** What a host is for, and for whom. */
export type HostPurpose = Pick<Host, 'role' | 'reservedFor'>

/** What is wanted of it, laid over what its engine says. */
export const purposeOf = (told: HostPurpose, wanted: HostWanted | undefined): HostPurpose => {
  const reservedFor = wanted?.reservedFor === undefined ? told.reservedFor : (wanted.reservedFor ?? undefined)
  return { role: wanted?.role ?? told.role, ...(reservedFor === undefined ? {} : { reservedFor }) }
}

export const isSamePurpose = (a: HostPurpose, b: HostPurpose): boolean => a.role === b.role && a.reservedFor === b.reservedFor

/**
 * A host as everybody is to see it: as its engine tells of it, with what an operator wants of it. `progress` says what a drain waits for. Made
 * from an earlier answer it gives the same.
 */
export const asWanted = (host: Host, wanted: HostWanted | undefined, progress?: Reason): Host => {
  // All hosts are looked at with each list, and of most nothing is wanted.
  if (wanted === undefined && host.told === undefined && host.drainBy === undefined) return host
  const told = toldOf(host)
  const { told: _t, reason: _r, reservedFor: _f, drainBy: _d, ...rest } = host
  const purpose = purposeOf(told, wanted)
  const state = wanted === undefined ? told.state : stateOf(told.state, wanted)
  const reason = state === told.state && told.reason !== undefined ? told.reason : (progress ?? (wanted && reasonOf(wanted, state)))
  const isAsTold = isSamePurpose(purpose, told) && state === told.state && reason === told.reason
  return {
    ...rest,
    ...purpose,
    state,
    ...(reason === undefined ? {} : { reason }),
    ...(state === 'draining' && wanted?.drainBy !== undefined ? { drainBy: wanted.drainBy } : {}),
    ...(isAsTold ? {} : { told }),
  }
}

/** A host that is silent is so whatever is wanted of it. */
const stateOf = (told: HostState, { service, drainedAt }: HostWanted): HostState => {
  if (told === 'silent' || service === undefined || service === 'open') return told
  if (service === 'cordoned') return 'cordoned'
  return drainedAt === undefined ? 'draining' : 'drained'
}

const reasonOf = ({ id, since, drainedAt }: HostWanted, state: HostState): Reason | undefined => {
  switch (state) {
    case 'cordoned':
      return {
        code: 'cordoned',
        message: 'It was cordoned: it takes nothing new, and what runs there goes on.',
        since,
        mend: `Let it take work again: ./manor host uncordon ${id}.`,
      }
    case 'draining':
      return { code: 'draining', message: 'It is being emptied.', since, mend: `Take that back: ./manor host uncordon ${id}.` }
    case 'drained':
      return {
        code: 'drained',
        message: 'Nothing of Manor runs on it any more, and nothing new comes to it.',
        since: drainedAt ?? since,
        mend: `Let it take work again: ./manor host uncordon ${id}.`,
      }
    case 'ready':
    case 'silent':
      return undefined
  }
}
