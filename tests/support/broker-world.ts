import {
  type AgentDirectories,
  AgentsBroker,
  type AgentsPorts,
  applyTemplate,
  DEFAULT_TEMPLATE,
  type HookService,
} from '../../src/agents/index.ts'
import { ensureSecrets } from '../../src/controllers/secrets.ts'
import { Observer } from '../../src/engines/observer.ts'
import {
  type Agent,
  type AgentId,
  agentId,
  type Controller,
  type ControllerId,
  controllerId,
  type Host,
  hostId,
  type Template,
  type Tenant,
  tenantId,
  type WorkloadId,
  workloadId,
} from '../../src/model/index.ts'
import { type Random, seededRandom, settle, VirtualClock } from '../../src/runtime/index.ts'
import { createSeal, openSqliteStore, type Seal, type Store } from '../../src/store/index.ts'
import { FakeController } from './fake-controller.ts'
import { FakeEngine, type FakeEngineOptions } from './fake-engine.ts'
import { FakeLender, type LentHost } from './fake-lender.ts'
import { PAPER_JENKINS, PAPER_PROGRAM } from './paper-jenkins.ts'

export type WorldOptions = {
  readonly seed?: number
  readonly hosts?: readonly Partial<Host>[]
  readonly tenants?: readonly Partial<Tenant>[]
  readonly faultOf?: FakeEngineOptions['faultOf']
  /** Who picks hosts. */
  readonly placement?: FakeEngineOptions['placement']
  /** Hosts that are lent in pieces, in place of whole ones. */
  readonly lent?: readonly LentHost[]
  /** From a started process to its first try to connect. */
  readonly connectMs?: number
  /** Whether a hook's call is lost: on its way there, or on its way back when it was heard. */
  readonly lossOf?: () => 'asked' | 'answered' | undefined
}

/** Of a hook's call, each way: more than the engine takes, so that what Manor says to both arrives at different times. */
const HOOK_LATENCY_MS = 4

/** How an agent's process behaves, by the first word of its command. */
const EXITS_AT_ONCE = 'exits-at-once'
const NEVER_CONNECTS = 'never-connects'

/** Commands of templates that go wrong. */
export const BAD_COMMANDS = { exitsAtOnce: [EXITS_AT_ONCE], neverConnects: [NEVER_CONNECTS] } as const

class FakeDirectories implements AgentDirectories {
  readonly there = new Set<AgentId>()
  workDirectory(agent: AgentId): string {
    return `/work/${agent}`
  }
  async prepare(agent: AgentId): Promise<{ jarCache: string }> {
    this.there.add(agent)
    return { jarCache: '/jars' }
  }
  async remove(agent: AgentId): Promise<void> {
    this.there.delete(agent)
  }
  async list(): Promise<readonly AgentId[]> {
    return [...this.there]
  }
  async sweepJarCaches(): Promise<void> {}
}

/** Lets a Manor be killed: from then on none of its calls does anything or comes back. */
class Gate {
  readonly #onCall: () => void
  readonly #died = Promise.withResolvers<never>()
  dead = false
  constructor(onCall: () => void) {
    this.#onCall = onCall
    this.#died.promise.catch(() => undefined)
  }

  kill(): void {
    this.dead = true
    this.#died.reject(new Error('Connection reset.'))
  }

  /** What someone else asked of the Manor: its connection breaks when the Manor dies. */
  connection<T>(call: Promise<T>): Promise<T> {
    return Promise.race([call, this.#died.promise])
  }

  /** The object, with its methods of these names ending at the gate. */
  wrap<T extends object>(target: T, names: readonly (keyof T)[]): T {
    const gate = this
    return new Proxy(target, {
      get(object, name) {
        const value: unknown = Reflect.get(object, name, object)
        if (typeof value !== 'function') return value
        if (!names.includes(name as keyof T)) return value.bind(object)
        return async (...args: unknown[]) => {
          gate.#onCall()
          if (gate.dead) return FOR_EVER
          const result: unknown = await value.apply(object, args)
          gate.#onCall()
          return gate.dead ? FOR_EVER : result
        }
      },
    })
  }
}
const FOR_EVER = new Promise<never>(() => undefined)

type Manor = { readonly gate: Gate; readonly observer: Observer; readonly broker: AgentsBroker }

/** A broker among fake controllers and a fake engine, in virtual time; it can be killed at any call and started again over the same store. */
export class BrokerWorld {
  readonly clock = new VirtualClock()
  readonly random: Random
  readonly engine: FakeEngine
  readonly lender: FakeLender | undefined
  readonly directories = new FakeDirectories()
  readonly controllers = new Map<ControllerId, FakeController>()
  readonly errors: unknown[] = []
  /** Workloads that Manor stopped while they ran a build: there must be none. */
  readonly stoppedBuilding: WorkloadId[] = []
  /** Most agents' workloads that ran at a time. */
  mostRunning = 0
  store!: Store
  #seal!: Seal
  #manor: Manor | undefined
  #callsLeft = Number.POSITIVE_INFINITY
  readonly #options: WorldOptions

  private constructor(options: WorldOptions) {
    this.#options = options
    this.random = seededRandom(options.seed ?? 1)
    this.lender = options.lent && new FakeLender(this.clock, options.lent)
    this.engine = new FakeEngine({
      clock: this.clock,
      ...(options.hosts ? { hosts: options.hosts } : {}),
      ...(options.faultOf ? { faultOf: options.faultOf } : {}),
      ...(options.placement ? { placement: options.placement } : {}),
      ...(this.lender ? { lender: this.lender } : {}),
      onStop: id => {
        const build = [...this.controllers.values()].some(({ builds }) =>
          builds.some(({ node, result }) => result === undefined && id === `agent.${node}`),
        )
        if (build) this.stoppedBuilding.push(id)
      },
      onRunning: workload => {
        this.mostRunning = Math.max(this.mostRunning, this.engine.running().length)
        void this.#play(workload.labels.noun, workload.command[0] ?? '')
      },
    })
  }

  static async open(options: WorldOptions = {}): Promise<BrokerWorld> {
    const world = new BrokerWorld(options)
    world.store = await openSqliteStore(':memory:', world.clock)
    world.#seal = createSeal(new Uint8Array(32), world.random)
    const tenants = options.tenants ?? [{}]
    await world.store.transact(tx => {
      for (const change of tenants) {
        const tenant: Tenant = { id: tenantId('default'), weight: 1, createdAt: 0, ...change }
        tx.put('tenant', tenant)
        tx.event({ kind: 'tenant', subject: tenant.id, type: 'created', actor: 'test', message: '' })
      }
    })
    await world.template({})
    await world.startManor()
    return world
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const controller of this.controllers.values()) controller.kill()
    await this.stopManor()
    await this.store.close()
  }

  template(change: Partial<Template>): Promise<Template> {
    return applyTemplate(this.store, { ...DEFAULT_TEMPLATE, ...change }, 'test')
  }

  /** A controller that is ready, with its hook at work. */
  async controller(name: string, tenant = 'default'): Promise<FakeController> {
    const id = controllerId(name)
    const epoch = await this.store.transact(tx => {
      const next = tx.nextEpoch()
      const now = this.clock.now()
      const row: Controller = {
        id,
        tenant: tenantId(tenant),
        wanted: 'running',
        spec: { memoryMb: 512, cpu: 0.5, diskMb: 100, graceMs: 0, distribution: 'jenkins' },
        createdAt: now,
        restartsWanted: 0,
        restartsDone: 0,
        phase: 'ready',
        phaseSince: now,
        epoch: next,
        workload: workloadId(`${name}.${next}`),
        host: hostId('host-0'),
        endpoint: { host: '127.0.0.1', httpPort: 8_080 },
        failures: 0,
      }
      tx.put('controller', row)
      ensureSecrets(tx, this.#seal, this.random, row)
      tx.event({ kind: 'controller', subject: id, type: 'created', actor: 'test', message: '' })
      return next
    })
    const controller = new FakeController({
      id,
      clock: this.clock,
      epoch,
      hook: () => {
        if (this.#manor === undefined) throw new Error('Connection refused.')
        return this.#connect(this.#manor)
      },
    })
    this.controllers.set(id, controller)
    controller.start()
    await this.clock.advance(100)
    return controller
  }

  async changeController(name: string, change: Partial<Controller>): Promise<void> {
    await this.store.transact(tx => {
      tx.update('controller', name, row => ({ ...row, ...change, phaseSince: this.clock.now() }))
      tx.event({ kind: 'controller', subject: name, type: 'changed', actor: 'test', message: '' })
    })
  }

  async startManor(): Promise<void> {
    const gate = new Gate(() => this.#countDown())
    const observer: Observer = new Observer({
      engine: this.engine,
      clock: this.clock,
      intervalMs: 2_000,
      onChange: observation => {
        if (!gate.dead) broker.observed(observation)
      },
      onHosts: hosts => {
        if (!gate.dead) void this.store.transact(tx => hosts.forEach(host => void tx.put('host', host)))
      },
      onError: cause => this.errors.push(cause),
    })
    const ports: AgentsPorts = {
      store: gate.wrap(this.store, ['transact']),
      clock: this.clock,
      random: this.random,
      seal: this.#seal,
      engine: gate.wrap(this.engine, ['submit', 'stop', 'remove']),
      observer: gate.wrap(observer, ['current']),
      programs: {
        provide: async () => ({ program: PAPER_PROGRAM, why: 'test' }),
        agentJar: async () => '/programs/agent.jar',
      },
      distribution: () => PAPER_JENKINS,
      directories: gate.wrap<AgentDirectories>(this.directories, ['prepare', 'remove']),
      owner: 'test-owner',
      onError: (_id, cause) => this.errors.push(cause),
    }
    const broker = new AgentsBroker(ports)
    const first = observer.current()
    await this.clock.advance(50)
    await first
    observer.start()
    broker.start()
    this.#manor = { gate, observer, broker }
    await settle()
  }

  get broker(): AgentsBroker {
    if (this.#manor === undefined) throw new Error('Manor does not run.')
    return this.#manor.broker
  }

  get isManorUp(): boolean {
    return this.#manor !== undefined
  }

  /** Ends Manor as ctrl-C does. */
  async stopManor(): Promise<void> {
    const manor = this.#manor
    this.#manor = undefined
    if (manor === undefined) return
    void manor.broker.stop()
    void manor.observer.stop()
    await this.clock.advance(1)
  }

  /** Kills Manor at its `calls`-th call from now: in mid-air, before or after the call has its effect. */
  killAfter(calls: number): void {
    this.#callsLeft = calls
  }

  /** kill -9: nothing that was begun comes back, and what was only in memory is gone. */
  async killManor(): Promise<void> {
    this.#callsLeft = Number.POSITIVE_INFINITY
    const manor = this.#manor
    if (manor === undefined) return
    manor.gate.kill()
    this.#manor = undefined
    void manor.broker.stop()
    void manor.observer.stop()
    await this.store.transact(tx => {
      for (const kind of ['demand', 'presence'] as const) for (const { controller } of tx.list(kind)) tx.remove(kind, controller)
      for (const { id } of tx.list('host')) tx.remove('host', id)
    })
  }

  agents(): readonly Agent[] {
    return this.store.list('agent')
  }

  live(): readonly Agent[] {
    return this.store.by('agentsByLife', 'live')
  }

  /** Moves on, in steps, until the condition holds; fails after `withinMs` of virtual time. */
  async until(what: string, holds: () => boolean, withinMs = 120_000, stepMs = 50): Promise<number> {
    const began = this.clock.monotonic()
    while (!holds()) {
      if (this.clock.monotonic() - began > withinMs) throw new Error(`Not within ${withinMs} ms: ${what}.`)
      await this.clock.advance(stepMs)
    }
    return this.clock.monotonic() - began
  }

  /** The door of the hook service, which closes in the middle of what it does when Manor dies. */
  #connect({ gate, broker: { hook } }: Manor): HookService {
    const call = async <T>(work: () => Promise<T>): Promise<T> => {
      const loss = this.#options.lossOf?.()
      await this.clock.sleep(HOOK_LATENCY_MS)
      if (loss === 'asked') throw new Error('The call was lost.')
      const answer = await gate.connection(work())
      await this.clock.sleep(HOOK_LATENCY_MS)
      if (loss === 'answered') throw new Error('The answer was lost.')
      return answer
    }
    return {
      hello: (...args) => call(() => hook.hello(...args)),
      report: (...args) => call(() => hook.report(...args)),
      wanted: (...args) => call(() => hook.wanted(...args)),
      events: (...args) => call(() => hook.events(...args)),
    }
  }

  #countDown(): void {
    if (--this.#callsLeft > 0) return
    this.#callsLeft = Number.POSITIVE_INFINITY
    void this.killManor()
  }

  /** The agent's process: connects after a while, as its command says. */
  async #play(name: string, command: string): Promise<void> {
    const id = workloadId(`agent.${name}`)
    const isAlive = (): boolean => this.engine.isRunning(id)
    const controller = this.store.get('agent', agentId(name))?.controller
    const target = controller && this.controllers.get(controller)
    if (command === EXITS_AT_ONCE) {
      await this.clock.sleep(30)
      this.engine.end(id, { code: 'exit-code', message: 'It ended with exit code 1.' })
      return
    }
    if (command === NEVER_CONNECTS || target === undefined) return
    await this.clock.sleep(this.#options.connectMs ?? 800)
    await target.connect(name, isAlive)
  }
}
