import type { Milliseconds, Timestamp } from '../../model/index.ts'

/** Outages remembered of a daemon: what ended in older ones was observed long ago. */
const MAX_OUTAGES = 16
/** A daemon that is being stopped ends its containers first, and gives each ten seconds; one that comes back says what it found dead. */
const BEFORE_MS: Milliseconds = 15_000
const AFTER_MS: Milliseconds = 15_000

/** When a daemon was away, so that what ended with it is not held against the program. */
export class Outages {
  readonly #past: { readonly from: Timestamp; readonly to: Timestamp }[] = []
  #since: Timestamp | undefined

  get since(): Timestamp | undefined {
    return this.#since
  }

  begin(now: Timestamp): void {
    this.#since ??= now
  }

  end(now: Timestamp): void {
    if (this.#since === undefined) return
    this.#past.push({ from: this.#since, to: now })
    if (this.#past.length > MAX_OUTAGES) this.#past.shift()
    this.#since = undefined
  }

  /** Whether the daemon was away, or about to go, at this time. */
  covers(at: Timestamp): boolean {
    if (this.#since !== undefined && at >= this.#since - BEFORE_MS) return true
    return this.#past.some(({ from, to }) => at >= from - BEFORE_MS && at <= to + AFTER_MS)
  }
}
