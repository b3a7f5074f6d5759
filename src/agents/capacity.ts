import {
  type Agent,
  controllerId,
  holdsPlace,
  NO_RESOURCES,
  type Observation,
  type Resources,
  shareOfHost,
  type Timestamp,
  tenantId,
  type WorkloadId,
} from '../model/index.ts'
import type { RunningWork } from '../scheduler/index.ts'
import type { Reader } from '../store/index.ts'

/** Phases in which an agent holds its place. */
const HOLDING: ReadonlySet<Agent['phase']> = new Set<Agent['phase']>(['placed', 'launching', 'online', 'busy', 'ending'])
type Owner = Pick<Agent, 'tenant' | 'controller' | 'host' | 'workload'>

/**
 * All work that holds a place, each once: by its row where the row says that it may run, and whatever else the engine sees and has not ended.
 * Counted from scratch each time, so there is no token that could leak.
 */
export const runningWork = (store: Pick<Reader, 'by' | 'list' | 'get'>, observations: Iterable<Observation>): RunningWork[] => {
  const seen = new Map<WorkloadId, Observation>()
  for (const observation of observations) if (observation.state !== 'ended') seen.set(observation.id, observation)
  const work: RunningWork[] = []
  const count = (tier: RunningWork['tier'], owner: Owner, resources: Resources, since: Timestamp | undefined) => {
    const observation = owner.workload === undefined ? undefined : seen.get(owner.workload)
    if (owner.workload !== undefined) seen.delete(owner.workload)
    const { tenant, controller, host } = owner
    work.push({ tier, tenant, controller, host: observation?.host ?? host, resources, ...(since === undefined ? {} : { since }) })
  }
  for (const agent of store.by('agentsByLife', 'live')) if (HOLDING.has(agent.phase)) count('agent', agent, agent.resources, agent.placedAt)
  for (const { id, ...controller } of store.list('controller'))
    if (holdsPlace(controller.phase))
      count('controller', { ...controller, controller: id }, shareOfHost(controller.spec), controller.startedAt)
  for (const observation of seen.values()) work.push(orphanWork(store, observation))
  return work
}

/** Work that its row has given up or that has none: it holds a place until it is gone. */
const orphanWork = (store: Pick<Reader, 'get'>, { labels, host, memoryMb, peakMemoryMb }: Observation): RunningWork => {
  const agent = labels.kind === 'agent' ? store.get('agent', labels.noun) : undefined
  const controller = store.get('controller', agent?.controller ?? labels.noun)
  const { tenant, id } = controller ?? { tenant: agent?.tenant, id: agent?.controller }
  const known = agent?.resources ?? (controller && labels.kind === 'controller' ? shareOfHost(controller.spec) : undefined)
  return {
    tier: labels.kind,
    tenant: tenant ?? UNKNOWN_TENANT,
    controller: id ?? UNKNOWN_CONTROLLER,
    host,
    resources: known ?? { ...NO_RESOURCES, memoryMb: peakMemoryMb ?? memoryMb ?? 0 },
  }
}

/** Names that no person can choose. */
const UNKNOWN_TENANT = tenantId('-')
const UNKNOWN_CONTROLLER = controllerId('-')
