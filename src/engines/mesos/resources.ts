import { type HostOffer, hostId, type PortSpan, type Resources, type TenantId, type Timestamp } from '../../model/index.ts'
import type { Attribute, Domain, MesosOffer, Range, Resource } from './wire.ts'

/** Mesos counts scalars to three digits. */
const PRECISION = 1_000
const rounded = (value: number): number => Math.round(value * PRECISION) / PRECISION

const NAMES = { cpu: 'cpus', memoryMb: 'mem', diskMb: 'disk' } as const

/** Plain room: not another framework's loan that may be taken back, no volume or disk of its own, nothing shared. */
const isPlain = (resource: Resource): boolean =>
  resource.revocable === undefined && resource.shared === undefined && resource.disk === undefined && resource.provider_id === undefined

/** Resources that may be used, of all offers. `revocable`: also those that Mesos may take back. */
export const usable = (offers: readonly MesosOffer[], revocable: boolean): Resource[] =>
  offers
    .flatMap(({ resources = [] }) => resources)
    .filter(resource => isPlain(resource) || (revocable && isPlain({ ...resource, revocable: undefined })))

const sum = (resources: readonly Resource[], name: string): number =>
  rounded(resources.filter(one => one.name === name).reduce((total, { scalar }) => total + (scalar?.value ?? 0), 0))

/** Of one kind, since a task may not use room that may be taken back beside room of its own under one name (Mesos 1.11, master/validation.cpp). */
const most = (resources: readonly Resource[], name: string): number => Math.max(sumOf(resources, name, false), sumOf(resources, name, true))

const sumOf = (resources: readonly Resource[], name: string, isRevocable: boolean): number =>
  sum(
    resources.filter(({ revocable }) => (revocable !== undefined) === isRevocable),
    name,
  )

const spans = (resources: readonly Resource[], name: string): PortSpan[] =>
  resources
    .filter(one => one.name === name)
    .flatMap(({ ranges }) => ranges?.range ?? [])
    .map(({ begin, end }) => ({ first: begin, last: end }))

/** An offer as the scheduler takes it. What of it is not plain room is left out. */
export const hostOffer = (offer: MesosOffer, tenant: TenantId | undefined, revocable: boolean, now: Timestamp): HostOffer => {
  const resources = usable([offer], revocable)
  const gpus = sum(resources, 'gpus')
  return {
    offer: offer.id.value,
    id: hostId(offer.agent_id.value),
    role: 'any',
    ...(tenant === undefined ? {} : { reservedFor: tenant }),
    resources: {
      cpu: most(resources, NAMES.cpu),
      memoryMb: Math.floor(most(resources, NAMES.memoryMb)),
      diskMb: Math.floor(most(resources, NAMES.diskMb)),
    },
    ports: spans(resources, 'ports'),
    ...(gpus > 0 ? { scalars: { gpus } } : {}),
    attributes: attributesOf(offer),
    offeredAt: now,
  }
}

/** Attributes of the agent as texts, with its name and fault domain as `hostname`, `region` and `zone`. */
export const attributesOf = (agent: {
  readonly hostname: string
  readonly attributes?: readonly Attribute[]
  readonly domain?: Domain
}): Record<string, string> => {
  const { region, zone } = agent.domain?.fault_domain ?? {}
  return {
    ...Object.fromEntries((agent.attributes ?? []).map(attribute => [attribute.name, textOf(attribute)])),
    hostname: agent.hostname,
    ...(region === undefined ? {} : { region: region.name }),
    ...(zone === undefined ? {} : { zone: zone.name }),
  }
}

const textOf = ({ text, scalar, ranges }: Attribute): string => {
  if (text !== undefined) return text.value
  if (scalar !== undefined) return String(scalar.value)
  return (ranges?.range ?? []).map(({ begin, end }) => `${begin}-${end}`).join(',')
}

export const capacityOf = (resources: readonly Resource[]): Resources => ({
  cpu: sum(resources, NAMES.cpu),
  memoryMb: Math.floor(sum(resources, NAMES.memoryMb)),
  diskMb: Math.floor(sum(resources, NAMES.diskMb)),
})

/**
 * What several offers of one agent and role have together, taken piece by piece. A task must name exactly what it takes, entry by entry, with
 * each entry's reservation and allocation as it was offered; what is reserved is taken before what anybody may have, and what may be taken back
 * only where that alone is enough and nothing else is.
 */
export class ResourcePool {
  readonly #left: Resource[]

  constructor(offers: readonly MesosOffer[], revocable: boolean) {
    this.#left = usable(offers, revocable).toSorted((a, b) => (b.reservations?.length ?? 0) - (a.reservations?.length ?? 0))
  }

  /** Takes amounts and ports; undefined, with nothing taken, where they are not there. */
  take(wanted: Resources, ports: readonly number[]): Resource[] | undefined {
    const before = [...this.#left]
    const taken: Resource[] = []
    const whole =
      this.#takeScalar(NAMES.cpu, wanted.cpu, taken) &&
      this.#takeScalar(NAMES.memoryMb, wanted.memoryMb, taken) &&
      this.#takeScalar(NAMES.diskMb, wanted.diskMb, taken) &&
      this.#takePorts(ports, taken)
    if (whole) return taken
    this.#left.splice(0, this.#left.length, ...before)
    return undefined
  }

  /** A port that is still there and not among these, lowest first. */
  freePort(besides: ReadonlySet<number>): number | undefined {
    for (const { first, last } of spans(this.#left, 'ports'))
      for (let port = first; port <= last; port++) if (!besides.has(port)) return port
    return undefined
  }

  hasPort(port: number): boolean {
    return spans(this.#left, 'ports').some(({ first, last }) => port >= first && port <= last)
  }

  #takeScalar(name: string, amount: number, taken: Resource[]): boolean {
    let missing = Math.ceil(amount * PRECISION - 1e-6) / PRECISION
    const isRevocable = missing > sumOf(this.#left, name, false)
    if (isRevocable && missing > sumOf(this.#left, name, true)) return false
    for (let index = 0; index < this.#left.length && missing > 0; index++) {
      const entry = this.#left[index]
      const there = entry?.scalar?.value ?? 0
      if (entry === undefined || entry.name !== name || there <= 0 || (entry.revocable !== undefined) !== isRevocable) continue
      const part = rounded(Math.min(there, missing))
      taken.push({ ...entry, scalar: { value: part } })
      this.#left[index] = { ...entry, scalar: { value: rounded(there - part) } }
      missing = rounded(missing - part)
    }
    return missing <= 0
  }

  #takePorts(ports: readonly number[], taken: Resource[]): boolean {
    for (const port of ports) {
      const index = this.#left.findIndex(entry => entry.name === 'ports' && (entry.ranges?.range ?? []).some(range => holds(range, port)))
      const entry = this.#left[index]
      if (entry === undefined) return false
      taken.push({ ...entry, ranges: { range: [{ begin: port, end: port }] } })
      this.#left[index] = { ...entry, ranges: { range: (entry.ranges?.range ?? []).flatMap(range => without(range, port)) } }
    }
    return true
  }
}

const holds = ({ begin, end }: Range, port: number): boolean => port >= begin && port <= end

const without = (range: Range, port: number): Range[] => {
  if (!holds(range, port)) return [range]
  return [
    { begin: range.begin, end: port - 1 },
    { begin: port + 1, end: range.end },
  ].filter(({ begin, end }) => begin <= end)
}
