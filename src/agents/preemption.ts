import { type Agent, isSpare, type Reason, type WorkloadId, workloadId } from '../model/index.ts'
import type { Stop, Task } from '../scheduler/index.ts'
import type { Reader, Transaction } from '../store/index.ts'
import { agentOfWorkload } from './capacity.ts'
import { controllerOfKey } from './controller-places.ts'
import { evict } from './eviction.ts'

/**
 * Carries out what a pass wants stopped: each agent's row says so, with why, and its life (life.ts) does the rest. Nothing outside is touched
 * for one that was not launched, so it ends at once. True where every one of them ends or has ended; false where one may not be stopped by
 * now, and then the room that was reckoned with does not come.
 */
export const preempt = (tx: Transaction, stop: Stop, task: Task | undefined): boolean => {
  let all = true
  for (const id of stop.stop) all = preemptAgent(tx, workloadId(id), reasonFor(stop, task)) && all
  return all
}

/** Whether all that was stopped for a task is on its way out, and none was given a build at the last moment. */
export const isOnItsWayOut = (rows: Pick<Reader, 'get'>, stop: Stop): boolean =>
  stop.stop.every(id => {
    const phase = agentOfWorkload(rows, workloadId(id))?.phase ?? 'ended'
    return phase === 'ending' || phase === 'ended'
  })

const preemptAgent = (tx: Transaction, id: WorkloadId, why: (agent: Agent) => Omit<Reason, 'since'>): boolean => {
  const agent = agentOfWorkload(tx, id)
  if (agent === undefined || agent.phase === 'ended' || agent.phase === 'ending') return true
  if (!isSpare(agent) && tx.get('tenant', agent.tenant)?.policy?.preemptible !== true) return false
  evict(tx, agent.id, why)
  return true
}

/** Ends a warm spare, unless it has been given an item or a build by now. */
export const endSpare = (tx: Transaction, id: WorkloadId, reason: Omit<Reason, 'since'>): void => {
  const agent = agentOfWorkload(tx, id)
  if (agent !== undefined && isSpare(agent)) evict(tx, agent.id, () => reason)
}

const reasonFor = ({ host, forTask }: Stop, task: Task | undefined) => {
  const controller = controllerOfKey(forTask)
  const first = controller === undefined ? `an agent of team ${task?.tenant ?? '?'}` : `controller ${controller}`
  return (agent: Agent): Omit<Reason, 'since'> => (isSpare(agent) ? spareFor(host, first) : agentFor(host, first, agent))
}

const spareFor = (host: string, first: string): Omit<Reason, 'since'> => ({
  code: 'preempted',
  message: `It was a warm spare, and ${host} has no other room for ${first}.`,
})

const agentFor = (host: string, first: string, { tenant, phase, build }: Agent): Omit<Reason, 'since'> => ({
  code: 'preempted',
  message: `It was stopped to make room on ${host} for ${first}, whose turn comes before; team ${tenant} lets its agents be stopped for others.${
    phase === 'busy' ? ` Its build${build === undefined ? '' : ` ${build.job} #${build.number}`} was lost.` : ''
  }`,
  mend: `To keep agents of team ${tenant} from that: ./manor tenant policy ${tenant} --preemptible no.`,
})
