import { type FleetState, setFleet } from '../controllers/index.ts'
import { type Controller, isAtRest, type Observation } from '../model/index.ts'
import type { Store } from '../store/index.ts'

/** What is still there while the fleet is taken down. */
export type Remaining = { readonly controllers: readonly Controller[]; readonly agents: number; readonly workloads: number }

/**
 * Takes everything down that Manor runs and resolves when it is gone: controllers quiet, wait for their builds (or not: `down-now`), stop;
 * their agents end. What each owner wants is kept: the next start brings it back. Told of each change until then.
 */
export const takeFleetDown = async (
  ports: {
    readonly store: Store
    readonly observations: () => Iterable<Observation>
    readonly onChange: (remaining: Remaining) => void
  },
  state: Exclude<FleetState, 'up'>,
  actor: string,
  signal: AbortSignal,
): Promise<void> => {
  const { store, observations, onChange } = ports
  await setFleet(store, state, actor)
  for (;;) {
    signal.throwIfAborted()
    // Listening begins before the look, so that a change in between is not missed.
    const change = nextChange(store, signal)
    const remaining = remainingOf(store, observations())
    onChange(remaining)
    if (remaining.controllers.length === 0 && remaining.agents === 0 && remaining.workloads === 0) {
      change.cancel()
      return
    }
    await change.happened
  }
}

const remainingOf = (store: Store, observations: Iterable<Observation>): Remaining => ({
  controllers: store.list('controller').filter(({ phase }) => !isAtRest(phase)),
  agents: store.by('agentsByLife', 'live').filter(({ phase }) => phase !== 'queued').length,
  workloads: [...observations].filter(({ state }) => state !== 'ended' && state !== 'unknown').length,
})

const nextChange = (store: Store, signal: AbortSignal): { readonly happened: Promise<void>; cancel(): void } => {
  const { promise, resolve } = Promise.withResolvers<void>()
  const unsubscribe = store.feed.subscribe(() => resolve())
  const cancel = (): void => {
    unsubscribe()
    signal.removeEventListener('abort', cancel)
    resolve()
  }
  signal.addEventListener('abort', cancel, { once: true })
  return { happened: promise.finally(cancel), cancel }
}
