import type { Clock } from './clock.ts'

/** The two clocks of a machine drift apart by far less than this between two looks; what is more was set by someone. */
const SET_MS = 1_000

/**
 * How long ago a moment was that was written down by the wall clock, though that may have been set since: by a person, after a suspend, by the first
 * answer of a time server. Only what is set while this watches is known; whoever needs it asks often.
 */
export class ElapsedTime {
  readonly #clock: Clock
  #now: number
  #monotonic: number
  /** What was set, oldest first: the wall clock just before, and by how much. A clock that is set often is somebody's mistake, so these are few. */
  readonly #steps: { readonly at: number; readonly by: number }[] = []

  constructor(clock: Clock) {
    this.#clock = clock
    this.#now = clock.now()
    this.#monotonic = clock.monotonic()
  }

  /** Milliseconds since the wall clock said `at`; never less than 0. */
  since(at: number): number {
    this.watch()
    const set = this.#steps.reduce((sum, step) => (at <= step.at ? sum + step.by : sum), 0)
    return Math.max(0, this.#now - at - set)
  }

  /** Looks at both clocks. What is set twice between two looks is taken for one step. */
  watch(): void {
    const now = this.#clock.now()
    const monotonic = this.#clock.monotonic()
    const passed = monotonic - this.#monotonic
    const by = now - this.#now - passed
    if (Math.abs(by) > SET_MS) this.#steps.push({ at: now - by, by })
    if (this.#steps.length > MOST_STEPS) this.#steps.shift()
    this.#now = now
    this.#monotonic = monotonic
  }
}

/** Steps that are remembered: more than any grace of ours lives to see. */
const MOST_STEPS = 100
