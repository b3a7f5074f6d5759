/** The Mesos engine as tests want it: with durable state of the test's own, and somebody who gives places from its offers. */
import { createServer } from 'node:net'
import type { EngineCapabilities, EngineHarness } from '../../src/engines/conformance/index.ts'
import {
  type Credentials,
  createMesosEngine,
  type Engine,
  EngineError,
  type FrameworkIds,
  fixedLeaders,
  type MesosEngine,
  type MesosEngineOptions,
  NotLeadingError,
  type TaskRecord,
  type TaskRecords,
} from '../../src/engines/index.ts'
import {
  type HostId,
  type HostOffer,
  type Observation,
  type TenantId,
  tenantId,
  type Workload,
  type WorkloadId,
  workloadId,
} from '../../src/model/index.ts'
import { systemClock, systemRandom } from '../../src/runtime/index.ts'
import { markedProcesses } from './marked-processes.ts'
import { type MesosOptions, type RunningMesos, startMesos } from './mesos.ts'
import { type TcpProxy, tcpProxy } from './tcp-proxy.ts'
import { waitFor } from './wait.ts'

/** What a store would keep: survives an engine, as text, and answers later than it is asked. */
export type MesosState = {
  readonly frameworkIds: FrameworkIds
  readonly tasks: TaskRecords
  framework(): string | undefined
  rows(): readonly TaskRecord[]
}

export const memoryState = (): MesosState => {
  let framework: string | undefined
  const rows = new Map<WorkloadId, string>()
  const read = (text: string): TaskRecord => JSON.parse(text) as TaskRecord
  const later = (): Promise<void> => new Promise(resolve => setImmediate(resolve))
  return {
    framework: () => framework,
    rows: () => [...rows.values()].map(read),
    frameworkIds: {
      read: async () => {
        await later()
        return framework
      },
      swap: async (expected, next) => {
        await later()
        if (framework !== expected) return false
        framework = next
        return true
      },
    },
    tasks: {
      load: async () => {
        await later()
        return [...rows.values()].map(read)
      },
      insert: async record => {
        await later()
        const there = rows.get(record.workload)
        if (there !== undefined) return read(there)
        rows.set(record.workload, JSON.stringify(record))
        return undefined
      },
      save: async record => {
        await later()
        rows.set(record.workload, JSON.stringify(record))
      },
      delete: async workload => {
        await later()
        rows.delete(workload)
      },
    },
  }
}

/**
 * A state that several Manors share, one leading at a time: `lead` takes the lead from whoever has it, and what that one would still write is
 * refused, as the store does by its terms (src/control-plane/engine-records.ts).
 */
export const sharedState = (state: MesosState): { lead(): { readonly state: MesosState; readonly mayLead: () => Promise<boolean> } } => {
  let term = 0
  const { tasks } = state
  return {
    lead: () => {
      const mine = ++term
      const fenced = async <Result>(write: () => Promise<Result>): Promise<Result> => {
        if (term !== mine) throw new NotLeadingError('Somebody else leads.')
        return write()
      }
      return {
        mayLead: async () => term === mine,
        state: {
          ...state,
          tasks: {
            load: () => tasks.load(),
            insert: record => fenced(() => tasks.insert(record)),
            save: record => fenced(() => tasks.save(record)),
            delete: workload => fenced(() => tasks.delete(workload)),
          },
        },
      }
    },
  }
}

/**
 * Places workloads as they are submitted: wants offers of their tenant while one waits, takes a host with room, assigns, submits, and gives
 * back the rest.
 */
export const placing = (engine: MesosEngine, patienceMs = 3_000): Engine & { readonly inner: MesosEngine } => {
  const offers = new Map<string, HostOffer>()
  const takenBack = new Set<string>()
  const waiting = new Map<TenantId, number>()
  engine.offers.follow({
    offered: all => {
      for (const offer of all) offers.set(offer.offer, offer)
    },
    gone: ids => {
      for (const id of ids) {
        offers.delete(id)
        takenBack.add(id)
      }
    },
  })
  const want = (tenant: TenantId, more: number): void => {
    const count = (waiting.get(tenant) ?? 0) + more
    if (count > 0) waiting.set(tenant, count)
    else waiting.delete(tenant)
    engine.offers.want(new Set(waiting.keys()))
    if (waiting.size > 0) return
    engine.offers.decline([...offers.keys()], 1_000)
    offers.clear()
  }
  const fitting = (workload: Workload, on: HostId | undefined): HostOffer | undefined =>
    [...offers.values()].find(
      ({ id, resources, ports, reservedFor }) =>
        (on === undefined || id === on) &&
        reservedFor === workload.tenant &&
        resources.cpu >= workload.resources.cpu &&
        resources.memoryMb >= workload.resources.memoryMb &&
        // What a task has just left may be an offer of its own, without any port.
        ports.reduce((count, { first, last }) => count + last - first + 1, 0) >= Object.keys(workload.ports).length &&
        Object.values(workload.ports).every(port => port === 0 || ports.some(({ first, last }) => port >= first && port <= last)),
    )
  const submit: Engine['submit'] = async (workload, on, signal) => {
    signal.throwIfAborted()
    // What needs no place, or can never have one, is over with that.
    try {
      return await engine.submit(workload, on, signal)
    } catch (cause) {
      if (!(cause instanceof EngineError) || !cause.retryable) throw cause
    }
    want(workload.tenant, 1)
    try {
      const limit = systemClock.monotonic() + patienceMs
      for (;;) {
        let offer = fitting(workload, on)
        while (offer === undefined && systemClock.monotonic() < limit) {
          await systemClock.sleep(10)
          offer = fitting(workload, on)
        }
        // A port that nobody offers: the engine says so.
        offer ??= fitting({ ...workload, ports: {} }, on)
        if (offer !== undefined) {
          offers.delete(offer.offer)
          engine.offers.assign([{ workload: workload.id, host: offer.id, offers: [offer.offer], ports: [] }])
        }
        try {
          return await engine.submit(workload, on, signal)
        } catch (cause) {
          // An offer may be taken back at any time: whoever places gives another, as the broker does. One that is refused is the test's own affair.
          const isGone = cause instanceof EngineError && cause.placeIsGone && offer !== undefined && takenBack.has(offer.offer)
          if (!isGone || systemClock.monotonic() >= limit) throw cause
        }
      }
    } finally {
      want(workload.tenant, -1)
    }
  }
  return {
    inner: engine,
    name: engine.name,
    placement: engine.placement,
    volumes: engine.volumes,
    offers: engine.offers,
    submit,
    stop: (id, grace, signal) => engine.stop(id, grace, signal),
    remove: (id, signal) => engine.remove(id, signal),
    list: signal => engine.list(signal),
    watch: signal => engine.watch(signal),
    hosts: signal => engine.hosts(signal),
    explain: (id, signal) => engine.explain(id, signal),
    logs: (id, bytes, signal) => engine.logs(id, bytes, signal),
  }
}

export const openEngine = (
  url: string,
  owner: string,
  state: Pick<MesosState, 'frameworkIds' | 'tasks'>,
  options: Partial<MesosEngineOptions> = {},
): Promise<MesosEngine> =>
  createMesosEngine({
    owner,
    discovery: fixedLeaders([url]),
    frameworkIds: state.frameworkIds,
    tasks: state.tasks,
    clock: systemClock,
    random: systemRandom,
    user: 'root',
    rolePrefix: 'manor-tests',
    usageEveryMs: 500,
    onWarning: () => undefined,
    ...options,
  })

/** A cluster that somebody else started, as `./test mesos --master URL` names it; undefined where the tests start their own. */
export const givenCluster = (): { readonly url: string; readonly credentials?: Credentials; readonly image?: string } | undefined => {
  const { MANOR_TEST_MASTER: url, MANOR_TEST_PRINCIPAL: principal, MANOR_TEST_SECRET: secret, MANOR_TEST_IMAGE: image } = process.env
  if (url === undefined) return undefined
  return {
    url: new URL(url).origin,
    ...(principal === undefined ? {} : { credentials: { principal, secret: secret ?? '' } }),
    ...(image === undefined ? {} : { image }),
  }
}

/** The leader itself, so that the proxy before it is not passed by a redirect. */
const leaderOf = async (url: string): Promise<URL> => {
  const { headers } = await fetch(`${url}/redirect`, { redirect: 'manual', signal: AbortSignal.timeout(5_000) })
  return new URL(headers.get('location') ?? url, url)
}

export type MesosHarness = EngineHarness & { readonly mesos: RunningMesos | undefined; readonly proxy: TcpProxy }

export const mesosHarness = async (options: MesosOptions = {}): Promise<MesosHarness> => {
  const given = givenCluster()
  const mesos = given === undefined ? await startMesos(options) : undefined
  const leader = await leaderOf(given?.url ?? mesos?.url ?? '')
  const proxy = await tcpProxy(leader.hostname, Number(leader.port))
  const owner = `test-${process.pid}`
  const states = new Map<string, MesosState>()
  const engines: MesosEngine[] = []
  const patienceMs = given === undefined ? 15_000 : 120_000
  const open = async (of: string): Promise<Engine> => {
    const state = states.get(of) ?? memoryState()
    states.set(of, state)
    const engine = await openEngine(`http://127.0.0.1:${proxy.port}`, of, state, given?.credentials && { credentials: given.credentials })
    engines.push(engine)
    return placing(engine, given === undefined ? 3_000 : 15_000)
  }
  let engine = await open(owner)
  let occupied = 0
  // The system clock's timers do not keep a program alive, and a test that waits for a condition must.
  const keepAlive = createServer()
  await new Promise<void>(resolve => keepAlive.listen(0, '127.0.0.1', resolve))
  const { signal } = new AbortController()
  // All on one host, the largest: ports of two hosts may be the same numbers.
  const hosts = await engine.hosts(AbortSignal.timeout(20_000))
  const [host] = hosts.filter(({ state }) => state === 'ready').toSorted((a, b) => b.capacity.memoryMb - a.capacity.memoryMb)
  return {
    get engine() {
      return engine
    },
    mesos,
    proxy,
    owner,
    host: host?.id,
    clock: systemClock,
    patienceMs,
    ...(given?.image === undefined ? {} : { image: given.image }),
    restart: async () => {
      engine = await open(owner)
      return engine
    },
    engineOf: open,
    shell: script => ['sh', '-c', script],
    leftovers: async ids => (given === undefined ? markedProcesses(ids) : []),
    // A port is a resource here: who holds it is another task, of another framework.
    occupyPort: async () => {
      const other = await open(`${owner}-holds-${++occupied}`)
      const id = workloadId(`holds-${occupied}`)
      await other.submit(holderOf(id, `${owner}-holds-${occupied}`, given?.image), host?.id, signal)
      const held = async (): Promise<Observation | undefined> => (await other.list(signal)).find(one => one.id === id)
      const running = await waitFor(async () => ((await held())?.state === 'running' ? held() : undefined), { what: 'a task holds a port' })
      return {
        port: running.ports.held ?? 0,
        release: async () => {
          await other.stop(id, 0, signal)
          await waitFor(async () => (await held())?.state === 'ended', { what: 'the task that held a port has ended' })
        },
      }
    },
    ...(mesos === undefined ? {} : { loseHost: async () => silence(mesos) }),
    cutWatch: async () => proxy.cut(),
    hang: async () => {
      proxy.pause()
      // A sign of life counts for a moment, and calls answer at once until that is over.
      const isHung = (): Promise<boolean> =>
        engine.list(AbortSignal.timeout(100)).then(
          () => false,
          () => true,
        )
      await waitFor(isHung, { what: 'a call hangs', everyMs: 10 })
      return { restore: async () => proxy.resume() }
    },
    dispose: async () => {
      proxy.resume()
      // Only the newest of a framework may speak for it.
      for (const each of engines.toReversed()) await each.teardown(AbortSignal.timeout(5_000)).catch(() => undefined)
      for (const each of engines) await each.close()
      await proxy[Symbol.asyncDispose]()
      await mesos?.[Symbol.asyncDispose]()
      await new Promise<void>(resolve => keepAlive.close(() => resolve()))
    },
  }
}

/** Stops all agents until their pings time out. */
const silence = async (mesos: RunningMesos): Promise<{ restore(): Promise<void> }> => {
  for (const agent of mesos.agents) agent.signal('SIGSTOP')
  return {
    restore: async () => {
      for (const agent of mesos.agents) agent.signal('SIGCONT')
    },
  }
}

const holderOf = (id: WorkloadId, owner: string, image: string | undefined): Workload => ({
  id,
  labels: { owner, kind: 'agent', noun: id, epoch: 1 },
  tenant: tenantId('team-a'),
  account: 'agents/team-a',
  command: ['sleep', '600'],
  environment: {},
  files: [],
  mounts: [],
  resources: { cpu: 0.1, memoryMb: 32, diskMb: 0 },
  ports: { held: 0 },
  graceMs: 0,
  ...(image === undefined ? {} : { image }),
})

const STAND_IN =
  "The tests' own agents isolate by process groups alone: control groups need the real helpers of an agent, which the package lacks."

export const mesosCapabilities = (): EngineCapabilities => {
  const given = givenCluster()
  const isDocker = given?.image !== undefined
  return {
    memoryLimit: {
      absent: isDocker
        ? 'Docker tells Mesos of no single process that was killed for memory, only of the container (tested apart).'
        : STAND_IN,
    },
    cpuWeight: {
      absent: isDocker ? 'Both workloads must be on one core of one host, which a cluster of others does not promise.' : STAND_IN,
    },
    leftoversWithoutTrace: {
      absent: 'It is for the launcher of the agents to end what a task leaves behind; the tests cannot look into their hosts.',
    },
    accountIsolation: {
      absent: 'Tasks without an image run as one user; those with an image are apart, but the attack needs the host in sight.',
    },
    hostLoss: given === undefined ? true : { absent: 'A cluster that somebody else started keeps its hosts.' },
    watchGaps: true,
    hangs: true,
  }
}
