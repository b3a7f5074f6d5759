import type { Host, Observation, WorkloadId } from '../model/index.ts'
import { type Clock, deadline } from '../runtime/index.ts'
import type { Engine } from './engine.ts'

/** How long one list of everything may take before it is given up. */
const LIST_TIMEOUT_MS = 20_000

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
  async current(): Promise<void> {
    if (this.#running === undefined) {
      this.#running = this.#list().finally(() => {
        this.#running = undefined
      })
      return this.#running
    }
    // The one that runs may have passed what we ask about: everyone who comes meanwhile shares the next.
    this.#next ??= this.#running
      .catch(() => undefined)
      .then(() => {
        this.#next = undefined
        return this.current()
      })
    return this.#next
  }

  async #list(): Promise<void> {
    const limit = deadline(this.#options.clock, LIST_TIMEOUT_MS, this.#stop.signal)
    try {
      const [observations, hosts] = await Promise.all([this.#options.engine.list(limit.signal), this.#options.engine.hosts(limit.signal)])
      const before = this.#observed
      this.#observed = new Map(observations.map(observation => [observation.id, observation]))
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
