import type { Clock } from './clock.ts'

type Timer = { readonly at: number; readonly order: number; readonly work: () => void; cancelled: boolean }

/**
 * A clock that moves only when told, for tests and the simulator. Timers due at the same moment run in the order in which they were made.
 * Adding and taking a timer costs O(log n) (a binary heap).
 */
export class VirtualClock implements Clock {
  #now: number
  #wallOffset = 0
  #order = 0
  readonly #heap: Timer[] = []

  constructor(start = 1_750_000_000_000) {
    this.#now = start
  }

  now(): number {
    return this.#now + this.#wallOffset
  }

  monotonic(): number {
    return this.#now
  }

  /** Steps the wall clock, forward or back, without time passing. */
  stepWallClock(ms: number): void {
    this.#wallOffset += ms
  }

  after(ms: number, work: () => void): () => void {
    const timer: Timer = { at: this.#now + Math.max(0, ms), order: this.#order++, work, cancelled: false }
    this.#push(timer)
    return () => {
      timer.cancelled = true
    }
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason)
        return
      }
      const onAbort = (): void => {
        cancel()
        reject(signal?.reason)
      }
      const cancel = this.after(ms, () => {
        signal?.removeEventListener('abort', onAbort)
        resolve()
      })
      signal?.addEventListener('abort', onAbort, { once: true })
    })
  }

  /** When the next timer is due, or undefined where there is none. */
  get nextAt(): number | undefined {
    for (let top = this.#heap[0]; top?.cancelled; top = this.#heap[0]) this.#pop()
    return this.#heap[0]?.at
  }

  /** Moves to the next timer and runs it. False where there is none at or before `until`. */
  step(until = Number.POSITIVE_INFINITY): boolean {
    const next = this.nextAt
    if (next === undefined || next > until) return false
    const timer = this.#pop()
    this.#now = Math.max(this.#now, next)
    timer?.work()
    return true
  }

  /** Runs everything that is due within `ms`, letting promises settle after each timer. */
  async advance(ms: number): Promise<void> {
    const until = this.#now + ms
    await settle()
    while (this.step(until)) await settle()
    this.#now = until
  }

  #push(timer: Timer): void {
    const heap = this.#heap
    let i = heap.length
    heap.push(timer)
    // Parents move down until the timer's place is found: half the writes of swapping.
    while (i > 0) {
      const above = (i - 1) >> 1
      const parent = heap[above]
      if (parent === undefined || !isBefore(timer, parent)) break
      heap[i] = parent
      i = above
    }
    heap[i] = timer
  }

  #pop(): Timer | undefined {
    const heap = this.#heap
    const top = heap[0]
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return top
    let i = 0
    for (;;) {
      let below = 2 * i + 1
      let child = heap[below]
      if (child === undefined) break
      const right = heap[below + 1]
      if (right !== undefined && isBefore(right, child)) {
        child = right
        below++
      }
      if (!isBefore(child, last)) break
      heap[i] = child
      i = below
    }
    heap[i] = last
    return top
  }
}

const isBefore = (a: Timer, b: Timer): boolean => a.at < b.at || (a.at === b.at && a.order < b.order)

/** Lets everything that is ready to run now run: promises, and work that the event loop has been handed already. */
export const settle = (): Promise<void> => new Promise(resolve => setImmediate(resolve))
