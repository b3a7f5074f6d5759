/**
 * The Marathon engine as the conformance suite wants it: over the double, or over a Marathon that somebody else started
 * (`./test marathon --url URL`), below a group and under an owner of its own, leaving nothing behind.
 */
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { EngineCapabilities, EngineHarness } from '../../src/engines/conformance/index.ts'
import { createMarathonEngine, type MarathonEngine, type MarathonEngineOptions, type SecondTask } from '../../src/engines/index.ts'
import { MarathonRefusal } from '../../src/engines/marathon/client.ts'
import { systemClock, systemRandom } from '../../src/runtime/index.ts'
import { createMarathonDouble, type MarathonDouble, type MarathonDoubleOptions } from '../doubles/marathon/marathon.ts'
import { markedProcesses } from './marked-processes.ts'
import { waitFor } from './wait.ts'

/** Serves what tasks fetch, for engines by their owner: `/OWNER/WORKLOAD`. */
export class StartServer {
  readonly engines = new Map<string, MarathonEngine>()
  readonly server: Server
  readonly #host: string
  /** What is answered instead, for tests of what happens without our guards. */
  instead: ((url: URL) => { readonly status: number; readonly body: string } | undefined) | undefined
  asked = 0

  constructor(host = '127.0.0.1') {
    this.#host = host
    this.server = createServer((request, response) => {
      this.asked++
      const url = new URL(request.url ?? '/', 'http://start')
      const other = this.instead?.(url)
      if (other !== undefined) {
        response.writeHead(other.status, { 'content-length': Buffer.byteLength(other.body) }).end(other.body)
        return
      }
      const engine = this.engines.get(url.pathname.split('/')[1] ?? '')
      if (engine === undefined) response.writeHead(503).end()
      else engine.startListener(request, response)
    })
  }

  async listen(port = 0): Promise<void> {
    this.server.listen(port, this.#host === '127.0.0.1' ? this.#host : undefined)
    await once(this.server, 'listening')
  }

  urlOf(owner: string, id: string): string {
    const address = this.server.address()
    if (address === null || typeof address === 'string') throw new TypeError('The start server has no port.')
    return `http://${this.#host}:${address.port}/${owner}/${id}`
  }

  async close(): Promise<void> {
    this.server.closeAllConnections()
    if (this.server.listening) await new Promise(done => this.server.close(done))
  }
}

export type MarathonBench = AsyncDisposable & {
  readonly double: MarathonDouble
  readonly start: StartServer
  readonly warnings: string[]
  readonly seconds: SecondTask[]
  open(owner?: string, options?: Partial<MarathonEngineOptions>): Promise<MarathonEngine>
}

/** A double that goes fast, a start server, and engines over both. */
export const marathonBench = async (options: Partial<MarathonDoubleOptions> = {}): Promise<MarathonBench> => {
  const home = await mkdtemp(join(tmpdir(), 'manor-marathon-'))
  const double = await createMarathonDouble({
    clock: systemClock,
    directory: join(home, 'double'),
    offerIntervalMs: 20,
    stageMs: 5,
    tickMs: 10,
    hosts: [{ hostname: 'localhost', cpus: 256, mem: 256_000, ports: [31_000, 31_999] }],
    ...options,
  })
  const start = new StartServer()
  await start.listen()
  const engines: MarathonEngine[] = []
  const warnings: string[] = []
  const seconds: SecondTask[] = []
  return {
    double,
    start,
    warnings,
    seconds,
    open: async (owner = 'test', more = {}) => {
      const engine = await createMarathonEngine({
        owner,
        directory: join(home, `engine-${owner}`),
        clock: systemClock,
        random: systemRandom,
        marathon: { urls: double.urls },
        startUrl: id => start.urlOf(owner, id),
        pollMs: 100,
        onWarning: sentence => warnings.push(sentence),
        onSecondTask: second => seconds.push(second),
        ...more,
      })
      engines.push(engine)
      start.engines.set(owner, engine)
      return engine
    },
    [Symbol.asyncDispose]: async () => {
      for (const engine of engines) await engine.close()
      await start.close()
      await double[Symbol.asyncDispose]()
      await rm(home, { recursive: true, force: true })
    },
  }
}

const NO_LIMITS = {
  absent: 'Whether limits hold is the business of the Mesos agents, and neither Marathon nor the double enforces them.',
} as const
const NO_ACCOUNTS = {
  absent: 'A task runs as the user of its image or of Marathon (--mesos_user): accounts are not kept apart here.',
} as const

export const doubleCapabilities: EngineCapabilities = {
  memoryLimit: NO_LIMITS,
  cpuWeight: NO_LIMITS,
  leftoversWithoutTrace: { absent: 'The double knows what a task left behind by its environment; a real agent has control groups.' },
  accountIsolation: NO_ACCOUNTS,
  hostLoss: true,
  watchGaps: true,
  hangs: true,
}

const NOT_OURS = { absent: 'The cluster is somebody else’s: it is not made to fail by this suite.' } as const
export const clusterCapabilities: EngineCapabilities = {
  ...doubleCapabilities,
  leftoversWithoutTrace: { absent: 'What runs on the agents of somebody else’s cluster is not looked at.' },
  hostLoss: NOT_OURS,
  watchGaps: NOT_OURS,
  hangs: NOT_OURS,
}

let harnesses = 0

export const doubleHarness = async (): Promise<EngineHarness> => {
  const bench = await marathonBench()
  const owner = `test-${process.pid}-${++harnesses}`
  let engine = await bench.open(owner)
  const occupy = occupier(() => engine, `/manor-test-${process.pid}`)
  return {
    get engine() {
      return engine
    },
    owner,
    host: undefined,
    clock: systemClock,
    patienceMs: 20_000,
    restart: async () => {
      engine = await bench.open(owner)
      return engine
    },
    engineOf: other => bench.open(other),
    shell: script => ['/bin/sh', '-c', script],
    leftovers: async ids => markedProcesses(ids),
    occupyPort: occupy,
    loseHost: async () => {
      bench.double.faults.loseHost('localhost')
      return { restore: async () => bench.double.faults.restoreHost('localhost') }
    },
    cutWatch: async () => bench.double.faults.cutEvents(),
    hang: async () => {
      bench.double.faults.hang()
      return { restore: async () => bench.double.faults.restore() }
    },
    dispose: async () => {
      await bench[Symbol.asyncDispose]()
    },
  }
}

export type ClusterOptions = {
  readonly urls: readonly string[]
  /** The address of this machine as the agents reach it. */
  readonly startHost: string
  readonly image?: string
  readonly mesosUrl?: string
  readonly credentials?: { readonly user: string; readonly password: string }
}

/** What `./test marathon --url URL` was given: `--start HOST`, `--image NAME`, `--mesos URL`, `--user NAME --password WORD`. */
export const clusterFromEnvironment = (): ClusterOptions | undefined => {
  const {
    MANOR_TEST_URL: urls,
    MANOR_TEST_START: startHost,
    MANOR_TEST_IMAGE: image,
    MANOR_TEST_MESOS: mesosUrl,
    MANOR_TEST_USER: user,
    MANOR_TEST_PASSWORD: password,
  } = process.env
  if (urls === undefined) return undefined
  return {
    urls: urls.split(','),
    startHost: startHost ?? '127.0.0.1',
    ...(image === undefined ? {} : { image }),
    ...(mesosUrl === undefined ? {} : { mesosUrl }),
    ...(user === undefined ? {} : { credentials: { user, password: password ?? '' } }),
  }
}

export type ClusterHarness = EngineHarness & {
  readonly group: string
  readonly seconds: readonly SecondTask[]
  readonly client: MarathonEngine['client']
}

export const clusterHarness = async (cluster: ClusterOptions): Promise<ClusterHarness> => {
  const home = await mkdtemp(join(tmpdir(), 'manor-marathon-'))
  const start = new StartServer(cluster.startHost)
  await start.listen()
  const owner = `test-${systemClock.now().toString(36)}`
  const group = `/manor-${owner}`
  const engines: MarathonEngine[] = []
  const seconds: SecondTask[] = []
  const open = async (of: string): Promise<MarathonEngine> => {
    const engine = await createMarathonEngine({
      owner: of,
      group,
      directory: join(home, of),
      clock: systemClock,
      random: systemRandom,
      marathon: {
        urls: cluster.urls,
        ...(cluster.credentials === undefined ? {} : { credentials: { kind: 'basic' as const, ...cluster.credentials } }),
      },
      startUrl: id => start.urlOf(of, id),
      pollMs: 500,
      onWarning: () => undefined,
      onSecondTask: second => seconds.push(second),
      ...(cluster.mesosUrl === undefined ? {} : { mesosUrl: cluster.mesosUrl }),
    })
    engines.push(engine)
    start.engines.set(of, engine)
    return engine
  }
  let engine = await open(owner)
  return {
    get engine() {
      return engine
    },
    get client() {
      return engine.client
    },
    group,
    seconds,
    owner,
    host: undefined,
    ...(cluster.image === undefined ? {} : { image: cluster.image }),
    clock: systemClock,
    // Offers come once a second or less often, and a task is staged for a second.
    patienceMs: 90_000,
    restart: async () => {
      engine = await open(owner)
      return engine
    },
    engineOf: open,
    shell: script => ['/bin/sh', '-c', script],
    leftovers: async () => [],
    occupyPort: occupier(() => engine, group),
    dispose: async () => {
      const { signal } = new AbortController()
      await engine.client.json('DELETE', `/v2/groups${group}?force=true`, undefined, signal).catch(cause => {
        // A test that makes no app makes no group.
        if (!(cause instanceof MarathonRefusal) || cause.status !== 404) throw cause
      })
      const isOurs = (id: string): boolean => id.startsWith(`${group}/`)
      const isGone = async (): Promise<boolean> =>
        !(await engine.client.deployments(signal)).some(({ affectedApps = [] }) => affectedApps.some(isOurs)) &&
        (await engine.client.apps(`manor.owner==${owner}`, signal)).length === 0
      await waitFor(isGone, { what: 'everything of ours is gone', withinMs: 60_000 })
      for (const each of engines) await each.close()
      await start.close()
      await rm(home, { recursive: true, force: true })
    },
  }
}

/** Takes a port as another tool would: by an app of its own that wants it. */
const occupier = (engine: () => MarathonEngine, group: string): EngineHarness['occupyPort'] => {
  let count = 0
  return async () => {
    const { signal } = new AbortController()
    const id = `${group}/occupier-${++count}`
    const [agent] = await engine().agents.list(signal)
    const range = agent?.total_resources?.find(({ name }) => name === 'ports')?.ranges?.range?.[0]
    if (range === undefined) throw new Error('No agent offers ports.')
    const port = range.begin + Math.floor(systemRandom.next() * (range.end - range.begin))
    const { client } = engine()
    await client.create(
      { id, cmd: 'sleep 600', cpus: 0.1, mem: 32, portDefinitions: [{ port, protocol: 'tcp', name: 'taken' }], requirePorts: true },
      signal,
    )
    const running = async (): Promise<boolean> => (await client.app(id, signal))?.tasksRunning === 1
    await waitFor(running, { what: 'the port is taken', withinMs: 60_000 })
    return {
      port,
      release: async () => {
        await client.delete(id, signal)
        const free = async (): Promise<boolean> =>
          !(await client.deployments(signal)).some(({ affectedApps = [] }) => affectedApps.includes(id))
        await waitFor(free, { what: 'the port is free again', withinMs: 60_000 })
      },
    }
  }
}
