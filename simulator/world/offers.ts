import { EngineError, type OfferListener, type OfferSource, type OfferUse } from '../../src/engines/index.ts'
import {
  type HostId,
  type HostOffer,
  NO_RESOURCES,
  type Resources,
  type TenantId,
  type Workload,
  type WorkloadId,
} from '../../src/model/index.ts'
import { add, type Machine } from './machines.ts'
import type { World } from './world.ts'

/** What was assigned and not submitted is given back after so long. */
const ASSIGNED_MS = 30_000
/** Between two rounds of offers, as Mesos' allocation interval. */
const ROUND_MS = 1_000
/** Offers stand so long, then they are taken back. */
const OFFER_MS = 60_000

type Held = { readonly offer: HostOffer; readonly machine: Machine }

/**
 * Hosts in pieces, as Mesos lends them: each host's free room is one offer at a time, until it is used, declined, taken back or lost. While nobody
 * follows, the engine is as one with whole hosts: that is how a Manor without offers meets it.
 */
export class OfferDesk {
  readonly #world: World
  readonly #offers = new Map<string, Held>()
  readonly #refusedUntil = new Map<HostId, number>()
  readonly #assigned = new Map<WorkloadId, { readonly use: OfferUse; readonly until: number }>()
  #listener: OfferListener | undefined
  #wanting = false
  #next = 1
  #roundDue = false

  constructor(world: World) {
    this.#world = world
  }

  readonly source: OfferSource = {
    follow: listener => {
      this.#takeBackAll()
      this.#listener = listener
      this.changed()
      return () => {
        if (this.#listener === listener) this.#listener = undefined
      }
    },
    decline: (offers, refuseMs) => {
      for (const id of offers) {
        const held = this.#offers.get(id)
        if (held === undefined) continue
        this.#offers.delete(id)
        this.#refusedUntil.set(held.machine.id, this.#world.now + refuseMs)
        this.#world.kernel.clock.after(refuseMs, () => this.changed())
      }
    },
    assign: uses => {
      for (const use of uses) {
        this.#assigned.set(use.workload, { use, until: this.#world.now + ASSIGNED_MS })
        for (const id of use.offers) this.#offers.delete(id)
      }
      this.#world.kernel.clock.after(ASSIGNED_MS, () => this.#expire())
    },
    want: (tenants: ReadonlySet<TenantId>) => {
      this.#wanting = tenants.size > 0
      if (!this.#wanting) return
      // As Mesos' REVIVE: what was refused is forgotten.
      this.#refusedUntil.clear()
      this.changed()
    },
  }

  /** A workload is launched from what was assigned to it. Throws where that is gone. */
  use({ id }: Workload, machine: Machine): void {
    if (this.#listener === undefined) return
    const assigned = this.#assigned.get(id)
    this.#assigned.delete(id)
    if (assigned === undefined || assigned.until < this.#world.now || assigned.use.host !== machine.id)
      throw new EngineError({ code: 'quota', message: `The offers for ${id} are gone.` }, true)
    this.changed()
  }

  /** Room came free, or somebody wants some. */
  changed(): void {
    if (this.#roundDue) return
    this.#roundDue = true
    this.#world.kernel.clock.after(ROUND_MS, () => {
      this.#roundDue = false
      this.#round()
    })
  }

  #round(): void {
    const listener = this.#listener
    if (listener === undefined || !this.#wanting) return
    if (!this.#world.network.reaches('manor', 'engine')) {
      this.changed()
      return
    }
    const offered = new Set(Array.from(this.#offers.values(), ({ machine }) => machine))
    const made: HostOffer[] = []
    for (const machine of this.#world.machines) {
      if (machine.state !== 'up' || offered.has(machine)) continue
      if ((this.#refusedUntil.get(machine.id) ?? 0) > this.#world.now) continue
      const free = this.#freeOf(machine)
      if (free.memoryMb <= 0 || free.cpu <= 0) continue
      const offer: HostOffer = {
        offer: `offer-${this.#next++}`,
        id: machine.id,
        role: machine.group.role,
        resources: free,
        ports: [{ first: 20_000, last: 39_999 }],
        attributes: machine.attributes,
        offeredAt: this.#world.now,
      }
      this.#offers.set(offer.offer, { offer, machine })
      made.push(offer)
    }
    if (made.length === 0) return
    this.#world.kernel.clock.after(OFFER_MS, () => this.#takeBack(made.map(({ offer }) => offer)))
    listener.offered(made)
  }

  #freeOf(machine: Machine): Resources {
    // What was assigned and not submitted yet is lent: the rest of those offers comes back with the last of them.
    for (const { use } of this.#assigned.values()) if (use.host === machine.id) return NO_RESOURCES
    return add(machine.group.capacity, machine.promised, -1)
  }

  #expire(): void {
    for (const [id, { until }] of this.#assigned) if (until <= this.#world.now) this.#assigned.delete(id)
    this.changed()
  }

  #takeBack(ids: readonly string[]): void {
    const gone = ids.filter(id => this.#offers.delete(id))
    if (gone.length > 0) this.#listener?.gone(gone)
    this.changed()
  }

  #takeBackAll(): void {
    this.#offers.clear()
    this.#assigned.clear()
  }
}
