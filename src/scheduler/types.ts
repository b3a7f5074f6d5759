import type { ControllerId, Host, HostId, Mebibytes, Reason, Resources, Tenant, TenantId, Timestamp } from '../model/index.ts'
import type { Constraint, SoftConstraint } from './placement/constraint.ts'

/** Strict: a tier is served before the next. Without its controller no agent is of use; warm spares take what nobody else wants. */
export type Tier = 'controller' | 'agent' | 'spare'
export const TIERS = ['controller', 'agent', 'spare'] as const satisfies readonly Tier[]

/**
 * An amount of a consumable set that a host has: some pieces, each bound to one value while it has users (attach slots, static addresses).
 */
export type ConsumableSet = {
  readonly name: string
  /** How many pieces the host has. */
  readonly pieces: number
  /** What each piece holds; a task may ask for 0 of it and shares the piece without limit. */
  readonly unitsPerPiece: number
  /** True where a task that asks for none of it still needs a piece: such tasks share the value NO_VALUE. */
  readonly everyoneNeedsOne?: boolean
}
export type SetAsk = { readonly name: string; readonly value: string; readonly units: number }
/** Which piece of a host's set a task uses. */
export type SetHold = SetAsk & { readonly piece: number }

/** First and last port, both included. */
export type PortRange = { readonly first: number; readonly last: number }

/** What waiting and running work have in common: whose it is and what it takes. Absent amounts are none. */
export type Claim = {
  readonly tier: Tier
  readonly tenant: TenantId
  readonly controller: ControllerId
  readonly resources: Resources
  readonly networkMbps?: number
  /** Named amounts beside the usual ones (licence seats, GPUs). */
  readonly scalars?: Readonly<Record<string, number>>
  readonly sets?: readonly SetAsk[]
  /** Work of one group is what constraints spread, balance, keep together, and what group limits count. */
  readonly group?: string
  /** Wants a host without other work, and keeps others off it while it runs. */
  readonly exclusive?: boolean
  /** Set where its tenant's policy lets it be stopped for others while it runs; `cost` is what is lost then, in any unit that can be compared. */
  readonly preemptible?: { readonly cost: number }
}

/** Something that wants a place. */
export type Task = Claim & {
  /** Unique among what waits and runs. */
  readonly id: string
  /** Attributes that the host must have. */
  readonly constraints: Readonly<Record<string, string>>
  /** Since when it waits, or from when on it may be placed. The order within its controller. */
  readonly readyAt: Timestamp
  /** Larger goes first within its tenant and tier; 0 where absent. */
  readonly priority?: number
  /** How many ports it needs; which ones is the scheduler's choice. */
  readonly ports?: number
  readonly hard?: readonly Constraint[]
  readonly soft?: readonly SoftConstraint[]
  /** Images, volumes or caches that it would like to find on its host (FleetHost.holds). */
  readonly near?: readonly string[]
}

/** Something that has a place, whether it was placed by an earlier call or was found there. */
export type RunningWork = Claim & {
  /** Needed to end it, and to stop it for others. */
  readonly id?: string
  /** Undefined where it is not known; then it counts for its tenant's share and quota, and on no host. */
  readonly host: HostId | undefined
  readonly heldPorts?: readonly number[]
  readonly setHolds?: readonly SetHold[]
  /** When it was placed: among equal shares whoever was served longest ago goes first. */
  readonly since?: Timestamp
  /** When it is expected to end. */
  readonly endsAt?: Timestamp
}

/** A machine as the scheduler sees it. A `Host` of the model is one. */
export type FleetHost = Pick<Host, 'id' | 'role' | 'capacity' | 'attributes' | 'state'> & {
  readonly reservedFor?: TenantId
  readonly networkMbps?: number
  readonly ports?: readonly PortRange[]
  readonly scalars?: Readonly<Record<string, number>>
  readonly sets?: readonly ConsumableSet[]
  readonly holds?: readonly string[]
}

/** Part of a host for a while, as Mesos gives it: all offers of a host are summed. */
export type Offer = Omit<FleetHost, 'capacity' | 'state'> & {
  readonly offer: string
  readonly resources: { readonly cpu: number; readonly memoryMb: Mebibytes; readonly diskMb: Mebibytes }
  readonly offeredAt: Timestamp
}

export type ScheduleInput = {
  readonly tasks: readonly Task[]
  readonly hosts: readonly FleetHost[]
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
