import { fleetState, type PlaceController } from '../controllers/index.ts'
import {
  type Agent,
  type AgentId,
  type Controller,
  type ControllerId,
  type Reason,
  SECOND,
  shareOfHost,
  type Timestamp,
} from '../model/index.ts'
import { ReconcileLoop } from '../runtime/index.ts'
import { type LeftOver, type RunningWork, schedule, type Task } from '../scheduler/index.ts'
import type { Reader, Transaction } from '../store/index.ts'
import { runningWork } from './capacity.ts'
import type { AgentsPorts } from './ports.ts'

/** A place that a controller was given is kept for it this long, until its row shows it. */
const PROMISE_MS = 10 * SECOND
/** A controller that found no place asks again within seconds; freed room is kept for it meanwhile. */
const ASKED_MS = 15 * SECOND
const RESYNC_MS = 5 * SECOND

type Promised = RunningWork & { readonly until: Timestamp; readonly epoch: number }

/**
 * The one place where capacity is given away: all queued agents of all controllers in one pass, and controllers as they ask. A pass runs
 * inside a transaction, so it sees the newest rows and no two can give the same room away.
 */
export class Placement {
  readonly #ports: AgentsPorts
  readonly #onNoPlace: (controllers: ReadonlySet<ControllerId>) => void
  readonly #loop: ReconcileLoop
  readonly #promised = new Map<ControllerId, Promised>()
  readonly #asked = new Map<ControllerId, Timestamp>()
  #noPlace: ReadonlyMap<AgentId, Omit<Reason, 'since'>> = new Map()

  /** `onNoPlace` hears of the controllers whose agents were told something new about why they wait. */
  constructor(ports: AgentsPorts, onNoPlace: (controllers: ReadonlySet<ControllerId>) => void) {
    this.#ports = ports
    this.#onNoPlace = onNoPlace
    this.#loop = new ReconcileLoop({
      name: 'placement',
      clock: ports.clock,
      random: ports.random,
      concurrency: 1,
      resyncMs: RESYNC_MS,
      keys: () => ['all'],
      reconcile: async () => {
        await this.#pass()
        return undefined
      },
      onError: (_key, cause) => ports.onError('placement', cause),
    })
  }

  /** Why agents that wait for a place have none, as the last pass said. */
  get noPlace(): ReadonlyMap<AgentId, Omit<Reason, 'since'>> {
    return this.#noPlace
  }

  start(): void {
    this.#loop.start()
  }

  stop(): Promise<void> {
    return this.#loop.stop()
  }

  /** Something is queued, or room may have come free. */
  wake(): void {
    this.#loop.wake('all')
  }

  /** A place for a controller, kept for it until its row shows that it took it. */
  readonly placeController: PlaceController = controller => {
    const { store, clock, engine } = this.#ports
    if (engine.placement === 'engine') return { host: undefined }
    this.#asked.delete(controller.id)
    this.#promised.delete(controller.id)
    const { placements, leftOver } = this.#schedule(store, [...this.#waitingControllers(store), taskOf(controller)])
    const host = placements.find(({ task }) => task === taskId(controller.id))?.host
    if (host === undefined) {
      this.#asked.set(controller.id, clock.now() + ASKED_MS)
      return { reason: leftOver.find(({ task }) => task === taskId(controller.id))?.reason ?? NO_HOST }
    }
    const { tenant, id, spec, epoch } = controller
    const until = clock.now() + PROMISE_MS
    this.#promised.set(id, { tier: 'controller', tenant, controller: id, host, resources: shareOfHost(spec), until, epoch })
    return { host }
  }

  async #pass(): Promise<void> {
    const { store } = this.#ports
    const mayPlace = (agent: Agent, reader: Pick<Reader, 'get'>): boolean =>
      agent.phase === 'queued' && takesAgents(reader.get('controller', agent.controller)) && fleetState(reader) === 'up'
    if (!store.by('agentsByLife', 'live').some(agent => mayPlace(agent, store))) return
    const before = this.#noPlace
    const { waiting, leftOver } = await store.transact(tx => {
      const queued = tx.by('agentsByLife', 'live').filter(agent => mayPlace(agent, tx))
      return { waiting: queued, leftOver: this.#placeAll(tx, queued) }
    })
    const reasons = new Map(leftOver.map(({ task, reason }) => [task, reason]))
    const told = new Map<AgentId, Omit<Reason, 'since'>>()
    const changed = new Set<ControllerId>()
    for (const agent of waiting) {
      const reason = reasons.get(agent.id)
      if (reason === undefined) continue
      told.set(agent.id, reason)
      if (before.get(agent.id)?.message !== reason.message) changed.add(agent.controller)
    }
    this.#noPlace = told
    if (changed.size > 0) this.#onNoPlace(changed)
  }

  #placeAll(tx: Transaction, queued: readonly Agent[]): readonly LeftOver[] {
    const { engine } = this.#ports
    const agents = new Map(queued.map(agent => [agent.id as string, agent]))
    const constraints = new Map(tx.list('template').map(template => [template.id, template.constraints]))
    const tasks = queued.map(
      (agent): Task => ({ ...agent, tier: 'agent', constraints: constraints.get(agent.template) ?? {}, readyAt: agent.queuedAt }),
    )
    const { placements, leftOver } = this.#schedule(tx, [...this.#waitingControllers(tx), ...tasks])
    for (const { task, host } of placements) {
      const agent = agents.get(task)
      if (agent === undefined) continue
      const { reason: _waited, ...calm } = agent
      const where = engine.placement === 'manor' ? { host } : {}
      tx.put('agent', { ...calm, ...where, phase: 'placed', phaseSince: tx.now, placedAt: tx.now })
      note(tx, agent, 'phase-changed', `Agent ${agent.id} has a place${engine.placement === 'manor' ? ` on ${host}` : ''}.`, {
        phase: 'placed',
      })
    }
    for (const { task, reason } of leftOver) {
      const agent = agents.get(task)
      // What is free changes all the time; the row keeps the first reason of a kind, the queue item shows the newest.
      if (agent === undefined || kindOf(agent.reason) === kindOf(reason)) continue
      tx.put('agent', { ...agent, reason: { ...reason, since: tx.now } })
      note(tx, agent, 'reason-changed', `Agent ${agent.id} waits. ${reason.message}`, { code: reason.code })
    }
    return leftOver
  }

  #schedule(reader: Pick<Reader, 'get' | 'by' | 'list'>, tasks: readonly Task[]) {
    const running = [...runningWork(reader, this.#ports.observer.all()), ...this.#stillPromised(reader)]
    return schedule({ tasks, running, hosts: reader.list('host'), tenants: reader.list('tenant') })
  }

  #stillPromised(reader: Pick<Reader, 'get'>): Promised[] {
    const now = this.#ports.clock.now()
    for (const [id, { until, epoch }] of this.#promised)
      if (until <= now || reader.get('controller', id)?.epoch !== epoch) this.#promised.delete(id)
    return [...this.#promised.values()]
  }

  /** Controllers that found no place a moment ago: room that comes free is kept for them, whatever agents wait (tiers, design section 7). */
  #waitingControllers(reader: Pick<Reader, 'get'>): Task[] {
    const now = this.#ports.clock.now()
    const tasks: Task[] = []
    for (const [id, until] of this.#asked) {
      const controller = reader.get('controller', id)
      if (until > now && controller?.wanted === 'running' && (controller.phase === 'pending' || controller.phase === 'failed'))
        tasks.push(taskOf(controller))
      else this.#asked.delete(id)
    }
    return tasks
  }
}

/** Room that others took a moment ago and room that is not there are the same wait. */
const kindOf = (reason: Omit<Reason, 'since'> | undefined): Reason['code'] | undefined =>
  reason?.code === 'waiting-turn' ? 'no-capacity' : reason?.code

const NO_HOST: Omit<Reason, 'since'> = { code: 'no-capacity', message: 'There is no host yet.' }

const takesAgents = (controller: Controller | undefined): boolean =>
  controller?.phase === 'ready' && controller.wanted === 'running' && controller.restartsWanted <= controller.restartsDone

/** Apart from agents' ids, which hold no slash. */
const taskId = (id: ControllerId): string => `controller/${id}`
const taskOf = ({ id, tenant, spec, phaseSince }: Controller): Task => ({
  id: taskId(id),
  tier: 'controller',
  tenant,
  controller: id,
  resources: shareOfHost(spec),
  constraints: {},
  readyAt: phaseSince,
})

/** Writes down what became of an agent. */
export const note = (tx: Transaction, agent: Agent, type: string, message: string, data: Readonly<Record<string, string | number>>): void =>
  tx.event({
    kind: 'agent',
    subject: agent.id,
    tenant: agent.tenant,
    type,
    actor: 'manor',
    message,
    data: { ...data, controller: agent.controller },
  })
