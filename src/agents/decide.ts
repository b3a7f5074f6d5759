import {
  type Agent,
  type AgentId,
  type Controller,
  type Demand,
  type DemandItem,
  type ItemId,
  isSpare,
  type Presence,
  type Reason,
  SECOND,
  SILENT_INTERVALS,
  type Template,
  type TemplateId,
  type Timestamp,
} from '../model/index.ts'
import { type Binding, bind } from './binding.ts'
import { History, mayBeOnTheirWay, type TemplateHealth } from './breaker.ts'
import { decideLife, isOver, type Life, type LifeMove, type LifeView, type Marks, NO_MARKS, type PresenceNode, soonest } from './life.ts'
import { Matcher } from './match.ts'
import { areSparesWanted, missingOf, namedForNothing, type Pool, poolOf } from './spares.ts'

type Why = Omit<Reason, 'since'>

/** Agents of one template and controller that may wait for a place at a time; further items wait without a row, so a flood costs no writes. */
export const MAX_QUEUED = 100
/** How long after its agent was taken an item waits for the controller's next word: the report may have been written before the item left the queue. */
export const TAKEN_SETTLE_MS = 2 * SECOND

/** What is seen of one controller's demand and agents, put together by the broker before it decides. */
export type BrokerView = {
  /** As it is to be treated while the fleet is up or down; undefined once it is gone. */
  readonly controller: Controller | undefined
  readonly demand: Demand | undefined
  readonly presence: Presence | undefined
  /** All rows of its agents, the ended ones that are still kept included. */
  readonly agents: readonly Agent[]
  /** Of these the ones that have not ended. */
  readonly live: readonly Agent[]
  /** In the order in which they are tried. */
  readonly templates: readonly Template[]
  /** Why none of a template may be started for this controller's tenant. */
  readonly denied: (template: Template) => Why | undefined
  /** When a template was changed last, as far as is remembered. */
  readonly changedAt: ReadonlyMap<TemplateId, Timestamp>
  readonly workloadOf: (agent: Agent) => LifeView['workload']
  /** Whether the hook has carried out a `Wanted` that has the agent's node, and one that has it no longer. */
  readonly included: (agent: Agent) => boolean
  readonly leftOut: (agent: Agent) => boolean
  readonly refused: ReadonlyMap<AgentId, Why>
  readonly trouble: ReadonlyMap<AgentId, string>
  /** Agents whose place was taken back before they started. */
  readonly displaced: ReadonlySet<AgentId>
  /** What the scheduler said last of agents that wait for a place. */
  readonly noPlace: ReadonlyMap<AgentId, Why>
  readonly marks: ReadonlyMap<AgentId, Marks>
  readonly now: Timestamp
}

/** All that changes, to be committed as one; then what the engine is asked. */
export type Decision = {
  readonly queue: readonly { readonly item: DemandItem; readonly template: Template; readonly attempt: number }[]
  /** Templates of which a warm spare is started, one for each. */
  readonly spares: readonly Template[]
  readonly rebind: readonly Rebinding[]
  readonly moves: readonly (LifeMove & { readonly agent: Agent })[]
  /** Why each item waits. */
  readonly reasons: ReadonlyMap<ItemId, Why>
  readonly asks: ReadonlyMap<AgentId, 'submit' | 'stop'>
  readonly marks: ReadonlyMap<AgentId, Marks>
  readonly againMs?: number
}
export type Rebinding = {
  readonly agent: Agent
  /** Undefined: it is a warm spare from here on. */
  readonly item: ItemId | undefined
  readonly attempt: number
  readonly task: string
  readonly queuedAt: Timestamp
}

/**
 * Pure: from what one controller wants and what is seen of its agents to all that changes now. Called at every report of every controller: linear in
 * its items and its agents that have not ended.
 */
export const decide = (view: BrokerView): Decision => {
  const state = stateOf(view)
  const asIfNeeded = view.live.map(agent => ({ agent, life: lifeOf(view, state, agent, true) }))
  // What most looks at a controller that builds find: no item waits, no spare is kept, and each of its agents is at its build.
  const nothingWaits = state.reporting && view.demand?.items.length === 0 && !areSparesWanted(view.templates)
  if (nothingWaits && asIfNeeded.every(({ life }) => life === AT_WORK)) return NOTHING_TO_DECIDE
  const settled: Agent[] = []
  for (const { agent, life } of asIfNeeded) if (life.move === undefined || STILL_UNUSED.has(life.move.to)) settled.push(agent)
  const demand = state.reporting ? view.demand : undefined
  const matcher = new Matcher(view.templates)
  const matched = matchAll(demand?.items ?? [], matcher)
  // Without the controller's word nothing is judged to be spare.
  const binding = demand ? bind(matched.items, settled, matcher) : NO_BINDING
  const pool = view.controller && state.accepting ? poolOf(view.templates, view.controller, binding.spare, view.changedAt) : undefined
  const spare = new Set(pool === undefined ? binding.spare : binding.spare.filter(agent => !pool.kept.has(agent)))
  const lives = spare.size === 0 ? asIfNeeded : asIfNeeded.map(one => (spare.has(one.agent) ? unneeded(view, state, one.agent) : one))
  const moves: (LifeMove & { readonly agent: Agent })[] = []
  const asks = new Map<AgentId, 'submit' | 'stop'>()
  const marks = new Map<AgentId, Marks>()
  const times: number[] = []
  for (const { agent, life } of lives) {
    if (life.move) moves.push({ ...life.move, agent })
    else if (life.ask) asks.set(agent.id, life.ask)
    if (life.marks !== NO_MARKS) marks.set(agent.id, life.marks)
    if (life.againMs !== undefined) times.push(life.againMs)
  }
  const prospects = new Prospects(view, moves)
  const { reasons } = matched
  explainBound(view, binding, reasons)
  const admission = admit(view, state, binding, prospects, reasons)
  const spares = pool === undefined ? NO_SPARES : admitSpares(view, pool, moves, waitingStill(binding, admission.queue), matcher, prospects)
  return {
    queue: admission.queue,
    spares: spares.queue,
    rebind: [...rebindAll(view, binding, moves), ...(pool === undefined ? [] : unnamed(pool, moves, view.now))],
    moves,
    reasons,
    asks,
    marks,
    ...soonest([...times, admission.againMs, spares.againMs]),
  }
}

/** Of a controller without items whose agents are all at their builds: as long as its hook says the same, no look will find more. */
export const NOTHING_TO_DECIDE: Decision = {
  queue: [],
  spares: [],
  rebind: [],
  moves: [],
  reasons: new Map(),
  asks: new Map(),
  marks: new Map(),
}

/** Whether its controller says that the agent has a build, and the engine nothing else: there is nothing to be decided about it. */
const isAtWork = (view: BrokerView, state: State, agent: Agent): boolean => {
  if (agent.phase !== 'busy' || !state.reporting) return false
  const node = state.nodes.get(agent.id)
  return (node?.building !== undefined || node?.awaited === true) && !isOver(view.workloadOf(agent))
}
const AT_WORK: Life = { marks: NO_MARKS }

const unneeded = (view: BrokerView, state: State, agent: Agent) => ({ agent, life: lifeOf(view, state, agent, false) })

const STILL_UNUSED: ReadonlySet<Agent['phase']> = new Set<Agent['phase']>(['queued', 'launching', 'online'])
const NO_SPARES: { readonly queue: readonly Template[]; readonly againMs?: number } = { queue: [] }
const NO_BINDING: Binding = { bound: new Map(), unserved: [], spare: [] }

type State = {
  /** The hook's word can be relied on. */
  readonly reporting: boolean
  /** New agents may be started. */
  readonly accepting: boolean
  /** It is not to run again. */
  readonly gone: boolean
  /** What the hook last told of its nodes, by name. */
  readonly nodes: ReadonlyMap<string, PresenceNode>
  /** Its owner wants it stopped, so nothing new is started and what was not started is given up. */
  readonly leaving: boolean
}

/** Whether its hook has reported lately. */
export const isFresh = ({ reportedAt, reportIntervalMs }: Presence, now: Timestamp): boolean =>
  now - reportedAt < SILENT_INTERVALS * reportIntervalMs

const stateOf = ({ controller, demand, presence, now }: BrokerView): State => {
  if (controller === undefined) return { reporting: false, accepting: false, gone: true, leaving: true, nodes: new Map() }
  const { phase, wanted, restartsWanted, restartsDone, epoch } = controller
  const fresh = presence !== undefined && presence.epoch === epoch && demand?.session === presence.session && isFresh(presence, now)
  return {
    reporting: fresh && (phase === 'ready' || phase === 'quieting'),
    accepting: fresh && phase === 'ready' && wanted === 'running' && restartsWanted <= restartsDone,
    gone: wanted !== 'running' && (phase === 'stopped' || phase === 'deleting'),
    leaving: wanted !== 'running',
    nodes: new Map(presence?.nodes.map(node => [node.name, node])),
  }
}

const lifeOf = (view: BrokerView, state: State, agent: Agent, needed: boolean): Life => {
  if (isAtWork(view, state, agent)) return AT_WORK
  if (agent.phase === 'queued' || agent.phase === 'placed')
    return typeof view.workloadOf(agent) === 'string' ? decideUnlaunched(agent, state, needed) : WAS_STARTED
  return decideLife({
    agent,
    workload: view.workloadOf(agent),
    hook: state.reporting
      ? {
          node: state.nodes.get(agent.id),
          included: view.included(agent),
          leftOut: view.leftOut(agent),
          reportedAt: view.presence?.reportedAt ?? 0,
        }
      : undefined,
    controllerGone: state.gone,
    needed,
    refused: view.refused.get(agent.id),
    trouble: view.trouble.get(agent.id),
    placeIsGone: view.displaced.has(agent.id),
    connectTimeoutMs: view.templates.find(({ id }) => id === agent.template)?.connectTimeoutMs ?? DEFAULT_CONNECT_TIMEOUT_MS,
    marks: view.marks.get(agent.id) ?? NO_MARKS,
    now: view.now,
  })
}

/** Of an agent whose template was deleted meanwhile. */
const DEFAULT_CONNECT_TIMEOUT_MS = 120 * SECOND

/**
 * A row says that it waits, and the engine shows its workload: what was written of its start was lost with the power. It goes on as what it is, by
 * its label (design section 3, rule 5).
 */
const WAS_STARTED: Life = { marks: NO_MARKS, move: { to: 'launching', message: 'was started already: its engine shows it' } }

/** Nothing outside was touched for it, so it ends or goes on in one step. */
const decideUnlaunched = (agent: Agent, state: State, needed: boolean): Life => {
  if (state.leaving)
    return end('is not started: its controller is being stopped', { code: 'stopped-by-user', message: 'Its controller is being stopped.' })
  if (!needed && isSpare(agent)) return end('is not started: it is not wanted as a warm spare any more', NO_SPARE_WANTED)
  if (!needed) return end('is not started: its item left the queue', { code: 'superseded', message: 'Its item left the queue.' })
  if (agent.phase === 'placed' && state.accepting)
    return { marks: NO_MARKS, move: { to: 'launching', message: `is being started${agent.host === undefined ? '' : ` on ${agent.host}`}` } }
  return { marks: NO_MARKS }
}
const NO_SPARE_WANTED: Why = { code: 'superseded', message: 'No warm spare of its template is wanted now.' }
const end = (message: string, reason: Why): Life => ({ marks: NO_MARKS, move: { to: 'ended', message, reason } })

const matchAll = (items: readonly DemandItem[], matcher: Matcher) => {
  const matched: { item: DemandItem; template: Template }[] = []
  const reasons = new Map<ItemId, Why>()
  for (const item of items) {
    const found = matcher.templateFor(item)
    if ('code' in found) reasons.set(item.id, found)
    else matched.push({ item, template: found })
  }
  return { items: matched, reasons }
}

/**
 * Agents that are for another item now. The agent that took the item's place, if it is known, gets the item that the other was started for, so
 * that each item still has one agent to its name.
 */
const rebindAll = ({ agents, live, demand }: BrokerView, { bound }: Binding, moves: Decision['moves']): Rebinding[] => {
  if (bound.size === 0) return []
  const items = new Map(demand?.items.map(item => [item.id, item]))
  const ending = new Set(moves.filter(({ to }) => to === 'ended').map(({ agent }) => agent))
  const taken = live.filter(agent => agent.phase === 'busy' || moves.some(({ to, agent: moved }) => moved === agent && to === 'busy'))
  const rebound: Rebinding[] = []
  for (const [id, agent] of bound) {
    const item = items.get(id)
    if (agent.item === id || item === undefined || ending.has(agent)) continue
    const taker = taken.find(other => other.item === id)
    if (taker) taken.splice(taken.indexOf(taker), 1)
    rebound.push({
      agent,
      item: id,
      attempt: taker?.attempt ?? nextAttempt(agents, id),
      task: item.task,
      queuedAt: item.since,
    })
    if (taker) rebound.push({ agent: taker, item: agent.item, attempt: agent.attempt, task: agent.task, queuedAt: agent.queuedAt })
  }
  return rebound
}

const nextAttempt = (agents: readonly Agent[], item: ItemId): number =>
  agents.reduce((most, agent) => (agent.item === item ? Math.max(most, agent.attempt) : most), 0) + 1

/** Puts down why items that have an agent still wait. */
const explainBound = ({ noPlace, agents }: BrokerView, { bound }: Binding, reasons: Map<ItemId, Why>): void => {
  for (const [item, agent] of bound) {
    const on = agent.host === undefined ? '' : ` on ${agent.host}`
    if (agent.phase === 'queued') reasons.set(item, withWhatWasBefore(noPlace.get(agent.id) ?? ABOUT_TO_BE_PLACED, agent, agents))
    else if (agent.phase === 'online') reasons.set(item, { code: 'preparing', message: `Agent ${agent.id} is connected${on}.` })
    else reasons.set(item, { code: 'preparing', message: `Agent ${agent.id} is being started${on}.` })
  }
}

/** Whoever asks why an item still waits is to know that it had an agent. */
const withWhatWasBefore = (why: Why, { item, attempt }: Agent, agents: readonly Agent[]): Why => {
  if (attempt === 1) return why
  const before = agents.find(agent => agent.item === item && agent.attempt === attempt - 1)
  return before?.reason?.code === 'preempted' ? { ...why, message: `Its agent before was stopped for others. ${why.message}` } : why
}

/** The rows as they will be once the moves are committed: what an agent's end tells counts at once. */
const afterMoves = (agents: readonly Agent[], moves: Decision['moves'], now: Timestamp): readonly Agent[] => {
  if (moves.length === 0) return agents
  const moved = new Map(moves.map(move => [move.agent, move]))
  return agents.map((agent): Agent => {
    const move = moved.get(agent)
    if (move === undefined) return agent
    const { to, reason } = move
    return {
      ...agent,
      phase: to,
      phaseSince: now,
      ...(reason ? { reason: { ...reason, since: now } } : {}),
      ...(to === 'online' ? { onlineAt: now } : {}),
      ...(to === 'busy' ? { onlineAt: agent.onlineAt ?? now, busyAt: agent.busyAt ?? now } : {}),
      ...(to === 'ended' ? { endedAt: now } : {}),
    }
  })
}

/** What the agents tell of how the next ones will fare, as of after the moves; each part worked out when it is first asked for. */
class Prospects {
  readonly #view: BrokerView
  readonly #moves: Decision['moves']
  #agents: readonly Agent[] | undefined
  #history: History | undefined
  #countOf: ReturnType<typeof countOnTheirWay> | undefined

  constructor(view: BrokerView, moves: Decision['moves']) {
    this.#view = view
    this.#moves = moves
  }

  get agents(): readonly Agent[] {
    this.#agents ??= afterMoves(this.#view.agents, this.#moves, this.#view.now)
    return this.#agents
  }

  get history(): History {
    this.#history ??= new History(this.agents, this.#view.changedAt)
    return this.#history
  }

  get countOf(): ReturnType<typeof countOnTheirWay> {
    this.#countOf ??= countOnTheirWay(this.agents)
    return this.#countOf
  }
}

/** Which items without an agent get one now, and, in `reasons`, why the others do not. */
const admit = (view: BrokerView, state: State, { unserved }: Binding, prospects: Prospects, reasons: Map<ItemId, Why>) => {
  const queue: { item: DemandItem; template: Template; attempt: number }[] = []
  const times: number[] = []
  if (unserved.length === 0) return { queue }
  const { now } = view
  const byItem = Map.groupBy(prospects.agents, ({ item }) => item)
  const unreported = countUnreported(view)
  const wait = (item: DemandItem, reason: Why, untilMs?: number): void => {
    reasons.set(item.id, reason)
    if (untilMs !== undefined) times.push(untilMs)
  }
  for (const { item, template } of unserved) {
    const own = byItem.get(item.id) ?? []
    const refused = state.accepting ? view.denied(template) : NOT_READY
    if (refused !== undefined) {
      wait(item, refused)
      continue
    }
    const settleMs = Math.max(0, ...own.map(({ busyAt }) => (busyAt === undefined ? 0 : busyAt + TAKEN_SETTLE_MS - now)))
    if (settleMs > 0 || unreported.take(template.id)) {
      // It has most likely left the queue, and the next report says so: what was said of it may stand until then.
      if (item.reason === undefined) reasons.set(item.id, TAKEN)
      times.push(settleMs > 0 ? settleMs : TAKEN_SETTLE_MS)
      continue
    }
    const { history, countOf } = prospects
    const health = history.template(template.id, now)
    const backoff = history.itemBackoff(item.id, now)
    const count = countOf(template.id)
    if (own.some(({ phase, busyAt }) => phase === 'ending' && busyAt === undefined)) wait(item, whileLastIsEnding(own))
    else if (health.brokenUntil !== undefined) wait(item, broken(template, health, now), health.brokenUntil - now)
    else if (backoff) wait(item, backingOff(backoff.cause, backoff.until - now), backoff.until - now)
    else if (count.onTheirWay >= mayBeOnTheirWay(health)) wait(item, health.failures > 0 ? trying(template, health) : proving(template))
    else if (count.queued >= MAX_QUEUED) wait(item, manyBefore(template, count.queued))
    else {
      queue.push({ item, template, attempt: nextAttempt(own, item.id) })
      count.onTheirWay++
      count.queued++
      wait(item, ABOUT_TO_BE_PLACED)
    }
  }
  return { queue, ...soonest(times) }
}

/** Kept as warm spares from here on, though their rows still name items: those are gone, or have other agents. */
const unnamed = (pool: Pool, moves: Decision['moves'], now: Timestamp): Rebinding[] => {
  const ending = new Set(moves.filter(({ to }) => to === 'ended').map(({ agent }) => agent))
  return namedForNothing(pool)
    .filter(agent => !ending.has(agent))
    .map(agent => ({ agent, item: undefined, attempt: 1, task: '', queuedAt: now }))
}

/** Items that have no agent and get none now. */
const waitingStill = ({ unserved }: Binding, queued: Decision['queue']): DemandItem[] => {
  const getOne = new Set(queued.map(({ item }) => item))
  return unserved.flatMap(({ item }) => (getOne.has(item) ? [] : [item]))
}

/**
 * Which templates get a warm spare now. Items come first: none is started while one that it could run waits without an agent, and none where
 * an agent for an item would not be.
 */
const admitSpares = (
  view: BrokerView,
  pool: Pool,
  moves: Decision['moves'],
  waiting: readonly DemandItem[],
  matcher: Matcher,
  prospects: Prospects,
): typeof NO_SPARES => {
  const { now, templates } = view
  const leaving = new Set(moves.filter(({ to }) => to === 'ended' || to === 'ending').map(({ agent }) => agent))
  const unreported = countUnreported(view)
  const queue: Template[] = []
  const times: number[] = []
  for (const template of templates) {
    // An agent that is for an item of which an older report still tells is a spare again with the next.
    const missing = missingOf(template, pool, agent => leaving.has(agent)) - unreported.of(template.id)
    const own = { label: template.labels.join(' '), takesUnlabelled: template.takesUnlabelled }
    if (missing <= 0 || view.denied(template) !== undefined || waiting.some(item => matcher.serves(own, item))) continue
    const { history, countOf } = prospects
    const health = history.template(template.id, now)
    const untils = [health.brokenUntil, history.spareBackoff(template.id, now)?.until].filter(until => until !== undefined)
    if (untils.length > 0) {
      times.push(Math.max(...untils) - now)
      continue
    }
    const count = countOf(template.id)
    for (let more = missing; more > 0 && count.onTheirWay < mayBeOnTheirWay(health) && count.queued < MAX_QUEUED; more--) {
      queue.push(template)
      count.onTheirWay++
      count.queued++
    }
  }
  return { queue, ...soonest(times) }
}

/**
 * Agents that an event said to have taken a build, while the last report still shows their nodes unused: that report is older, and one item of
 * its queue is theirs, whichever it was. `take` covers one item of a template with one of them.
 */
const countUnreported = ({ live, presence }: BrokerView) => {
  const unused = new Set(presence?.nodes.filter(({ used, building }) => !used && building === undefined).map(({ name }) => name))
  const left = new Map<TemplateId, number>()
  for (const { id, phase, template } of live) if (phase === 'busy' && unused.has(id)) left.set(template, (left.get(template) ?? 0) + 1)
  return {
    of: (template: TemplateId): number => left.get(template) ?? 0,
    take: (template: TemplateId): boolean => {
      const count = left.get(template) ?? 0
      if (count > 0) left.set(template, count - 1)
      return count > 0
    },
  }
}

/** Agents on their way to online, and those of them that wait for a place, by template; the counts are the caller's to change. */
const countOnTheirWay = (agents: readonly Agent[]) => {
  const counts = new Map<TemplateId, { onTheirWay: number; queued: number }>()
  const of = (template: TemplateId) => {
    const found = counts.get(template) ?? { onTheirWay: 0, queued: 0 }
    counts.set(template, found)
    return found
  }
  for (const { template, phase } of agents) {
    if (phase === 'queued' || phase === 'placed' || phase === 'launching') of(template).onTheirWay++
    if (phase === 'queued') of(template).queued++
  }
  return of
}

const ABOUT_TO_BE_PLACED: Why = { code: 'waiting-turn', message: 'An agent for it is about to be given a place.' }
const NOT_READY: Why = { code: 'controller-not-ready', message: 'Its controller starts no builds now: it is being stopped or restarted.' }
const TAKEN: Why = { code: 'preparing', message: 'Its agent took another build; it gets the next.' }
const whileLastIsEnding = (own: readonly Agent[]): Why => {
  const preempted = own.find(({ phase, reason }) => phase === 'ending' && reason?.code === 'preempted')?.reason
  return preempted === undefined ? LAST_IS_ENDING : { ...preempted, message: `Its agent ends, and it gets another. ${preempted.message}` }
}
const LAST_IS_ENDING: Why = { code: 'backing-off', message: 'Its last agent is being taken down before the next is started.' }
const manyBefore = (template: Template, queued: number): Why => ({
  code: 'waiting-turn',
  message: `${queued} agents of template ${template.id} wait for a place before it.`,
})
const seconds = (ms: number): string => `${Math.ceil(ms / SECOND)} s`
const because = (cause: Reason | undefined): string => (cause === undefined ? '' : ` ${cause.message}`)
const broken = (template: Template, { brokenUntil, cause }: TemplateHealth, now: Timestamp): Why => ({
  code: 'template-broken',
  message: `Agents of template ${template.id} end before they connect, so none is started for now; the next try is due in ${seconds((brokenUntil ?? now) - now)}.${because(cause)}`,
  mend: `Correct the template (./manor template show ${template.id}); a change of it is tried at once.`,
})
const trying = (template: Template, { cause }: TemplateHealth): Why => ({
  code: 'template-broken',
  message: `Agents of template ${template.id} ended before they connected; one is being tried before others follow.${because(cause)}`,
  mend: `Correct the template (./manor template show ${template.id}).`,
})
const proving = (template: Template): Why => ({
  code: 'waiting-turn',
  message: `Template ${template.id} is new here: its first agents connect before more are started.`,
})
const backingOff = (cause: Reason, ms: number): Why => ({
  code: 'backing-off',
  message: `Its last agent was lost; the next is started in ${seconds(ms)}. ${cause.message}`,
})
