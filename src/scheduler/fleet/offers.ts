import type { HostId, Milliseconds, Timestamp } from '../../model/index.ts'
import { type ChanceSource, integerBelow } from '../chance.ts'
import type { Offer } from '../types.ts'
import { CPU, DISK_MB, MEMORY_MB, NETWORK_MBPS, PORTS } from './dimensions.ts'
import type { Fleet, HostSize } from './fleet.ts'

export type OfferRules = {
  /** An offer older than this is given back. Mesos takes no offence at late answers, but others may want the room. */
  readonly expiryMs: Milliseconds
  /**
   * At most so many hosts' offers are given back in one expiry period, so that the fleet is not emptied by a lull. Absent: all that
   * expired.
   */
  readonly rejectHostsPerPeriod?: number
  /** So many hosts without work are kept whatever the age of their offers. */
  readonly keepIdleHosts?: number
}

/**
 * What 120 s are in Fenzo and Mesos' default filter is 5: long enough to gather several passes, short enough that others get their turn.
 */
export const OFFER_RULES: OfferRules = { expiryMs: 120_000 }

/**
 * Hosts that are lent piece by piece. The fleet sees each as a host as large as its offers together with what runs there; a host none of
 * whose offers are left and on which nothing runs is gone. Whoever calls tells the engine what was given back.
 */
export class OfferBook {
  readonly #fleet: Fleet
  readonly #rules: OfferRules
  readonly #chance: ChanceSource
  readonly #byHost = new Map<HostId, Offer[]>()
  readonly #hostOf = new Map<string, HostId>()
  /** Hosts that are there because they were offered, as long as they are. */
  readonly #lent = new Set<HostId>()
  #periodStart = Number.NEGATIVE_INFINITY
  #rejectedInPeriod = 0

  constructor(fleet: Fleet, rules: OfferRules, chance: ChanceSource) {
    this.#fleet = fleet
    this.#rules = rules
    this.#chance = chance
  }

  /** Throws a RangeError where an offer of this id is held already: counted twice it would be used twice. */
  add(offer: Offer): void {
    if (this.#hostOf.has(offer.offer)) throw new RangeError(`Offer ${offer.offer} is held already; an offer may be added once.`)
    this.#hostOf.set(offer.offer, offer.id)
    this.#lent.add(offer.id)
    const offers = this.#byHost.get(offer.id) ?? []
    offers.push(offer)
    this.#byHost.set(offer.id, offers)
    this.#settle(offer.id)
  }

  of(host: HostId): readonly Offer[] {
    return this.#byHost.get(host) ?? []
  }

  /** The engine took the offer back. An offer that is not held is passed over: a rescind may cross with its use. */
  rescind(offer: string): void {
    const host = this.#hostOf.get(offer)
    if (host === undefined) return
    this.#hostOf.delete(offer)
    this.#byHost.set(
      host,
      this.of(host).filter(one => one.offer !== offer),
    )
    this.#settle(host)
  }

  /** All offers of a host, taken out because work was placed there: what that leaves of them comes back in a new offer. */
  use(host: HostId): readonly Offer[] {
    return this.#takeOut(host)
  }

  /** Work on the host ended; its room is the engine's again until it is offered. */
  ended(host: HostId): void {
    if (this.#lent.has(host)) this.#settle(host)
  }

  /**
   * Which offers to give back now, taken out: those of hosts with an offer past its time, all offers of such a host together. Which of
   * them, where the rules allow only some, is left to chance, so that the same hosts are not given back again and again.
   */
  expire(now: Timestamp): readonly Offer[] {
    const { expiryMs, rejectHostsPerPeriod = Number.POSITIVE_INFINITY, keepIdleHosts = 0 } = this.#rules
    if (now - this.#periodStart >= expiryMs) {
      this.#periodStart = now
      this.#rejectedInPeriod = 0
    }
    const expired = [...this.#byHost].filter(([, offers]) => offers.some(({ offeredAt }) => now - offeredAt >= expiryMs)).map(([id]) => id)
    let idle = [...this.#byHost.keys()].filter(id => this.#isIdle(id)).length
    const given: Offer[] = []
    for (const id of shuffled(expired, this.#chance)) {
      if (this.#rejectedInPeriod >= rejectHostsPerPeriod) break
      if (this.#isIdle(id)) {
        if (idle <= keepIdleHosts) continue
        idle--
      }
      this.#rejectedInPeriod++
      given.push(...this.#takeOut(id))
    }
    return given
  }

  /** Gives back all offers of hosts that `unwanted` names, whatever their age: hosts of a group that is not in use, doomed hosts. */
  rejectWhere(unwanted: (host: HostId) => boolean): readonly Offer[] {
    return [...this.#byHost.keys()].filter(unwanted).flatMap(id => this.#takeOut(id))
  }

  #isIdle(id: HostId): boolean {
    const slot = this.#fleet.slotOf(id)
    return slot !== undefined && (this.#fleet.columns.works[slot] ?? 0) === 0
  }

  #takeOut(host: HostId): readonly Offer[] {
    const offers = this.of(host)
    for (const { offer } of offers) this.#hostOf.delete(offer)
    this.#byHost.delete(host)
    this.#settle(host)
    return offers
  }

  /** Makes the fleet's host as large as its offers and what runs there. */
  #settle(host: HostId): void {
    const offers = this.of(host)
    const newest = offers.at(-1)
    if (newest === undefined) this.#byHost.delete(host)
    const known = this.#fleet.slotOf(host)
    if (newest !== undefined) {
      const { id, role, attributes, reservedFor, sets, holds } = newest
      const ports = offers.flatMap(offer => offer.ports ?? [])
      this.#fleet.putHost({
        id,
        role,
        attributes,
        state: 'ready',
        capacity: NOTHING,
        ports,
        ...(reservedFor === undefined ? {} : { reservedFor }),
        ...(sets === undefined ? {} : { sets }),
        ...(holds === undefined ? {} : { holds }),
      })
    } else if (known !== undefined) {
      if ((this.#fleet.columns.works[known] ?? 0) === 0) {
        this.#lent.delete(host)
        this.#fleet.removeHost(host)
        return
      }
      const record = this.#fleet.record(known)
      if (record) this.#fleet.putHost({ ...record.host, ports: [] })
    }
    const slot = this.#fleet.slotOf(host)
    if (slot !== undefined) this.#fleet.resize(slot, this.#sizeOf(slot, offers))
  }

  #sizeOf(slot: number, offers: readonly Offer[]): HostSize {
    const { columns, dimensions } = this.#fleet
    const sum = (what: (offer: Offer) => number): number => offers.reduce((total, offer) => total + what(offer), 0)
    const scalars: Record<string, number> = {}
    for (let dimension = PORTS + 1; dimension < dimensions.count; dimension++)
      scalars[dimensions.nameOf(dimension)] = columns.usedOf(dimension, slot)
    for (const offer of offers)
      for (const [name, amount] of Object.entries(offer.scalars ?? {})) scalars[name] = (scalars[name] ?? 0) + amount
    return {
      cpu: columns.usedOf(CPU, slot) + sum(({ resources }) => resources.cpu),
      memoryMb: columns.usedOf(MEMORY_MB, slot) + sum(({ resources }) => resources.memoryMb),
      diskMb: columns.usedOf(DISK_MB, slot) + sum(({ resources }) => resources.diskMb),
      networkMbps: columns.usedOf(NETWORK_MBPS, slot) + sum(({ networkMbps = 0 }) => networkMbps),
      ports: columns.usedOf(PORTS, slot) + (this.#fleet.record(slot)?.ports?.free ?? 0),
      scalars,
    }
  }
}

const NOTHING = { cpu: 0, memoryMb: 0, diskMb: 0 }

/** Fisher and Yates; a new list. */
const shuffled = <T>(all: readonly T[], chance: ChanceSource): T[] => {
  const rest = [...all]
  const out: T[] = []
  while (rest.length > 0) out.push(...rest.splice(integerBelow(chance, rest.length), 1))
  return out
}
