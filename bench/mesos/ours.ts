/**
 * The Mesos engine in a process of its own, for the bench: `node ours.ts URL FILE COUNT MODE`. It keeps so many tasks running: places them on
 * offers as they come, first fit, and starts another for each that ends. `adopt`: finds those of a process that was killed, and tells when it has.
 */
import { performance } from 'node:perf_hooks'
import type { MesosEngine } from '../../src/engines/index.ts'
import { type HostOffer, type Observation, tenantId, type WorkloadId, workloadId } from '../../src/model/index.ts'
import { systemClock } from '../../src/runtime/index.ts'
import { CRASH_OWNER, fileState } from '../../tests/support/mesos-crash-child.ts'
import { openEngine } from '../../tests/support/mesos-engine.ts'
import { waitFor } from '../../tests/support/wait.ts'
import { quantile } from '../figures.ts'

export type Filled = {
  readonly filledMs: number
  readonly offerToLaunchP99: number
  readonly submitToRunningP50: number
  readonly cpuMs: number
}
export type Steady = {
  readonly cpuShare: number
  readonly residentMb: number
  readonly offerToLaunchP99: number
  readonly endToHeardP99: number
  readonly longestPassMs: number
  readonly ended: number
}

const TENANT = tenantId('team-a')
/** Of one offer in one pass: a cluster is filled evenly, and a broker gives places in passes too. */
const MOST_OF_AN_OFFER = 8
/**
 * Submits at the same time. Each first asks Mesos for a sign of life, over sixteen connections: tens of thousands at once wait for each other longer
 * than their offers are held.
 */
const MOST_IN_FLIGHT = 500
/** What a pass has no use for comes again soon: there is more to place as soon as some submits are through. */
const REFUSE_MS = 0
const { signal } = new AbortController()

class Keeper {
  readonly launches: number[] = []
  readonly runs: number[] = []
  readonly heard: number[] = []
  longestPassMs = 0
  ended = 0
  running = 0
  readonly #engine: MesosEngine
  readonly #waiting: WorkloadId[] = []
  readonly #since = new Map<WorkloadId, number>()
  #made = 0
  #inFlight = 0

  constructor(engine: MesosEngine) {
    this.#engine = engine
    engine.offers.follow({ offered: offers => this.#pass(offers), gone: () => undefined })
    void this.#watch()
  }

  add(count: number): void {
    for (let more = 0; more < count; more++) this.#waiting.push(workloadId(`b-${process.pid}-${++this.#made}`))
    if (this.#waiting.length > 0) this.#engine.offers.want(new Set([TENANT]))
  }

  #pass(offers: readonly HostOffer[]): void {
    const began = performance.now()
    const unused: string[] = []
    const uses = []
    for (const { offer, id, resources, offeredAt } of offers) {
      const room = Math.min(MOST_OF_AN_OFFER, Math.floor(resources.cpu), MOST_IN_FLIGHT - this.#inFlight)
      const taken = this.#waiting.splice(0, Math.max(0, room))
      this.#inFlight += taken.length
      if (taken.length === 0) unused.push(offer)
      for (const workload of taken) uses.push({ workload, host: id, offers: [offer], ports: [], offeredAt })
    }
    this.#engine.offers.assign(uses)
    this.#engine.offers.decline(unused, REFUSE_MS)
    for (const { workload, host, offeredAt } of uses) void this.#submit(workload, host, offeredAt)
    if (this.#waiting.length === 0) this.#engine.offers.want(new Set())
    this.longestPassMs = Math.max(this.longestPassMs, performance.now() - began)
  }

  async #submit(id: WorkloadId, host: HostOffer['id'], offeredAt: number): Promise<void> {
    this.#since.set(id, performance.now())
    try {
      await this.#engine.submit(taskOf(id), host, signal)
      this.launches.push(systemClock.now() - offeredAt)
    } catch {
      this.#waiting.push(id)
      this.add(0)
    } finally {
      this.#inFlight--
    }
  }

  async #watch(): Promise<void> {
    for await (const seen of this.#engine.watch(signal)) this.#saw(seen)
  }

  #saw({ id, state, endedAt }: Observation): void {
    const since = this.#since.get(id)
    if (since === undefined) return
    if (state === 'running' && since >= 0) {
      this.runs.push(performance.now() - since)
      this.running++
      this.#since.set(id, -1)
    } else if (state === 'ended') {
      this.#since.delete(id)
      if (since < 0) this.running--
      this.ended++
      if (endedAt !== undefined) this.heard.push(systemClock.now() - endedAt)
      void this.#engine.remove(id, signal).catch(() => undefined)
      this.add(1)
    }
  }
}

const taskOf = (id: WorkloadId): Parameters<MesosEngine['submit']>[0] => ({
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

const p99 = (values: readonly number[]): number => (values.length === 0 ? 0 : quantile(values, 0.99))

const steady = async (keeper: Keeper, forMs: number): Promise<Steady> => {
  for (const list of [keeper.launches, keeper.heard]) list.length = 0
  keeper.longestPassMs = 0
  keeper.ended = 0
  const before = process.cpuUsage()
  await systemClock.sleep(forMs)
  const { user, system } = process.cpuUsage(before)
  return {
    cpuShare: (user + system) / 1_000 / forMs,
    residentMb: process.memoryUsage().rss / 1_048_576,
    offerToLaunchP99: p99(keeper.launches),
    endToHeardP99: p99(keeper.heard),
    longestPassMs: keeper.longestPassMs,
    ended: keeper.ended,
  }
}

const [, , url = '', file = '', count = '0', mode = 'fill'] = process.argv
const wanted = Number(count)
const alive = setInterval(() => undefined, 2_147_483_647)
const began = performance.now()
const engine = await openEngine(url, CRASH_OWNER, fileState(file), { usageEveryMs: 3_600_000 })
if (mode === 'adopt') {
  await waitFor(
    async () =>
      (await engine.list(AbortSignal.timeout(60_000))).filter(({ state }) => state === 'running' || state === 'starting').length >= wanted,
    { what: 'all are there', withinMs: 120_000, everyMs: 20 },
  )
  process.send?.({ adoptedAt: systemClock.now() })
} else {
  const keeper = new Keeper(engine)
  keeper.add(wanted)
  await waitFor(() => keeper.running >= wanted, { what: `${wanted} tasks run`, withinMs: 600_000, seen: () => keeper.running })
  const { user, system } = process.cpuUsage()
  const filled: Filled = {
    filledMs: performance.now() - began,
    offerToLaunchP99: p99(keeper.launches),
    submitToRunningP50: quantile(keeper.runs, 0.5),
    cpuMs: (user + system) / 1_000,
  }
  process.send?.({ filled })
  process.on('message', (forMs: number) => void steady(keeper, forMs).then(result => process.send?.({ steady: result })))
}
process.on('disconnect', () => {
  clearInterval(alive)
  process.exit(0)
})
