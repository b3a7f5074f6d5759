import {
  type Agent,
  agentId,
  type Controller,
  controllerId,
  holdsPlace,
  isSpare,
  NO_RESOURCES,
  type Observation,
  shareOfHost,
  tenantId,
  type WorkloadId,
  workloadId,
} from '../model/index.ts'
import type { RunningWork } from '../scheduler/index.ts'
import type { Reader } from '../store/index.ts'
import { workloadOfAgent } from './launch.ts'

/** Phases in which an agent holds its place. */
const HOLDING: ReadonlySet<Agent['phase']> = new Set<Agent['phase']>(['placed', 'launching', 'online', 'busy', 'ending'])

/** Work that holds a place, under the id of its workload. */
export type HeldWork = RunningWork & { readonly id: WorkloadId }
type Rows = Pick<Reader, 'get'>

/** The workload of a controller's run, also of one whose row does not name it. */
export const workloadOfController = ({ id, epoch, workload }: Pick<Controller, 'id' | 'epoch' | 'workload'>): WorkloadId =>
  workload ?? workloadId(`${id}.${epoch}`)

/**
 * What holds a place under this id: its row where the row says that it may run, else whatever the engine sees of it and has not ended;
 * undefined where neither does. It is told by rows and observations each time, so there is no token that could leak.
 */
export const workOf = (rows: Rows, id: WorkloadId, observation: Observation | undefined): HeldWork | undefined => {
  const seen = observation?.state === 'ended' ? undefined : observation
  const agent = agentOfWorkload(rows, id)
  if (agent !== undefined && HOLDING.has(agent.phase)) return agentWork(id, agent, seen)
  const controller = controllerOfWorkload(rows, id)
  if (controller !== undefined && holdsPlace(controller.phase)) return controllerWork(controller, seen)
  return seen === undefined ? undefined : orphanWork(rows, seen)
}

/** All work that holds a place, each once. Linear in rows and observations. */
export const runningWork = (store: Pick<Reader, 'by' | 'list' | 'get'>, observations: Iterable<Observation>): HeldWork[] => {
  const seen = new Map<WorkloadId, Observation>()
  for (const observation of observations) seen.set(observation.id, observation)
  const ids = new Set<WorkloadId>(seen.keys())
  for (const agent of store.by('agentsByLife', 'live')) ids.add(workloadOfAgent(agent))
  for (const controller of store.list('controller')) ids.add(workloadOfController(controller))
  return Array.from(ids, id => workOf(store, id, seen.get(id))).filter(work => work !== undefined)
}

const AGENT_PREFIX = workloadOfAgent({ id: agentId('') })

/** The agent whose workload this is, if one is remembered. */
export const agentOfWorkload = (rows: Rows, id: WorkloadId): Agent | undefined =>
  id.startsWith(AGENT_PREFIX) ? rows.get('agent', id.slice(AGENT_PREFIX.length)) : undefined

/** The controller whose current run this is. Names of controllers hold no dot, so what is before the last one is the name. */
export const controllerOfWorkload = (rows: Rows, id: WorkloadId): Controller | undefined => {
  const controller = rows.get('controller', id.slice(0, Math.max(0, id.lastIndexOf('.'))))
  return controller !== undefined && workloadOfController(controller) === id ? controller : undefined
}

const agentWork = (id: WorkloadId, agent: Agent, seen: Observation | undefined): HeldWork => ({
  id,
  tier: isSpare(agent) ? 'spare' : 'agent',
  tenant: agent.tenant,
  controller: agent.controller,
  host: seen?.host ?? agent.host,
  resources: agent.resources,
  ...(agent.placedAt === undefined ? {} : { since: agent.placedAt }),
})

const controllerWork = (controller: Controller, seen: Observation | undefined): HeldWork => ({
  id: workloadOfController(controller),
  tier: 'controller',
  tenant: controller.tenant,
  controller: controller.id,
  host: seen?.host ?? controller.host,
  resources: shareOfHost(controller.spec),
  ...(controller.startedAt === undefined ? {} : { since: controller.startedAt }),
})

/** Work that its row has given up or that has none: it holds a place until it is gone. */
const orphanWork = (rows: Rows, { id, labels, host, memoryMb, peakMemoryMb }: Observation): HeldWork => {
  const agent = labels.kind === 'agent' ? rows.get('agent', labels.noun) : undefined
  const controller = rows.get('controller', agent?.controller ?? labels.noun)
  const { tenant, id: owner } = controller ?? { tenant: agent?.tenant, id: agent?.controller }
  const known = agent?.resources ?? (controller && labels.kind === 'controller' ? shareOfHost(controller.spec) : undefined)
  return {
    id,
    tier: labels.kind,
    tenant: tenant ?? UNKNOWN_TENANT,
    controller: owner ?? UNKNOWN_CONTROLLER,
    host,
    resources: known ?? { ...NO_RESOURCES, memoryMb: peakMemoryMb ?? memoryMb ?? 0 },
  }
}

/** Names that no person can choose. */
const UNKNOWN_TENANT = tenantId('-')
const UNKNOWN_CONTROLLER = controllerId('-')
