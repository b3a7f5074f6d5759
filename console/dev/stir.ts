/** Makes a seeded fleet live: a few things change at each call, in ways that a real one might. */
import type { AgentView, Change, ControllerView, EventView } from '../../src/api/contract.ts'
import { type AgentPhase, type ControllerPhase, legalActions } from '../../src/model/index.ts'
import type { Random } from '../../src/runtime/index.ts'
import { type Fleet, pick } from './seeded-fleet.ts'

const NEXT_CONTROLLER: Readonly<Partial<Record<ControllerPhase, ControllerPhase>>> = {
  pending: 'preparing',
  preparing: 'starting',
  starting: 'ready',
  quieting: 'stopping',
  stopping: 'stopped',
  stopped: 'pending',
  failed: 'starting',
}
const NEXT_AGENT: Readonly<Partial<Record<AgentPhase, AgentPhase>>> = {
  queued: 'placed',
  placed: 'launching',
  launching: 'online',
  online: 'busy',
  busy: 'ending',
  ending: 'ended',
}
const AGENTS_A_TIME = 12

export const stirOnce = (
  fleet: Fleet,
  random: Random,
  now: number,
  change: (change: Change) => void,
  event: (event: Omit<EventView, 'seq' | 'at'>) => void,
): void => {
  const controllers = [...fleet.controllers.values()]
  const agents = [...fleet.agents.values()].filter(({ phase }) => phase !== 'ended')
  if (controllers.length === 0) return
  const controller = pick(random, controllers)
  const phase = NEXT_CONTROLLER[controller.phase] ?? (random.next() < 0.3 ? 'quieting' : undefined)
  if (phase) {
    change({ kind: 'controller', id: controller.id, view: moveController(controller, phase, now) })
    event({
      kind: 'controller',
      subject: controller.id,
      tenant: controller.tenant,
      type: 'phase-changed',
      actor: 'manor',
      message: `Controller ${controller.id} is ${phase}.`,
      data: { from: controller.phase, to: phase },
    })
  }
  for (let count = 0; count < AGENTS_A_TIME && agents.length > 0; count++) {
    const agent = pick(random, agents)
    const next = NEXT_AGENT[agent.phase]
    if (next) moveAgent(fleet, agent, next, now, change)
  }
}

export const moveController = (controller: ControllerView, phase: ControllerPhase, now: number): ControllerView => {
  const { reason: _over, nextTryAt: _passed, ...rest } = controller
  return { ...rest, phase, phaseSince: now, actions: [...legalActions(phase)], revision: controller.revision + 1 }
}

const moveAgent = (fleet: Fleet, agent: AgentView, phase: AgentPhase, now: number, change: (change: Change) => void): void => {
  const { reason: _over, ...rest } = agent
  const moved: AgentView = {
    ...rest,
    phase,
    phaseSince: now,
    ...(phase === 'placed' ? { placedAt: now, host: agent.host ?? 'host-01' } : {}),
    ...(phase === 'launching' ? { launchedAt: now } : {}),
    ...(phase === 'online' ? { onlineAt: now } : {}),
    ...(phase === 'busy' ? { busyAt: now, build: { job: agent.task, number: 901 } } : {}),
    ...(phase === 'ended' ? { endedAt: now, build: { job: agent.task, number: 901, result: 'SUCCESS' as const } } : {}),
  }
  change({ kind: 'agent', id: agent.id, view: moved })
  const items = fleet.queues.get(agent.controller)
  if (!items?.some(({ agent: of }) => of === agent.id)) return
  const left =
    phase === 'busy'
      ? items.filter(({ agent: of }) => of !== agent.id)
      : items.map(item => (item.agent === agent.id ? { ...item, agentPhase: phase } : item))
  change({ kind: 'queue', id: agent.controller, view: left.length === 0 ? null : left })
}
