import type { Resources } from '../model/index.ts'

export const RESOURCE_NAMES = ['cpu', 'memoryMb', 'diskMb'] as const satisfies readonly (keyof Resources)[]

/** Sums of fractional cores are not exact; a difference smaller than this is none. */
export const EPSILON = 1e-6

/** An amount that is changed in place, so that the inner loop allocates nothing. */
export type Amount = { cpu: number; memoryMb: number; diskMb: number }

export const amountOf = ({ cpu, memoryMb, diskMb }: Resources): Amount => ({ cpu, memoryMb, diskMb })
export const nothing = (): Amount => ({ cpu: 0, memoryMb: 0, diskMb: 0 })

export const add = (to: Amount, what: Resources): void => {
  for (const name of RESOURCE_NAMES) to[name] += what[name]
}

export const take = (from: Amount, what: Resources): void => {
  for (const name of RESOURCE_NAMES) from[name] -= what[name]
}

export const fits = (what: Resources, free: Resources): boolean => RESOURCE_NAMES.every(name => what[name] <= free[name] + EPSILON)

/** The largest share of any one resource (dominant share: A. Ghodsi et al., "Dominant Resource Fairness", NSDI 2011). */
export const dominantShare = (used: Resources, total: Resources): number => {
  let most = 0
  for (const name of RESOURCE_NAMES) if (total[name] > 0) most = Math.max(most, used[name] / total[name])
  return most
}
