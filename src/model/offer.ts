import type { HostRole } from './host.ts'
import type { HostId, TenantId } from './ids.ts'
import type { Resources } from './resources.ts'
import type { Timestamp } from './units.ts'

/** First and last port, both included. */
export type PortSpan = { readonly first: number; readonly last: number }

/**
 * Part of a host that an engine lends for a while, as Mesos does (docs of Mesos 1.11, scheduler HTTP API, OFFERS). All offers of a host
 * are summed; what is used of one leaves the rest to a later offer.
 */
export type HostOffer = {
  /** The engine's own id of it; an id is never used again. */
  readonly offer: string
  readonly id: HostId
  readonly role: HostRole
  /** Set where the part is reserved for one tenant. */
  readonly reservedFor?: TenantId
  readonly resources: Resources
  readonly ports: readonly PortSpan[]
  /** Named amounts beside the usual ones (GPUs). */
  readonly scalars?: Readonly<Record<string, number>>
  readonly attributes: Readonly<Record<string, string>>
  readonly offeredAt: Timestamp
}
