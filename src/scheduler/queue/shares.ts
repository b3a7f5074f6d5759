import { capOf, floorOf, type Tenant, type TenantId } from '../../model/index.ts'
import { AMOUNT_NAMES, type Amount, type Amounts, EPSILON } from '../resources.ts'

/** What a tenant may and shall get within one tier. A tenant without an entry weighs 1 and has neither quota nor guarantee. */
export type TenantShare = {
  readonly id: TenantId
  /** Relative to the other tenants; larger than 0. */
  readonly weight: number
  /** Most that it may use. */
  readonly quota?: Amounts
  /** What it gets before others get more than theirs. A resource of 0 is not guaranteed. */
  readonly guarantee?: Amounts
  /**
   * True where what is guaranteed stays free for it even while it wants nothing. Otherwise others may burst into it, and it is served first
   * as soon as it wants something (and by preemption where policy allows).
   */
  readonly guaranteeIsHeld?: boolean
}

/** A tenant's row as its share: what its quota does not name has no cap, what its guarantee does not name is not guaranteed. */
export const shareOf = ({ id, weight, quota, guarantee }: Tenant): TenantShare => ({
  id,
  weight,
  ...(quota === undefined ? {} : { quota: capOf(quota) }),
  ...(guarantee === undefined ? {} : { guarantee: floorOf(guarantee) }),
})

/** What is wrong with a tenant's share, each with its mend; empty where it is right. `total` is what the fleet has, where that is known. */
export const shareProblems = ({ id, weight, quota, guarantee }: TenantShare, total?: Amounts): string[] => {
  const problems: string[] = []
  if (!(weight > 0 && Number.isFinite(weight))) problems.push(`The weight of ${id} is ${weight}; it has to be a number larger than 0.`)
  for (const name of AMOUNT_NAMES) {
    const most = quota?.[name]
    const sure = guarantee?.[name]
    if (most !== undefined && !(most >= 0)) problems.push(`The quota of ${id} is ${most} ${name}; it has to be 0 or more.`)
    if (sure === undefined) continue
    if (!(sure >= 0)) problems.push(`The guarantee of ${id} is ${sure} ${name}; it has to be 0 or more.`)
    if (most !== undefined && sure > most + EPSILON)
      problems.push(`The guarantee of ${id} is ${sure} ${name}, above its quota of ${most}; lower the guarantee or raise the quota.`)
    const whole = total?.[name]
    if (whole !== undefined && sure > whole + EPSILON)
      problems.push(`The guarantee of ${id} is ${sure} ${name}, and all hosts together have ${whole}; guarantee less or add hosts.`)
  }
  return problems
}

/** The same for all tenants of a tier together: each for itself may be right and all of them still more than there is. */
export const sharesProblems = (shares: readonly TenantShare[], total?: Amounts): string[] => {
  const problems = shares.flatMap(share => shareProblems(share, total))
  if (total === undefined || problems.length > 0) return problems
  for (const name of AMOUNT_NAMES) {
    const whole = total[name]
    const sum = shares.reduce((all, { guarantee }) => all + (guarantee?.[name] ?? 0), 0)
    if (whole !== undefined && sum > whole + EPSILON)
      problems.push(`All guarantees together are ${sum} ${name}, and all hosts together have ${whole}; guarantee less or add hosts.`)
  }
  return problems
}

/**
 * By what tenants are ordered: below 0 while a tenant has less than its guarantee (by how much of it is used), then its dominant share for
 * its weight. Weighted dominant resource fairness (Ghodsi and others, NSDI 2011) with guarantees before it.
 */
export const turnKey = ({ weight, guarantee }: Pick<TenantShare, 'weight' | 'guarantee'>, used: Amount, total: Amount): number => {
  if (guarantee !== undefined) {
    const met = dominant(used, guarantee)
    if (met < 1 - EPSILON && isAny(guarantee)) return met - 1
  }
  return dominant(used, total) / weight
}

/** What of a guarantee is not used yet. */
export const unmet = (guarantee: Amounts, used: Amount, name: (typeof AMOUNT_NAMES)[number]): number =>
  Math.max(0, (guarantee[name] ?? 0) - used[name])

const isAny = (amounts: Amounts): boolean => AMOUNT_NAMES.some(name => (amounts[name] ?? 0) > 0)

/** Written out: it is asked after each placement. */
const dominant = (used: Amount, total: Amounts): number => {
  let most = 0
  if (total.cpu > 0) most = used.cpu / total.cpu
  if (total.memoryMb > 0) most = Math.max(most, used.memoryMb / total.memoryMb)
  if (total.diskMb > 0) most = Math.max(most, used.diskMb / total.diskMb)
  const network = total.networkMbps ?? 0
  return network > 0 ? Math.max(most, used.networkMbps / network) : most
}
