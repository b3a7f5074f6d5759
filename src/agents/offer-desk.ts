import type { OfferSource, OfferUse } from '../engines/engine.ts'
import { type HostId, type HostOffer, MINUTE, type TenantId, type Timestamp } from '../model/index.ts'
import type { PassResult, Scheduler } from '../scheduler/index.ts'

/**
 * For how long what is given back is not to be offered again. Others get their turn meanwhile; work that comes to wait is told by `want`, on
 * which an engine forgets what was refused (Mesos: REVIVE), so a long time delays nobody.
 */
const REFUSE_MS = 5 * MINUTE

/**
 * Offers between an engine that lends hosts in pieces and the scheduler. An offer is held from when it came until it is used, given back or
 * gone; used ones are only handed to the engine once the rows that need them are committed.
 */
export class OfferDesk {
  readonly #source: OfferSource
  readonly #scheduler: () => Scheduler
  readonly #onOffers: () => void
  readonly #asWanted: (offer: HostOffer) => HostOffer
  readonly #held = new Map<string, HostOffer>()
  /** Taken out for places that are not committed yet. */
  readonly #inUse = new Set<string>()
  #wanted = ''
  #unfollow: (() => void) | undefined

  /** `asWanted` gives an offer the role and the tenant that its host is wanted for. */
  constructor(source: OfferSource, scheduler: () => Scheduler, onOffers: () => void, asWanted: (offer: HostOffer) => HostOffer) {
    this.#source = source
    this.#scheduler = scheduler
    this.#onOffers = onOffers
    this.#asWanted = asWanted
  }

  start(): void {
    this.#unfollow = this.#source.follow({
      offered: offers => {
        for (const offer of offers) this.#take(offer)
        this.#onOffers()
      },
      gone: offers => {
        for (const offer of offers) {
          this.#held.delete(offer)
          this.#scheduler().offers.rescind(offer)
        }
      },
    })
  }

  stop(): void {
    this.#unfollow?.()
    this.#unfollow = undefined
  }

  /** Puts all that is held into a scheduler that knows nothing yet. */
  restore(): void {
    this.#inUse.clear()
    for (const offer of this.#held.values()) this.#scheduler().offers.add(this.#asWanted(offer))
  }

  /** Takes out the offers of hosts that a pass placed work on. They are still held: the commit may fail. */
  use(placed: PassResult['placed']): ReadonlyMap<HostId, readonly string[]> {
    const used = new Map<HostId, readonly string[]>()
    for (const [host, offers] of this.#scheduler().useOffers(placed)) {
      for (const { offer } of offers) this.#inUse.add(offer)
      used.set(
        host,
        offers.map(({ offer }) => offer),
      )
    }
    return used
  }

  /** The rows are committed. What was taken out and nobody needs after all is given back. */
  assign(used: ReadonlyMap<HostId, readonly string[]>, uses: readonly OfferUse[]): void {
    const needed = new Set(uses.map(({ host }) => host))
    for (const [host, offers] of used) {
      for (const offer of offers) {
        this.#inUse.delete(offer)
        this.#held.delete(offer)
      }
      if (!needed.has(host)) this.#source.decline(offers, 0)
    }
    if (uses.length > 0) this.#source.assign(uses)
  }

  /** Gives back what is old, and says who waits. */
  tend(now: Timestamp): void {
    const scheduler = this.#scheduler()
    const expired = scheduler.offers.expire(now).map(({ offer }) => offer)
    for (const offer of expired) this.#held.delete(offer)
    if (expired.length > 0) this.#source.decline(expired, REFUSE_MS)
    const tenants = new Set<TenantId>()
    for (const { tenant } of scheduler.queue.tasks()) tenants.add(tenant)
    const wanted = [...tenants].toSorted().join(' ')
    // Told again while somebody waits: an engine that lost its connection meanwhile may have forgotten.
    if (wanted === this.#wanted && tenants.size === 0) return
    this.#wanted = wanted
    this.#source.want(tenants)
  }

  #take(offer: HostOffer): void {
    // The same offer told again, as after a connection came back.
    if (this.#held.has(offer.offer)) return
    this.#held.set(offer.offer, offer)
    this.#scheduler().offers.add(this.#asWanted(offer))
  }
}
