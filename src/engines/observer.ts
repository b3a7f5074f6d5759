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
/**
 * And a long one too: to read, compare and hand on one workload costs Manor about 5 us, so this keeps lists to a twentieth of a core however many
 * hints come. 100 workloads are looked at every 20 ms, 10,000 every second; what comes late by it is an end that nobody waits for.
 */
const REST_PER_WORKLOAD_MS = 0.1
const REST_FOR_WORKLOADS_MOST_MS = 2_000

export type ObserverOptions = {
  readonly engine: Engine
  readonly clock: Clock
  /** Everything is listed again this often, whatever the hints said. */
  readonly intervalMs: number
  /** Makes of each observation what everybody is to see; absent: as the engine tells it. */
  readonly read?: (observation: Observation) => Observation
  /** Called for each workload whose observation changed, came or went. */
  readonly onChange: (observation: Observation) => void
  readonly onHosts: (hosts: readonly Host[]) => void
  readonly onError: (cause: unknown) => void
}

/** What a workload was last seen as, and in which list. */
type Seen = { observation: Observation; list: number }

/**
 * What an engine says there is, kept at hand for all loops: one list for everyone instead of one for each key. What an engine gives again as the
 * same object, in the order of its list before, costs a comparison of two references; everything else a look-up.
 *
 * Absence is only believed from a list that was begun after the question (`current`); a hint may only ever bring a look forward.
 */
export class Observer {
  readonly #options: ObserverOptions
  readonly #stop = new AbortController()
  readonly #observed = new Map<WorkloadId, Seen>()
  /** What was listed last, in its order. */
  #listed: readonly Observation[] = []
  #lists = 0
  #begun = 0
  #taken = 0
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
    return this.#observed.get(id)?.observation
  }

  /** Number of the newest list that was begun. What is asked now is answered by a list of a larger number. */
  get begun(): number {
    return this.#begun
  }

  /** Number of the newest list that came back whole. */
  get taken(): number {
    return this.#taken
  }

  /** To be read at once: the next list changes it. */
  *all(): Iterable<Observation> {
    for (const { observation } of this.#observed.values()) yield observation
  }

  /** Resolves after a list that was begun now or later. Rejects where it failed. Calls that come together share one list. */
  current(): Promise<void> {
    // The one that runs may have passed what we ask about: everyone who comes meanwhile shares the next.
    if (this.#next === undefined && (this.#running !== undefined || this.#restMs() > 0)) this.#next = this.#beginLater(this.#running)
    return this.#next ?? this.#begin()
  }

  /** From now until the next list may begin. */
  #restMs(): number {
    const forTime = Math.min(REST_MOST_MS, REST_PER_LIST * this.#tookMs)
    const forWorkloads = Math.min(REST_FOR_WORKLOADS_MOST_MS, REST_PER_WORKLOAD_MS * this.#observed.size)
    return this.#begunAt + SPACING_MS + Math.max(forTime, forWorkloads) - this.#options.clock.monotonic()
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
    this.#begun++
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
      const { read } = this.#options
      const changed = this.#take(read === undefined ? observations : observations.map(read))
      // Lists follow each other, so the one that comes back is the one that was begun last.
      this.#taken = this.#begun
      this.#options.onHosts(hosts)
      for (const observation of changed) this.#options.onChange(observation)
    } finally {
      limit.done()
    }
  }

  /** Keeps what was listed; gives what is news, and the last of what is there no longer. */
  #take(observations: readonly Observation[]): Observation[] {
    const observed = this.#observed
    const before = this.#listed
    // A copy: what was given is the engine's, and may be another by the next list.
    this.#listed = observations.slice()
    const list = ++this.#lists
    // Where a list has an id twice, its places tell nothing.
    const hasPlaces = before.length === observed.size
    const passed: Observation[] = []
    const changed: Observation[] = []
    let at = hasPlaces ? 0 : before.length
    for (const observation of observations) {
      if (before[at] === observation) {
        at++
        continue
      }
      const seen = observed.get(observation.id)
      if (differs(seen?.observation, observation)) changed.push(observation)
      if (seen === undefined) {
        observed.set(observation.id, { observation, list })
        continue
      }
      seen.observation = observation
      seen.list = list
      // What stood before it is gone, or comes later: the places of both lists go on from here.
      for (let old = before[at]; old !== undefined; old = before[at]) {
        at++
        if (old.id === observation.id) break
        passed.push(old)
      }
    }
    for (const { id } of hasPlaces ? [...passed, ...before.slice(at)] : [...this.all()]) {
      const seen = observed.get(id)
      if (seen === undefined || seen.list === list) continue
      observed.delete(id)
      changed.push(seen.observation)
    }
    return changed
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
  before !== now &&
  (before === undefined || before.state !== now.state || before.reason?.code !== now.reason?.code || before.host !== now.host)
