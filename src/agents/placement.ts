import type { PlaceController } from '../controllers/index.ts'
import type { OfferUse } from '../engines/engine.ts'
import {
  type Agent,
  type AgentId,
  type ControllerId,
  controllerId,
  type HostId,
  type HostOffer,
  type HostWanted,
  type Observation,
  purposeOf,
  type Reason,
  SECOND,
  workloadId,
} from '../model/index.ts'
import { ReconcileLoop } from '../runtime/index.ts'
import { DRAIN_RULES, type PassResult, type Placed, PREEMPTION_RULES, type Stop } from '../scheduler/index.ts'
import type { Transaction } from '../store/index.ts'
import { agentDenied } from './access.ts'
import { agentOfWorkload } from './capacity.ts'
import { ControllerPlaces, controllerOfKey, placeKey } from './controller-places.ts'
import { Durations } from './durations.ts'
import { workloadOfAgent } from './launch.ts'
import { note } from './note.ts'
import { OfferDesk } from './offer-desk.ts'
import type { AgentsPorts } from './ports.ts'
import { endSpare, isOnItsWayOut, preempt } from './preemption.ts'
import { mayBePlaced, Standing } from './standing.ts'
import { whyWaiting } from './waiting-words.ts'

type Why = Omit<Reason, 'since'>

/** A pass fails where the store refuses, and all of the fleet waits for the next. */
const PASS_BACKOFF = { firstMs: 200, factor: 2, mostMs: 5 * SECOND }
const RESYNC_MS = 5 * SECOND
/** Most places given in one transaction: it holds the database while it is written. The rest is the next pass's, at once. */
const PLACEMENTS_PER_PASS = 500
/** Builds wait for minutes where teams have more than fits, and turns see to them; only what turns pass over is starved. */
const LONG_WAITERS = { ...DRAIN_RULES, onlyOvertaken: true }
/** What is free changes with every pass; people are told anew this often, so that a queue of thousands is not explained at each. */
const TELL_EVERY_MS = 2 * SECOND
/** What was stopped for a task and has not gone by then is reckoned with no longer. */
const STOP_LIMIT_MS = 120 * SECOND

/** What one pass did inside its transaction, to be followed up once that is committed. */
type Outcome = {
  readonly result: PassResult
  readonly placed: readonly string[]
  readonly used: ReadonlyMap<Placed['host'], readonly string[]>
  readonly uses: readonly OfferUse[]
  /** False where what the scheduler reckons with is not what is. */
  readonly holds: boolean
}

/**
 * The one place where capacity is given away: all queued agents of all controllers and the controllers that ask, in one pass over one
 * scheduler that is kept. A pass runs inside a transaction, so no two can give the same room away, and what it read is checked against the
 * newest rows before it is written.
 */
export class Placement {
  readonly #ports: AgentsPorts
  readonly #onNoPlace: (controllers: ReadonlySet<ControllerId>) => void
  readonly #onPlaced: (controller: ControllerId) => void
  readonly #loop: ReconcileLoop
  readonly #durations = new Durations()
  readonly #places: ControllerPlaces
  readonly #standing: Standing
  readonly #desk: OfferDesk | undefined
  /** A pass that was asked for and has not begun: all who ask meanwhile share it. */
  #next: Promise<void> | undefined
  #noPlace: ReadonlyMap<AgentId, Why> = new Map()
  #toldAt = Number.NEGATIVE_INFINITY
  #stops: { readonly stop: Stop; readonly at: number }[] = []

  /** `onNoPlace` hears of the controllers whose agents were told something new about why they wait. */
  constructor(
    ports: AgentsPorts,
    onNoPlace: (controllers: ReadonlySet<ControllerId>) => void,
    onPlaced: (controller: ControllerId) => void,
  ) {
    const { engine, distribution } = ports
    this.#ports = ports
    this.#onNoPlace = onNoPlace
    this.#onPlaced = onPlaced
    this.#places = new ControllerPlaces(({ spec }) =>
      engine.offers === undefined ? 0 : distribution(spec.distribution).capabilities.agents === 'tcp' ? 2 : 1,
    )
    this.#standing = new Standing(ports, this.#places, this.#durations)
    this.#desk =
      engine.offers &&
      new OfferDesk(
        engine.offers,
        () => this.#standing.scheduler,
        () => this.wake(),
        offer => asOffered(offer, ports.store.get('host-wanted', offer.id)),
      )
    this.#loop = new ReconcileLoop({
      name: 'placement',
      clock: ports.clock,
      random: ports.random,
      concurrency: 1,
      resyncMs: RESYNC_MS,
      keys: () => ['all'],
      reconcile: () => this.#look(),
      backoff: PASS_BACKOFF,
      onError: (_key, cause) => ports.onError('placement', cause),
    })
  }

  /** Why agents that wait for a place have none, as the last pass said. */
  get noPlace(): ReadonlyMap<AgentId, Why> {
    return this.#noPlace
  }

  start(): void {
    for (const agent of this.#ports.store.by('agentsByLife', 'ended')) this.#durations.learn(agent)
    this.#standing.noteAll()
    this.#desk?.start()
    this.#loop.start()
  }

  stop(): Promise<void> {
    this.#desk?.stop()
    return this.#loop.stop()
  }

  /** Something is queued, or room may have come free. */
  wake(): void {
    this.#loop.wake('all')
  }

  agentChanged(id: AgentId): void {
    const agent = this.#ports.store.get('agent', id)
    this.#standing.noteAgent(id)
    if (agent?.phase === 'ended') this.#durations.learn(agent)
    if (agent === undefined || agent.phase === 'queued' || agent.phase === 'ended') this.wake()
  }

  controllerChanged(id: ControllerId): void {
    this.#standing.noteController(id)
    this.wake()
  }

  hostChanged(id: HostId): void {
    if (this.#standing.noteHost(id)) this.wake()
  }

  /** What a lent host is for is told with its offers, and those that are held were told before. */
  hostWantedChanged(): void {
    if (this.#desk !== undefined) this.#startOver()
  }

  /** Tenants, templates or the fleet's state. */
  rulesChanged(): void {
    this.#standing.noteAll()
    this.wake()
  }

  observed({ id, state }: Observation): void {
    this.#standing.noteWorkload(id)
    if (state === 'ended') this.wake()
  }

  /** Why an agent waits, worked out now; undefined where it does not wait for a place. */
  explain(id: AgentId): Why | undefined {
    const { store, clock, engine } = this.#ports
    if (store.get('agent', id)?.phase !== 'queued') return undefined
    const now = clock.now()
    const { scheduler, refused } = this.#standing
    return refused.get(id) ?? whyWaiting(scheduler, workloadOfAgent({ id }), now, engine.offers !== undefined)
  }

  /** A place for a controller, kept for it until its row shows that it took it. Its turn comes before any agent's. */
  readonly placeController: PlaceController = async ({ id }) => {
    const { clock, engine, store } = this.#ports
    if ((engine.controllerPlacement ?? engine.placement) === 'engine') return { host: undefined }
    // Offers come after they were asked for: what a pass has given it since it asked last is still kept for it.
    if (this.#places.workOf(id, store, clock.now()) === undefined) {
      this.#places.ask(id, clock.now())
      await this.#pass()
    }
    const given = this.#places.promised(id)
    if (given === undefined) {
      const reason = whyWaiting(this.#standing.scheduler, placeKey(id), clock.now(), engine.offers !== undefined)
      return { reason: reason ?? NOT_YET }
    }
    const { host, ports, epoch } = given
    return { host, ...(ports.length === 0 ? {} : { ports }), ...(epoch === undefined ? {} : { epoch }) }
  }

  /** One look of the loop: a pass where something waits. */
  async #look(): Promise<number | undefined> {
    this.#giveUpStops()
    this.#standing.bring()
    if (this.#standing.scheduler.queue.size > 0 || this.#standing.needlessSpares().size > 0) await this.#pass()
    else this.#tell([])
    this.#desk?.tend(this.#ports.clock.now())
    return undefined
  }

  #pass(): Promise<void> {
    this.#next ??= this.#onePass()
    return this.#next
  }

  async #onePass(): Promise<void> {
    const controllers: ControllerId[] = []
    let outcome: Outcome
    try {
      outcome = await this.#ports.store.transact(tx => {
        this.#next = undefined
        return this.#place(tx, controllers)
      })
    } catch (cause) {
      this.#next = undefined
      for (const id of controllers) this.#places.takeBack(id)
      // Not woken: whatever refused (a full disk) is asked again after the loop's back-off.
      this.#forgetPass()
      throw cause
    }
    this.#follow(outcome)
  }

  /** What the scheduler was told did not come to be. */
  #startOver(): void {
    this.#forgetPass()
    this.wake()
  }

  #forgetPass(): void {
    this.#stops = []
    this.#standing.startOver()
    this.#desk?.restore()
  }

  #place(tx: Transaction, controllers: ControllerId[]): Outcome {
    this.#standing.bring()
    const { scheduler } = this.#standing
    const tasks = new Map<string, ReturnType<typeof scheduler.queue.get>>()
    const now = this.#ports.clock.now()
    const result = scheduler.pass({
      now,
      drain: LONG_WAITERS,
      placements: PLACEMENTS_PER_PASS,
      ...(this.#standing.mayPreempt ? { preemption: PREEMPTION_RULES } : {}),
    })
    for (const { forTask } of result.stops) tasks.set(forTask, scheduler.queue.get(forTask))
    const used = this.#desk?.use(result.placed) ?? NOTHING_USED
    const uses: OfferUse[] = []
    for (const one of result.placed) {
      const workload = this.#writePlace(tx, one, controllers)
      const offers = used.get(one.host)
      if (workload !== undefined && offers !== undefined) uses.push({ workload, host: one.host, offers, ports: one.ports })
    }
    let holds = true
    for (const stop of result.stops) {
      holds = preempt(tx, stop, tasks.get(stop.forTask)) && holds
      this.#stops.push({ stop, at: now })
    }
    for (const [id, reason] of this.#standing.needlessSpares(result.leftOver)) endSpare(tx, id, reason)
    for (const { task, cause } of result.leftOver) this.#writeReason(tx, task, cause.kind === 'quota' || cause.kind === 'group-limit')
    return { result, placed: result.placed.map(({ task }) => task), used, uses, holds }
  }

  /** Writes down a place that was given; gives the workload that will run there, or undefined where it is not wanted any more. */
  #writePlace(tx: Transaction, one: Placed, controllers: ControllerId[]): OfferUse['workload'] | undefined {
    this.#standing.begin(one.task, one.host)
    const name = controllerOfKey(one.task)
    if (name === undefined) return this.#writeAgentPlace(tx, one)
    const controller = this.#ports.store.get('controller', name)
    if (controller === undefined) return undefined
    // The run's number is drawn here where offers are assigned under it; else by whoever writes the run's intent.
    const epoch = this.#desk === undefined ? undefined : tx.nextEpoch()
    this.#places.promise(controller, { host: one.host, ports: one.ports, epoch }, this.#ports.clock.now())
    controllers.push(controller.id)
    return epoch === undefined ? undefined : workloadId(`${controller.id}.${epoch}`)
  }

  #writeAgentPlace(tx: Transaction, { task, host }: Placed): OfferUse['workload'] | undefined {
    const agent = agentOfWorkload(tx, workloadId(task))
    const { engine } = this.#ports
    if (agent === undefined || !mayBePlaced(agent, tx) || agentDenied(agent, tx, engine) !== undefined) return undefined
    const isOurs = engine.placement === 'manor'
    const { reason: _waited, ...calm } = agent
    tx.put('agent', { ...calm, ...(isOurs ? { host } : {}), phase: 'placed', phaseSince: tx.now, placedAt: tx.now })
    note(tx, agent, 'phase-changed', `Agent ${agent.id} has a place${isOurs ? ` on ${host}` : ''}.`, { phase: 'placed' })
    return workloadOfAgent(agent)
  }

  /** What is free changes all the time; the row keeps the first reason of a kind, the queue item shows the newest. */
  #writeReason(tx: Transaction, task: string, isQuota: boolean): void {
    const agent = agentOfWorkload(tx, workloadId(task))
    if (agent?.phase !== 'queued' || kindOf(agent.reason) === (isQuota ? 'quota' : 'no-capacity')) return
    const reason = this.explain(agent.id)
    if (reason === undefined || kindOf(agent.reason) === kindOf(reason)) return
    tx.put('agent', { ...agent, reason: { ...reason, since: tx.now } })
    note(tx, agent, 'reason-changed', `Agent ${agent.id} waits. ${reason.message}`, { code: reason.code })
  }

  /** The pass is committed. */
  #follow({ result, placed, used, uses, holds }: Outcome): void {
    this.#standing.settle(placed)
    this.#desk?.assign(used, uses)
    for (const task of placed) {
      const controller = controllerOfKey(task)
      if (controller !== undefined) this.#onPlaced(controllerId(controller))
    }
    this.#desk?.tend(this.#ports.clock.now())
    this.#tell(result.leftOver.map(({ task }) => task))
    if (!holds) this.#startOver()
    if (result.endedBy !== 'done') this.wake()
  }

  /** Room that was to come and does not: one was given a build at the last moment, or does not end. */
  #giveUpStops(): void {
    const { store, clock } = this.#ports
    const now = clock.now()
    const isGone = ({ stop }: Stop): boolean => stop.every(id => this.#standing.scheduler.fleet.resident(id) === undefined)
    this.#stops = this.#stops.filter(({ stop }) => !isGone(stop))
    if (this.#stops.some(({ stop, at }) => now - at > STOP_LIMIT_MS || !isOnItsWayOut(store, stop))) this.#startOver()
  }

  #tell(waiting: readonly string[]): void {
    const { store, clock } = this.#ports
    const now = clock.now()
    const isDue = now - this.#toldAt >= TELL_EVERY_MS
    if (isDue) this.#toldAt = now
    const told = new Map<AgentId, Why>(this.#standing.refused)
    const changed = new Set<ControllerId>()
    const tell = (agent: Agent): void => {
      const before = this.#noPlace.get(agent.id)
      const reason = before !== undefined && !isDue ? before : this.explain(agent.id)
      if (reason === undefined) return
      told.set(agent.id, reason)
      if (before?.message !== reason.message) changed.add(agent.controller)
    }
    for (const id of waiting) {
      const agent = agentOfWorkload(store, workloadId(id))
      if (agent?.phase === 'queued') tell(agent)
    }
    for (const id of this.#standing.refused.keys()) {
      const agent = store.get('agent', id)
      if (agent !== undefined && !this.#noPlace.has(id)) changed.add(agent.controller)
    }
    this.#noPlace = told
    if (changed.size > 0) this.#onNoPlace(changed)
  }
}

/** A part of a host is for what the whole of it is wanted for. */
const asOffered = (offer: HostOffer, wanted: HostWanted | undefined): HostOffer => {
  if (wanted === undefined) return offer
  const { reservedFor: _told, ...rest } = offer
  return { ...rest, ...purposeOf(offer, wanted) }
}

/** Room that others took a moment ago and room that is not there are the same wait. */
const kindOf = (reason: Why | undefined): Reason['code'] | undefined => (reason?.code === 'waiting-turn' ? 'no-capacity' : reason?.code)

const NOT_YET: Why = { code: 'waiting-turn', message: 'It is about to be given a place.' }
const NOTHING_USED: ReadonlyMap<Placed['host'], readonly string[]> = new Map()
