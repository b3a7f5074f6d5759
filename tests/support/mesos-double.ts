/** The Mesos engine over the double: a bench for tests of faults, and what the conformance suite wants. */
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { EngineCapabilities, EngineHarness } from '../../src/engines/conformance/index.ts'
import type { Engine, MesosEngine, MesosEngineOptions } from '../../src/engines/index.ts'
import type { Observation, Workload, WorkloadId } from '../../src/model/index.ts'
import { systemClock } from '../../src/runtime/index.ts'
import { type MesosDouble, type MesosDoubleOptions, startMesosDouble } from '../doubles/mesos/mesos-double.ts'
import { markedProcesses } from './marked-processes.ts'
import { type MesosState, memoryState, mesosCapabilities, openEngine, placing } from './mesos-engine.ts'
import { shellWorkload } from './shell-workload.ts'
import { type TcpProxy, tcpProxy } from './tcp-proxy.ts'
import { waitFor } from './wait.ts'

export type PlacingEngine = ReturnType<typeof placing>

export type MesosBench = AsyncDisposable & {
  readonly double: MesosDouble
  readonly warnings: string[]
  /** An engine that places what it is given, over these rows or new ones. */
  open(
    state?: MesosState,
    options?: Partial<MesosEngineOptions> & { readonly url?: string; readonly patienceMs?: number },
  ): Promise<PlacingEngine>
}

/** The tests' own agents, whatever else they have: rooms that hold many small tasks. */
const AGENT = { hostname: 'localhost', cpus: 64, mem: 64_000, disk: 100_000 }

export const OWNER = 'double-test'

/** A double that goes fast and engines over it; all that runs by system timers is kept alive. */
export const mesosBench = async (options: Partial<MesosDoubleOptions> = {}): Promise<MesosBench> => {
  const home = await mkdtemp(join(tmpdir(), 'manor-mesos-double-'))
  const double = await startMesosDouble({
    clock: systemClock,
    directory: join(home, 'double'),
    allocationIntervalMs: 20,
    stageMs: 5,
    agentSilenceMs: 200,
    agents: [
      { ...AGENT, ports: [31_000, 31_499], attributes: { rack: 'r1' } },
      { ...AGENT, ports: [31_500, 31_999], attributes: { rack: 'r2' } },
    ],
    ...options,
  })
  // The system clock's timers do not keep a program alive, and a test that waits for a condition must.
  const keepAlive = createServer()
  await new Promise<void>(resolve => keepAlive.listen(0, '127.0.0.1', resolve))
  const engines: MesosEngine[] = []
  const warnings: string[] = []
  return {
    double,
    warnings,
    open: async (state = memoryState(), { url = double.urls[0] ?? '', patienceMs = 10_000, ...more } = {}) => {
      const engine = await openEngine(url, OWNER, state, {
        onWarning: (message, cause) => warnings.push(`${message} ${String(cause)}`),
        ...more,
      })
      engines.push(engine)
      return placing(engine, patienceMs)
    },
    [Symbol.asyncDispose]: async () => {
      for (const engine of engines) await engine.close()
      await double[Symbol.asyncDispose]()
      await rm(home, { recursive: true, force: true })
      await new Promise<void>(resolve => keepAlive.close(() => resolve()))
    },
  }
}

let names = 0

export const taskOf = (script: string, extra: Partial<Workload> = {}): Workload =>
  shellWorkload(`d-${++names}-${systemClock.now().toString(36)}`, OWNER, script, { graceMs: 500, ...extra })

export const seen = async (engine: Engine, id: WorkloadId): Promise<Observation | undefined> =>
  (await engine.list(AbortSignal.timeout(20_000))).find(one => one.id === id)

export const until = (engine: Engine, id: WorkloadId, state: Observation['state']): Promise<Observation> => {
  let last: Observation | undefined
  return waitFor(
    async () => {
      last = await seen(engine, id)
      return last?.state === state ? last : undefined
    },
    { what: `${id} is ${state}`, withinMs: 30_000, everyMs: 20, seen: () => last },
  )
}

export const doubleCapabilities: EngineCapabilities = {
  ...mesosCapabilities(),
  memoryLimit: { absent: 'The double runs tasks as plain processes: it enforces no limits.' },
  cpuWeight: { absent: 'The double runs tasks as plain processes: it enforces no limits.' },
  leftoversWithoutTrace: { absent: 'The double knows what a task left behind by its environment; a real agent has control groups.' },
  accountIsolation: { absent: 'All tasks of the double run as whoever runs it.' },
  hostLoss: true,
}

let harnesses = 0

/** Between engine and double stands a proxy, so that connections can be cut and hang. */
export const doubleHarness = async (): Promise<EngineHarness> => {
  const bench = await mesosBench({ agentSilenceMs: 300 })
  const proxy: TcpProxy = await tcpProxy('127.0.0.1', Number(new URL(bench.double.urls[0] ?? '').port))
  const owner = `test-${process.pid}-${++harnesses}`
  const states = new Map<string, MesosState>()
  const open = (of: string): Promise<Engine> => {
    const state = states.get(of) ?? memoryState()
    states.set(of, state)
    return bench.open(state, { owner: of, url: `http://127.0.0.1:${proxy.port}`, patienceMs: 1_500 })
  }
  let engine = await open(owner)
  let occupied = 0
  const { signal } = new AbortController()
  return {
    get engine() {
      return engine
    },
    owner,
    host: undefined,
    clock: systemClock,
    patienceMs: 15_000,
    restart: async () => {
      engine = await open(owner)
      return engine
    },
    engineOf: open,
    shell: script => ['sh', '-c', script],
    leftovers: async ids => markedProcesses(ids),
    // A port is a resource here: who holds it is another task, of another framework.
    occupyPort: async () => {
      const of = `${owner}-holds-${++occupied}`
      const other = await open(of)
      const holder = taskOf('exec sleep 600', { labels: { owner: of, kind: 'agent', noun: of, epoch: 1 }, ports: { held: 0 }, graceMs: 0 })
      await other.submit(holder, undefined, signal)
      const { ports } = await until(other, holder.id, 'running')
      return {
        port: ports.held ?? 0,
        release: async () => {
          await other.stop(holder.id, 0, signal)
          await until(other, holder.id, 'ended')
        },
      }
    },
    loseHost: async () => {
      for (const index of bench.double.agents.keys()) bench.double.silence(index)
      return {
        restore: async () => {
          for (const index of bench.double.agents.keys()) bench.double.wake(index)
        },
      }
    },
    cutWatch: async () => proxy.cut(),
    hang: async () => {
      proxy.pause()
      return { restore: async () => proxy.resume() }
    },
    dispose: async () => {
      proxy.resume()
      await bench[Symbol.asyncDispose]()
      await proxy[Symbol.asyncDispose]()
    },
  }
}
