/**
 * A leader's offers: made, answered, taken back, timed out; what was refused and for how long; and inverse offers of machines that are to be
 * maintained.
 */
import type { Clock } from '../../../src/runtime/index.ts'
import { type Agent, keyOf } from './agent.ts'
import { type Amount, addAmount, allocate, amountOf, NOTHING } from './allocator.ts'
import type { LeaderFaults } from './leader-faults.ts'
import { minus, plus, unallocated } from './room.ts'
import type { Framework, KnownAgent, Offer, Registry } from './state.ts'
import type { Filters, Resource, SchedulerCall } from './wire.ts'

/** Mesos' own, where a refusal names no other or a negative one. */
const DEFAULT_REFUSE_SECONDS = 5

export type OfferBookOptions = {
  readonly leaderId: string
  readonly clock: Clock
  readonly registry: Registry
  readonly faults: LeaderFaults
  readonly region: string | undefined
  readonly allocationIntervalMs: number
  readonly offerTimeoutMs: number | undefined
  readonly frameworks: ReadonlyMap<string, Framework>
  readonly agents: ReadonlyMap<string, KnownAgent>
  /** Where an agent's own API answers. */
  readonly urlOf: (agent: Agent) => unknown
}

export class OfferBook {
  readonly offers = new Map<string, Offer>()
  readonly #options: OfferBookOptions
  readonly #held = new Map<string, Amount>()
  #cluster: Amount = NOTHING
  #made = 0
  #isClosed = false
  #cancelAllocation = (): void => undefined

  constructor(options: OfferBookOptions) {
    this.#options = options
  }

  /** Offers come once an interval from now on, and where something else brings them. */
  start(): void {
    this.#cancelAllocation = this.#options.clock.after(this.#options.allocationIntervalMs, () => {
      this.allocate()
      this.start()
    })
  }

  close(): void {
    this.#isClosed = true
    this.#cancelAllocation()
    for (const offer of this.offers.values()) offer.cancelTimeout()
  }

  /** The cluster grew or shrank. */
  resize(resources: readonly Resource[], sign: 1 | -1): void {
    this.#cluster = addAmount(this.#cluster, amountOf(resources), sign)
  }

  windowsChanged(): void {
    const { windows } = this.#options.registry
    for (const framework of this.#options.frameworks.values())
      for (const [id, { agent }] of framework.inverse)
        if (!windows.has(this.#options.agents.get(agent)?.agent.spec.hostname ?? '')) {
          framework.inverse.delete(id)
          framework.stream?.send({ rescind_inverse_offer: { inverse_offer_id: { value: id } }, type: 'RESCIND_INVERSE_OFFER' })
        }
    // Offers of these machines come again with their window.
    for (const { agent } of this.#options.agents.values()) if (windows.has(agent.spec.hostname)) this.rescindAll(this.offersOn(agent.id))
    this.allocate()
  }

  #offerInverse(): void {
    const { windows } = this.#options.registry
    if (windows.size === 0) return
    const now = this.#options.clock.now()
    for (const framework of this.#options.frameworks.values()) {
      const inverse: unknown[] = []
      for (const { agent } of this.#options.agents.values()) {
        const unavailability = windows.get(agent.spec.hostname)
        const isConcerned = [...framework.tasks.values()].some(task => task.agent === agent.id)
        const isOut = [...framework.inverse.values()].some(one => one.agent === agent.id)
        if (unavailability === undefined || !isConcerned || isOut || (framework.inverseFilters.get(agent.id) ?? 0) > now) continue
        const id = this.#offerId()
        framework.inverse.set(id, { agent: agent.id })
        inverse.push({
          agent_id: { value: agent.id },
          framework_id: { value: framework.id },
          id: { value: id },
          unavailability,
          url: this.#options.urlOf(agent),
        })
      }
      if (inverse.length > 0) framework.stream?.send({ inverse_offers: { inverse_offers: inverse }, type: 'INVERSE_OFFERS' })
    }
  }

  answerInverse(framework: Framework, answer: SchedulerCall['accept_inverse_offers']): void {
    for (const { value } of answer?.inverse_offer_ids ?? []) {
      const one = framework.inverse.get(value)
      framework.inverse.delete(value)
      const seconds = answer?.filters?.refuse_seconds ?? DEFAULT_REFUSE_SECONDS
      if (one !== undefined) framework.inverseFilters.set(one.agent, this.#options.clock.now() + seconds * 1_000)
    }
  }

  // ---- offers

  allocate(agents: Iterable<KnownAgent> = this.#options.agents.values()): void {
    if (this.#isClosed || this.#options.faults.starves) return
    this.#offerInverse()
    const ledger = { held: this.#held, cluster: this.#cluster }
    const shares = allocate([...this.#options.frameworks.values()], agents, ledger, this.#options.clock.now(), this.#options.region)
    const events = new Map<Framework, unknown[]>()
    for (const { framework, role, agent, resources } of shares) {
      const offer: Offer = {
        id: this.#offerId(),
        framework: framework.id,
        agent: agent.agent.id,
        role,
        resources,
        cancelTimeout: () => undefined,
      }
      const { offerTimeoutMs } = this.#options
      if (offerTimeoutMs !== undefined) offer.cancelTimeout = this.#options.clock.after(offerTimeoutMs, () => this.rescindAll([offer.id]))
      this.offers.set(offer.id, offer)
      agent.free = minus(agent.free, resources)
      this.count(role, amountOf(resources), 1)
      events.set(framework, [...(events.get(framework) ?? []), this.#offerJson(offer, agent)])
    }
    for (const [framework, offers] of events) framework.stream?.send({ offers: { offers }, type: 'OFFERS' })
  }

  #offerJson({ id, framework, role, resources }: Offer, { agent }: KnownAgent): unknown {
    const unavailability = this.#options.registry.windows.get(agent.spec.hostname)
    return {
      agent_id: { value: agent.id },
      allocation_info: { role },
      ...(agent.attributes.length === 0 ? {} : { attributes: agent.attributes }),
      ...(agent.spec.domain === undefined ? {} : { domain: agent.spec.domain }),
      framework_id: { value: framework },
      hostname: agent.spec.hostname,
      id: { value: id },
      resources,
      ...(unavailability === undefined ? {} : { unavailability }),
      url: this.#options.urlOf(agent),
    }
  }

  #offerId(): string {
    return `${this.#options.leaderId}-O${this.#made++}`
  }

  offersOn(agent: string): string[] {
    return [...this.offers.values()].filter(offer => offer.agent === agent).map(({ id }) => id)
  }

  ownOffer(framework: Framework, id: string): Offer | undefined {
    const offer = this.offers.get(id)
    return offer?.framework === framework.id ? offer : undefined
  }

  /** Out of hand, its room is nobody's until it is used or given back. */
  dropOffer(offer: Offer): void {
    offer.cancelTimeout()
    this.offers.delete(offer.id)
    this.count(offer.role, amountOf(offer.resources), -1)
  }

  giveBack(offer: Offer | undefined, filters: Filters | undefined): void {
    const agent = this.#options.agents.get(offer?.agent ?? '')
    const framework = this.#options.frameworks.get(offer?.framework ?? '')
    if (offer === undefined) return
    this.dropOffer(offer)
    if (agent !== undefined && framework !== undefined) this.recover(framework, agent, offer.role, offer.resources, filters)
  }

  recover(framework: Framework, agent: KnownAgent, role: string, resources: readonly Resource[], filters: Filters | undefined): void {
    agent.free = plus(agent.free, resources.map(unallocated))
    const asked = filters?.refuse_seconds ?? DEFAULT_REFUSE_SECONDS
    const seconds = asked < 0 ? DEFAULT_REFUSE_SECONDS : asked
    if (seconds === 0) return
    const until = this.#options.clock.now() + Math.max(seconds * 1_000, this.#options.allocationIntervalMs)
    const key = keyOf(agent.agent.id, role)
    framework.filters.set(key, [...(framework.filters.get(key) ?? []), { resources: resources.map(unallocated), until }])
  }

  /** Takes offers back, these or all, and tells. */
  rescindAll(ids: readonly string[] = [...this.offers.keys()]): void {
    for (const id of ids) {
      const offer = this.offers.get(id)
      if (offer === undefined) continue
      this.dropOffer(offer)
      const agent = this.#options.agents.get(offer.agent)
      if (agent !== undefined) agent.free = plus(agent.free, offer.resources.map(unallocated))
      this.#options.frameworks.get(offer.framework)?.stream?.send({ rescind: { offer_id: { value: id } }, type: 'RESCIND' })
    }
  }

  /** With its subscription ends what it was offered and what it refused. */
  forgetOffersOf(framework: Framework): void {
    for (const offer of [...this.offers.values()]) if (offer.framework === framework.id) this.giveBack(offer, { refuse_seconds: 0 })
    framework.filters.clear()
    framework.inverse.clear()
    framework.inverseFilters.clear()
  }

  count(role: string, amount: Amount, sign: 1 | -1): void {
    this.#held.set(role, addAmount(this.#held.get(role) ?? NOTHING, amount, sign))
  }
}
