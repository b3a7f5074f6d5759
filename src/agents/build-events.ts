import { type Agent, BUILD_RESULTS, type BuildResult, type Controller, forItem, itemId } from '../model/index.ts'
import type { Transaction } from '../store/index.ts'
import { hasLostItsBuild } from './life.ts'
import type { BuildEvent, EventBatch } from './protocol.ts'

/** Where the last event that was kept of a controller is noted, so that one that is sent again is known. */
export const EVENTS_SETTING = 'hook-events/'

/** Keeps the events of a batch that were not kept yet; returns the number up to which all are. */
export const keepEvents = (tx: Transaction, controller: Controller, { session, events }: EventBatch): number => {
  const setting = EVENTS_SETTING + controller.id
  const [keptSession, keptSeq] = (tx.get('setting', setting)?.value ?? '').split(' ')
  let last = keptSession === session ? Number(keptSeq) : 0
  for (const event of events.toSorted((a, b) => a.seq - b.seq)) {
    if (event.seq <= last) continue
    keepEvent(tx, controller, event)
    last = event.seq
  }
  tx.put('setting', { id: setting, value: `${session} ${last}` })
  return last
}

const keepEvent = (tx: Transaction, controller: Controller, event: BuildEvent): void => {
  const { type, job, number, node } = event
  // A node that comes or goes is told by the next report; the hook's event only says that the report is worth a look.
  if ((type !== 'build-started' && type !== 'build-finished') || job === undefined || number === undefined) return
  const agent = tx.get('agent', node)
  const own = agent?.controller === controller.id ? agent : undefined
  const result = type === 'build-finished' ? resultOf(event.result) : undefined
  tx.build({
    controller: controller.id,
    tenant: controller.tenant,
    job,
    number,
    ...(own === undefined ? {} : { agent: own.id }),
    startedAt: type === 'build-started' ? event.at : event.at - (event.durationMs ?? 0),
    ...(type === 'build-finished' ? { endedAt: event.at } : {}),
    ...(result === undefined ? {} : { result }),
  })
  tx.event({
    kind: 'build',
    subject: `${controller.id}/${job}#${number}`,
    tenant: controller.tenant,
    type,
    actor: `controller:${controller.id}`,
    message:
      type === 'build-started'
        ? `Build ${job} #${number} started${node === '' ? '' : ` on ${node}`}.`
        : `Build ${job} #${number} ended${result === undefined ? '' : `: ${result}`}${event.cause === undefined ? '' : ` (${event.cause})`}.`,
    data: { job, number, ...(node === '' ? {} : { agent: node }), ...(result === undefined ? {} : { result }) },
  })
  if (own) noteOnAgent(tx, own, event, { job, number, ...(result === undefined ? {} : { result }) })
}

/** The agent's row learns of its build, which a report may have missed if it was a short one. */
const noteOnAgent = (tx: Transaction, agent: Agent, event: BuildEvent, build: NonNullable<Agent['build']>): void => {
  const isLate = agent.phase === 'ending' && event.type === 'build-started' && !hasLostItsBuild(agent)
  const isNew = agent.phase === 'launching' || agent.phase === 'online' || isLate
  const isKnown =
    agent.build?.job === build.job && agent.build.number === build.number && (agent.build.result ?? build.result) === agent.build.result
  if (isKnown && !isNew && (event.item === undefined || event.item === agent.item)) return
  const { reason: _waited, ...calm } = agent
  const named = { ...(isNew ? calm : agent), build }
  tx.put('agent', isNew ? { ...named, phase: 'busy', phaseSince: tx.now, onlineAt: agent.onlineAt ?? tx.now, busyAt: tx.now } : named)
  if (event.item !== undefined && event.item !== agent.item) swapItems(tx, agent, event.item, build.job)
  tx.event({
    kind: 'agent',
    subject: agent.id,
    tenant: agent.tenant,
    type: isNew ? 'phase-changed' : event.type,
    actor: `controller:${agent.controller}`,
    message: `Agent ${agent.id} ${event.type === 'build-started' ? 'runs' : 'has run'} ${build.job} #${build.number}${build.result === undefined ? '' : `: ${build.result}`}.`,
    data: { ...(isNew ? { phase: 'busy' } : {}), job: build.job, number: build.number },
  })
}

/** The controller gave the agent another item than the one it was started for: whichever agent was for that one is for the first now. */
const swapItems = (tx: Transaction, agent: Agent, item: string, job: string): void => {
  const other = tx.by('agentsOfItem', `${agent.controller}/${item}`).find(({ phase }) => phase !== 'ended' && phase !== 'busy')
  const taken = other ?? (agent.item === undefined ? { attempt: agent.attempt, task: job } : agent)
  tx.update('agent', agent.id, row => ({ ...row, item: itemId(item), attempt: taken.attempt, task: taken.task }))
  if (other === undefined) return
  const { item: left, attempt, task } = agent
  tx.update('agent', other.id, row => ({ ...forItem(row, left), attempt, task }))
  tx.event({
    kind: 'agent',
    subject: other.id,
    tenant: other.tenant,
    type: 'rebound',
    actor: 'manor',
    message: `Agent ${other.id} is ${left === undefined ? 'a warm spare' : `for item ${left}`} now: ${agent.id} took the build it was started for.`,
    data: left === undefined ? {} : { item: left },
  })
}

const resultOf = (result: string | undefined): BuildResult | undefined => BUILD_RESULTS.find(known => known === result)
