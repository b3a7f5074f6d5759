/**
 * The controllers' loop in virtual time over a fake engine: programs boot, their hooks speak, and a test decides what goes wrong. Manor itself
 * can be killed at any moment (`restart`): its loops are dropped and new ones look at the same store and the same engine.
 */
import {
  type ControllerPorts,
  ControllerReconciler,
  createController,
  distributionOf,
  type Program,
  setFleet,
} from '../../src/controllers/index.ts'
import { EngineError, Observer } from '../../src/engines/index.ts'
import { type Controller, controllerId, hostId, SECOND, tenantId, type Workload, type WorkloadId } from '../../src/model/index.ts'
import { type Random, seededRandom, VirtualClock } from '../../src/runtime/index.ts'
import { createSeal, openSqliteStore, type Seal, type Store } from '../../src/store/index.ts'
import { type CallFault, FakeEngine } from './fake-engine.ts'

const BOOT_MS = 3 * SECOND
const HOOK_INTERVAL_MS = 10 * SECOND

export type ControllersWorldOptions = {
  readonly seed?: number
  readonly faultOf?: (call: 'submit' | 'stop' | 'remove', id: WorkloadId) => CallFault | undefined
  /** Rejects in place of a program. */
  readonly noProgram?: () => Error | undefined
  readonly program?: Partial<Program>
  readonly noPlace?: () => boolean
}

/** What a controller's program and its hook do in this world. */
export type Behaviour = { boots: boolean; problem: string | undefined; running: number; speaks: boolean }

export class ControllersWorld {
  readonly clock = new VirtualClock()
  readonly store: Store
  readonly engine: FakeEngine
  readonly behaviour: Behaviour = { boots: true, problem: undefined, running: 0, speaks: true }
  readonly errors: unknown[] = []
  readonly retired: string[] = []
  readonly #random: Random
  readonly #seal: Seal
  readonly #options: ControllersWorldOptions
  #reconciler: ControllerReconciler | undefined
  #observer: Observer | undefined

  private constructor(store: Store, clock: VirtualClock, options: ControllersWorldOptions) {
    this.store = store
    this.clock = clock
    this.#options = options
    this.#random = seededRandom(options.seed ?? 1)
    this.#seal = createSeal(this.#random.bytes(32), this.#random)
    this.engine = new FakeEngine({
      clock,
      latencyMs: 5,
      ...(options.faultOf === undefined ? {} : { faultOf: options.faultOf }),
      onRunning: workload => this.#speak(workload),
    })
  }

  static async make(options: ControllersWorldOptions = {}): Promise<ControllersWorld> {
    const clock = new VirtualClock()
    const store = await openSqliteStore(':memory:', clock)
    await store.transact(tx => {
      tx.insert('tenant', { id: tenantId('default'), weight: 1, createdAt: 0 })
      tx.event({ kind: 'tenant', subject: 'default', type: 'created', actor: 'test', message: 'created' })
    })
    const world = new ControllersWorld(store, clock, options)
    await world.start()
    return world
  }

  async start(): Promise<void> {
    const { store, clock, engine } = this
    const onError = (_id: string, cause: unknown): void => void this.errors.push(cause)
    const observer = new Observer({
      engine,
      clock,
      intervalMs: 2 * SECOND,
      onChange: observation => reconciler.observed(observation),
      onHosts: () => undefined,
      onError: cause => onError('engine', cause),
    })
    const ports: ControllerPorts = {
      store,
      clock,
      random: this.#random,
      seal: this.#seal,
      engine,
      observer,
      programs: { provide: () => this.#provide(), agentJar: async () => '/agent.jar' },
      distribution: distributionOf,
      homes: {
        prepare: async id => `/homes/${id}`,
        retire: async id => void this.retired.push(id),
      },
      probe: async () =>
        this.behaviour.boots && clock.now() - this.#startedAt() >= BOOT_MS ? { kind: 'ready', version: '2.2.1' } : { kind: 'starting' },
      place: async () =>
        this.#options.noPlace?.()
          ? { reason: { code: 'no-capacity', message: 'It needs more than there is.' } }
          : { host: hostId('host-0') },
      owner: 'test',
      manorUrl: () => 'http://127.0.0.1:1',
      hook: { script: '// hook', root: '/hook' },
      portRange: [20_000, 20_099],
      onProgress: () => undefined,
      onError,
    }
    const reconciler = new ControllerReconciler(ports)
    this.#reconciler = reconciler
    this.#observer = observer
    observer.start()
    reconciler.start()
  }

  /** kill -9 of Manor, and a new one over the same far side. What the dead one had begun may still come to its end, as a sent request does. */
  async restart(): Promise<void> {
    const [reconciler, observer] = [this.#reconciler, this.#observer]
    void reconciler?.stop()
    void observer?.stop()
    await this.start()
  }

  async create(name = 'a'): Promise<void> {
    await createController(this.store, { name, distribution: 'hudson', memoryMb: 512 }, 'user:test')
  }

  get(name = 'a'): Controller | undefined {
    return this.store.get('controller', controllerId(name))
  }

  phase(name = 'a'): string {
    return this.get(name)?.phase ?? 'gone'
  }

  /** How many of its runs live: never more than one. */
  alive(name = 'a'): number {
    return this.engine.started.filter(id => id.startsWith(`${name}.`) && this.engine.isRunning(id)).length
  }

  /** Lets the world go on until `question` holds; fails after `withinMs` of its time. */
  async until(question: () => boolean, what: string, withinMs = 60 * SECOND): Promise<void> {
    const end = this.clock.monotonic() + withinMs
    while (!question()) {
      if (this.clock.monotonic() >= end)
        throw new Error(`${what}: not within ${withinMs} ms; it is ${this.phase()} (${this.get()?.reason?.message ?? 'no reason'})`)
      await this.clock.advance(50)
    }
  }

  fleet(state: 'up' | 'down' | 'down-now'): Promise<void> {
    return setFleet(this.store, state, 'user:test')
  }

  async end(): Promise<void> {
    void this.#reconciler?.stop()
    void this.#observer?.stop()
    await this.clock.advance(SECOND)
    await this.store.close()
  }

  #startedAt(): number {
    return this.get()?.startedAt ?? Number.POSITIVE_INFINITY
  }

  async #provide(): Promise<{ program: Program; why: string }> {
    const missing = this.#options.noProgram?.()
    if (missing) throw missing
    const program: Program = {
      distribution: 'hudson',
      version: '2.2.1',
      war: '/programs/hudson.war',
      sha256: '0',
      java: '/java/bin/java',
      javaRelease: 17,
      extras: { launcher: '/launcher' },
      ...this.#options.program,
    }
    return { program, why: 'It is a test.' }
  }

  /** The hook: says hello once the program has booted, and reports as long as its workload lives. */
  #speak({ id, labels }: Workload): void {
    const report = async (): Promise<void> => {
      if (!this.engine.isRunning(id)) return
      const { boots, problem, running, speaks } = this.behaviour
      if (boots && speaks)
        await this.store.transact(tx =>
          tx.put('presence', {
            controller: controllerId(labels.noun),
            session: `session-${labels.epoch}`,
            epoch: labels.epoch,
            seq: 1,
            version: '2.2.1',
            reportedAt: this.clock.now(),
            heardAt: this.clock.monotonic(),
            reportIntervalMs: 10_000,
            running,
            quieting: ['quieting', 'stopping'].includes(this.phase(labels.noun)),
            appliedRevision: 0,
            nodes: [],
            load: { heapUsedMb: 0, heapMaxMb: 0, threads: 0, gcShare: 0, eventsDropped: 0 },
            ...(problem === undefined ? {} : { problem }),
          }),
        )
      const again = this.phase(labels.noun) === 'ready' ? HOOK_INTERVAL_MS : SECOND / 2
      this.clock.after(again, () => void report())
    }
    this.clock.after(BOOT_MS / 2, () => void report())
  }
}

export const refusal = (retryable: boolean): EngineError => new EngineError({ code: 'quota', message: 'The engine refused.' }, retryable)
