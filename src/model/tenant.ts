import type { TenantId } from './ids.ts'
import type { Resources } from './resources.ts'
import type { Timestamp } from './units.ts'

/** A team: owns controllers, shares the fleet with the others. */
export type Tenant = {
  readonly id: TenantId
  /** Share of the fleet under contention, relative to other tenants; larger than 0. */
  readonly weight: number
  /** Most that its agents may use at a time, over all its controllers. Absent means no cap. */
  readonly quota?: Resources
  /** What it gets before others may burst. */
  readonly guarantee?: Resources
  readonly createdAt: Timestamp
}
