import type { HostId, TenantId } from './ids.ts'
import type { Reason } from './reason.ts'
import type { Resources } from './resources.ts'
import type { Timestamp } from './units.ts'

export type HostRole = 'any' | 'controllers' | 'builds'
export type HostState = 'ready' | 'cordoned' | 'draining' | 'silent'

/** A machine that an engine can place workloads on. */
export type Host = {
  readonly id: HostId
  readonly engine: string
  readonly role: HostRole
  readonly reservedFor?: TenantId
  /** What may be given to workloads; what the system and Manor itself need is taken off already. */
  readonly capacity: Resources
  readonly attributes: Readonly<Record<string, string>>
  readonly state: HostState
  readonly seenAt: Timestamp
  /** Whether limits hold here, and if not, why, in words for a person. */
  readonly limits: { readonly memory: boolean; readonly cpu: boolean; readonly reason?: string }
  readonly reason?: Reason
}
