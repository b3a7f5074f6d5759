import type { HostId, Reason, Resources, TenantId, Timestamp } from '../model/index.ts'

/** A warm spare that holds a place and is not on its way out. */
export type HeldSpare<Id extends string> = {
  readonly id: Id
  readonly tenant: TenantId
  readonly host: HostId | undefined
  readonly resources: Resources
  /** When it was given its place. */
  readonly since?: Timestamp
}

export type Around = {
  /** Whether a host takes new builds, which a spare would be given. */
  readonly takesWork: (host: HostId) => boolean
  readonly quotaOf: (tenant: TenantId) => Resources | undefined
  /** By agents that are no spares. */
  readonly usedBy: (tenant: TenantId) => Resources
  /** What agents of the tenant ask for that wait for its quota, in their turn. */
  readonly wantedBy: (tenant: TenantId) => readonly Resources[]
}

/**
 * Pure: which warm spares are to go though their templates want them, and why. A spare takes a build without being asked, so it must not stand
 * where none is to start: on a host that takes nothing new, or in a part of its team's quota that an agent for an item waits for. The newest go
 * first. Linear in the spares and what waits.
 */
export const needlessSpares = <Id extends string>(spares: readonly HeldSpare<Id>[], around: Around): Map<Id, Omit<Reason, 'since'>> => {
  const needless = new Map<Id, Omit<Reason, 'since'>>()
  const used = new Map<TenantId, Sum>()
  for (const { id, tenant, host, resources } of spares.toSorted((a, b) => (a.since ?? 0) - (b.since ?? 0) || (a.id < b.id ? -1 : 1))) {
    if (host !== undefined && !around.takesWork(host)) {
      needless.set(id, { code: 'superseded', message: `It was a warm spare on ${host}, which takes no new builds.` })
      continue
    }
    const quota = around.quotaOf(tenant)
    if (quota === undefined) continue
    const sum = used.get(tenant) ?? withWanted(tenant, quota, around)
    used.set(tenant, sum)
    if (!addIfFits(sum, resources, quota)) needless.set(id, overQuota(tenant))
  }
  return needless
}

type Sum = { cpu: number; memoryMb: number; diskMb: number }

/** What agents have and will have of the quota: those that would not fit without any spare either are not helped by the end of one. */
const withWanted = (tenant: TenantId, quota: Resources, { usedBy, wantedBy }: Around): Sum => {
  const sum = { ...usedBy(tenant) }
  for (const resources of wantedBy(tenant)) addIfFits(sum, resources, quota)
  return sum
}

const addIfFits = (sum: Sum, resources: Resources, quota: Resources): boolean => {
  if (AMOUNTS.some(name => sum[name] + resources[name] > quota[name] + ROUNDING)) return false
  for (const name of AMOUNTS) sum[name] += resources[name]
  return true
}

const AMOUNTS = ['cpu', 'memoryMb', 'diskMb'] as const
/** Sums of fractional cores are not exact. */
const ROUNDING = 1e-6

const overQuota = (tenant: TenantId): Omit<Reason, 'since'> => ({
  code: 'preempted',
  message: `It was a warm spare, and team ${tenant} needs all of its quota for builds.`,
})
