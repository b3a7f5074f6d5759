import type { HookService } from '../../src/agents/index.ts'
import type { PlanePorts } from '../../src/control-plane/compose.ts'
import type { Probe } from '../../src/controllers/index.ts'
import {
  type AgentId,
  CONTROLLER_CPU_PROMISED,
  type ControllerEndpoint,
  type ControllerId,
  type Resources,
  type Workload,
  workloadId,
} from '../../src/model/index.ts'
import type { FeedEntry, Store } from '../../src/store/index.ts'
import type { FaultDone, Plan, Violation } from '../contract.ts'
import { between, type Streams, streamsOf } from '../kernel/chance.ts'
import { EventLog } from '../kernel/event-log.ts'
import { Kernel } from '../kernel/kernel.ts'
import { MemoryDurable } from '../kernel/memory-durable.ts'
import { AgentProgram } from './agent-program.ts'
import { type CallEffect, Troubles } from './call-trouble.ts'
import { ControllerProgram } from './controller-program.ts'
import { Disk } from './disk.ts'
import { type Run, SimulatedEngine } from './engine.ts'
import type { Gate } from './gate.ts'
import { VERSION } from './hook-client.ts'
import { hookDoor } from './hook-door.ts'
import { type Build, type Home, type Item, newHome } from './jenkins.ts'
import type { Job } from './jobs.ts'
import { type Machine, machinesOf } from './machines.ts'
import { Manor, SUPERVISOR_DELAY_MS } from './manor.ts'
import { Network } from './network.ts'
import type { Observer } from './observer.ts'
import { OfferDesk } from './offers.ts'
import { People } from './people.ts'
import type { Process } from './process.ts'
import { seedRows } from './seed-rows.ts'

/** A Monday, 00:00 UTC: office hours have a beginning. */
export const START = Date.UTC(2026, 0, 5)

/**
 * The simulated world: machines, an engine, programs, a network, a disk, and one Manor at a time, all on one virtual clock and one seed. It does what
 * it is told by its programs and by the faults; what is looked for in it is the observers' (invariants, statistics).
 */
export class World {
  readonly plan: Plan
  readonly kernel = new Kernel(START)
  readonly log: EventLog
  readonly chance: Streams
  readonly machines: readonly Machine[]
  readonly network: Network
  readonly troubles = new Troubles()
  readonly durable = new MemoryDurable()
  readonly disk: Disk
  readonly engine: SimulatedEngine
  readonly offers: OfferDesk | undefined
  readonly observers: Observer[] = []
  readonly people = new People(this)
  readonly homes = new Map<ControllerId, Home>()
  /** Programs of controllers that run, by their address. */
  readonly programs = new Map<string, ControllerProgram>()
  /** The last run of each controller that has ended. */
  readonly endedPrograms = new Map<ControllerId, ControllerProgram>()
  /** Agents' processes that run, by name. */
  readonly agents = new Map<string, AgentProgram>()
  readonly directories = new Set<AgentId>()
  readonly faults: FaultDone[] = []
  readonly violations: Violation[] = []
  readonly #programOf = new Map<ControllerId, ControllerProgram>()
  readonly #declaredLost = new Set<Machine>()
  readonly #mends = new Set<() => void>()
  manorClockOffsetMs = 0
  /** When commits were last taken by a power cut. */
  powerLostAt = 0
  /** The Manor that runs; undefined while none does. */
  manor: Manor | undefined
  manorRestarts = 0
  /** How agents' processes of a label go wrong at the moment. */
  readonly sabotage = new Map<string, 'exits' | 'never-connects'>()
  /** How hints go wrong: when each copy of the next arrives, in milliseconds. */
  hintDelays: () => readonly number[] = ON_TIME
  /** Faults are over; nothing new begins. */
  isSettling = false
  /** Where a mutation puts its bug (mutations/index.ts); absent in every other run. */
  alterPorts: ((ports: PlanePorts) => PlanePorts) | undefined
  alterStore: ((store: Store) => void) | undefined
  alterHook: ((hook: HookService) => HookService) | undefined
  clockError: (() => number) | undefined
  #gate: Gate | undefined
  #manors = 0
  #sessions = 0
  #disturbedUntil = 0
  #crossingsToKill: number | undefined
  #wantsManor = false

  constructor(plan: Plan) {
    this.plan = plan
    this.log = new EventLog(() => this.kernel.elapsedMs, plan.keepLog === true)
    this.chance = streamsOf(plan.seed)
    this.machines = machinesOf(plan.hosts)
    this.network = new Network(this.kernel, this.log, () => this.#checkConnections())
    this.disk = new Disk(this.durable, this.chance('disk'))
    this.engine = new SimulatedEngine(this, plan.engine)
    this.offers = plan.engine === 'offers' ? new OfferDesk(this) : undefined
  }

  /** The world's own time, since the Unix epoch. */
  get now(): number {
    return this.kernel.clock.monotonic()
  }

  get store(): Store | undefined {
    return this.manor?.store
  }

  // Manor

  startManor(): void {
    this.#wantsManor = true
    const number = ++this.#manors
    this.log.add(`manor: process ${number} begins`)
    for (const observer of this.observers) observer.manorBegins?.()
    void Manor.start(this, number, entries => this.#fed(entries)).then(
      manor => {
        if (!manor.gate.isOpen) return
        this.manor = manor
        this.log.add(`manor: process ${number} is up`)
        for (const observer of this.observers) observer.manorUp?.(manor)
      },
      (cause: unknown) => {
        if (number !== this.#manors || !this.#wantsManor) return
        this.manorError('start', cause)
        this.killManor(SUPERVISOR_DELAY_MS)
      },
    )
  }

  /** kill -9; another begins after `downMs`. */
  killManor(downMs: number): void {
    if (!this.#wantsManor) return
    this.#wantsManor = false
    this.#crossingsToKill = undefined
    this.log.add('manor: is killed')
    this.manor?.kill()
    this.#gate?.close()
    this.manor = undefined
    this.manorRestarts++
    this.disturb(downMs + CATCH_UP_MS)
    for (const observer of this.observers) observer.manorDown?.()
    this.kernel.clock.after(downMs, () => {
      if (!this.#wantsManor) this.startManor()
    })
  }

  /** Kills Manor when it has called the outside so many times more: in the middle of what it does, before or after the call's effect. */
  killManorAfter(crossings: number): void {
    if (this.#wantsManor) this.#crossingsToKill = crossings
  }

  opening(gate: Gate): void {
    this.#gate = gate
  }

  crossed(gate: Gate): void {
    if (this.#crossingsToKill === undefined || gate !== this.#gate || --this.#crossingsToKill > 0) return
    this.killManor(between(this.chance('down', this.#manors), 500, 20_000))
  }

  manorError(id: string, cause: unknown): void {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : cause instanceof Error ? cause.name : typeof cause
    this.log.add(`manor: error of ${id}: ${code}`)
    for (const observer of this.observers) observer.manorError?.(id, cause)
  }

  async seed(store: Store): Promise<void> {
    await seedRows(store, this.plan)
  }

  #fed(entries: readonly FeedEntry[]): void {
    for (const entry of entries)
      if ('event' in entry) {
        this.log.add(`manor: ${entry.event.kind} ${entry.event.subject} ${entry.event.type}${dataOf(entry.event.data)}`)
        for (const observer of this.observers) observer.event?.(entry.event)
      } else for (const observer of this.observers) observer.change?.(entry.change)
  }

  // Faults

  /** Something goes wrong for a while: `mend` ends it, at the latest when faults are over. */
  during(ms: number, mend: () => void): void {
    this.disturb(ms + CATCH_UP_MS)
    const end = (): void => {
      if (this.#mends.delete(end)) mend()
    }
    this.#mends.add(end)
    this.kernel.clock.after(ms, end)
  }

  mendAll(): void {
    for (const mend of [...this.#mends]) mend()
    this.#disturbedUntil = Math.min(this.#disturbedUntil, this.kernel.elapsedMs + CATCH_UP_MS)
  }

  disturb(ms: number): void {
    this.#disturbedUntil = Math.max(this.#disturbedUntil, this.kernel.elapsedMs + ms)
  }

  /** For how long nothing has gone wrong; negative while something does. */
  get calmMs(): number {
    return this.kernel.elapsedMs - this.#disturbedUntil
  }

  /** Whether a fault lasts. */
  get isDisturbed(): boolean {
    return this.#mends.size > 0 || this.manor === undefined
  }

  violate(invariant: string, claim: string, found: string): void {
    this.violations.push({ invariant, claim, at: this.kernel.elapsedMs, found })
    this.log.add(`VIOLATION ${invariant}: ${found}`)
    this.kernel.stop()
  }

  /** Stops a workload as a sweep of Manor's does; only for a mutation. */
  async sweep(id: string): Promise<void> {
    const { gate } = this.manor ?? {}
    await gate?.out(() => this.engine.connect().stop(workloadId(id), 0, new AbortController().signal)).catch(() => undefined)
  }

  isDeclaredLost(machine: Machine): boolean {
    return this.#declaredLost.has(machine)
  }

  declareLost(machine: Machine): void {
    if (machine.state !== 'dead') return
    this.#declaredLost.add(machine)
    this.log.add(`engine: host ${machine.id} is declared lost`)
    this.engine.machineDeclaredLost(machine)
    for (const observer of this.observers) observer.hostLost?.(machine)
  }

  hostBack(machine: Machine): void {
    if (machine.state === 'up') return
    this.log.add(`world: host ${machine.id} is back`)
    this.#declaredLost.delete(machine)
    this.engine.machineBack(machine)
  }

  // Programs

  begin(run: Run): Process {
    const { kind, noun } = run.workload.labels
    if (kind === 'agent') {
      const agent = new AgentProgram(this, run)
      this.agents.set(noun, agent)
      return agent
    }
    const home = this.home(noun as ControllerId)
    const program = new ControllerProgram(this, run, home, one => hookDoor(this, one))
    this.programs.set(addressOf(run), program)
    this.#programOf.set(program.id, program)
    return program
  }

  /** A job enters a controller's queue; while the controller is away, the queue on its disk, as if its trigger waited. */
  enqueue(id: ControllerId, label: string, job: Job): void {
    const home = this.home(id)
    const item: Item = { id: String(home.nextItem++), label, since: this.now, job }
    for (const observer of this.observers) observer.queued?.(item, id)
    const program = this.programOf(id)
    if (program) program.jenkins.enqueue(item)
    else home.queue.push(item)
  }

  /** The greeting of a run that has ended arrives, late. */
  ghostSpeaks(program: ControllerProgram): void {
    const { manor } = this
    const epochBefore = this.store?.get('controller', program.id)?.epoch
    const { epoch } = program
    const hello = { session: `ghost-${this.nextSession()}`, epoch, distribution: 'jenkins', version: VERSION, secured: true } as const
    manor?.gate
      .connection(() => manor.hook.hello(program.id, hello))
      .then(
        () => this.heard(program, epochBefore),
        () => undefined,
      )
  }

  nextSession(): number {
    return ++this.#sessions
  }

  home(id: ControllerId): Home {
    const known = this.homes.get(id)
    if (known) return known
    const made = newHome(id)
    this.homes.set(id, made)
    return made
  }

  prepareHome(id: ControllerId): string {
    this.home(id)
    return `/homes/${id}`
  }

  retireHome(id: ControllerId): void {
    const home = this.homes.get(id)
    this.homes.delete(id)
    if (home) for (const observer of this.observers) observer.homeRetired?.(home)
  }

  programAt(address: string): ControllerProgram | undefined {
    return this.programs.get(address)
  }

  /** The running program of a controller. */
  programOf(id: ControllerId): ControllerProgram | undefined {
    return this.#programOf.get(id)
  }

  programEnded(program: ControllerProgram): void {
    const address = addressOf(program.run)
    if (this.programs.get(address) === program) this.programs.delete(address)
    if (this.#programOf.get(program.id) === program) this.#programOf.delete(program.id)
    this.endedPrograms.set(program.id, program)
  }

  serves(program: ControllerProgram): void {
    this.log.add(`controller: ${program.run.id} serves`)
    for (const observer of this.observers) observer.serves?.(program)
  }

  /** Whether what runs in one workload reaches what runs in another. */
  connects(from: Run, to: Run): boolean {
    return from.machine !== undefined && to.machine !== undefined && this.network.reaches(from.machine.id, to.machine.id)
  }

  connectionLost(agent: AgentProgram, controller: ControllerProgram): void {
    // A host that dies or a network that is cut closes no connection: the controller finds out by its ping.
    const { machine } = agent.run
    const hears = machine?.state === 'up' && this.connects(agent.run, controller.run)
    this.kernel.clock.after(hears ? 0 : PING_TIMEOUT_MS, () => {
      if (controller.clock.alive && !this.agents.has(agent.name)) controller.jenkins.disconnect(agent.name)
    })
  }

  #checkConnections(): void {
    for (const agent of [...this.agents.values()]) agent.checkConnection()
  }

  async probe(endpoint: ControllerEndpoint, signal: AbortSignal): Promise<Probe> {
    const { clock } = this.kernel
    await clock.sleep(PROBE_MS)
    const program = this.programs.get(`${endpoint.host}:${endpoint.httpPort}`)
    const machine = program?.run.machine
    if (program === undefined || machine === undefined) return { kind: 'refused' }
    if (program.isHung || !this.network.reaches('manor', machine.id)) {
      await clock.sleep(PROBE_BOUND_MS, signal)
      return { kind: 'starting' }
    }
    return program.probe()
  }

  sabotageOf(run: Run): 'exits' | 'never-connects' | undefined {
    return this.sabotage.get(run.workload.environment[LABEL_VARIABLE] ?? '')
  }

  needsOf({ labels, resources }: Workload): Resources {
    if (labels.kind === 'agent') return resources
    return { cpu: resources.cpu * CONTROLLER_CPU_PROMISED, memoryMb: resources.memoryMb, diskMb: 0 }
  }

  // What the engine and the programs tell of; observers hear it.

  started(run: Run): void {
    for (const observer of this.observers) observer.started?.(run)
  }

  stopAsked(run: Run): void {
    for (const observer of this.observers) observer.stopAsked?.(run)
  }

  gone(run: Run): void {
    for (const observer of this.observers) observer.gone?.(run)
  }

  begins(run: Run): void {
    for (const observer of this.observers) observer.begins?.(run)
  }

  heard(program: ControllerProgram, epochBefore: number | undefined): void {
    for (const observer of this.observers) observer.heard?.(program, epochBefore)
  }

  buildBegan(program: ControllerProgram, build: Build, node: string): void {
    this.log.add(`controller: ${program.id} runs ${build.job} #${build.number} (item ${build.item.id}) on ${node}`)
    this.agents.get(node)?.begin(build)
    for (const observer of this.observers) observer.buildBegan?.(program, build, node)
  }

  buildEnded(program: ControllerProgram, build: Build, node: string, result: string): void {
    this.log.add(`controller: ${program.id} ended ${build.job} #${build.number}: ${result}`)
    for (const observer of this.observers) observer.buildEnded?.(program, build, node, result)
  }

  hookTrouble(call: string): CallEffect | undefined {
    return this.troubles.next('hook', call)
  }
}

export const addressOf = (run: Run): string => `${run.machine?.id ?? ''}:${run.workload.ports.http ?? 0}`

/** The variable by which an agent's process tells which template it is of. */
export const LABEL_VARIABLE = 'SIMULATED_LABEL'
const ON_TIME = (): readonly number[] => [0]
/** After a disturbance the loops get this long before the world counts as calm. */
const CATCH_UP_MS = 60_000
const PING_TIMEOUT_MS = 30_000
const PROBE_MS = 4
const PROBE_BOUND_MS = 60_000

const dataOf = (data: Readonly<Record<string, unknown>>): string => {
  let text = ''
  for (const name of Object.keys(data)) text += ` ${name}=${String(data[name])}`
  return text
}
