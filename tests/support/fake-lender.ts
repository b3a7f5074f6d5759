import { EngineError, type OfferListener, type OfferSource, type OfferUse } from '../../src/engines/engine.ts'
import {
  addResources,
  type HostId,
  type HostOffer,
  hostId,
  type Resources,
  type TenantId,
  type Workload,
  type WorkloadId,
} from '../../src/model/index.ts'
import type { Clock } from '../../src/runtime/index.ts'

export type LentHost = {
  readonly id: string
  readonly capacity: Resources
  readonly ports?: HostOffer['ports']
  readonly attributes?: Readonly<Record<string, string>>
}

/** What is assigned and not submitted by then is given back. */
const ASSIGNED_MS = 5_000

type Lot = { readonly host: HostId; readonly offers: readonly string[]; readonly left: Set<WorkloadId>; until: number }

/**
 * Hosts that are lent in pieces, in memory: offers what is free while somebody wants it, may take it back at any moment, and holds whoever
 * follows to the contract (engines/engine.ts). What breaks it is kept in `broken`.
 */
export class FakeLender implements OfferSource {
  readonly broken: string[] = []
  readonly declined: { readonly offer: string; readonly refuseMs: number }[] = []
  readonly assigned: OfferUse[] = []
  wanted: ReadonlySet<TenantId> = new Set()
  readonly #clock: Clock
  readonly #hosts: ReadonlyMap<HostId, LentHost>
  readonly #outstanding = new Map<string, HostOffer>()
  readonly #lots: Lot[] = []
  readonly #running = new Map<WorkloadId, { readonly host: HostId; readonly resources: Resources }>()
  readonly #refusedUntil = new Map<HostId, number>()
  #listener: OfferListener | undefined
  #next = 1

  constructor(clock: Clock, hosts: readonly LentHost[]) {
    this.#clock = clock
    this.#hosts = new Map(hosts.map(host => [hostId(host.id), host]))
  }

  follow(listener: OfferListener): () => void {
    if (this.#listener !== undefined) this.broken.push('followed twice at a time')
    this.#listener = listener
    if (this.#outstanding.size > 0) listener.offered([...this.#outstanding.values()])
    return () => {
      this.#listener = undefined
    }
  }

  decline(offers: readonly string[], refuseMs: number): void {
    for (const offer of offers) {
      this.declined.push({ offer, refuseMs })
      const known = this.#outstanding.get(offer)
      if (known === undefined) continue
      this.#outstanding.delete(offer)
      this.#refusedUntil.set(known.id, this.#clock.now() + refuseMs)
    }
    this.#offerSoon()
  }

  assign(uses: readonly OfferUse[]): void {
    for (const host of new Set(uses.map(use => use.host))) {
      const own = uses.filter(use => use.host === host)
      const offers = own[0]?.offers ?? []
      for (const use of own)
        if (use.offers.join() !== offers.join()) this.broken.push(`${use.workload} shares no offers with its host's others`)
      // An offer that was taken back meanwhile: what is submitted for it is refused.
      if (!offers.every(offer => this.#outstanding.has(offer))) continue
      for (const offer of offers) this.#outstanding.delete(offer)
      this.assigned.push(...own)
      this.#lots.push({ host, offers, left: new Set(own.map(({ workload }) => workload)), until: this.#clock.now() + ASSIGNED_MS })
    }
    this.#clock.after(ASSIGNED_MS, () => this.offer())
  }

  want(tenants: ReadonlySet<TenantId>): void {
    const isNews = [...tenants].toSorted().join() !== [...this.wanted].toSorted().join()
    this.wanted = tenants
    if (!isNews || tenants.size === 0) return
    this.#refusedUntil.clear()
    this.#offerSoon()
  }

  /** The engine's side of a submit: from offers that were assigned, or not at all. */
  launch({ id, resources, ports }: Workload, on: HostId | undefined): void {
    const lot = this.#lots.find(one => one.left.has(id) && one.until > this.#clock.now())
    if (lot === undefined || lot.host !== on) throw new EngineError(GONE, true, { placeIsGone: true })
    const own = this.assigned.findLast(({ workload }) => workload === id)
    for (const port of Object.values(ports))
      if (!own?.ports.includes(port)) this.broken.push(`${id} takes port ${port} that is not its own`)
    lot.left.delete(id)
    if (lot.left.size === 0) this.#lots.splice(this.#lots.indexOf(lot), 1)
    this.#running.set(id, { host: lot.host, resources })
    if (this.#freeOf(lot.host, false).cpu < -1e-9) this.broken.push(`${lot.host} is used beyond what it has`)
    this.#offerSoon()
  }

  ended(id: WorkloadId): void {
    if (this.#running.delete(id)) this.#offerSoon()
  }

  /** Takes back all that is offered or assigned of a host, as Mesos does when an agent goes. */
  rescind(host: string): void {
    const gone = [...this.#outstanding.values()].filter(({ id }) => id === host).map(({ offer }) => offer)
    for (const offer of gone) this.#outstanding.delete(offer)
    for (const lot of this.#lots.filter(one => one.host === host)) {
      gone.push(...lot.offers)
      this.#lots.splice(this.#lots.indexOf(lot), 1)
    }
    this.#listener?.gone(gone)
    this.#offerSoon()
  }

  get outstanding(): readonly HostOffer[] {
    return [...this.#outstanding.values()]
  }

  /** Offers what is free, where somebody wants it. */
  offer(): void {
    const now = this.#clock.now()
    for (const lot of this.#lots.filter(({ until }) => until <= now)) this.#lots.splice(this.#lots.indexOf(lot), 1)
    if (this.wanted.size === 0) return
    const offers: HostOffer[] = []
    for (const [id, host] of this.#hosts) {
      if ((this.#refusedUntil.get(id) ?? 0) > now || this.#lots.some(lot => lot.host === id)) continue
      const free = this.#freeOf(id, true)
      if (free.cpu < 0.01 || free.memoryMb < 1) continue
      const offer: HostOffer = {
        offer: `offer-${this.#next++}`,
        id,
        role: 'any',
        resources: free,
        ports: host.ports ?? [],
        attributes: host.attributes ?? {},
        offeredAt: now,
      }
      this.#outstanding.set(offer.offer, offer)
      offers.push(offer)
    }
    if (offers.length > 0) this.#listener?.offered(offers)
  }

  #offerSoon(): void {
    this.#clock.after(5, () => this.offer())
  }

  #freeOf(id: HostId, withoutOffered: boolean): Resources {
    let free = this.#hosts.get(id)?.capacity ?? { cpu: 0, memoryMb: 0, diskMb: 0 }
    const taken = [...this.#running.values()].filter(({ host }) => host === id).map(({ resources }) => resources)
    if (withoutOffered) for (const offer of this.#outstanding.values()) if (offer.id === id) taken.push(offer.resources)
    for (const { cpu, memoryMb, diskMb } of taken) free = addResources(free, { cpu: -cpu, memoryMb: -memoryMb, diskMb: -diskMb })
    return free
  }
}

const GONE = { code: 'no-capacity', message: 'The offers that it was given a place from are gone.' } as const
