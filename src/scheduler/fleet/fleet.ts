import type { HostId, HostRole, TenantId, Timestamp } from '../../model/index.ts'
import { type Amount, take } from '../resources.ts'
import type { FleetHost, RunningWork, Task } from '../types.ts'
import { ChangeLog } from './change-log.ts'
import { AttributeColumn, Columns, TAKES_NONE, TAKES_WORK } from './columns.ts'
import { type Ask, CPU, DISK_MB, Dimensions, MEMORY_MB, NETWORK_MBPS, PORTS } from './dimensions.ts'
import { Groups } from './groups.ts'
import { HostOrder } from './host-order.ts'
import { type HostRecord, NONE, type Resident, recordOf, residentOf, TenantCodes, updateRecord } from './host-record.ts'
import { Ledger } from './ledger.ts'

export const ROLE_CODES = { any: 0, controllers: 1, builds: 2 } as const satisfies Record<HostRole, number>

/** The attribute under which constraints speak of the host itself. */
export const HOST = 'host'

/**
 * Hosts and what runs on them, kept from pass to pass. Changed by calls, read by the placement rooms through its columns.
 *
 * Cost: putting, claiming and releasing are constant but for ports and sets (their pools); a host that comes or goes makes the next pass
 * merge the order of hosts anew, linear in the hosts. Memory: about 120 bytes of columns per host, plus 150 per running work.
 */
export class Fleet {
  readonly dimensions = new Dimensions()
  readonly columns = new Columns()
  readonly ledger = new Ledger()
  readonly changes = new ChangeLog()
  readonly order = new HostOrder(slot => this.#records[slot]?.host.id ?? '')
  readonly groups = new Groups(attribute => this.attribute(attribute))
  readonly #records: (HostRecord | undefined)[] = []
  readonly #slots = new Map<HostId, number>()
  readonly #unusedSlots: number[] = []
  readonly #attributes = new Map<string, AttributeColumn>()
  readonly #holds = new Map<string, Set<number>>()
  readonly #tenantCodes = new TenantCodes()
  readonly #reserved = new Map<TenantId, number>()
  readonly #residents = new Map<string, Resident>()
  /** Work on hosts that are not there: it keeps its claim, and has its seat again when the host is back. */
  readonly #absent = new Map<HostId, Set<Resident>>()
  /** Hosts by role code: whether there are any that only one kind of work may use. */
  readonly #byRole = [0, 0, 0]
  readonly #cordoned = new Set<HostId>()
  #active: { readonly attribute: string; readonly oneOf: readonly string[] } | undefined
  #total: Amount | undefined
  #arrivals = 0
  #reservations = 0

  get size(): number {
    return this.#slots.size
  }

  /** How many works have come so far: tells what came after from what was there before. */
  get arrivals(): number {
    return this.#arrivals
  }

  /** All hosts together, ready or not: a host that is silent for a minute must not turn shares over. Summed again once a size changed. */
  total(): Readonly<Amount> {
    this.#total ??= this.#sum(this.columns.total)
    return this.#total
  }

  /** What of it is not used. */
  free(): Amount {
    const free = { ...this.total() }
    take(free, this.#sum(this.columns.used))
    return free
  }

  /** Whether a host is not there yet, or was told otherwise. Engines tell all theirs every few seconds: what is as before is to wake nobody. */
  isNews(host: FleetHost): boolean {
    const slot = this.#slots.get(host.id)
    const before = slot === undefined ? undefined : this.#records[slot]?.host
    return before === undefined || JSON.stringify(before) !== JSON.stringify(host)
  }

  /** Adds a host, or takes over what it says of itself now. What runs there stays. */
  putHost(host: FleetHost): void {
    if (!this.isNews(host)) return
    const known = this.#slots.get(host.id)
    const slot = known ?? this.#newSlot(host)
    const record = this.#records[slot] ?? recordOf(host)
    const before = record.host
    this.#records[slot] = record
    if (known !== undefined) {
      this.#index(before, slot, false)
      updateRecord(record, host)
    }
    this.#index(host, slot, true)
    const { capacity, networkMbps = 0, scalars = {} } = host
    this.resize(slot, { ...capacity, networkMbps, ports: record.ports?.size ?? 0, scalars })
    if (known === undefined) for (const resident of this.#takeAbsent(host.id)) this.#seat(resident, slot)
    this.changes.note(slot, true)
  }

  /** Takes a host away. Its residents stay counted for their tenants until they are released: a silent host is not a dead one. */
  removeHost(id: HostId): void {
    const slot = this.#slots.get(id)
    const record = slot === undefined ? undefined : this.#records[slot]
    if (slot === undefined || record === undefined) return
    for (const resident of [...(record.residents ?? [])]) {
      this.#unseat(resident, slot)
      this.#noteAbsent(id, resident)
    }
    this.#index(record.host, slot, false)
    this.columns.clear(slot)
    this.#records[slot] = undefined
    this.#slots.delete(id)
    this.#unusedSlots.push(slot)
    this.order.leave(slot)
    this.#total = undefined
    this.changes.note(slot, false)
  }

  /** Sets how large a host is. */
  resize(slot: number, size: HostSize): void {
    const { columns, dimensions } = this
    for (const name of Object.keys(size.scalars)) dimensions.ofScalar(name)
    columns.widen(dimensions.count)
    for (let dimension = PORTS + 1; dimension < dimensions.count; dimension++)
      columns.setTotal(dimension, slot, size.scalars[dimensions.nameOf(dimension)] ?? 0)
    columns.setTotal(CPU, slot, size.cpu)
    columns.setTotal(MEMORY_MB, slot, size.memoryMb)
    columns.setTotal(DISK_MB, slot, size.diskMb)
    columns.setTotal(NETWORK_MBPS, slot, size.networkMbps)
    columns.setTotal(PORTS, slot, size.ports)
    this.#total = undefined
    this.changes.note(slot, true)
  }

  /** Puts no new work on a host, however often it is told or offered as ready: it is about to be removed. Need not be known yet. */
  cordon(id: HostId): void {
    this.#cordoned.add(id)
    this.#reconsider(id)
  }

  uncordon(id: HostId): void {
    this.#cordoned.delete(id)
    this.#reconsider(id)
  }

  /** Uses only hosts whose attribute has one of these values; undefined: all. */
  setActive(active: { readonly attribute: string; readonly oneOf: readonly string[] } | undefined): void {
    this.#active = active
    for (const id of this.#slots.keys()) this.#reconsider(id)
  }

  /** Whether new work may be put on the host. */
  takesWork(id: HostId): boolean {
    const slot = this.#slots.get(id)
    return slot !== undefined && this.columns.takes[slot] === TAKES_WORK
  }

  /** Counts work that is known to run, whether there is room for it or not: it is there. Throws where its id runs already. */
  adopt(work: RunningWork): Resident {
    const arrival = ++this.#arrivals
    const id = work.id ?? `${UNNAMED}${arrival}`
    const ask = this.askOf(work, work.heldPorts?.length ?? 0)
    const resident = residentOf(work, id, ask, arrival)
    this.#enter(resident)
    return resident
  }

  /**
   * Gives a task its place, with ports and pieces of sets. Whether it fits is the caller's to know (placement/picker.ts): where ports or
   * sets do not suffice after all, columns and pools do not agree, which is a defect, and it throws with nothing taken.
   */
  claim(task: Task, slot: number, ask: Ask): Resident & { readonly host: HostId } {
    const record = this.#records[slot]
    if (record === undefined) throw new Error(`There is no host in slot ${slot} for ${task.id}.`)
    const setHolds = record.sets === undefined ? NONE : record.sets.take(task.sets ?? NONE)
    if (setHolds !== undefined) record.sets?.give(setHolds)
    const ports = task.ports === undefined || task.ports === 0 ? NONE : record.ports?.take(task.ports)
    if (setHolds === undefined || ports === undefined)
      throw new Error(
        `${record.host.id} has no ${ports === undefined ? 'ports' : 'pieces of its sets'} for ${task.id} though its columns say so.`,
      )
    const host = record.host.id
    const arrival = ++this.#arrivals
    const resident = { id: task.id, claim: task, ask, host, ports, setHolds, endsAt: undefined, isNamed: true, arrival }
    this.#enter(resident)
    return resident
  }

  /** The work has ended; gives what it was, or undefined where it was not known. */
  release(id: string): Resident | undefined {
    const resident = this.#residents.get(id)
    if (resident === undefined) return undefined
    this.#residents.delete(id)
    this.ledger.remove(resident.claim)
    const slot = resident.host === undefined ? undefined : this.#slots.get(resident.host)
    if (slot !== undefined) this.#unseat(resident, slot)
    else if (resident.host !== undefined) {
      const absent = this.#absent.get(resident.host)
      absent?.delete(resident)
      if (absent?.size === 0) this.#absent.delete(resident.host)
    }
    return resident
  }

  /** When running work is expected to end, for estimates and for which host to empty; work that is not known is passed over. */
  expectEnd(id: string, at: Timestamp): void {
    const resident = this.#residents.get(id)
    if (resident !== undefined) resident.endsAt = at
  }

  resident(id: string): Resident | undefined {
    return this.#residents.get(id)
  }

  residents(): IterableIterator<Resident> {
    return this.#residents.values()
  }

  slotOf(id: HostId): number | undefined {
    return this.#slots.get(id)
  }

  record(slot: number): HostRecord | undefined {
    return this.#records[slot]
  }

  askOf(claim: RunningWork | Task, ports: number): Ask {
    const ask = this.dimensions.askOf(claim, ports)
    this.columns.widen(this.dimensions.count)
    return ask
  }

  /** A column of an attribute, made and filled when it is first asked for. */
  attribute(name: string): AttributeColumn {
    let column = this.#attributes.get(name)
    if (column === undefined) {
      column = new AttributeColumn(this.columns.room)
      for (const [id, slot] of this.#slots) column.set(slot, name === HOST ? id : this.#records[slot]?.host.attributes[name])
      this.#attributes.set(name, column)
    }
    return column
  }

  tenantCode(tenant: TenantId): number {
    return this.#tenantCodes.codeOf(tenant)
  }

  /** Changes with each reservation that comes or goes. */
  get reservations(): number {
    return this.#reservations
  }

  /** Whether any host is reserved for the tenant: only then does it matter to a place whose task it is. */
  hasReservation(tenant: TenantId): boolean {
    return this.#reserved.size > 0 && (this.#reserved.get(tenant) ?? 0) > 0
  }

  hasRole(role: HostRole): boolean {
    return (this.#byRole[ROLE_CODES[role]] ?? 0) > 0
  }

  /** Slots of hosts that hold an image, volume or cache. */
  holders(item: string): ReadonlySet<number> {
    return this.#holds.get(item) ?? NOWHERE
  }

  /** Keeps a host for one task, or lets it go. */
  keep(slot: number, kept: boolean): void {
    this.columns.kept[slot] = kept ? 1 : 0
    this.changes.note(slot, !kept)
  }

  /** In the order of hosts, so that rounding is the same however they came. */
  #sum(columns: readonly Float64Array[]): Amount {
    const slots = this.order.slots()
    const sum = (dimension: number): number => {
      const column = columns[dimension]
      let total = 0
      for (let at = 0; at < slots.length; at++) total += column?.[slots[at] ?? 0] ?? 0
      return total
    }
    return { cpu: sum(CPU), memoryMb: sum(MEMORY_MB), diskMb: sum(DISK_MB), networkMbps: sum(NETWORK_MBPS) }
  }

  #mayTake({ id, state, attributes }: FleetHost): boolean {
    if (state !== 'ready' || this.#cordoned.has(id)) return false
    return this.#active === undefined || this.#active.oneOf.includes(attributes[this.#active.attribute] ?? '')
  }

  #reconsider(id: HostId): void {
    const slot = this.#slots.get(id)
    const record = slot === undefined ? undefined : this.#records[slot]
    if (slot === undefined || record === undefined) return
    this.columns.takes[slot] = this.#mayTake(record.host) ? TAKES_WORK : TAKES_NONE
    this.changes.note(slot, true)
  }

  #newSlot({ id }: FleetHost): number {
    const slot = this.#unusedSlots.pop() ?? this.#records.length
    if (slot === this.#records.length) this.#records.push(undefined)
    this.columns.grow(slot + 1)
    this.columns.widen(this.dimensions.count)
    this.#slots.set(id, slot)
    this.order.arrive(slot, id)
    return slot
  }

  /** Brings into the columns, or takes out, what is looked up by a host's properties. */
  #index(host: FleetHost, slot: number, present: boolean): void {
    const { columns } = this
    columns.takes[slot] = present && this.#mayTake(host) ? TAKES_WORK : TAKES_NONE
    const role = ROLE_CODES[host.role]
    columns.role[slot] = role
    this.#byRole[role] = (this.#byRole[role] ?? 0) + (present ? 1 : -1)
    columns.reservedFor[slot] = host.reservedFor === undefined ? 0 : this.tenantCode(host.reservedFor)
    if (host.reservedFor !== undefined) this.#reservations++
    if (host.reservedFor !== undefined)
      this.#reserved.set(host.reservedFor, (this.#reserved.get(host.reservedFor) ?? 0) + (present ? 1 : -1))
    columns.sets[slot] = host.sets === undefined ? 0 : 1
    let moved = false
    for (const [name, column] of this.#attributes) {
      const before = column.at(slot)
      column.set(slot, present ? (name === HOST ? host.id : host.attributes[name]) : undefined)
      moved ||= before !== column.at(slot)
    }
    if (moved && (this.#records[slot]?.residents?.size ?? 0) > 0) this.groups.forgetDomains()
    for (const item of host.holds ?? []) {
      const holders = this.#holds.get(item) ?? new Set()
      if (present) this.#holds.set(item, holders.add(slot))
      else if (holders.delete(slot) && holders.size === 0) this.#holds.delete(item)
    }
  }

  #enter(resident: Resident): void {
    if (this.#residents.has(resident.id)) throw new RangeError(`${resident.id} runs already; a task may be placed or adopted once.`)
    this.#residents.set(resident.id, resident)
    this.ledger.add(resident.claim)
    if (resident.host === undefined) return
    const slot = this.#slots.get(resident.host)
    if (slot === undefined) this.#noteAbsent(resident.host, resident)
    else this.#seat(resident, slot)
  }

  #seat(resident: Resident, slot: number): void {
    const record = this.#records[slot]
    if (record === undefined) return
    this.#count(resident, slot, 1)
    record.ports?.hold(resident.ports)
    record.sets?.hold(resident.setHolds)
    record.residents ??= new Set()
    record.residents.add(resident)
    if (resident.claim.group !== undefined) this.groups.add(resident.claim.group, slot)
    this.changes.note(slot, false)
  }

  #unseat(resident: Resident, slot: number): void {
    const record = this.#records[slot]
    if (record === undefined) return
    this.#count(resident, slot, -1)
    record.ports?.give(resident.ports)
    record.sets?.give(resident.setHolds)
    record.residents?.delete(resident)
    if (record.residents?.size === 0) {
      record.residents = undefined
      // Nothing runs there, so nothing is used: what rounding left is wiped off.
      for (const column of this.columns.used) column[slot] = 0
    }
    if (resident.claim.group !== undefined) this.groups.remove(resident.claim.group, slot)
    this.changes.note(slot, true)
  }

  #count({ ask, claim }: Resident, slot: number, sign: 1 | -1): void {
    const { columns } = this
    for (const [at, dimension] of ask.dimensions.entries()) columns.addUsed(dimension, slot, sign * (ask.amounts[at] ?? 0))
    columns.works[slot] = (columns.works[slot] ?? 0) + sign
    if (claim.exclusive) columns.loners[slot] = (columns.loners[slot] ?? 0) + sign
  }

  #noteAbsent(host: HostId, resident: Resident): void {
    const absent = this.#absent.get(host) ?? new Set()
    this.#absent.set(host, absent.add(resident))
  }

  #takeAbsent(host: HostId): Iterable<Resident> {
    const absent = this.#absent.get(host) ?? NONE
    this.#absent.delete(host)
    return absent
  }
}

export type HostSize = {
  readonly cpu: number
  readonly memoryMb: number
  readonly diskMb: number
  readonly networkMbps: number
  readonly ports: number
  readonly scalars: Readonly<Record<string, number>>
}

/** Ids that Manor gives hold no space. */
const UNNAMED = 'unnamed '
const NOWHERE: ReadonlySet<number> = new Set()
