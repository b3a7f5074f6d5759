/**
 * What the leading master does: subscriptions, offers, launches, updates, reconciliation, agents that come and go. One of these is one time of
 * leadership; the next starts with nothing but the registry and what the agents tell it. Its answers are held against recordings of a real one
 * (tests/integration/mesos-double.test.ts); sentences are Mesos' own.
 */
import { randomUUID } from 'node:crypto'
import type { Clock } from '../../../src/runtime/index.ts'
import { type Agent, type AgentTask, containerStatus, hasCapability, keyOf, type Update, type Upstream } from './agent.ts'
import { amountOf } from './allocator.ts'
import type { LeaderFaults } from './leader-faults.ts'
import { OfferBook } from './offers.ts'
import { refuseFramework, refuseTask } from './refusals.ts'
import { allocatedTo, minus, plus, unallocated } from './room.ts'
import { type Framework, type KnownAgent, type KnownTask, type Offer, type Registry, rolesOf } from './state.ts'
import type { EventStream } from './stream.ts'
import { isTerminal, nanosecondsOf, type Resource, type SchedulerCall, type Status, type Task } from './wire.ts'

type Room = readonly Resource[]

export type LeaderTimes = {
  readonly allocationIntervalMs: number
  readonly heartbeatMs: number
  /** Until a silent agent is taken for lost: pings times their interval. */
  readonly agentSilenceMs: number
  /** How long agents of the time before may take to come. */
  readonly reregisterTimeoutMs: number
  /** Offers that are not answered are taken back after so long; undefined for never, which is Mesos' default. */
  readonly offerTimeoutMs: number | undefined
}

export type LeaderOptions = LeaderTimes & {
  readonly clock: Clock
  readonly registry: Registry
  readonly faults: LeaderFaults
  readonly region: string | undefined
  /** What SUBSCRIBED says of it. */
  readonly masterInfo: (id: string) => unknown
  readonly firstAgents: readonly Agent[]
  /** Where an agent's own API answers. */
  readonly urlOf: (agent: Agent) => unknown
}

export class Leader implements Upstream {
  readonly id: string
  readonly frameworks = new Map<string, Framework>()
  readonly completed = new Map<string, Framework>()
  readonly agents = new Map<string, KnownAgent>()
  readonly book: OfferBook
  /** Of the time before, not seen yet. */
  readonly recovering = new Set<string>()
  readonly startedAt: number
  readonly #options: LeaderOptions
  readonly #clock: Clock
  #nextFramework = 0
  #cancelRecovery = (): void => undefined
  #isClosed = false
  /** Counted for tests. */
  readonly counts = { launches: 0, updates: 0, acknowledgements: 0 }

  constructor(id: string, options: LeaderOptions) {
    this.id = id
    this.#options = options
    this.#clock = options.clock
    this.startedAt = options.clock.now()
    this.book = new OfferBook({ ...options, leaderId: id, frameworks: this.frameworks, agents: this.agents })
    const first = new Set(options.firstAgents.map(agent => agent.id))
    for (const [agent, state] of options.registry.agents) if (state === 'admitted' && !first.has(agent)) this.recovering.add(agent)
    for (const agent of options.firstAgents) this.register(agent)
    this.#cancelRecovery = this.#clock.after(options.reregisterTimeoutMs, () => this.#giveUpRecovering())
    this.book.start()
  }

  /** It leads no more: all streams end, and nothing of it is known any more. */
  close(): void {
    this.#isClosed = true
    this.book.close()
    this.#cancelRecovery()
    for (const { cancelSilence } of this.agents.values()) cancelSilence()
    for (const framework of this.frameworks.values()) {
      framework.cancelFailover()
      framework.stream?.destroy()
    }
  }

  // ---- subscriptions

  subscribe(call: SchedulerCall, stream: EventStream): void {
    const info = call.subscribe?.framework_info ?? {}
    const refusal = refuseFramework(info)
    if (refusal !== undefined) {
      stream.sendLast(errorEvent(refusal))
      return
    }
    const id = call.framework_id?.value ?? `${this.id}-${String(this.#nextFramework++).padStart(4, '0')}`
    if (this.completed.has(id)) {
      stream.sendLast(errorEvent('Framework has been removed'))
      return
    }
    const framework = this.frameworks.get(id) ?? this.#newFramework(id, info)
    const old = framework.stream
    this.book.forgetOffersOf(framework)
    framework.info = { ...info, id: { value: id } }
    framework.suppressed = new Set(call.subscribe?.suppressed_roles ?? [])
    framework.stream = stream
    framework.streamId = stream.id
    framework.cancelFailover()
    old?.sendLast(errorEvent('Framework failed over'))
    stream.send({
      subscribed: {
        framework_id: { value: id },
        heartbeat_interval_seconds: this.#options.heartbeatMs / 1_000,
        master_info: this.#options.masterInfo(this.id),
      },
      type: 'SUBSCRIBED',
    })
    stream.beat(this.#options.heartbeatMs)
    this.book.allocate()
    for (const { agent, connected } of this.agents.values()) if (connected) agent.resume(id)
  }

  #newFramework(id: string, info: Framework['info']): Framework {
    const framework: Framework = {
      id,
      info,
      stream: undefined,
      streamId: '',
      registeredAt: this.#clock.now(),
      suppressed: new Set(),
      filters: new Map(),
      tasks: new Map(),
      unreachable: new Map(),
      ids: new Set(),
      inverse: new Map(),
      inverseFilters: new Map(),
      cancelFailover: () => undefined,
    }
    this.frameworks.set(id, framework)
    return framework
  }

  /** A subscription's connection ended; if it was the newest, the framework has its time to come back. */
  streamEnded(stream: EventStream): void {
    if (this.#isClosed) return
    for (const framework of this.frameworks.values()) {
      if (framework.stream !== stream) continue
      framework.stream = undefined
      this.book.forgetOffersOf(framework)
      const seconds = framework.info.failover_timeout ?? 0
      framework.cancelFailover = this.#clock.after(seconds * 1_000, () => this.#removeFramework(framework))
    }
  }

  #removeFramework(framework: Framework): void {
    const { stream } = framework
    framework.stream = undefined
    framework.cancelFailover()
    this.book.forgetOffersOf(framework)
    for (const { agent } of this.agents.values()) agent.shutdown(framework.id)
    for (const task of framework.tasks.values()) this.#release(task)
    framework.tasks.clear()
    this.frameworks.delete(framework.id)
    this.completed.set(framework.id, framework)
    stream?.end()
  }

  // ---- calls; whoever asks was let in before

  call(framework: Framework, call: SchedulerCall): void {
    const { faults } = this.#options
    switch (call.type) {
      case 'ACCEPT':
        faults.beforeAccept(() => this.book.rescindAll(call.accept?.offer_ids?.map(({ value }) => value)))
        this.#accept(framework, call)
        return
      case 'DECLINE':
        for (const { value } of call.decline?.offer_ids ?? [])
          this.book.giveBack(this.book.ownOffer(framework, value), call.decline?.filters)
        return
      case 'REVIVE':
        this.#revive(framework, call.revive?.roles)
        return
      case 'SUPPRESS':
        // What the allocator had decided before it heard of it is offered all the same.
        if (faults.passesOverSuppress()) this.#revive(framework, call.suppress?.roles)
        for (const role of rolesMeant(framework, call.suppress?.roles)) framework.suppressed.add(role)
        return
      case 'KILL':
        this.#kill(framework, call)
        return
      case 'SHUTDOWN':
        this.#shutdown(framework, call)
        return
      case 'ACKNOWLEDGE':
        this.#acknowledge(framework, call)
        return
      case 'RECONCILE':
        this.#reconcile(framework, call.reconcile?.tasks ?? [])
        return
      case 'TEARDOWN':
        this.#removeFramework(framework)
        return
      case 'UPDATE_FRAMEWORK':
        framework.info = { ...framework.info, ...call.update_framework?.framework_info }
        framework.suppressed = new Set(call.update_framework?.suppressed_roles ?? [])
        this.book.allocate()
        return
      case 'ACCEPT_INVERSE_OFFERS':
      case 'DECLINE_INVERSE_OFFERS':
        this.book.answerInverse(framework, call.accept_inverse_offers ?? call.decline_inverse_offers)
        return
      default:
        // MESSAGE, REQUEST and operations without a launch bring nothing that is modelled here.
        return
    }
  }

  #revive(framework: Framework, roles: readonly string[] | undefined): void {
    for (const role of rolesMeant(framework, roles)) {
      framework.suppressed.delete(role)
      for (const key of framework.filters.keys()) if (key.endsWith(`\0${role}`)) framework.filters.delete(key)
    }
    this.book.allocate()
  }

  #accept(framework: Framework, { accept }: SchedulerCall): void {
    const ids = (accept?.offer_ids ?? []).map(({ value }) => value)
    const tasks = (accept?.operations ?? []).flatMap(({ launch }) => launch?.task_infos ?? [])
    const offers = [...new Set(ids)].flatMap(id => this.book.ownOffer(framework, id) ?? [])
    const problem = this.#offersProblem(ids, offers)
    if (problem !== undefined) {
      for (const offer of offers) this.book.giveBack(offer, undefined)
      for (const task of tasks)
        this.#tellOf(framework, task, 'TASK_DROPPED', 'REASON_INVALID_OFFERS', `Task launched with invalid offers: ${problem}`)
      return
    }
    const [first] = offers
    const agent = this.agents.get(first?.agent ?? '')
    if (first === undefined || agent === undefined) return
    for (const offer of offers) this.book.dropOffer(offer)
    let left = offers.reduce<Room>((sum, { resources }) => plus(sum, resources), [])
    left = allocatedTo(left, first.role)
    for (const { launch, reserve, unreserve } of accept?.operations ?? []) {
      for (const resource of reserve?.resources ?? []) left = this.#convert(agent, left, unreserved(resource), resource, first.role)
      for (const resource of unreserve?.resources ?? []) left = this.#convert(agent, left, resource, unreserved(resource), first.role)
      for (const task of launch?.task_infos ?? []) left = this.#launch(framework, agent, task, left)
    }
    this.book.recover(framework, agent, first.role, left, accept?.filters)
  }

  #offersProblem(ids: readonly string[], offers: readonly Offer[]): string | undefined {
    if (ids.length === 0) return 'No offers specified'
    const twice = ids.find((id, at) => ids.indexOf(id) !== at)
    if (twice !== undefined) return `Duplicate offer ${twice} in offer list`
    const gone = ids.find(id => !offers.some(offer => offer.id === id))
    if (gone !== undefined) return `Offer ${gone} is no longer valid`
    const [first] = offers
    for (const { id, agent, role } of offers) {
      if (agent !== first?.agent)
        return `Aggregated offers must belong to one single agent. Offer ${id} uses agent ${agent} and agent ${first?.agent}`
      if (role !== first.role)
        return `Aggregated offers must be allocated to the same role. Offer ${id} uses role ${role} but another is using role ${first.role}`
    }
    return undefined
  }

  /** Reserves and unreserves: one entry becomes another, in what is left and in what the agent has. */
  #convert(agent: KnownAgent, left: Room, from: Resource, to: Resource, role: string): Room {
    agent.total = plus(minus(agent.total, [from]), [to])
    return allocatedTo(plus(minus(left, [from]), [to]), role)
  }

  #launch(framework: Framework, agent: KnownAgent, task: Task, left: Room): Room {
    const refusal = refuseTask(task, { agent: agent.agent.id, left, isUsed: id => framework.ids.has(id) })
    if (refusal !== undefined) {
      this.#tellOf(framework, task, 'TASK_ERROR', 'REASON_TASK_INVALID', refusal)
      return left
    }
    const id = task.task_id.value
    const known: KnownTask = {
      task,
      agent: agent.agent.id,
      framework: framework.id,
      state: 'TASK_STAGING',
      latest: 'TASK_STAGING',
      last: undefined,
      released: false,
    }
    framework.ids.add(id)
    framework.tasks.set(id, known)
    this.counts.launches++
    this.#countTask(known, 1)
    if (!this.#options.faults.losesLaunch()) agent.agent.launch(framework.id, framework.info, task)
    return minus(left, task.resources ?? [])
  }

  #kill(framework: Framework, { kill }: SchedulerCall): void {
    if (kill === undefined) return
    const id = kill.task_id.value
    const task = framework.tasks.get(id)
    if (task === undefined) {
      this.#reconcileOne(framework, id, kill.agent_id?.value)
      return
    }
    const agent = this.agents.get(task.agent)
    const nanoseconds = kill.kill_policy?.grace_period?.nanoseconds
    if (agent?.connected && !agent.agent.silent && !this.#options.faults.losesKill())
      agent.agent.kill(framework.id, id, nanoseconds === undefined ? undefined : nanoseconds / 1_000_000)
  }

  #shutdown(framework: Framework, { shutdown }: SchedulerCall): void {
    if (shutdown === undefined) return
    const agent = this.agents.get(shutdown.agent_id.value)
    if (agent?.connected && !agent.agent.silent) agent.agent.shutdownExecutor(framework.id, shutdown.executor_id.value)
  }

  #acknowledge(framework: Framework, { acknowledge }: SchedulerCall): void {
    if (acknowledge === undefined) return
    const { agent_id, task_id, uuid } = acknowledge
    const known = framework.tasks.get(task_id.value)
    const agent = this.agents.get(agent_id.value)
    if (agent === undefined || !agent.connected || agent.agent.silent) return
    this.counts.acknowledgements++
    if (known?.last?.uuid === uuid && isTerminal(known.state)) framework.tasks.delete(task_id.value)
    agent.agent.acknowledge(framework.id, task_id.value, uuid)
  }

  // ---- reconciliation

  #reconcile(
    framework: Framework,
    asked: readonly { readonly task_id: { readonly value: string }; readonly agent_id?: { readonly value: string } }[],
  ): void {
    if (asked.length > 0) {
      for (const { task_id, agent_id } of asked) this.#reconcileOne(framework, task_id.value, agent_id?.value)
      return
    }
    for (const known of framework.tasks.values()) this.#tellLatest(framework, known)
  }

  #reconcileOne(framework: Framework, id: string, agent: string | undefined): void {
    const known = framework.tasks.get(id)
    if (known !== undefined) {
      this.#tellLatest(framework, known)
      return
    }
    const tell = (state: string, message: string, more: Partial<Status> = {}): void =>
      this.#tell(framework, {
        ...(agent === undefined ? {} : { agent_id: { value: agent } }),
        message: `Reconciliation: ${message}`,
        reason: 'REASON_RECONCILIATION',
        source: 'SOURCE_MASTER',
        state,
        task_id: { value: id },
        timestamp: this.#seconds(),
        ...more,
      })
    const lost = framework.unreachable.get(id)
    const unreachable = (since: number): void =>
      tell(stateFor(framework, 'TASK_UNREACHABLE'), 'Task is unreachable', { unreachable_time: { nanoseconds: nanosecondsOf(since) } })
    if (lost !== undefined) {
      unreachable(lost.since)
      return
    }
    // Nobody knows yet: no answer at all, and whoever asks must ask again.
    if (agent === undefined ? this.recovering.size > 0 : this.recovering.has(agent)) return
    if (agent !== undefined && this.agents.has(agent)) tell(stateFor(framework, 'TASK_GONE'), 'Task is unknown to the agent')
    else if (agent !== undefined && this.#options.registry.agents.get(agent) === 'unreachable') unreachable(this.#clock.now())
    else if (agent !== undefined && this.#options.registry.agents.get(agent) === 'gone')
      tell(stateFor(framework, 'TASK_GONE_BY_OPERATOR'), 'Task is gone by operator')
    else tell(stateFor(framework, 'TASK_UNKNOWN'), 'Task is unknown')
  }

  #tellLatest(framework: Framework, known: KnownTask): void {
    const status = known.last?.container_status
    this.#tell(framework, {
      agent_id: { value: known.agent },
      ...(status === undefined ? {} : { container_status: status }),
      message: 'Reconciliation: Latest task state',
      reason: 'REASON_RECONCILIATION',
      source: 'SOURCE_MASTER',
      state: known.state,
      task_id: known.task.task_id,
      timestamp: this.#seconds(),
    })
  }

  // ---- agents

  /** An agent comes: for the first time, after its own restart, after silence, or to a new leader. */
  register(agent: Agent): void {
    const { registry } = this.#options
    const before = registry.agents.get(agent.id)
    if (before === 'gone') {
      agent.shutdown()
      return
    }
    registry.agents.set(agent.id, 'admitted')
    this.recovering.delete(agent.id)
    const known = this.agents.get(agent.id) ?? this.#admit(agent)
    known.cancelSilence()
    known.connected = true
    for (const task of agent.tasks.values()) this.#learn(agent, task, before === 'unreachable')
    this.#dropForgotten(agent)
    agent.follow(this)
    this.book.allocate([known])
  }

  #admit(agent: Agent): KnownAgent {
    const known: KnownAgent = {
      agent,
      total: agent.total,
      free: agent.total,
      connected: true,
      deactivated: false,
      registeredAt: this.#clock.now(),
      cancelSilence: () => undefined,
    }
    this.agents.set(agent.id, known)
    this.book.resize(agent.total, 1)
    return known
  }

  /** A task that an agent brings. Of one that was unreachable, the framework is told. */
  #learn(agent: Agent, entry: AgentTask, wasUnreachable: boolean): void {
    const framework = this.frameworks.get(entry.framework) ?? this.#newFramework(entry.framework, entry.info)
    const id = entry.task.task_id.value
    framework.unreachable.delete(id)
    framework.ids.add(id)
    if (framework.tasks.has(id)) return
    const told = entry.pending[0]?.state ?? entry.state
    const known: KnownTask = {
      task: entry.task,
      agent: agent.id,
      framework: framework.id,
      state: told,
      latest: entry.state,
      last: undefined,
      released: isTerminal(entry.state),
    }
    framework.tasks.set(id, known)
    const there = this.agents.get(agent.id)
    if (!known.released && there !== undefined) {
      there.free = minus(there.free, entry.task.resources ?? [])
      this.#countTask(known, 1)
    }
    if (!wasUnreachable) return
    this.#tell(framework, {
      agent_id: { value: agent.id },
      container_status: containerStatus(entry),
      message: 'Unreachable agent re-reregistered',
      reason: 'REASON_AGENT_REREGISTERED',
      source: 'SOURCE_MASTER',
      state: told,
      task_id: entry.task.task_id,
      timestamp: this.#seconds(),
    })
  }

  /** Tasks that the leader sent to an agent which has never seen them: their launch was lost on the way. */
  #dropForgotten(agent: Agent): void {
    for (const framework of this.frameworks.values())
      for (const [id, known] of framework.tasks) {
        if (known.agent !== agent.id || agent.tasks.has(keyOf(framework.id, id))) continue
        framework.tasks.delete(id)
        this.#release(known)
        this.#tellOf(
          framework,
          known.task,
          known.state === 'TASK_STAGING' ? 'TASK_DROPPED' : 'TASK_GONE',
          'REASON_RECONCILIATION',
          'Reconciliation: task unknown to the agent',
        )
      }
  }

  /** It answers no pings; if it stays so, it is taken for lost. */
  agentFellSilent(id: string): void {
    const known = this.agents.get(id)
    if (known === undefined) return
    known.cancelSilence()
    known.cancelSilence = this.#clock.after(this.#options.agentSilenceMs, () => this.#lost(known))
  }

  #lost(known: KnownAgent): void {
    const { id } = known.agent
    const since = this.#clock.now()
    this.#options.registry.agents.set(id, 'unreachable')
    known.agent.follow(undefined)
    for (const framework of this.frameworks.values())
      for (const [taskId, task] of framework.tasks) {
        if (task.agent !== id) continue
        framework.tasks.delete(taskId)
        framework.unreachable.set(taskId, { task, since })
        this.#countTask(task, -1)
        this.#tellOf(framework, task.task, stateFor(framework, 'TASK_UNREACHABLE'), 'REASON_AGENT_REMOVED', 'health check timed out', {
          unreachable_time: { nanoseconds: nanosecondsOf(since) },
        })
      }
    this.#forgetAgent(known)
  }

  /** An operator says that it will never come back. */
  markGone(id: string): boolean {
    const known = this.agents.get(id)
    const { registry } = this.#options
    if (known === undefined && !registry.agents.has(id)) return false
    registry.agents.set(id, 'gone')
    this.recovering.delete(id)
    // Of what was unreachable nobody is told; whoever asks hears that it is gone.
    for (const { unreachable } of this.frameworks.values())
      for (const [taskId, { task }] of unreachable) if (task.agent === id) unreachable.delete(taskId)
    for (const framework of this.frameworks.values())
      for (const [taskId, task] of framework.tasks) {
        if (task.agent !== id) continue
        framework.tasks.delete(taskId)
        this.#countTask(task, -1)
        const state = stateFor(framework, 'TASK_GONE_BY_OPERATOR')
        this.#tellOf(framework, task.task, state, 'REASON_AGENT_REMOVED_BY_OPERATOR', 'Agent has been marked gone')
      }
    if (known !== undefined) {
      this.#forgetAgent(known)
      known.agent.follow(undefined)
      if (!known.agent.silent) known.agent.shutdown()
    }
    return true
  }

  #forgetAgent(known: KnownAgent): void {
    known.cancelSilence()
    this.book.rescindAll(this.book.offersOn(known.agent.id))
    this.agents.delete(known.agent.id)
    this.book.resize(known.total, -1)
    for (const framework of this.frameworks.values())
      framework.stream?.send({ failure: { agent_id: { value: known.agent.id } }, type: 'FAILURE' })
  }

  /** Its process is gone for a while, its tasks are not: offers are taken back, and nobody is told more. */
  agentDisconnected(id: string): void {
    const known = this.agents.get(id)
    if (known === undefined) return
    known.connected = false
    known.agent.follow(undefined)
    this.book.rescindAll(this.book.offersOn(id))
  }

  deactivate(id: string, isDeactivated: boolean): boolean {
    const known = this.agents.get(id)
    if (known === undefined) return false
    known.deactivated = isDeactivated
    if (isDeactivated) this.book.rescindAll(this.book.offersOn(id))
    return true
  }

  #giveUpRecovering(): void {
    for (const id of this.recovering) this.#options.registry.agents.set(id, 'unreachable')
    this.recovering.clear()
  }

  /** An update of an agent's. */
  update(agent: Agent, { framework: id, status, latest }: Update): void {
    const framework = this.frameworks.get(id)
    const known = framework?.tasks.get(status.task_id.value)
    if (known !== undefined && known.agent === agent.id) {
      known.latest = latest
      known.last = status
      if (!isTerminal(known.state)) known.state = status.state
      if (isTerminal(latest)) this.#release(known)
    }
    if (framework === undefined) return
    this.counts.updates++
    this.#tell(framework, status)
  }

  // ---- sums, and telling

  /** A task is among what its role holds, or is not any more. */
  #countTask({ task: { resources = [] } }: KnownTask, sign: 1 | -1): void {
    this.book.count(resources[0]?.allocation_info?.role ?? '*', amountOf(resources), sign)
  }

  #release(known: KnownTask): void {
    if (known.released) return
    known.released = true
    const agent = this.agents.get(known.agent)
    if (agent !== undefined) agent.free = plus(agent.free, (known.task.resources ?? []).map(unallocated))
    this.#countTask(known, -1)
  }

  #seconds(): number {
    return this.#clock.now() / 1_000
  }

  #tell(framework: Framework, status: Status): void {
    framework.stream?.send({ type: 'UPDATE', update: { status } })
  }

  #tellOf(framework: Framework, task: Task, state: string, reason: string, message: string, more: Partial<Status> = {}): void {
    this.#tell(framework, {
      agent_id: task.agent_id,
      message,
      reason,
      source: 'SOURCE_MASTER',
      state,
      task_id: task.task_id,
      timestamp: this.#seconds(),
      ...more,
    })
  }
}

export const errorEvent = (message: string): { readonly error: { readonly message: string }; readonly type: 'ERROR' } => ({
  error: { message },
  type: 'ERROR',
})

const unreserved = ({ reservations: _reservations, ...resource }: Resource): Resource => resource

export const newLeaderId = (): string => randomUUID()

const rolesMeant = ({ info }: Framework, roles: readonly string[] | undefined): readonly string[] =>
  roles === undefined || roles.length === 0 ? rolesOf(info) : roles

/** Frameworks that do not know of partitions are told the old word for all of them. */
const stateFor = ({ info }: Framework, state: string): string => (hasCapability(info, 'PARTITION_AWARE') ? state : 'TASK_LOST')
