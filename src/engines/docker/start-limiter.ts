import type { TenantId } from '../../model/index.ts'
import { EngineError } from '../engine.ts'

/**
 * Starts that one daemon works on at a time. A daemon takes a lock of its own for networks and another for its storage, so more in parallel
 * only wait there, where nobody can be fair: see docs/engine-docker.md for what was measured.
 */
export const STARTS_AT_A_TIME = 8
/** Starts that may wait for one daemon: a minute's worth and more of what a daemon can start. What comes beyond is asked for again later. */
export const STARTS_WAITING = 2_000

type Waiting = { readonly begin: () => void }

/** Lets so many starts run at a time; whoever waits is taken in turns of tenants, so that a burst of one delays no other by more than a turn. */
export class StartLimiter {
  readonly #atATime: number
  readonly #most: number
  /** Tenants that have work waiting, in the order of their turns: whoever was served goes to the end. */
  readonly #queues = new Map<TenantId, Waiting[]>()
  #running = 0
  #waiting = 0

  constructor(atATime = STARTS_AT_A_TIME, most = STARTS_WAITING) {
    this.#atATime = atATime
    this.#most = most
  }

  /** How many run and wait. */
  get depth(): { readonly running: number; readonly waiting: number } {
    return { running: this.#running, waiting: this.#waiting }
  }

  /** Runs the work when its turn comes. Rejects with a retryable EngineError where too many wait, with the signal's reason where it aborts first. */
  async run<Result>(tenant: TenantId, work: () => Promise<Result>, signal: AbortSignal): Promise<Result> {
    await this.#turn(tenant, signal)
    try {
      return await work()
    } finally {
      this.#running--
      this.#next()
    }
  }

  async #turn(tenant: TenantId, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    if (this.#running < this.#atATime && this.#waiting === 0) {
      this.#running++
      return
    }
    if (this.#waiting >= this.#most)
      throw new EngineError(
        {
          code: 'quota',
          message: `${this.#waiting} starts wait for this Docker daemon already.`,
          mend: 'It is tried again. Add hosts if this goes on.',
        },
        true,
      )
    await new Promise<void>((resolve, reject) => {
      const onAbort = (): void => {
        this.#leave(tenant, waiting)
        reject(signal.reason)
      }
      const waiting: Waiting = {
        begin: () => {
          signal.removeEventListener('abort', onAbort)
          resolve()
        },
      }
      signal.addEventListener('abort', onAbort, { once: true })
      const queue = this.#queues.get(tenant)
      if (queue === undefined) this.#queues.set(tenant, [waiting])
      else queue.push(waiting)
      this.#waiting++
    })
  }

  #next(): void {
    const first = this.#queues.entries().next()
    if (first.done || this.#running >= this.#atATime) return
    const [tenant, queue] = first.value
    const waiting = queue.shift()
    this.#queues.delete(tenant)
    if (queue.length > 0) this.#queues.set(tenant, queue)
    if (waiting === undefined) return
    this.#waiting--
    this.#running++
    waiting.begin()
  }

  #leave(tenant: TenantId, waiting: Waiting): void {
    const queue = this.#queues.get(tenant)
    const at = queue?.indexOf(waiting) ?? -1
    if (queue === undefined || at < 0) return
    queue.splice(at, 1)
    this.#waiting--
    if (queue.length === 0) this.#queues.delete(tenant)
  }
}
