import { MINUTE } from '../model/index.ts'
import type { Clock } from '../runtime/index.ts'

/** Failed sign-ins that one address may have in a window before it is told to wait. */
export const MAX_FAILURES = 30
export const WINDOW_MS = MINUTE
/** Addresses that are remembered, the oldest is forgotten first: about 1 MB. */
const MAX_ADDRESSES = 10_000

type Window = { readonly since: number; failures: number }

/**
 * Counts failed sign-ins by address. A secret has 256 random bits, so no rate of guessing gets anywhere: this keeps a broken or hostile
 * client from costing work and lines, and for that reason a right token is never refused for what others at its address did (all
 * that runs on one machine shares an address).
 */
export class FailedAttempts {
  readonly #clock: Clock
  readonly #windows = new Map<string, Window>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Counts one more, and says how many seconds the address is to wait; 0 where it may try again at once. */
  count(address: string): number {
    const now = this.#clock.monotonic()
    const known = this.#windows.get(address)
    const window = known && now - known.since < WINDOW_MS ? known : { since: now, failures: 0 }
    window.failures++
    this.#windows.delete(address)
    this.#windows.set(address, window)
    if (this.#windows.size > MAX_ADDRESSES) for (const oldest of this.#windows.keys()) return this.#forget(oldest, window, now)
    return waitSeconds(window, now)
  }

  #forget(oldest: string, window: Window, now: number): number {
    this.#windows.delete(oldest)
    return waitSeconds(window, now)
  }
}

const waitSeconds = (window: Window, now: number): number =>
  window.failures <= MAX_FAILURES ? 0 : Math.max(1, Math.ceil((window.since + WINDOW_MS - now) / 1_000))
