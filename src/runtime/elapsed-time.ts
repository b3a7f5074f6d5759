import type { Clock } from './clock.ts'

/**
 * How long ago moments were that were written down by the wall clock, though that may have been set since: by a person, after a suspend, by the
 * first answer of a time server. The wall clock is only asked when a moment is first heard of; from then on the other one counts. Whoever needs it
 * asks soon after it wrote the moment down, and forgets what is gone.
 */
export class ElapsedTime {
  readonly #clock: Clock
  readonly #known = new Map<string, { readonly at: number; readonly begin: number }>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Milliseconds since the wall clock said `at`, which is what is asked of `subject` until it has another moment; never less than 0. */
  since(subject: string, at: number): number {
    const monotonic = this.#clock.monotonic()
    const known = this.#known.get(subject)
    if (known?.at === at) return monotonic - known.begin
    const passed = Math.max(0, this.#clock.now() - at)
    this.#known.set(subject, { at, begin: monotonic - passed })
    return passed
  }

  forget(subject: string): void {
    this.#known.delete(subject)
  }
}
