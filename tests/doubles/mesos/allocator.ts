/**
 * Who gets which room: roles by their dominant share of the cluster, least first, and the frameworks of a role likewise; an agent's room goes to
 * the first that may have it, whole (Mesos 1.11, hierarchical allocator). Pure: what is offered is given back, nothing is changed.
 */
import { hasCapability, keyOf } from './agent.ts'
import { allocatedTo, holds, minus, scalarOf } from './room.ts'
import { type Framework, type KnownAgent, rolesOf } from './state.ts'
import type { Domain, Resource } from './wire.ts'

export type Share = { readonly framework: Framework; readonly role: string; readonly agent: KnownAgent; readonly resources: Resource[] }

/** Less than this is offered to nobody (Mesos 1.11, MIN_CPUS and MIN_MEM). */
const MIN_CPUS = 0.01
const MIN_MEM = 32

export type Ledger = {
  /** By role: what of the cluster it holds, used or offered. */
  readonly held: ReadonlyMap<string, Amount>
  readonly cluster: Amount
}
export type Amount = { readonly cpus: number; readonly mem: number; readonly disk: number }

export const NOTHING: Amount = { cpus: 0, mem: 0, disk: 0 }

export const amountOf = (resources: readonly Resource[]): Amount => ({
  cpus: scalarOf(resources, 'cpus'),
  mem: scalarOf(resources, 'mem'),
  disk: scalarOf(resources, 'disk'),
})

export const addAmount = (a: Amount, b: Amount, sign: 1 | -1 = 1): Amount => ({
  cpus: a.cpus + sign * b.cpus,
  mem: a.mem + sign * b.mem,
  disk: a.disk + sign * b.disk,
})

export const dominantShare = (held: Amount, cluster: Amount): number =>
  Math.max(...(['cpus', 'mem', 'disk'] as const).map(name => (cluster[name] === 0 ? 0 : held[name] / cluster[name])))

export const allocate = (
  frameworks: readonly Framework[],
  agents: Iterable<KnownAgent>,
  ledger: Ledger,
  now: number,
  region: string | undefined,
): Share[] => {
  const held = new Map(ledger.held)
  const shareOf = (role: string): number => dominantShare(held.get(role) ?? NOTHING, ledger.cluster)
  const wanting = frameworks.flatMap(framework =>
    framework.stream?.isOpen
      ? rolesOf(framework.info)
          .filter(role => !framework.suppressed.has(role))
          .map(role => ({ framework, role }))
      : [],
  )
  const shares: Share[] = []
  if (wanting.length === 0) return shares
  for (const agent of agents) {
    let { free } = agent
    if (!agent.connected || agent.deactivated || !isWorthIt(free)) continue
    const order = wanting.length === 1 ? wanting : wanting.toSorted((a, b) => shareOf(a.role) - shareOf(b.role))
    for (const { framework, role } of order) {
      if (!mayHave(framework, agent, region)) continue
      const visible = free.filter(resource => isFor(framework, role, resource))
      if (!isWorthIt(visible) || isFiltered(framework, role, agent, visible, now)) continue
      const resources = allocatedTo(visible, role)
      shares.push({ framework, role, agent, resources })
      held.set(role, addAmount(held.get(role) ?? NOTHING, amountOf(visible)))
      free = minus(free, visible)
      if (!isWorthIt(free)) break
    }
  }
  return shares
}

const isWorthIt = (resources: readonly Resource[]): boolean => {
  let cpus = 0
  let mem = 0
  for (const { name, scalar } of resources) {
    if (name === 'cpus') cpus += scalar?.value ?? 0
    else if (name === 'mem') mem += scalar?.value ?? 0
  }
  return cpus >= MIN_CPUS || mem >= MIN_MEM
}

const regionOf = (domain: Domain | undefined): string | undefined => domain?.fault_domain?.region?.name

const mayHave = ({ info }: Framework, { agent }: KnownAgent, region: string | undefined): boolean => {
  if ((agent.spec.gpus ?? 0) > 0 && !hasCapability(info, 'GPU_RESOURCES')) return false
  const there = regionOf(agent.spec.domain)
  return there === undefined || there === region || hasCapability(info, 'REGION_AWARE')
}

const isFor = ({ info }: Framework, role: string, { reservations = [], revocable }: Resource): boolean =>
  (revocable === undefined || hasCapability(info, 'REVOCABLE_RESOURCES')) && (reservations.at(-1)?.role ?? role) === role

const isFiltered = ({ filters }: Framework, role: string, { agent }: KnownAgent, resources: readonly Resource[], now: number): boolean => {
  const key = keyOf(agent.id, role)
  const all = filters.get(key)
  if (all === undefined) return false
  const standing = all.filter(({ until }) => until > now)
  if (standing.length === 0) filters.delete(key)
  return standing.some(filter => holds(filter.resources, resources))
}
