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
}

/**
 * Pure: which warm spares are to go though their templates want them, and why. A spare takes a build without being asked, so it must not stand
 * where none is to start: on a host that takes nothing new, or beyond its team's quota, of which builds come first. The newest go first.
 * Linear in the spares.
 */
export const needlessSpares = <Id extends string>(spares: readonly HeldSpare<Id>[], around: Around): Map<Id, Omit<Reason, 'since'>> => {
  const needless = new Map<Id, Omit<Reason, 'since'>>()
  const used = new Map<TenantId, { cpu: number; memoryMb: number; diskMb: number }>()
  for (const { id, tenant, host, resources } of spares.toSorted((a, b) => (a.since ?? 0) - (b.since ?? 0) || (a.id < b.id ? -1 : 1))) {
    if (host !== undefined && !around.takesWork(host)) {
      needless.set(id, { code: 'superseded', message: `It was a warm spare on ${host}, which takes no new builds.` })
      continue
    }
    const quota = around.quotaOf(tenant)
    if (quota === undefined) continue
    const sum = used.get(tenant) ?? { ...around.usedBy(tenant) }
    used.set(tenant, sum)
    const isOver = AMOUNTS.some(name => sum[name] + resources[name] > quota[name] + ROUNDING)
    if (isOver) needless.set(id, overQuota(tenant))
    else for (const name of AMOUNTS) sum[name] += resources[name]
  }
  return needless
}

const AMOUNTS = ['cpu', 'memoryMb', 'diskMb'] as const
/** Sums of fractional cores are not exact. */
const ROUNDING = 1e-6

const overQuota = (tenant: TenantId): Omit<Reason, 'since'> => ({
  code: 'preempted',
  message: `It was a warm spare, and team ${tenant} needs all of its quota for builds.`,
})
