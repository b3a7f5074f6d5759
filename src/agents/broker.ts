import { fleetState, isFleetSetting, type PlaceController } from '../controllers/index.ts'
import {
  type Agent,
  type AgentId,
  agentId,
  type Controller,
  type ControllerId,
  controllerId,
  hostId,
  type ItemId,
  MINUTE,
  type Observation,
  type Presence,
  SECOND,
  type TemplateId,
  type Timestamp,
  templateId,
} from '../model/index.ts'
import { ReconcileLoop } from '../runtime/index.ts'
import { type FeedEntry, StoreError } from '../store/index.ts'
import { accessDenied } from './access.ts'
import { commit, isIdle } from './commit.ts'
import { type BrokerView, type Decision, decide, isFresh, NOTHING_TO_DECIDE } from './decide.ts'
import { type Explanation, explainAgent, explainItem } from './explain.ts'
import { Hands } from './hands.ts'
import type { HookService } from './hook-service.ts'
import { Hooks } from './hooks.ts'
import { workloadOfAgent } from './launch.ts'
import type { LifeView, Marks } from './life.ts'
import { Placement } from './placement.ts'
import type { AgentsPorts } from './ports.ts'
import { areSparesWanted } from './spares.ts'
import { Sweeper } from './sweeper.ts'
import { templatesFor } from './templates.ts'
import { WantedBook } from './wanted.ts'

/** Controllers that are looked at at the same time; a look is mostly computing, so more would only hold more memory. */
const CONCURRENCY = 16
/** Also the coarsest step of any grace that no event brings forward. */
const RESYNC_MS = 10 * SECOND
/** A controller of which its hook goes on to say the same is looked at this often all the same. */
const CALM_MOST_MS = MINUTE

/**
 * From what controllers' queues want to agents that run, one for one item. One loop over controllers decides and writes the agents' rows; `Placement`
 * gives places in one pass over all of them; `Hands` asks the engine; `Sweeper` takes away what is left; `Hooks` talks with the controllers.
 * What is kept beside the rows (since when a grace runs, what was submitted) only ever delays: a Manor that was killed begins with none of it.
 */
export class AgentsBroker {
  readonly hook: HookService
  /** The place for a controller, from the same capacity that agents get theirs from. */
  readonly placeController: PlaceController
  readonly #ports: AgentsPorts
  readonly #book: WantedBook
  readonly #hooks: Hooks
  readonly #placement: Placement
  readonly #hands: Hands
  readonly #sweeper: Sweeper
  readonly #loop: ReconcileLoop
  readonly #marks = new Map<AgentId, Marks>()
  /** Agents whose workloads were not seen, each with the list that was the newest when that was first so. */
  readonly #missing = new Map<AgentId, number>()
  /** Agents whose workloads were on silent hosts when they were seen last. */
  readonly #silent = new Set<AgentId>()
  /** Controllers whose last look found nothing to decide: when that was, by the monotonic clock, and what their hook had told of its nodes. */
  readonly #calm = new Map<ControllerId, { readonly lookedAt: number; readonly nodes: Presence['nodes'] }>()
  readonly #templateChangedAt = new Map<TemplateId, Timestamp>()
  #unsubscribe: (() => void) | undefined

  /** `onPlaced` hears of each controller that was given the place it had asked for. */
  constructor(ports: AgentsPorts, onPlaced: (controller: ControllerId) => void = () => undefined) {
    this.#ports = ports
    const { store, clock, random } = ports
    this.#book = new WantedBook(store, clock, ports.directories)
    this.#hooks = new Hooks(store, clock, this.#book)
    this.#placement = new Placement(
      ports,
      controllers => {
        for (const id of controllers) this.#loop.wake(id)
      },
      onPlaced,
    )
    this.#hands = new Hands(ports, controller => this.#loop.wake(controller))
    this.#sweeper = new Sweeper(ports)
    this.#loop = new ReconcileLoop({
      name: 'broker',
      clock,
      random,
      concurrency: CONCURRENCY,
      resyncMs: RESYNC_MS,
      keys: () => this.#keys(),
      isSettled: key => this.#isCalm(controllerId(key)),
      reconcile: key => this.#reconcile(controllerId(key)),
      onError: (key, cause) => ports.onError(key, cause),
    })
    this.hook = this.#hooks
    this.placeController = this.#placement.placeController
  }

  start(): void {
    this.#unsubscribe = this.#ports.store.feed.subscribe(entries => this.#follow(entries))
    for (const loop of [this.#loop, this.#placement, this.#hands, this.#sweeper]) loop.start()
  }

  /** Ends the loops. Agents and what the engine was asked go on. */
  async stop(): Promise<void> {
    this.#unsubscribe?.()
    this.#hooks.stop()
    await Promise.all([this.#loop.stop(), this.#placement.stop(), this.#hands.stop(), this.#sweeper.stop()])
  }

  /** Something was seen of a workload. */
  observed(observation: Observation): void {
    const { labels } = observation
    this.#placement.observed(observation)
    if (labels.kind !== 'agent') return
    const agent = this.#ports.store.get('agent', labels.noun)
    if (agent === undefined || agent.phase === 'ended') this.#sweeper.note(observation.id)
    else if (this.#isNews(agent, observation)) this.#loop.wake(agent.controller)
  }

  /** Whether something may be decided by what was seen. How far a start or a stop is, of a workload that was there before, decides nothing. */
  #isNews({ id, phase }: Agent, observation: Observation): boolean {
    const { state } = observation
    const wasSilent = this.#silent.delete(id)
    if (state === 'unknown') this.#silent.add(id)
    const isOnItsWay = state !== 'unknown' && state !== 'ended' && phase !== 'queued' && phase !== 'placed'
    return wasSilent || !isOnItsWay || this.#missing.has(id) || this.#ports.observer.get(observation.id) === undefined
  }

  explainAgent(id: AgentId): Promise<Explanation | undefined> {
    return explainAgent(this.#ports.store, id, this.#placement.explain(id))
  }

  explainItem(controller: ControllerId, item: ItemId): Promise<Explanation | undefined> {
    return explainItem(this.#ports.store, controller, item, agent => this.#placement.explain(agent))
  }

  /** Keys are woken once all is noted: a report is two changes of one controller, and a decision writes many of its agents. */
  #follow(entries: readonly FeedEntry[]): void {
    const woken = new Set<string>()
    let isAll = false
    for (const entry of entries) {
      if (!('change' in entry)) continue
      const { kind, id } = entry.change
      switch (kind) {
        case 'presence':
          if (!this.#isCalm(controllerId(id))) woken.add(id)
          break
        case 'controller':
          this.#controllerChanged(controllerId(id))
          woken.add(id)
          break
        case 'agent': {
          const controller = this.#agentChanged(agentId(id))
          if (controller !== undefined) woken.add(controller)
          break
        }
        case 'template':
          this.#templateChangedAt.set(templateId(id), this.#ports.clock.now())
          this.#placement.rulesChanged()
          isAll = true
          break
        case 'tenant':
          this.#placement.rulesChanged()
          // What its policy does not allow any more waits, and what it allows now goes on.
          isAll = true
          break
        case 'host':
          this.#placement.hostChanged(hostId(id))
          break
        case 'host-wanted':
          this.#placement.hostWantedChanged()
          break
        case 'setting':
          if (isFleetSetting(id)) {
            this.#placement.rulesChanged()
            isAll = true
          }
          break
        // A report has its presence in any case; what else is put there are reasons, by a look. With items its controller is not calm any more.
        case 'demand':
          if (this.#calm.delete(controllerId(id))) woken.add(id)
          break
        case 'token':
        case 'secret':
        case 'engine-record':
        case 'usage':
          break
      }
    }
    if (isAll) for (const key of this.#keys()) woken.add(key)
    for (const key of woken) this.#loop.wake(key)
  }

  /** Each controller, and whoever's agents live still. */
  #keys(): ReadonlySet<string> {
    const { store } = this.#ports
    return new Set([...store.list('controller').map(({ id }) => id), ...store.by('agentsByLife', 'live').map(agent => agent.controller)])
  }

  #controllerChanged(id: ControllerId): void {
    if (this.#ports.store.get('controller', id) === undefined) this.#book.forget(id)
    this.#hooks.wake(id)
    this.#placement.controllerChanged(id)
  }

  /** Notes a change of an agent; gives the controller that is to be looked at for it. */
  #agentChanged(id: AgentId): ControllerId | undefined {
    const agent = this.#ports.store.get('agent', id)
    this.#placement.agentChanged(id)
    if (agent === undefined) return undefined
    this.#hooks.wake(agent.controller)
    if (agent.phase === 'queued') this.#hands.displaced.delete(id)
    if (agent.phase === 'ended') {
      this.#hands.forget(id)
      this.#marks.delete(id)
      this.#missing.delete(id)
      this.#silent.delete(id)
      this.#sweeper.note(workloadOfAgent(agent))
    }
    // Whoever queued it knew the rest; what becomes of it next is the pass's, which tells of a place or of none.
    return agent.phase === 'queued' ? undefined : agent.controller
  }

  /**
   * Whether a look would find what the last one found, that there is nothing to decide: its hook goes on to say the same of its nodes, as most
   * reports of a fleet that builds do. Whatever else changes is looked at.
   */
  #isCalm(id: ControllerId): boolean {
    const { store, clock } = this.#ports
    const calm = this.#calm.get(id)
    if (calm === undefined || clock.monotonic() - calm.lookedAt >= CALM_MOST_MS) return false
    const presence = store.get('presence', id)
    return presence !== undefined && presence.nodes === calm.nodes && isFresh(presence, clock.now())
  }

  async #reconcile(id: ControllerId): Promise<number | undefined> {
    const { store } = this.#ports
    const live = store.by('liveAgentsOfController', id)
    const wasCalm = this.#calm.delete(id)
    if (live.length === 0 && this.#isAtRest(id)) return undefined
    const view = this.#look(id, live)
    const decision = decide(view)
    if (decision === NOTHING_TO_DECIDE && view.presence !== undefined)
      this.#calm.set(id, { lookedAt: this.#ports.clock.monotonic(), nodes: view.presence.nodes })
    // Neither graces run nor is anything asked of the engine, as of last time.
    if (wasCalm && decision === NOTHING_TO_DECIDE) return undefined
    try {
      await this.#commit(view, decision)
    } catch (cause) {
      // A row moved on between the look and the commit: nothing was done, so look again.
      if (cause instanceof StoreError && (cause.code === 'conflict' || cause.code === 'missing')) return 0
      throw cause
    }
    for (const { id } of view.live) this.#remember(id, decision)
    return decision.againMs
  }

  /** Of one without agents: neither items nor warm spares to keep, so nothing is to be decided. Most controllers are so most of the time. */
  #isAtRest(id: ControllerId): boolean {
    const { store } = this.#ports
    const controller = areSparesWanted(store.list('template')) ? store.get('controller', id) : undefined
    if (controller !== undefined && areSparesWanted(templatesFor(store, controller))) return false
    if ((store.get('demand', id)?.items.length ?? 0) > 0) return false
    this.#book.current(id)
    return true
  }

  /**
   * What is seen of the workloads of live agents. Absence is only believed from a list that began after the question. It is asked for here and
   * heard later: of a large fleet lists come seconds apart, and a look that waited for one would keep others waiting.
   */
  #workloads(id: ControllerId, live: readonly Agent[]): ReadonlyMap<Agent, LifeView['workload']> {
    const { observer } = this.#ports
    const seen = new Map<Agent, LifeView['workload']>()
    let isNew = false
    for (const agent of live) {
      // A launched agent's row names it: a name that is put together costs more than the look-up.
      const observation = observer.get(agent.workload ?? workloadOfAgent(agent))
      if (observation !== undefined || !this.#mustBeThere(agent)) {
        if (this.#missing.size > 0) this.#missing.delete(agent.id)
        seen.set(agent, observation ?? 'unsure')
        continue
      }
      const askedAt = this.#missing.get(agent.id)
      if (askedAt === undefined) {
        this.#missing.set(agent.id, observer.begun)
        isNew = true
      }
      seen.set(agent, askedAt !== undefined && observer.taken > askedAt ? 'absent' : 'unsure')
    }
    if (isNew)
      observer.current().then(
        () => this.#loop.wake(id),
        cause => this.#ports.onError(id, cause),
      )
    return seen
  }

  /** Whether a list would show its workload: it was submitted, and no submit is on its way. */
  #mustBeThere({ id, phase }: Agent): boolean {
    if (phase === 'queued' || phase === 'placed' || phase === 'ended') return false
    return !this.#hands.isSubmitting(id) && (phase !== 'launching' || this.#hands.isSubmitted(id))
  }

  #look(id: ControllerId, live: readonly Agent[]): BrokerView {
    const { store, clock, engine } = this.#ports
    const workloads = this.#workloads(id, live)
    const controller = this.#controller(id)
    const tenant = controller && store.get('tenant', controller.tenant)
    const presence = store.get('presence', id)
    const applied = presence?.appliedRevision ?? 0
    // What is wanted now, so that what the hook has carried out can be compared with it.
    this.#book.current(id)
    return {
      controller,
      demand: store.get('demand', id),
      presence,
      agents: store.by('agentsOfController', id),
      live,
      templates: controller === undefined ? [] : templatesFor(store, controller),
      denied: template => accessDenied(template, tenant, engine),
      changedAt: this.#templateChangedAt,
      workloadOf: agent => workloads.get(agent) ?? 'unsure',
      included: agent => this.#book.hasIncluded(agent, applied),
      leftOut: agent => this.#book.hasLeftOut(agent, applied),
      refused: this.#hands.refused,
      displaced: this.#hands.displaced,
      trouble: this.#hands.trouble,
      noPlace: this.#placement.noPlace,
      marks: this.#marks,
      now: clock.now(),
    }
  }

  /** As it is to be treated while the fleet is up or down. */
  #controller(id: ControllerId): Controller | undefined {
    const { store } = this.#ports
    const controller = store.get('controller', id)
    return controller?.wanted === 'running' && fleetState(store) !== 'up' ? { ...controller, wanted: 'stopped' } : controller
  }

  async #commit(view: BrokerView, decision: Decision): Promise<void> {
    const { store, random } = this.#ports
    if (isIdle(view, decision)) return
    await store.transact(tx => commit(tx, view, decision, random))
  }

  #remember(id: AgentId, { marks, asks }: Decision): void {
    const mark = marks.get(id)
    if (mark === undefined) this.#marks.delete(id)
    else this.#marks.set(id, mark)
    this.#hands.ask(id, asks.get(id))
  }
}
