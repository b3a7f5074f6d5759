import { type Agent, type AgentId, agentId, type Controller, type DemandItem, forItem, type Reason, type Template } from '../model/index.ts'
import { nameSuffix, type Random } from '../runtime/index.ts'
import { StoreError, type Transaction } from '../store/index.ts'
import type { BrokerView, Decision, Rebinding } from './decide.ts'
import { workloadOfAgent } from './launch.ts'
import type { LifeMove } from './life.ts'
import { note } from './note.ts'

/** Longest part of an item's id in an agent's name; with the longest controller name it still fits a DNS label of 63. */
const ITEM_IN_NAME = 9
/** In the place of an item's id in the name of a warm spare. */
const SPARE_IN_NAME = 'spare'
/** Characters of chance in a name: 25 bits, beside the item and the attempt. */
const SUFFIX_LENGTH = 5

/** Writes all of a decision or none of it. Rejects with `conflict` where a row is not what was looked at. */
export const commit = (tx: Transaction, view: BrokerView, decision: Decision, random: Random): void => {
  for (const rebinding of decision.rebind) rebind(tx, rebinding)
  for (const move of decision.moves) moveAgent(tx, move)
  if (view.controller) {
    for (const queued of decision.queue) queue(tx, view.controller, queued, random)
    for (const template of decision.spares) queueSpare(tx, view.controller, template, random)
  }
  explain(tx, view, decision)
}

/** Whether there is nothing to write: no change, and no reason that its item does not show already. */
export const isIdle = ({ demand }: BrokerView, { queue, spares, rebind, moves, reasons }: Decision): boolean =>
  queue.length + spares.length + rebind.length + moves.length === 0 &&
  (reasons.size === 0 || demand === undefined || demand.items.every(item => !isNews(item, reasons.get(item.id))))

const current = (tx: Transaction, seen: Agent): Agent => {
  const agent = tx.get('agent', seen.id)
  if (agent === undefined || agent.phase !== seen.phase || agent.item !== seen.item)
    throw new StoreError('conflict', `Agent ${seen.id} moved meanwhile.`)
  return agent
}

const rebind = (tx: Transaction, { agent: seen, item, attempt, task, queuedAt }: Rebinding): void => {
  const agent = current(tx, seen)
  tx.put('agent', { ...forItem(agent, item), attempt, task, queuedAt })
  if (item === undefined) note(tx, agent, 'rebound', `Agent ${agent.id} is a warm spare now.`, {})
  else note(tx, agent, 'rebound', `Agent ${agent.id} is for item ${item} (${task}) now.`, { item, attempt })
}

const moveAgent = (tx: Transaction, { agent: seen, to, message, reason, build }: LifeMove & { readonly agent: Agent }): void => {
  const agent = tx.get('agent', seen.id)
  if (agent === undefined || agent.phase !== seen.phase) throw new StoreError('conflict', `Agent ${seen.id} moved meanwhile.`)
  const { reason: earlier, ...rest } = to === 'queued' ? withoutPlace(agent) : agent
  const kept: Reason | undefined = reason === undefined ? earlier : reason === null ? undefined : { ...reason, since: tx.now }
  tx.put('agent', {
    ...rest,
    ...(kept === undefined ? {} : { reason: kept }),
    ...(build === undefined || agent.build?.result !== undefined ? {} : { build }),
    ...times(agent, to, tx.now),
    phase: to,
    phaseSince: tx.now,
  })
  const why = reason ? ` ${reason.message}` : ''
  note(tx, agent, 'phase-changed', `Agent ${agent.id} ${message}.${why}`, { phase: to, ...(reason ? { code: reason.code } : {}) })
}

/** As it was before it was given its place. */
const withoutPlace = ({ host: _h, placedAt: _p, launchedAt: _l, workload: _w, ...agent }: Agent): Agent => agent

const times = (agent: Agent, to: Agent['phase'], now: number): Partial<Agent> => {
  switch (to) {
    case 'launching':
      return { launchedAt: now, workload: workloadOfAgent(agent) }
    case 'online':
      return { onlineAt: now }
    case 'busy':
      return { onlineAt: agent.onlineAt ?? now, busyAt: agent.busyAt ?? now }
    case 'ended':
      return { endedAt: now }
    case 'queued':
    case 'placed':
    case 'ending':
      return {}
  }
}

const queue = (tx: Transaction, controller: Controller, { item, template, attempt }: Decision['queue'][number], random: Random): void => {
  const id = newName(tx, controller, item.id, attempt, random)
  const agent = insert(tx, id, controller, template, { item: item.id, attempt, task: item.task, queuedAt: item.since })
  note(tx, agent, 'created', `Agent ${agent.id} waits for a place: item ${item.id} (${item.task}) wants template ${template.id}.`, {
    item: item.id,
    attempt,
  })
}

const queueSpare = (tx: Transaction, controller: Controller, template: Template, random: Random): void => {
  const id = newName(tx, controller, SPARE_IN_NAME, 1, random)
  const agent = insert(tx, id, controller, template, { attempt: 1, task: '', queuedAt: tx.now })
  note(tx, agent, 'created', `Agent ${agent.id} waits for a place: it is a warm spare of template ${template.id}.`, {})
}

const insert = (
  tx: Transaction,
  id: AgentId,
  controller: Controller,
  template: Template,
  wanted: Pick<Agent, 'item' | 'attempt' | 'task' | 'queuedAt'>,
): Agent => {
  const agent: Agent = {
    id,
    controller: controller.id,
    tenant: controller.tenant,
    template: template.id,
    ...wanted,
    label: template.labels.join(' '),
    takesUnlabelled: template.takesUnlabelled,
    resources: template.resources,
    phase: 'queued',
    phaseSince: tx.now,
    epoch: controller.epoch,
  }
  tx.insert('agent', agent)
  return agent
}

/** A name that was never used, as far as anyone remembers: readable, and with enough chance for the rest. */
const newName = (tx: Transaction, { id }: Controller, of: string, attempt: number, random: Random) => {
  const short =
    of
      .toLowerCase()
      .replaceAll(/[^a-z0-9]+/g, '')
      .slice(-ITEM_IN_NAME) || 'item'
  for (;;) {
    const name = agentId(`${id}-${short}-${Math.min(attempt, 99)}-${nameSuffix(random, SUFFIX_LENGTH)}`)
    if (tx.get('agent', name) === undefined) return name
  }
}

/** Puts the reasons on the queue's items, where they say something new. Demand is held in memory, so this costs no write to the disk. */
const explain = (tx: Transaction, { demand: seen }: BrokerView, { reasons }: Decision): void => {
  const demand = seen && tx.get('demand', seen.controller)
  if (demand === undefined || demand.session !== seen?.session) return
  let changed = false
  const items = demand.items.map(item => {
    const reason = reasons.get(item.id)
    if (!isNews(item, reason)) return item
    changed = true
    return { ...item, reason: { ...reason, since: item.reason?.code === reason.code ? item.reason.since : tx.now } }
  })
  if (changed) tx.put('demand', { ...demand, items })
}

/** Seconds that run down are no news. */
const isNews = ({ reason: before }: DemandItem, now: Omit<Reason, 'since'> | undefined): now is Omit<Reason, 'since'> =>
  now !== undefined &&
  (before?.code !== now.code || (before.message !== now.message && withoutSeconds(before.message) !== withoutSeconds(now.message)))
const withoutSeconds = (message: string): string => message.replaceAll(/\d+ s\b/g, '')
