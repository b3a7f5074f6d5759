import type { Access } from './access.ts'
import type { TenantId } from './ids.ts'
import type { Resources } from './resources.ts'
import type { Timestamp } from './units.ts'

/** Amounts of some resources; what is not named is not meant. */
export type SomeResources = { readonly [Name in keyof Resources]?: Resources[Name] }

/** A team: owns controllers, shares the fleet with the others. */
export type Tenant = {
  readonly id: TenantId
  /** Share of the fleet under contention, relative to other tenants; larger than 0. */
  readonly weight: number
  /** Most that its agents may use at a time, over all its controllers. What is not named has no cap. */
  readonly quota?: SomeResources
  /** What its agents get before others may burst. What is not named is not guaranteed. */
  readonly guarantee?: SomeResources
  readonly policy?: TenantPolicy
  /** What its templates may ask of the hosts. Absent: nothing. */
  readonly access?: Access
  readonly createdAt: Timestamp
}

/** What may be done with a tenant's agents. */
export type TenantPolicy = {
  /** Its agents may be stopped for others, lowest cost first. False, as where there is no policy: never. */
  readonly preemptible: boolean
}

/** A quota as an amount of every resource: what has no cap is infinite. */
export const capOf = (quota: SomeResources): Resources => ({
  cpu: quota.cpu ?? Number.POSITIVE_INFINITY,
  memoryMb: quota.memoryMb ?? Number.POSITIVE_INFINITY,
  diskMb: quota.diskMb ?? Number.POSITIVE_INFINITY,
})

/** A guarantee as an amount of every resource: what is not guaranteed is 0. */
export const floorOf = (guarantee: SomeResources): Resources => ({
  cpu: guarantee.cpu ?? 0,
  memoryMb: guarantee.memoryMb ?? 0,
  diskMb: guarantee.diskMb ?? 0,
})
