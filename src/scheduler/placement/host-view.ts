import type { HostId } from '../../model/index.ts'
import { CPU, DISK_MB, MEMORY_MB, NETWORK_MBPS, PORTS } from '../fleet/dimensions.ts'
import type { Fleet } from '../fleet/fleet.ts'
import type { Amount } from '../resources.ts'
import type { Claim, FleetHost, Offer } from '../types.ts'

/** A host as constraints and fitness functions of the caller's own see it: at the moment of the look, with what this pass placed there. */
export type HostView = {
  readonly host: FleetHost
  readonly total: Amount
  readonly free: Amount
  readonly freePorts: number
  readonly running: readonly { readonly id: string; readonly claim: Claim }[]
  /** All offers of the host that are held now; empty where hosts come whole. */
  readonly offers: readonly Offer[]
}

export type OffersOf = (host: HostId) => readonly Offer[]

/** Built for callers' own functions alone: our constraints read the columns. */
export const viewOf = (fleet: Fleet, slot: number, offersOf: OffersOf): HostView | undefined => {
  const record = fleet.record(slot)
  if (record === undefined) return undefined
  const { columns } = fleet
  const amount = (of: (dimension: number, slot: number) => number): Amount => ({
    cpu: of(CPU, slot),
    memoryMb: of(MEMORY_MB, slot),
    diskMb: of(DISK_MB, slot),
    networkMbps: of(NETWORK_MBPS, slot),
  })
  return {
    host: record.host,
    total: amount((dimension, at) => columns.totalOf(dimension, at)),
    free: amount((dimension, at) => columns.freeOf(dimension, at)),
    freePorts: columns.freeOf(PORTS, slot),
    running: [...(record.residents ?? [])].map(({ id, claim }) => ({ id, claim })),
    offers: offersOf(record.host.id),
  }
}
