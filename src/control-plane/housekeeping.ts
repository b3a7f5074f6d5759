import { HOUR, MINUTE } from '../model/index.ts'
import type { Clock } from '../runtime/index.ts'
import type { Store } from '../store/index.ts'

/** Events that are kept: about a month of a busy fleet of 50 controllers, 60 MB of database. */
export const EVENTS_KEPT = 200_000
const INTERVAL_MS = HOUR
/** Not at once: a start has better things to do. */
const FIRST_MS = 5 * MINUTE

/** Tidies up what grows, now and then, until the signal aborts. */
export const keepHouse = async (
  ports: {
    readonly store: Store
    readonly clock: Clock
    readonly sweepHomes: () => Promise<void>
    readonly onError: (what: string, cause: unknown) => void
  },
  signal: AbortSignal,
): Promise<void> => {
  const chores: readonly (readonly [what: string, work: () => Promise<unknown>])[] = [
    ['old events', () => ports.store.pruneEvents(EVENTS_KEPT)],
    ['retired homes', ports.sweepHomes],
  ]
  for (let wait = FIRST_MS; ; wait = INTERVAL_MS) {
    try {
      await ports.clock.sleep(wait, signal)
    } catch (cause) {
      if (signal.aborted) return
      throw cause
    }
    for (const [what, work] of chores) await work().catch(cause => ports.onError(what, cause))
  }
}
