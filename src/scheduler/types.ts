import type { ControllerId, Host, HostId, Reason, Resources, Tenant, TenantId, Timestamp } from '../model/index.ts'

/** Controllers are placed before agents: without its controller no agent is of use. */
export type Tier = 'controller' | 'agent'

/** Something that wants a place. */
export type Task = {
  /** Unique within one call. */
  readonly id: string
  readonly tier: Tier
  readonly tenant: TenantId
  readonly controller: ControllerId
  readonly resources: Resources
  /** Attributes that the host must have. */
  readonly constraints: Readonly<Record<string, string>>
  /** Since when it waits: the order within its controller. */
  readonly readyAt: Timestamp
}

/** Something that has a place, whether it was placed by an earlier call or was found there. */
export type RunningWork = {
  readonly tier: Tier
  readonly tenant: TenantId
  readonly controller: ControllerId
  /** Undefined where it is not known; then it counts for its tenant's share and quota, and on no host. */
  readonly host: HostId | undefined
  readonly resources: Resources
}

export type ScheduleInput = {
  readonly tasks: readonly Task[]
  readonly hosts: readonly Host[]
  readonly running: readonly RunningWork[]
  /** A tenant that is not among these weighs 1 and has no quota. */
  readonly tenants: readonly Tenant[]
}

/** In the order in which they were decided. */
export type Placement = { readonly task: string; readonly host: HostId }

export type LeftOver = {
  readonly task: string
  readonly reason: Omit<Reason, 'since'>
}

export type ScheduleResult = { readonly placements: readonly Placement[]; readonly leftOver: readonly LeftOver[] }
