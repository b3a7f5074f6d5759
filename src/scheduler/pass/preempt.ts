import type { Fleet } from '../fleet/fleet.ts'
import type { Resident } from '../fleet/host-record.ts'
import type { Shape } from '../placement/shape.ts'
import { type TenantShare, turnKey } from '../queue/shares.ts'
import type { TaskQueue } from '../queue/task-queue.ts'
import type { Amount } from '../resources.ts'
import { type Task, TIERS } from '../types.ts'
import { fewestLeavers, isEligible, isLargeEnough } from './capable.ts'

export type PreemptionRules = {
  /** Most tasks that others are stopped for in one pass: stopping takes time, and the next pass sees better what it brought. */
  readonly atMost: number
}

export const PREEMPTION_RULES: PreemptionRules = { atMost: 8 }

/** Work to stop so that a task fits. */
export type Preemption = { readonly slot: number; readonly victims: readonly Resident[] }

/**
 * The host where the least is lost by stopping work for the task: warm spares before agents, then the lowest cost, then the fewest;
 * undefined where stopping would not help or is not allowed. A host on which one victim is enough is not asked for two.
 */
export const preemptionFor = (task: Task, shape: Shape, fleet: Fleet, mayStop: (victim: Resident) => boolean): Preemption | undefined => {
  if (task.tier === 'spare') return undefined
  let best: Preemption | undefined
  let bestLoss = NO_LOSS
  for (const slot of fleet.order.slots()) {
    const residents = fleet.record(slot)?.residents
    if (residents === undefined || fleet.columns.kept[slot] === 1) continue
    if (!isEligible(fleet, shape, slot) || !isLargeEnough(fleet, shape, slot)) continue
    const candidates = [...residents].filter(mayStop).sort(cheapestFirst)
    if (candidates.length === 0) continue
    const victims = fewestLeavers(fleet, shape, slot, candidates)
    if (victims === undefined || victims.length === 0) continue
    const loss = lossOf(victims)
    if (best !== undefined && !isLess(loss, bestLoss)) continue
    best = { slot, victims }
    bestLoss = loss
  }
  return best
}

/**
 * Who may be stopped for a task: warm spares always; an agent whose tenant lets it be stopped, where the task's tier comes first, or where
 * the task's tenant has less than its guarantee and the victim's tenant would keep more than its own.
 */
export const victimRule = (task: Task, queue: TaskQueue, fleet: Fleet, total: Amount): ((victim: Resident) => boolean) => {
  const key = (tier: Task['tier'], share: TenantShare | undefined, tenant: Task['tenant']): number =>
    turnKey(share ?? PLAIN, fleet.ledger.ofTenant(tier, tenant), total)
  const owed = key(task.tier, queue.shares(task.tier).get(task.tenant), task.tenant) < 0
  return ({ claim, isNamed }) => {
    if (!isNamed) return false
    if (claim.tier === 'spare') return true
    if (claim.preemptible === undefined) return false
    if (TIERS.indexOf(task.tier) < TIERS.indexOf(claim.tier)) return true
    return (
      owed &&
      claim.tier === task.tier &&
      claim.tenant !== task.tenant &&
      key(claim.tier, queue.shares(claim.tier).get(claim.tenant), claim.tenant) >= 0
    )
  }
}

const PLAIN = { weight: 1 } as const

type Loss = { readonly agents: number; readonly cost: number; readonly count: number }
const NO_LOSS: Loss = { agents: 0, cost: 0, count: 0 }

const lossOf = (victims: readonly Resident[]): Loss => ({
  agents: victims.filter(isAgent).length,
  cost: victims.reduce((sum, { claim }) => sum + (claim.preemptible?.cost ?? 0), 0),
  count: victims.length,
})

const isLess = (a: Loss, b: Loss): boolean => {
  // That an agent is lost at all weighs more than what it costs; how many are lost less.
  if (a.agents > 0 !== b.agents > 0) return a.agents === 0
  if (a.cost !== b.cost) return a.cost < b.cost
  return a.count < b.count
}

const isAgent = ({ claim }: Resident): boolean => claim.tier !== 'spare'

const cheapestFirst = (a: Resident, b: Resident): number =>
  Number(isAgent(a)) - Number(isAgent(b)) || (a.claim.preemptible?.cost ?? 0) - (b.claim.preemptible?.cost ?? 0) || b.arrival - a.arrival
