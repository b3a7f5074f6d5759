import type { HostId, TenantId, Timestamp } from '../../model/index.ts'
import type { Claim, FleetHost, RunningWork, SetHold } from '../types.ts'
import type { Ask } from './dimensions.ts'
import { PortPool } from './port-pool.ts'
import { SetPool } from './set-pool.ts'

/** Work that has a place, as the fleet keeps it. */
export type Resident = {
  readonly id: string
  readonly claim: Claim
  readonly ask: Ask
  /** Where it runs, undefined where that is not known. */
  readonly host: HostId | undefined
  readonly ports: readonly number[]
  readonly setHolds: readonly SetHold[]
  /** When it is expected to end; changes as more is known. */
  endsAt: Timestamp | undefined
  /** False where it was adopted without an id: then nobody could be told to stop it. */
  readonly isNamed: boolean
  /** In which order they came: the youngest has lost least when it is stopped. */
  readonly arrival: number
}

/** What a host has beside its columns. */
export type HostRecord = {
  host: FleetHost
  ports: PortPool | undefined
  sets: SetPool | undefined
  /** Undefined while there are none: most hosts of a large fleet hold a few works, and an empty set costs as much as a full one. */
  residents: Set<Resident> | undefined
}

export const recordOf = (host: FleetHost): HostRecord => ({
  host,
  ports: host.ports === undefined ? undefined : new PortPool(host.ports),
  sets: host.sets === undefined ? undefined : new SetPool(host.sets),
  residents: undefined,
})

/** Takes over what a host says of itself now, and keeps what its residents hold. */
export const updateRecord = (record: HostRecord, host: FleetHost): void => {
  const setsChanged = JSON.stringify(record.host.sets ?? []) !== JSON.stringify(host.sets ?? [])
  record.host = host
  if (setsChanged) {
    record.sets = host.sets === undefined ? undefined : new SetPool(host.sets)
    for (const { setHolds } of record.residents ?? []) record.sets?.hold(setHolds)
  }
  if (host.ports === undefined && record.ports === undefined) return
  if (record.ports === undefined) {
    record.ports = new PortPool(host.ports ?? [])
    for (const { ports } of record.residents ?? []) record.ports.hold(ports)
  } else record.ports.setRanges(host.ports ?? [])
}

export const residentOf = (work: RunningWork, id: string, ask: Ask, arrival: number): Resident => ({
  id,
  claim: work,
  ask,
  host: work.host,
  ports: work.heldPorts ?? NONE,
  setHolds: work.setHolds ?? NONE,
  endsAt: work.endsAt,
  isNamed: work.id !== undefined,
  arrival,
})

/** One empty list for all, not one for each of a hundred thousand residents. */
export const NONE: readonly never[] = []

/** Numbers for tenants, so that a column can hold them; 0 is nobody. */
export class TenantCodes {
  readonly #codes = new Map<TenantId, number>()

  codeOf(tenant: TenantId): number {
    let code = this.#codes.get(tenant)
    if (code === undefined) {
      code = this.#codes.size + 1
      this.#codes.set(tenant, code)
    }
    return code
  }
}
