import { createHash } from 'node:crypto'
import type { LogLine } from '../contract.ts'

/** Lines that are kept where not all are: enough to see what led to a failure. */
const TAIL_LINES = 400
/** Characters that are hashed at a time. */
const CHUNK = 65_536

/** What happened, in order. The hash is over all lines; of the lines themselves only the last are kept, unless all are asked for. */
export class EventLog {
  readonly #elapsed: () => number
  readonly #keepAll: boolean
  readonly #hash = createHash('sha256')
  #pending = ''
  #lines: LogLine[] = []
  #count = 0

  constructor(elapsed: () => number, keepAll: boolean) {
    this.#elapsed = elapsed
    this.#keepAll = keepAll
  }

  add(what: string): void {
    const at = Math.round(this.#elapsed())
    this.#count++
    this.#pending += `${at} ${what}\n`
    if (this.#pending.length >= CHUNK) {
      this.#hash.update(this.#pending)
      this.#pending = ''
    }
    this.#lines.push({ at, what })
    if (!this.#keepAll && this.#lines.length > 2 * TAIL_LINES) this.#lines = this.#lines.slice(-TAIL_LINES)
  }

  get count(): number {
    return this.#count
  }

  /** Ends the log. */
  finish(): { readonly hash: string; readonly lines: readonly LogLine[] } {
    this.#hash.update(this.#pending)
    return { hash: this.#hash.digest('hex'), lines: this.#keepAll ? this.#lines : this.#lines.slice(-TAIL_LINES) }
  }
}
