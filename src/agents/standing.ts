import { fleetState } from '../controllers/index.ts'
import {
  type Agent,
  type AgentId,
  type Controller,
  type ControllerId,
  controllerId,
  type Host,
  type HostId,
  hostId,
  imageKey,
  isSpare,
  MINUTE,
  type Reason,
  SECOND,
  type Tenant,
  type Timestamp,
  type WorkloadId,
  workloadId,
} from '../model/index.ts'
import {
  binPacking,
  type Fitness,
  type FleetHost,
  type PassResult,
  type RunningWork,
  Scheduler,
  shareOf,
  shareProblems,
  type Task,
  type TenantShare,
} from '../scheduler/index.ts'
import type { Reader } from '../store/index.ts'
import { agentDenied } from './access.ts'
import { agentOfWorkload, type HeldWork, workloadOfController, workOf } from './capacity.ts'
import { type ControllerPlaces, controllerOfKey, placeKey } from './controller-places.ts'
import type { Durations } from './durations.ts'
import { workloadOfAgent } from './launch.ts'
import { needlessSpares } from './needless-spares.ts'
import type { AgentsPorts } from './ports.ts'

/** Everything is compared this often, whatever was noted: what a lost event left wrong is right from then on. */
const COMPARE_ALL_MS = 5 * SECOND
/** And so much later for each work that is held, at most a minute: it costs 2 us for each, and is to take less than a thousandth of the time. */
const COMPARE_LATER_MS = 5
const COMPARE_ALL_MOST_MS = 60 * SECOND

/**
 * What holds a place and what waits for one, kept in the scheduler from pass to pass and brought in line with rows and observations before
 * each: those that were noted as changed, and all of them every few seconds. What is noted is only ever an id; what it is now is looked up.
 *
 * Places that a pass gave and that are not committed yet are left alone meanwhile (`begin`, `settle`): committed rows do not show them.
 * Cost: constant for each noted id; a whole comparison is linear in live agents, controllers, observations and hosts (10,000 of them: 15 ms).
 */
export class Standing {
  readonly #ports: Pick<AgentsPorts, 'store' | 'clock' | 'engine' | 'observer'>
  readonly #places: ControllerPlaces
  readonly #durations: Durations
  #scheduler = new Scheduler({ fitness: FITNESS })
  /** What the scheduler was told, to be compared with what is. */
  readonly #held = new Map<string, RunningWork>()
  readonly #waiting = new Map<string, Task>()
  readonly #hosts = new Map<HostId, Host | undefined>()
  /** Lent hosts that are to take nothing. */
  readonly #cordoned = new Set<HostId>()
  /** Runs of controllers that were looked at, since a new one takes the old one's place. */
  readonly #runs = new Map<ControllerId, WorkloadId>()
  readonly #noted = new Set<WorkloadId>()
  readonly #notedHosts = new Set<HostId>()
  readonly #uncommitted = new Set<string>()
  /** Agents whose template asks for what is no amount, or for what they may not have. */
  readonly #refused = new Map<AgentId, Omit<Reason, 'since'>>()
  /** What of the held are warm spares. */
  readonly #spares = new Set<WorkloadId>()
  #comparedAt = Number.NEGATIVE_INFINITY
  #compareAll = true
  #isNew = true
  #mayPreempt = false

  constructor(ports: Pick<AgentsPorts, 'store' | 'clock' | 'engine' | 'observer'>, places: ControllerPlaces, durations: Durations) {
    this.#ports = ports
    this.#places = places
    this.#durations = durations
  }

  get scheduler(): Scheduler {
    return this.#scheduler
  }

  /** Whether there is anything that may be stopped for others (spares, agents of teams that let them): a pass that looks for such costs more. */
  get mayPreempt(): boolean {
    return this.#mayPreempt || this.#spares.size > 0
  }

  /** Warm spares that are to go now, and why (needless-spares.ts). `leftOver`: of the pass that was just made. */
  needlessSpares(leftOver: PassResult['leftOver'] = []): ReadonlyMap<WorkloadId, Omit<Reason, 'since'>> {
    if (this.#spares.size === 0) return NO_SPARES
    const { store } = this.#ports
    const { queue, fleet } = this.#scheduler
    const waiting = leftOver.flatMap(({ task, cause }) => (cause.kind === 'quota' ? (queue.get(task) ?? []) : []))
    const wanted = Map.groupBy(
      waiting.filter(({ tier }) => tier === 'agent'),
      ({ tenant }) => tenant,
    )
    const spares = [...this.#spares].flatMap(id => {
      const work = this.#held.get(id)
      const phase = agentOfWorkload(store, id)?.phase ?? 'ended'
      return work === undefined || phase === 'ending' || phase === 'ended' ? [] : [{ ...work, id }]
    })
    return needlessSpares(spares, {
      takesWork: host => !LEAVING.has(store.get('host', host)?.state ?? 'silent'),
      quotaOf: tenant => queue.shares('agent').get(tenant)?.quota,
      usedBy: tenant => fleet.ledger.ofTenant('agent', tenant),
      wantedBy: tenant => wanted.get(tenant)?.map(({ resources }) => resources) ?? [],
    })
  }

  get refused(): ReadonlyMap<AgentId, Omit<Reason, 'since'>> {
    return this.#refused
  }

  noteAgent(id: AgentId): void {
    this.#noted.add(workloadOfAgent({ id }))
  }

  /** Its work, and its agents, which only wait while it takes them. */
  noteController(id: ControllerId): void {
    const known = this.#runs.get(id)
    if (known !== undefined) this.#noted.add(known)
    const controller = this.#ports.store.get('controller', id)
    if (controller !== undefined) this.#noted.add(workloadOfController(controller))
    for (const agent of this.#ports.store.by('liveAgentsOfController', id)) if (agent.phase === 'queued') this.noteAgent(agent.id)
  }

  noteWorkload(id: WorkloadId): void {
    this.#noted.add(id)
  }

  /** Whether its row tells anything that matters to a place. */
  noteHost(id: HostId): boolean {
    const { engine, store } = this.#ports
    // Of lent hosts only what is wanted matters, and that is told by rows of its own.
    if (engine.offers !== undefined) return false
    const host = store.get('host', id)
    if (host !== undefined && !this.#scheduler.fleet.isNews(asFleetHost(host))) return false
    this.#notedHosts.add(id)
    return true
  }

  /** Something changed on which all the rest may depend: a tenant, a template, the fleet's state. */
  noteAll(): void {
    this.#compareAll = true
  }

  /** Begins with a scheduler that knows nothing, where what was told may not be what is: after a commit that failed. */
  startOver(): void {
    this.#scheduler = new Scheduler({ fitness: FITNESS })
    this.#isNew = true
    this.#compareAll = true
    // What was placed in a commit that failed waits again: it is nobody's to settle any more.
    for (const memory of [
      this.#held,
      this.#waiting,
      this.#hosts,
      this.#cordoned,
      this.#runs,
      this.#refused,
      this.#uncommitted,
      this.#spares,
    ])
      memory.clear()
  }

  /** What the scheduler placed just now: it holds its place from here on, whatever committed rows say until `settle`. */
  begin(id: string, host: HostId): void {
    const task = this.#waiting.get(id)
    this.#waiting.delete(id)
    if (task !== undefined) this.#held.set(id, { ...task, host })
    if (task?.tier === 'spare') this.#spares.add(workloadId(id))
    this.#uncommitted.add(id)
  }

  /** The commit is over, one way or the other. */
  settle(ids: Iterable<string>): void {
    for (const id of ids) {
      this.#uncommitted.delete(id)
      this.#noted.add(workloadId(id))
    }
  }

  /** Brings hosts, work and queue in line with committed rows and observations. */
  bring(): void {
    const { clock } = this.#ports
    const now = clock.now()
    if (this.#compareAll || now - this.#comparedAt >= this.#compareEveryMs()) {
      this.#compareAll = false
      this.#comparedAt = now
      this.#noteEverything()
      this.#bringShares()
    }
    for (const id of this.#notedHosts) this.#bringHost(id)
    this.#notedHosts.clear()
    const noted = [...this.#noted]
    this.#noted.clear()
    for (const id of noted) this.#bringWork(id, now)
    for (const id of this.#places.ids()) this.#bringPlace(id, now)
    if (this.#isNew) this.#rememberTurns()
    this.#isNew = false
  }

  #compareEveryMs(): number {
    return Math.min(COMPARE_ALL_MOST_MS, COMPARE_ALL_MS + COMPARE_LATER_MS * this.#held.size)
  }

  #noteEverything(): void {
    const { store, observer } = this.#ports
    for (const agent of store.by('agentsByLife', 'live')) this.noteAgent(agent.id)
    for (const controller of store.list('controller')) this.#noted.add(workloadOfController(controller))
    for (const { id, state } of observer.all()) if (state !== 'ended') this.#noted.add(id)
    for (const known of [this.#held, this.#waiting])
      for (const id of known.keys()) if (controllerOfKey(id) === undefined) this.#noted.add(workloadId(id))
    for (const key of [...this.#held.keys(), ...this.#waiting.keys()]) {
      const controller = controllerOfKey(key)
      if (controller !== undefined) this.#bringPlace(controllerId(controller), this.#ports.clock.now())
    }
    for (const { id } of store.list('host')) this.#notedHosts.add(id)
    for (const id of this.#hosts.keys()) this.#notedHosts.add(id)
    if (this.#isBoundless() || this.#hosts.has(BOUNDLESS.id)) this.#notedHosts.add(BOUNDLESS.id)
  }

  /** An engine that picks hosts by itself and tells of none queues by itself: only quotas and turns are ours. */
  #isBoundless(): boolean {
    const { engine, store } = this.#ports
    return engine.placement === 'engine' && store.list('host').length === 0
  }

  #bringShares(): void {
    const tenants = this.#ports.store.list('tenant')
    this.#mayPreempt = tenants.some(({ policy }) => policy?.preemptible === true)
    this.#scheduler.queue.setShares('agent', tenants.map(soundShare))
    // A tenant's quota and guarantee are for its agents (model/tenant.ts).
    const plain = tenants.map(soundShare).map(({ id, weight }) => ({ id, weight }))
    for (const tier of ['controller', 'spare'] as const) this.#scheduler.queue.setShares(tier, plain)
  }

  #bringHost(id: HostId): void {
    // Lent hosts are as large as their offers and what runs there (offer-desk.ts): what is wanted of them is only whether they take anything.
    if (this.#ports.engine.offers !== undefined) {
      this.#cordonLent(id)
      return
    }
    if (id === BOUNDLESS.id) {
      const is = this.#isBoundless()
      if (is === this.#hosts.has(id)) return
      if (is) this.#scheduler.fleet.putHost(BOUNDLESS)
      else this.#scheduler.fleet.removeHost(id)
      if (is) this.#hosts.set(id, undefined)
      else this.#hosts.delete(id)
      return
    }
    const host = this.#ports.store.get('host', id)
    if (host === undefined) {
      if (this.#hosts.delete(id)) this.#scheduler.fleet.removeHost(id)
      return
    }
    if (this.#hosts.get(id) === host) return
    this.#hosts.set(id, host)
    this.#scheduler.fleet.putHost(asFleetHost(host))
  }

  /** Only a change is told onwards: each makes every place that waits look at the host again. */
  #cordonLent(id: HostId): void {
    const { service = 'open' } = this.#ports.store.get('host-wanted', id) ?? {}
    const { fleet } = this.#scheduler
    if (service === 'open') {
      if (this.#cordoned.delete(id)) fleet.uncordon(id)
    } else if (!this.#cordoned.has(id)) {
      this.#cordoned.add(id)
      fleet.cordon(id)
    }
  }

  #bringWork(id: WorkloadId, now: Timestamp): void {
    if (this.#uncommitted.has(id)) return
    const { store, observer } = this.#ports
    const agent = agentOfWorkload(store, id)
    const work = workOf(store, id, observer.get(id))
    if (work?.tier === 'controller') this.#runs.set(work.controller, id)
    const waiting = work === undefined && agent?.phase === 'queued' ? agent : undefined
    const denied = waiting && agentDenied(waiting, store, this.#ports.engine)
    const task = waiting && denied === undefined ? this.#taskOf(waiting) : undefined
    if (task === undefined) {
      this.#take(id)
      if (agent !== undefined) this.#refused.delete(agent.id)
    }
    if (waiting !== undefined && denied !== undefined) this.#refused.set(waiting.id, denied)
    this.#hold(id, work === undefined ? undefined : this.#detailed(work, agent, now))
    if (task !== undefined) this.#add(id, task, agent)
  }

  #bringPlace(id: ControllerId, now: Timestamp): void {
    const { store } = this.#ports
    const key = placeKey(id)
    const work = this.#places.workOf(id, store, now)
    const task = work === undefined ? this.#places.taskOf(id, store, now) : undefined
    if (task === undefined) this.#take(key)
    this.#hold(key, work)
    if (task !== undefined) this.#add(key, task, undefined)
  }

  #hold(id: string, work: RunningWork | undefined): void {
    const known = this.#held.get(id)
    if (work?.tier === 'spare') this.#spares.add(workloadId(id))
    else this.#spares.delete(workloadId(id))
    if (work === undefined) {
      if (this.#held.delete(id)) this.#scheduler.end(id)
      return
    }
    // Where an engine has not said yet where it put it, it is still where it was thought to go.
    const placed = work.host === undefined && known?.host !== undefined ? { ...work, host: known.host } : work
    const { fleet, offers } = this.#scheduler
    if (known !== undefined && isSameClaim(known, placed)) {
      const resident = fleet.resident(id)
      if (resident !== undefined) resident.endsAt = placed.endsAt
      return
    }
    if (known !== undefined) this.#scheduler.end(id)
    this.#held.set(id, placed)
    fleet.adopt({ ...placed, id })
    // A lent host is as large as its offers and what runs there: it has grown.
    if (placed.host !== undefined) offers.ended(placed.host)
  }

  #add(id: string, task: Task, agent: Agent | undefined): void {
    const known = this.#waiting.get(id)
    if (known !== undefined && isSameTask(known, task)) return
    this.#take(id)
    try {
      this.#scheduler.queue.add(task)
      this.#waiting.set(id, task)
      if (agent !== undefined) this.#refused.delete(agent.id)
    } catch (cause) {
      if (!(cause instanceof RangeError) || agent === undefined) throw cause
      this.#refused.set(agent.id, { code: 'invalid-spec', message: cause.message, mend: `Correct template ${agent.template}.` })
    }
  }

  #take(id: string): void {
    if (this.#waiting.delete(id)) this.#scheduler.queue.remove(id)
  }

  #taskOf(agent: Agent): Task | undefined {
    const { store } = this.#ports
    if (!mayBePlaced(agent, store)) return undefined
    const { constraints, image } = (this.#hosts.has(BOUNDLESS.id) ? undefined : store.get('template', agent.template)) ?? {}
    return {
      id: workloadOfAgent(agent),
      tier: isSpare(agent) ? 'spare' : 'agent',
      tenant: agent.tenant,
      controller: agent.controller,
      resources: agent.resources,
      constraints: constraints ?? NO_CONSTRAINTS,
      ...(image === undefined ? {} : { near: [imageKey(image)] }),
      // By the controller's clock, which may be ahead of ours: it waits no later than from when we know of it.
      readyAt: Math.min(agent.queuedAt, agent.phaseSince),
      ...this.#preemptible(agent, undefined),
    }
  }

  #detailed(work: HeldWork, agent: Agent | undefined, now: Timestamp): RunningWork {
    const { store, engine } = this.#ports
    if (agent !== undefined) {
      const endsAt = this.#durations.endOf(agent, now)
      return { ...work, ...this.#preemptible(agent, now), ...(endsAt === undefined ? {} : { endsAt }) }
    }
    const endpoint = engine.offers && work.tier === 'controller' ? store.get('controller', work.controller)?.endpoint : undefined
    return endpoint === undefined ? work : { ...work, heldPorts: [endpoint.httpPort, endpoint.agentPort ?? []].flat() }
  }

  /** What is lost where it is stopped for others: nothing without a build, else the build's minutes so far. */
  #preemptible({ tenant, phase, busyAt }: Agent, now: Timestamp | undefined): Pick<RunningWork, 'preemptible'> {
    if (this.#ports.store.get('tenant', tenant)?.policy?.preemptible !== true) return {}
    const isLosingBuild = phase === 'busy' && now !== undefined
    return { preemptible: { cost: isLosingBuild ? 1 + Math.floor((now - (busyAt ?? now)) / MINUTE) : 0 } }
  }

  /** What runs tells whose turns were the last: the tie between equal shares is theirs who have waited longest. */
  #rememberTurns(): void {
    const inOrder = [...this.#held.values()].filter(({ since }) => since !== undefined)
    inOrder.sort((a, b) => (a.since ?? 0) - (b.since ?? 0) || (a.controller < b.controller ? -1 : 1))
    for (const { tier, tenant, controller } of inOrder) this.#scheduler.queue.noteServed(tier, tenant, controller)
  }
}

/** Whether an agent may be given a place: it waits, and its controller starts builds. */
export const mayBePlaced = (agent: Agent, rows: Pick<Reader, 'get'>): boolean =>
  agent.phase === 'queued' && takesAgents(rows.get('controller', agent.controller)) && fleetState(rows) === 'up'

const takesAgents = (controller: Controller | undefined): boolean =>
  controller?.phase === 'ready' && controller.wanted === 'running' && controller.restartsWanted <= controller.restartsDone

/** A silent host may be back at any moment with all that it has. */
const LEAVING: ReadonlySet<Host['state']> = new Set<Host['state']>(['cordoned', 'draining', 'drained'])
const NO_SPARES: ReadonlyMap<WorkloadId, Omit<Reason, 'since'>> = new Map()
/**
 * Full hosts fill up first, and of hosts that are used about alike one that has the image is taken: a pull takes longer than all the rest of a start.
 * A tenth, so that no image keeps work on a host that would otherwise be empty and could be given back.
 */
const FITNESS: Fitness = {
  kind: 'weighted',
  parts: [
    { fitness: binPacking(), weight: 0.9 },
    { fitness: { kind: 'locality' }, weight: 0.1 },
  ],
}

const NO_CONSTRAINTS: Readonly<Record<string, string>> = {}

/** More than any engine has, in the proportions of usual machines, so that shares can still be compared. */
const BOUNDLESS: FleetHost = {
  id: hostId('engine'),
  role: 'any',
  state: 'ready',
  attributes: {},
  capacity: { cpu: 1e6, memoryMb: 4e9, diskMb: 1e11 },
}

/** What matters to a place: when a host was seen last does not, and would make everybody look again. */
const asFleetHost = ({ id, role, capacity, attributes, state, reservedFor, images }: Host): FleetHost => ({
  id,
  role,
  capacity,
  attributes,
  state,
  ...(reservedFor === undefined ? {} : { reservedFor }),
  ...(images === undefined ? {} : { holds: images }),
})

/** A row that was right once may not be any more (hosts went away); a wrong one must not stop everybody. */
const soundShare = (tenant: Tenant): TenantShare => {
  const share = shareOf(tenant)
  const whole = { ...share, weight: share.weight > 0 ? share.weight : Number.MIN_VALUE }
  if (shareProblems(whole).length === 0) return whole
  const { guarantee: _wrong, ...plain } = whole
  return plain
}

const isSameClaim = (a: RunningWork, b: RunningWork): boolean =>
  a.host === b.host &&
  a.tenant === b.tenant &&
  a.controller === b.controller &&
  a.tier === b.tier &&
  a.preemptible?.cost === b.preemptible?.cost &&
  isSameAmount(a, b)

const isSameTask = (a: Task, b: Task): boolean =>
  a.tier === b.tier &&
  a.tenant === b.tenant &&
  a.readyAt === b.readyAt &&
  a.ports === b.ports &&
  a.preemptible?.cost === b.preemptible?.cost &&
  a.near?.[0] === b.near?.[0] &&
  (a.constraints === b.constraints || JSON.stringify(a.constraints) === JSON.stringify(b.constraints)) &&
  isSameAmount(a, b)

const isSameAmount = ({ resources: a }: RunningWork | Task, { resources: b }: RunningWork | Task): boolean =>
  a === b || (a.cpu === b.cpu && a.memoryMb === b.memoryMb && a.diskMb === b.diskMb)
