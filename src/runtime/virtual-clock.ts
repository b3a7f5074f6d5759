import type { Clock } from './clock.ts'

type Timer = { readonly order: number; readonly work: () => void; cancelled: boolean }

/**
 * A clock that moves only when told, for tests and the simulator. Timers due at the same moment run in the order in which they were made.
 * Adding and taking a timer costs O(log n): a heap of four below each, whose times lie in an array of numbers of their own. A large world has tens
 * of thousands of timers, and a look at each one's object on the way would be a miss of the cache.
 */
export class VirtualClock implements Clock {
  #now: number
  #wallOffset = 0
  #order = 0
  /** When each timer of the heap is due, and the timer itself, at the same places. */
  readonly #times: number[] = []
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
    const timer: Timer = { order: this.#order++, work, cancelled: false }
    this.#push(this.#now + Math.max(0, ms), timer)
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
    return this.#times[0]
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

  #push(at: number, timer: Timer): void {
    const times = this.#times
    const heap = this.#heap
    let i = heap.length
    times.push(at)
    heap.push(timer)
    // Parents move down until the timer's place is found: half the writes of swapping. Among equals the older one stays above.
    while (i > 0) {
      const above = (i - 1) >> 2
      const time = times[above]
      const parent = heap[above]
      if (time === undefined || parent === undefined || time <= at) break
      times[i] = time
      heap[i] = parent
      i = above
    }
    times[i] = at
    heap[i] = timer
  }

  #pop(): Timer | undefined {
    const times = this.#times
    const heap = this.#heap
    const top = heap[0]
    const at = times.pop()
    const last = heap.pop()
    if (at === undefined || last === undefined || heap.length === 0) return top
    let i = 0
    // What lies beyond the end is never read: numbers that may be undefined are kept as objects, one for each look.
    while (4 * i + 1 < times.length) {
      const below = this.#firstOf(4 * i + 1)
      const time = times[below]
      const child = heap[below]
      if (time === undefined || child === undefined || time > at || (time === at && child.order > last.order)) break
      times[i] = time
      heap[i] = child
      i = below
    }
    times[i] = at
    heap[i] = last
    return top
  }

  /** The place of the one that is due first among four places from `from` on. */
  #firstOf(from: number): number {
    const times = this.#times
    const heap = this.#heap
    const end = Math.min(from + 4, times.length)
    let first = from
    let least = times[from] ?? 0
    for (let i = from + 1; i < end; i++) {
      const time = times[i] ?? 0
      if (time < least || (time === least && (heap[i]?.order ?? 0) < (heap[first]?.order ?? 0))) {
        first = i
        least = time
      }
    }
    return first
  }
}

/** Lets everything that is ready to run now run: promises, and work that the event loop has been handed already. */
export const settle = (): Promise<void> => new Promise(resolve => setImmediate(resolve))
