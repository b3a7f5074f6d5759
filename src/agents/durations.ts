import type { Agent, Milliseconds, Timestamp } from '../model/index.ts'

/** Newest ends of one job that are remembered: enough for a median that one odd build does not move. */
const ENDS_KEPT = 9
/** Jobs that are remembered, those that ended longest ago forgotten first: about 200 bytes each. */
const MAX_JOBS = 20_000

/** Its newest ends, and what is asked of them far more often than one comes. */
type Known = { readonly ends: readonly Milliseconds[]; readonly usual: Milliseconds; readonly longest: Milliseconds }

/**
 * How long agents are kept by the builds of a job, learned from agents that ended: from the build's start until the place was free again. It
 * is an estimate for people and for which host to empty, so only builds that went their whole way count, and what is not known is not guessed.
 */
export class Durations {
  readonly #byJob = new Map<string, Known>()

  /** Learns from an agent that ended; of one that says nothing: does nothing. */
  learn({ controller, build, busyAt, endedAt }: Pick<Agent, 'controller' | 'build' | 'busyAt' | 'endedAt'>): void {
    if (build === undefined || busyAt === undefined || endedAt === undefined) return
    if (build.result !== 'SUCCESS' && build.result !== 'UNSTABLE') return
    const key = keyOf(controller, build.job)
    const ends = [...(this.#byJob.get(key)?.ends ?? []), endedAt - busyAt].slice(-ENDS_KEPT)
    const sorted = ends.toSorted((a, b) => a - b)
    this.#byJob.delete(key)
    this.#byJob.set(key, { ends, usual: sorted[Math.floor((sorted.length - 1) / 2)] ?? 0, longest: sorted.at(-1) ?? 0 })
    for (const oldest of this.#byJob.keys()) {
      if (this.#byJob.size <= MAX_JOBS) break
      this.#byJob.delete(oldest)
    }
  }

  /**
   * When a busy agent's place is expected to be free: its job's median, or, once that is over, the longest that was seen; undefined where it is
   * longer busy than any, or nothing is known.
   */
  endOf({ controller, build, busyAt }: Pick<Agent, 'controller' | 'build' | 'busyAt'>, now: Timestamp): Timestamp | undefined {
    const known = build && this.#byJob.get(keyOf(controller, build.job))
    if (known === undefined || busyAt === undefined) return undefined
    if (busyAt + known.usual > now) return busyAt + known.usual
    return busyAt + known.longest > now ? busyAt + known.longest : undefined
  }
}

/** A controller's name holds no slash. */
const keyOf = (controller: string, job: string): string => `${controller}/${job}`
