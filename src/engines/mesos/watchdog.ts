import type { Clock } from '../../runtime/index.ts'

/** So many heartbeats may be missed: what Mesos' documents advise. */
const HEARTBEATS_MISSED = 5
const DEFAULT_HEARTBEAT_MS = 15_000

/** Tells when nothing was heard for too long. One timer, whatever the number of events. */
export class Watchdog {
  readonly #clock: Clock
  readonly #onSilence: (silentMs: number) => void
  #limitMs = DEFAULT_HEARTBEAT_MS * HEARTBEATS_MISSED
  #heardAt: number
  #cancel: () => void = () => undefined

  constructor(clock: Clock, onSilence: (silentMs: number) => void) {
    this.#clock = clock
    this.#onSilence = onSilence
    this.#heardAt = clock.monotonic()
    this.#arm()
  }

  alive(): void {
    this.#heardAt = this.#clock.monotonic()
  }

  /** Heartbeats come this often; 0 is Mesos' default. */
  expect(heartbeatMs: number): void {
    this.#limitMs = (heartbeatMs || DEFAULT_HEARTBEAT_MS) * HEARTBEATS_MISSED
    this.#arm()
  }

  stop(): void {
    this.#cancel()
  }

  /** After a stop, from now on. */
  resume(): void {
    this.alive()
    this.#arm()
  }

  #arm(): void {
    this.#cancel()
    const left = this.#heardAt + this.#limitMs - this.#clock.monotonic()
    if (left <= 0) this.#onSilence(this.#limitMs)
    else this.#cancel = this.#clock.after(left, () => this.#arm())
  }
}
