import { type Backoff, backoffDelay } from './backoff.ts'
import type { Clock } from './clock.ts'
import type { Random } from './random.ts'

export type ReconcileLoopOptions = {
  readonly name: string
  readonly clock: Clock
  readonly random: Random
  /** How many keys may be worked on at the same time. */
  readonly concurrency: number
  /** Every key that is not settled is looked at again this often, whatever the events said; one that events woke meanwhile within twice that. */
  readonly resyncMs: number
  readonly keys: () => Iterable<string>
  /** Whether a look at a key is known to find nothing: the resync passes it over. */
  readonly isSettled?: (key: string) => boolean
  /**
   * One idempotent step for one key. Resolves to when the key is to be looked at again, in milliseconds, or undefined where only a change or
   * the next resync matters. A rejection is counted, reported and tried again with back-off.
   */
  readonly reconcile: (key: string, signal: AbortSignal) => Promise<number | undefined>
  readonly onError: (key: string, cause: unknown, failures: number) => void
  readonly backoff?: Backoff
}

/**
 * A resync of more keys than this comes in pieces, spread over its interval: thousands looked at in one go would hold up whatever events woke
 * for as long.
 */
const SLICE = 50
/** A key that was looked at within this share of the interval has had its turn; less than the shortest time from one turn to the next. */
const FRESH_SHARE = 0.85

const DEFAULT_BACKOFF: Backoff = { firstMs: 200, factor: 2, mostMs: 30_000 }

/**
 * A level-triggered loop (design rule 1) over keys: a key is worked on by one worker at a time, a wake-up while it is worked on makes
 * it run once more, and wake-ups that come before it starts are one. Memory is linear in the number of keys; nothing queues up per event.
 * The shape is that of the work queue in Kubernetes' client-go (util/workqueue).
 */
export class ReconcileLoop {
  readonly #options: ReconcileLoopOptions
  readonly #stop = new AbortController()
  /** Keys that wait for a worker, in order. */
  readonly #ready = new Set<string>()
  readonly #working = new Set<string>()
  /** Keys that were woken while they were worked on. */
  readonly #again = new Set<string>()
  readonly #timers = new Map<string, () => void>()
  readonly #failures = new Map<string, number>()
  /** When keys were looked at last; those that are no keys any more go with the next round. */
  readonly #lookedAt = new Map<string, number>()
  #cancelResync: (() => void) | undefined
  /** Keys of this resync that have not had their turn, the next one last; and in how many pieces one is done. */
  #toResync: string[] = []
  #slices = 1
  #idle: (() => void)[] = []

  constructor(options: ReconcileLoopOptions) {
    this.#options = options
  }

  start(): void {
    this.wakeAll()
    this.#beginRound()
    this.#scheduleResync()
  }

  /** How many keys wait or are being worked on. */
  get depth(): number {
    return this.#ready.size + this.#working.size
  }

  wake(key: string): void {
    if (this.#stop.signal.aborted) return
    this.#cancelTimer(key)
    if (this.#working.has(key)) this.#again.add(key)
    else this.#ready.add(key)
    this.#pump()
  }

  wakeAll(): void {
    for (const key of this.#options.keys()) this.wake(key)
  }

  /** Ends the loop; resolves when no step runs any more. Steps see their signal aborted. */
  async stop(): Promise<void> {
    this.#stop.abort(new DOMException(`The ${this.#options.name} loop was stopped.`, 'AbortError'))
    this.#cancelResync?.()
    for (const cancel of this.#timers.values()) cancel()
    this.#timers.clear()
    this.#ready.clear()
    if (this.#working.size > 0) await new Promise<void>(resolve => this.#idle.push(resolve))
  }

  #scheduleResync(): void {
    // Up to a tenth earlier or later, so that several loops do not resync at the same moment for ever.
    const delay = (this.#options.resyncMs / this.#slices) * (0.9 + 0.2 * this.#options.random.next())
    this.#cancelResync = this.#options.clock.after(delay, () => {
      // A round of one piece is of the keys that there are by now.
      if (this.#slices === 1) this.#beginRound()
      for (const key of this.#toResync.splice(-SLICE)) if (!this.#isDone(key)) this.wake(key)
      if (this.#toResync.length === 0) this.#beginRound()
      this.#scheduleResync()
    })
  }

  #beginRound(): void {
    this.#toResync = [...this.#options.keys()].reverse()
    this.#slices = Math.max(1, Math.ceil(this.#toResync.length / SLICE))
    if (this.#lookedAt.size <= this.#toResync.length) return
    const keys = new Set(this.#toResync)
    for (const key of this.#lookedAt.keys()) if (!keys.has(key)) this.#lookedAt.delete(key)
  }

  /** Whether it has had its turn already, or needs none. */
  #isDone(key: string): boolean {
    const { clock, resyncMs, isSettled } = this.#options
    const at = this.#lookedAt.get(key)
    return (at !== undefined && clock.monotonic() - at < FRESH_SHARE * resyncMs) || isSettled?.(key) === true
  }

  #pump(): void {
    for (const key of this.#ready) {
      if (this.#working.size >= this.#options.concurrency) return
      this.#ready.delete(key)
      this.#working.add(key)
      void this.#work(key)
    }
  }

  async #work(key: string): Promise<void> {
    let after: number | undefined
    this.#lookedAt.set(key, this.#options.clock.monotonic())
    try {
      after = await this.#options.reconcile(key, this.#stop.signal)
      this.#failures.delete(key)
    } catch (cause) {
      after = this.#failed(key, cause)
    }
    this.#working.delete(key)
    if (this.#stop.signal.aborted) {
      if (this.#working.size === 0) for (const resolve of this.#idle.splice(0)) resolve()
      return
    }
    if (this.#again.delete(key)) this.#ready.add(key)
    else if (after !== undefined) this.#wakeAfter(key, after)
    this.#pump()
  }

  #failed(key: string, cause: unknown): number | undefined {
    if (this.#stop.signal.aborted) return undefined
    const failures = (this.#failures.get(key) ?? 0) + 1
    this.#failures.set(key, failures)
    this.#options.onError(key, cause, failures)
    return backoffDelay(this.#options.backoff ?? DEFAULT_BACKOFF, failures, this.#options.random)
  }

  #wakeAfter(key: string, ms: number): void {
    this.#cancelTimer(key)
    this.#timers.set(
      key,
      this.#options.clock.after(ms, () => {
        this.#timers.delete(key)
        this.wake(key)
      }),
    )
  }

  #cancelTimer(key: string): void {
    this.#timers.get(key)?.()
    this.#timers.delete(key)
  }
}
