import type { Host, Observation, WorkloadId } from '../model/index.ts'
import { type Clock, deadline } from '../runtime/index.ts'
import type { Engine } from './engine.ts'

/** How long one list of everything may take before it is given up. */
const LIST_TIMEOUT_MS = 20_000
/**
 * Least time from one list's beginning to the next one's: everyone who asks within it shares that one. A busy fleet gives hundreds of hints and
 * questions a second, and each list is of everything.
 */
const SPACING_MS = 10
/** A list that takes long comes less often, so that no more than a third of the time goes into lists; at most this much later. */
const REST_PER_LIST = 2
const REST_MOST_MS = 200

export type ObserverOptions = {
  readonly engine: Engine
  readonly clock: Clock
  /** Everything is listed again this often, whatever the hints said. */
  readonly intervalMs: number
  /** Called for each workload whose observation changed, came or went. */
  readonly onChange: (observation: Observation) => void
  readonly onHosts: (hosts: readonly Host[]) => void
  readonly onError: (cause: unknown) => void
}

/**
 * What an engine says there is, kept at hand for all loops: one list for everyone instead of one for each key.
 *
 * Absence is only believed from a list that was begun after the question (`current`); a hint may only ever bring a look forward.
 */
export class Observer {
  readonly #options: ObserverOptions
  readonly #stop = new AbortController()
  #observed = new Map<WorkloadId, Observation>()
  #running: Promise<void> | undefined
  #next: Promise<void> | undefined
  #ends: Promise<unknown>[] = []
  #begunAt = Number.NEGATIVE_INFINITY
  #tookMs = 0

  constructor(options: ObserverOptions) {
    this.#options = options
  }

  start(): void {
    this.#ends = [this.#poll(), this.#watch()]
  }

  async stop(): Promise<void> {
    this.#stop.abort(new DOMException('The observer was stopped.', 'AbortError'))
    await Promise.allSettled([...this.#ends, this.#running, this.#next])
  }

  /** The last that was seen; may be old. */
  get(id: WorkloadId): Observation | undefined {
    return this.#observed.get(id)
  }

  all(): Iterable<Observation> {
    return this.#observed.values()
  }

  /** Resolves after a list that was begun now or later. Rejects where it failed. Calls that come together share one list. */
  current(): Promise<void> {
    // The one that runs may have passed what we ask about: everyone who comes meanwhile shares the next.
    if (this.#next === undefined && (this.#running !== undefined || this.#restMs() > 0)) this.#next = this.#beginLater(this.#running)
    return this.#next ?? this.#begin()
  }

  /** From now until the next list may begin. */
  #restMs(): number {
    return this.#begunAt + SPACING_MS + Math.min(REST_MOST_MS, REST_PER_LIST * this.#tookMs) - this.#options.clock.monotonic()
  }

  async #beginLater(running: Promise<void> | undefined): Promise<void> {
    try {
      await running?.catch(() => undefined)
      const restMs = this.#restMs()
      if (restMs > 0) await this.#options.clock.sleep(restMs, this.#stop.signal)
    } catch (cause) {
      this.#next = undefined
      throw cause
    }
    return this.#begin()
  }

  #begin(): Promise<void> {
    this.#next = undefined
    const { clock } = this.#options
    this.#begunAt = clock.monotonic()
    this.#running = this.#list().finally(() => {
      this.#running = undefined
      this.#tookMs = clock.monotonic() - this.#begunAt
    })
    return this.#running
  }

  async #list(): Promise<void> {
    const limit = deadline(this.#options.clock, LIST_TIMEOUT_MS, this.#stop.signal)
    try {
      const [observations, hosts] = await Promise.all([this.#options.engine.list(limit.signal), this.#options.engine.hosts(limit.signal)])
      const before = this.#observed
      this.#observed = new Map()
      for (const observation of observations) this.#observed.set(observation.id, observation)
      this.#options.onHosts(hosts)
      for (const observation of observations) if (differs(before.get(observation.id), observation)) this.#options.onChange(observation)
      for (const [id, observation] of before) if (!this.#observed.has(id)) this.#options.onChange(observation)
    } finally {
      limit.done()
    }
  }

  async #poll(): Promise<void> {
    const { signal } = this.#stop
    while (!signal.aborted) {
      await this.current().catch(cause => this.#report(cause))
      await this.#options.clock.sleep(this.#options.intervalMs, signal).catch(() => undefined)
    }
  }

  async #watch(): Promise<void> {
    const { signal } = this.#stop
    while (!signal.aborted) {
      try {
        // A hint may be late, so it is no observation itself: it brings the next list forward.
        for await (const _hint of this.#options.engine.watch(signal)) void this.current().catch(cause => this.#report(cause))
      } catch (cause) {
        this.#report(cause)
      }
      await this.#options.clock.sleep(this.#options.intervalMs, signal).catch(() => undefined)
    }
  }

  #report(cause: unknown): void {
    if (!this.#stop.signal.aborted) this.#options.onError(cause)
  }
}

const differs = (before: Observation | undefined, now: Observation): boolean =>
  before === undefined || before.state !== now.state || before.reason?.code !== now.reason?.code || before.host !== now.host
