import { performance } from 'node:perf_hooks'
import type { MesosEngine } from '../../src/engines/index.ts'
import { type HostOffer, type Observation, tenantId, type WorkloadId, workloadId } from '../../src/model/index.ts'
import { systemClock } from '../../src/runtime/index.ts'
import { CRASH_OWNER } from '../../tests/support/mesos-crash-child.ts'

export const TENANT = tenantId('team-a')
/** Of one offer in one pass: a cluster is filled evenly, and a broker gives places in passes too. */
const MOST_OF_AN_OFFER = 8
/** What a pass has no use for comes again soon: there is more to place as soon as some submits are through. */
const REFUSE_MS = 0
const RUNS = -1

export type KeeperOptions = {
  readonly engine: MesosEngine
  /**
   * Submits at the same time, until Mesos has taken them on or, where the tasks are real, until they run: a machine that plays hundreds of hosts
   * starts some twenty a second, and an executor that has not registered after a minute is given up.
   */
  readonly most: number
  readonly until: 'launched' | 'running'
}

/** Keeps so many tasks running: places them on offers as they come, first fit, and starts another for each that ends. */
export class Keeper {
  /** Milliseconds: from an offer's coming to its launch being taken on, from submit to running, from an end to its being heard. */
  readonly launches: number[] = []
  readonly runs: number[] = []
  readonly heard: number[] = []
  longestPassMs = 0
  ended = 0
  running = 0
  refused = 0
  /** Told of all that is seen. */
  onSeen: (seen: Observation) => void = () => undefined
  readonly #options: KeeperOptions
  readonly #waiting: WorkloadId[] = []
  /** When each was submitted, on the monotonic clock; RUNS once it runs. */
  readonly #since = new Map<WorkloadId, number>()
  readonly #inFlight = new Set<WorkloadId>()
  readonly #signal = new AbortController().signal
  #made = 0

  constructor(options: KeeperOptions) {
    this.#options = options
    options.engine.offers.follow({ offered: offers => this.#pass(offers), gone: () => undefined })
    void this.#watch()
  }

  add(count: number): void {
    for (let more = 0; more < count; more++) this.#waiting.push(workloadId(`b-${process.pid}-${++this.#made}`))
    this.#want()
  }

  /** Those that run already and are to be kept too. */
  adopt(ids: Iterable<WorkloadId>): void {
    for (const id of ids) {
      this.#since.set(id, RUNS)
      this.running++
    }
  }

  /** Also while nothing may start at this moment: offers come by themselves then, and each REVIVE would bring those of all hosts. */
  #want(): void {
    this.#options.engine.offers.want(new Set(this.#waiting.length > 0 ? [TENANT] : []))
  }

  #pass(offers: readonly HostOffer[]): void {
    const { engine, most } = this.#options
    const began = performance.now()
    const unused: string[] = []
    const uses = []
    for (const { offer, id, resources, offeredAt } of offers) {
      const room = Math.min(MOST_OF_AN_OFFER, Math.floor(resources.cpu), most - this.#inFlight.size)
      const taken = this.#waiting.splice(0, Math.max(0, room))
      if (taken.length === 0) unused.push(offer)
      for (const workload of taken) {
        this.#inFlight.add(workload)
        uses.push({ workload, host: id, offers: [offer], ports: [], offeredAt })
      }
    }
    engine.offers.assign(uses)
    engine.offers.decline(unused, REFUSE_MS)
    for (const { workload, host, offeredAt } of uses) void this.#submit(workload, host, offeredAt)
    this.#want()
    this.longestPassMs = Math.max(this.longestPassMs, performance.now() - began)
  }

  async #submit(id: WorkloadId, host: HostOffer['id'], offeredAt: number): Promise<void> {
    // One that nobody knew to be launched may run already.
    if (this.#since.get(id) !== RUNS) this.#since.set(id, performance.now())
    try {
      await this.#options.engine.submit(taskOf(id), host, this.#signal)
      this.launches.push(systemClock.now() - offeredAt)
      if (this.#options.until === 'launched' || this.#since.get(id) === RUNS) this.#landed(id)
    } catch {
      this.refused++
      this.#waiting.push(id)
      this.#landed(id)
    }
  }

  #landed(id: WorkloadId): void {
    this.#inFlight.delete(id)
    this.#want()
  }

  async #watch(): Promise<void> {
    for await (const seen of this.#options.engine.watch(this.#signal)) {
      this.onSeen(seen)
      this.#saw(seen)
    }
  }

  #saw({ id, state, endedAt }: Observation): void {
    const since = this.#since.get(id)
    if (since === undefined) return
    if (state === 'running' && since !== RUNS) {
      this.runs.push(performance.now() - since)
      this.running++
      this.#since.set(id, RUNS)
      if (this.#options.until === 'running') this.#landed(id)
    } else if (state === 'ended') {
      this.#since.delete(id)
      if (since === RUNS) this.running--
      this.#landed(id)
      this.ended++
      if (endedAt !== undefined) this.heard.push(systemClock.now() - endedAt)
      void this.#options.engine.remove(id, this.#signal).catch(() => undefined)
      this.add(1)
    }
  }
}

export const taskOf = (id: WorkloadId): Parameters<MesosEngine['submit']>[0] => ({
  id,
  labels: { owner: CRASH_OWNER, kind: 'agent', noun: id, epoch: 1 },
  tenant: TENANT,
  account: 'agents/a',
  command: ['sleep', '86400'],
  environment: {},
  files: [],
  mounts: [],
  resources: { cpu: 1, memoryMb: 256, diskMb: 0 },
  ports: {},
  graceMs: 0,
})
