import type { Resources } from '../model/index.ts'

export const RESOURCE_NAMES = ['cpu', 'memoryMb', 'diskMb'] as const satisfies readonly (keyof Resources)[]
/** What shares, quotas and limits are counted in. */
export const AMOUNT_NAMES = [...RESOURCE_NAMES, 'networkMbps'] as const

/** Sums of fractional cores are not exact; a difference smaller than this is none. */
export const EPSILON = 1e-6

export type Amounts = Resources & { readonly networkMbps?: number }
/** An amount that is changed in place, so that the inner loop allocates nothing. */
export type Amount = { cpu: number; memoryMb: number; diskMb: number; networkMbps: number }

export const amountOf = ({ cpu, memoryMb, diskMb, networkMbps = 0 }: Amounts): Amount => ({ cpu, memoryMb, diskMb, networkMbps })
export const nothing = (): Amount => ({ cpu: 0, memoryMb: 0, diskMb: 0, networkMbps: 0 })

export const add = (to: Amount, what: Amounts): void => {
  to.cpu += what.cpu
  to.memoryMb += what.memoryMb
  to.diskMb += what.diskMb
  to.networkMbps += what.networkMbps ?? 0
}

export const take = (from: Amount, what: Amounts): void => {
  from.cpu -= what.cpu
  from.memoryMb -= what.memoryMb
  from.diskMb -= what.diskMb
  from.networkMbps -= what.networkMbps ?? 0
}

/** Whether `what` is no more than `limit` in each resource that the limit names. */
export const fits = (what: Amounts, limit: Amounts): boolean =>
  what.cpu <= limit.cpu + EPSILON &&
  what.memoryMb <= limit.memoryMb + EPSILON &&
  what.diskMb <= limit.diskMb + EPSILON &&
  (limit.networkMbps === undefined || (what.networkMbps ?? 0) <= limit.networkMbps + EPSILON)

/** The largest share of any one resource (dominant share: A. Ghodsi et al., "Dominant Resource Fairness", NSDI 2011). */
export const dominantShare = (used: Amounts, total: Amounts): number => {
  let most = 0
  for (const name of AMOUNT_NAMES) {
    const whole = total[name] ?? 0
    if (whole > 0) most = Math.max(most, (used[name] ?? 0) / whole)
  }
  return most
}
