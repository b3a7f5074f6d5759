import type { Clock, VirtualClock } from '../../src/runtime/index.ts'

/**
 * The clock of one simulated process on one machine: its wall clock may be stepped, and when the process is killed its timers never fire, so nothing
 * of it goes on.
 */
export class ProcessClock implements Clock {
  readonly #base: VirtualClock
  readonly #offset: () => number
  #alive = true

  /** `offset`: by how much the machine's wall clock is off now, in milliseconds. */
  constructor(base: VirtualClock, offset: () => number = () => 0) {
    this.#base = base
    this.#offset = offset
  }

  get alive(): boolean {
    return this.#alive
  }

  kill(): void {
    this.#alive = false
  }

  now(): number {
    return this.#base.now() + this.#offset()
  }

  monotonic(): number {
    return this.#base.monotonic()
  }

  after(ms: number, work: () => void): () => void {
    return this.#base.after(ms, () => {
      if (this.#alive) work()
    })
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason)
        return
      }
      if (signal === undefined) {
        this.after(ms, resolve)
        return
      }
      const onAbort = (): void => {
        cancel()
        reject(signal.reason)
      }
      const cancel = this.after(ms, () => {
        signal.removeEventListener('abort', onAbort)
        resolve()
      })
      signal.addEventListener('abort', onAbort, { once: true })
    })
  }
}
