import type { Controller } from '../model/index.ts'
import type { Reader, Store } from '../store/index.ts'

/** The setting that takes the whole fleet down without forgetting what each owner wants. */
const FLEET = 'fleet'

/**
 * `up`: every controller is what its owner wants. `down`: those wanted running are stopped, their builds waited for. `down-now`: without
 * waiting for builds.
 */
export type FleetState = 'up' | 'down' | 'down-now'

export const fleetState = (store: Pick<Reader, 'get'>): FleetState => {
  const value = store.get('setting', FLEET)?.value
  return value === 'down' || value === 'down-now' ? value : 'up'
}

export const isFleetSetting = (id: string): boolean => id === FLEET

/** Takes the fleet down or up again. Asking for what is already so changes nothing. */
export const setFleet = (store: Store, state: FleetState, actor: string): Promise<void> =>
  store.transact(
    tx => {
      if (fleetState(tx) === state) return
      tx.put('setting', { id: FLEET, value: state })
      tx.event({
        kind: 'manor',
        subject: 'fleet',
        type: state === 'up' ? 'fleet-up' : 'fleet-down',
        actor,
        message:
          state === 'up'
            ? 'The fleet is up: every controller becomes what its owner wants.'
            : `The fleet is being taken down${state === 'down-now' ? ' without waiting for builds' : ''}; what each owner wants is kept.`,
      })
    },
    { flush: true },
  )

/** The controller as the reconciler is to treat it while the fleet is in this state. */
export const underFleet = (controller: Controller, state: FleetState): Controller => {
  if (state === 'up' || controller.wanted !== 'running') return controller
  const spec = state === 'down-now' ? { ...controller.spec, graceMs: 0 } : controller.spec
  return { ...controller, wanted: 'stopped', spec }
}
