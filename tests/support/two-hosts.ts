/** A Manor in this process whose engine has two hosts: this machine twice, each with process records of its own. */
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { accountOfAgents } from '../../src/agents/index.ts'
import { parseConfig } from '../../src/config/index.ts'
import { type EngineOptions, type Manor, type OpenedEngine, startManor } from '../../src/control-plane/index.ts'
import { accountOfController } from '../../src/controllers/index.ts'
import type { Engine } from '../../src/engines/engine.ts'
import { createProcessEngine, type ProcessEngine } from '../../src/engines/index.ts'
import { controllerId, type HostId, hostId, type Observation } from '../../src/model/index.ts'
import { systemClock, systemRandom } from '../../src/runtime/index.ts'
import { ManorApi } from './manor-api.ts'
import { noneLeft, processesOf } from './manor-process.ts'
import { waitFor } from './wait.ts'

const root = join(import.meta.dirname, '../..')
export const HOSTS = [hostId('left'), hostId('right')] as const

/** What one engine of several hosts is, of engines of one host each. What is asked by id alone is asked of all: others pass over it. */
const together = (engines: ReadonlyMap<HostId, ProcessEngine>): Engine => {
  const all = [...engines.values()]
  return {
    name: 'process',
    placement: 'manor',
    volumes: 'service',
    submit: async (workload, on, signal) => {
      const engine = on && engines.get(on)
      if (engine === undefined) throw new TypeError(`There is no host ${on}.`)
      await engine.submit(workload, on, signal)
    },
    stop: async (id, grace, signal) => void (await Promise.all(all.map(engine => engine.stop(id, grace, signal)))),
    remove: async (id, signal) => void (await Promise.all(all.map(engine => engine.remove(id, signal)))),
    list: async signal => (await Promise.all(all.map(engine => engine.list(signal)))).flat(),
    // Hints may miss: the list of every two seconds tells the rest.
    watch: async function* (signal): AsyncIterable<Observation> {
      const [first] = all
      if (first !== undefined) yield* first.watch(signal)
    },
    hosts: async signal => (await Promise.all(all.map(engine => engine.hosts(signal)))).flat(),
    explain: async (id, signal) => (await Promise.all(all.map(engine => engine.explain(id, signal)))).find(reason => reason !== undefined),
    logs: async (id, bytes, signal) => (await Promise.all(all.map(engine => engine.logs(id, bytes, signal)))).join(''),
  }
}

/** `controller` is the one that is going to be made: on both hosts it has to be the same user, as its home is the same. */
const openTogether =
  (controller: string) =>
  async ({ owner, layout, clock, random, onWarning }: EngineOptions): Promise<OpenedEngine> => {
    const engines = new Map<HostId, ProcessEngine>()
    for (const host of HOSTS) {
      const engine = await createProcessEngine({ owner, directory: `${layout.engine}-${host}`, clock, random, hostId: host, onWarning })
      engine.identityOf(accountOfController(controllerId(controller)))
      engine.identityOf(accountOfAgents(controllerId(controller)))
      engines.set(host, engine)
    }
    const [first] = [...engines.values()]
    return {
      engine: together(engines),
      ownerOfHome: id => first?.identityOf(accountOfController(id)),
      ownerOfAgents: id => first?.identityOf(accountOfAgents(id)),
      programs: programs => programs,
      [Symbol.asyncDispose]: async () => {
        for (const engine of engines.values()) await engine[Symbol.asyncDispose]()
      },
    }
  }

export class TwoHosts extends ManorApi implements AsyncDisposable {
  readonly home: string
  readonly errors: unknown[] = []
  readonly #controller: string
  readonly #keepAlive = createServer()
  #manor: Manor | undefined

  private constructor(home: string, controller: string) {
    super()
    this.home = home
    this.#controller = controller
  }

  static async open(controller: string): Promise<TwoHosts> {
    const hosts = new TwoHosts(await mkdtemp(join(tmpdir(), 'manor-two-hosts-')), controller)
    // The system clock's timers do not keep a program alive, and a test that waits for a condition must.
    await new Promise<void>(resolve => hosts.#keepAlive.listen(0, '127.0.0.1', resolve))
    await hosts.start()
    return hosts
  }

  async start(): Promise<void> {
    const cache = process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache')
    this.#manor = await startManor({
      home: this.home,
      cacheDirectory: join(cache, 'manor'),
      port: 0,
      hookScript: join(root, 'hook/manor.groovy'),
      consoleDirectory: join(root, 'console/dist'),
      version: '0.0.0',
      config: parseConfig('manor.yaml', ''),
      hostName: 'unused',
      newFramework: false,
      openEngine: openTogether(this.#controller),
      clock: systemClock,
      random: systemRandom,
      log: { info: () => undefined, error: fields => this.errors.push(fields.err) },
      onProgress: () => undefined,
      onShutdown: () => undefined,
      onWarning: () => undefined,
    })
  }

  /** Ends Manor alone: what it runs goes on. */
  async stop(): Promise<void> {
    const manor = this.#manor
    this.#manor = undefined
    await manor?.stop()
  }

  get url(): string {
    if (this.#manor === undefined) throw new Error('Manor does not run.')
    return this.#manor.url
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const row = await this.request(`/api/v1/controllers/${this.#controller}`)
    if (row.ok) {
      await this.post(`/api/v1/controllers/${this.#controller}/actions`, { action: 'delete' })
      await waitFor(async () => (await this.request(`/api/v1/controllers/${this.#controller}`)).status === 404, {
        what: 'the controller is deleted',
        withinMs: 120_000,
      })
    }
    await this.stop()
    await new Promise<void>(resolve => this.#keepAlive.close(() => resolve()))
    const left = processesOf(this.home)
    await rm(this.home, { recursive: true, force: true })
    noneLeft(left)
  }
}
