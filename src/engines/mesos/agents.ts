import { type Host, type HostId, hostId, type Timestamp } from '../../model/index.ts'
import type { Clock } from '../../runtime/index.ts'
import { attributesOf, capacityOf } from './resources.ts'
import type { AgentUrl, Attribute, Domain, InverseOffer, MesosOffer, Resource, Unavailability } from './wire.ts'

/** A host is emptied so long before its maintenance: builds may need it. A window that is further off is no reason yet. */
const DRAIN_AHEAD_MS = 3_600_000
/**
 * What was said of maintenance is good for so long. Mesos tells nobody that a window was taken back once its inverse offer was answered, but
 * makes another as long as the window stands: after 10 s, which is what each answer asks for, or with an offer that was refused for a minute.
 */
const INVERSE_OFFER_GOOD_MS = 35_000
const UNAVAILABLE_OFFER_GOOD_MS = 120_000
/** An agent that Mesos does not name any more is shown as silent for so long, so that people see what became of it. */
const SHOWN_AFTER_LOSS_MS = 600_000

/** An agent as GET_AGENTS of the operator API has it. */
export type ListedAgent = {
  readonly active?: boolean
  readonly deactivated?: boolean
  readonly drain_info?: unknown
  readonly pid?: string
  readonly agent_info: {
    readonly id?: { readonly value: string }
    readonly hostname: string
    readonly attributes?: readonly Attribute[]
    readonly domain?: Domain
    readonly resources?: readonly Resource[]
  }
  readonly total_resources?: readonly Resource[]
}

export type Limits = Host['limits']

type Known = {
  readonly id: string
  readonly hostname: string
  readonly attributes: Readonly<Record<string, string>>
  readonly capacity: Host['capacity']
  /** Where its own API answers: origin and path before `/api/v1`. */
  readonly api?: { readonly origin: string; readonly path: string }
  readonly seenAt: Timestamp
  readonly silent: boolean
  readonly draining: boolean
}

const UNKNOWN_LIMITS: Limits = { memory: false, cpu: false, reason: 'The Mesos agent did not tell yet how it isolates tasks.' }

/** The agents of the cluster: what there is, which are silent, which are to be emptied. */
export class Agents {
  readonly #clock: Clock
  readonly #known = new Map<string, Known>()
  readonly #limits = new Map<string, Limits>()
  /** By agent: when its maintenance begins, and how long that is good. */
  readonly #maintenance = new Map<string, { readonly start: Timestamp; readonly goodUntil: Timestamp }>()
  readonly #inverse = new Map<string, string>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** `scheme`: of the leader who gave the list; its agents speak the same. */
  listed(agents: readonly ListedAgent[], scheme: string): void {
    const now = this.#clock.now()
    const there = new Set<string>()
    for (const agent of agents) {
      const { agent_info: info } = agent
      const id = info.id?.value
      if (id === undefined) continue
      there.add(id)
      const api = apiOfPid(agent.pid, scheme) ?? this.#known.get(id)?.api
      this.#known.set(id, {
        id,
        hostname: info.hostname,
        attributes: attributesOf(info),
        capacity: capacityOf(agent.total_resources ?? info.resources ?? []),
        ...(api === undefined ? {} : { api }),
        seenAt: now,
        silent: agent.active === false && agent.deactivated !== true,
        draining: agent.deactivated === true || agent.drain_info !== undefined,
      })
    }
    for (const [id, known] of this.#known) if (!there.has(id)) this.#known.set(id, { ...known, silent: true })
  }

  /** An offer shows that its agent is there, even where the operator API may not be asked. */
  offered(offer: MesosOffer): void {
    const id = offer.agent_id.value
    const known = this.#known.get(id)
    if (offer.unavailability === undefined) this.#maintenance.delete(id)
    else this.#maintained(id, offer.unavailability, UNAVAILABLE_OFFER_GOOD_MS)
    const offered = capacityOf(offer.resources ?? [])
    const api = known?.api ?? apiOfUrl(offer.url)
    this.#known.set(id, {
      id,
      hostname: offer.hostname,
      attributes: attributesOf(offer),
      capacity: {
        cpu: Math.max(known?.capacity.cpu ?? 0, offered.cpu),
        memoryMb: Math.max(known?.capacity.memoryMb ?? 0, offered.memoryMb),
        diskMb: Math.max(known?.capacity.diskMb ?? 0, offered.diskMb),
      },
      ...(api === undefined ? {} : { api }),
      seenAt: this.#clock.now(),
      silent: false,
      draining: known?.draining ?? false,
    })
  }

  inverseOffered({ id, agent_id, unavailability }: InverseOffer): void {
    if (agent_id === undefined) return
    this.#maintained(agent_id.value, unavailability, INVERSE_OFFER_GOOD_MS)
    this.#inverse.set(id.value, agent_id.value)
  }

  inverseRescinded(id: string): void {
    const agent = this.#inverse.get(id)
    this.#inverse.delete(id)
    if (agent !== undefined) this.#maintenance.delete(agent)
  }

  #maintained(id: string, unavailability: Unavailability, goodMs: number): void {
    this.#maintenance.set(id, { start: startOf(unavailability), goodUntil: this.#clock.now() + goodMs })
  }

  lost(id: string): void {
    const known = this.#known.get(id)
    if (known !== undefined) this.#known.set(id, { ...known, silent: true })
  }

  heardOf(id: string): void {
    const known = this.#known.get(id)
    if (known?.silent) this.#known.set(id, { ...known, silent: false, seenAt: this.#clock.now() })
  }

  isDraining(id: string): boolean {
    if (this.#known.get(id)?.draining === true) return true
    const now = this.#clock.now()
    const window = this.#maintenance.get(id)
    if (window === undefined || window.goodUntil < now) {
      this.#maintenance.delete(id)
      return false
    }
    return window.start - now < DRAIN_AHEAD_MS
  }

  apiOf(id: string): { readonly origin: string; readonly path: string } | undefined {
    return this.#known.get(id)?.api
  }

  hostnameOf(id: string): string | undefined {
    return this.#known.get(id)?.hostname
  }

  /** Agents whose isolation is not known yet. */
  withoutLimits(): string[] {
    return [...this.#known.values()]
      .filter(({ id, silent, api }) => !silent && api !== undefined && !this.#limits.has(id))
      .map(({ id }) => id)
  }

  limitsAre(id: string, limits: Limits): void {
    this.#limits.set(id, limits)
  }

  hosts(engine: string, isUsed: (host: HostId) => boolean): Host[] {
    const now = this.#clock.now()
    const hosts: Host[] = []
    for (const known of this.#known.values()) {
      const id = hostId(known.id)
      if (known.silent && now - known.seenAt > SHOWN_AFTER_LOSS_MS && !isUsed(id)) {
        this.#known.delete(known.id)
        continue
      }
      hosts.push({
        id,
        engine,
        role: 'any',
        capacity: known.capacity,
        attributes: known.attributes,
        state: known.silent ? 'silent' : this.isDraining(known.id) ? 'draining' : 'ready',
        seenAt: known.silent ? known.seenAt : now,
        limits: this.#limits.get(known.id) ?? UNKNOWN_LIMITS,
      })
    }
    return hosts
  }
}

const startOf = ({ start }: Unavailability): Timestamp => start.nanoseconds / 1_000_000

/** `slave(1)@10.0.0.7:5051`: the path of its API before the at sign, its address after it. */
const apiOfPid = (pid: string | undefined, scheme: string): Known['api'] => {
  const [, name, address] = /^([^@]+)@(.+:\d+)$/.exec(pid ?? '') ?? []
  return name === undefined ? undefined : { origin: `${scheme}://${address}`, path: `/${name}` }
}

const apiOfUrl = (url: AgentUrl | undefined): Known['api'] =>
  url === undefined
    ? undefined
    : { origin: `${url.scheme ?? 'http'}://${url.address.ip ?? url.address.hostname}:${url.address.port}`, path: url.path ?? '' }

/** What an agent's `isolation` flag says of limits. A task with an image runs in Docker, which always has them. */
export const limitsOf = (isolation: string | undefined, containerizers: string | undefined): Limits => {
  const parts = (isolation ?? '').split(',')
  const has = (name: string): boolean => parts.includes(`cgroups/${name}`) || parts.includes('cgroups/all')
  const memory = has('mem')
  const cpu = has('cpu')
  if (memory && cpu) return { memory, cpu }
  const docker = (containerizers ?? '').split(',').includes('docker') ? ' Those with an image run in Docker, which has them.' : ''
  return {
    memory,
    cpu,
    reason: `The Mesos agent isolates tasks by "${isolation ?? ''}", so limits do not hold for tasks without an image: start it with --isolation=cgroups/cpu,cgroups/mem.${docker}`,
  }
}
