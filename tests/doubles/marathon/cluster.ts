/** The agents that the double plays: what they have, what is used of it, and which of them an instance fits on. Pure but for its own counters. */
import type { Definition } from './definition.ts'

export type HostSpec = {
  readonly hostname: string
  readonly cpus?: number
  readonly mem?: number
  readonly disk?: number
  readonly ports?: readonly [first: number, last: number]
  readonly attributes?: Readonly<Record<string, string>>
}

export type Agent = {
  readonly id: string
  readonly hostname: string
  readonly cpus: number
  readonly mem: number
  readonly disk: number
  readonly ports: readonly [first: number, last: number]
  readonly attributes: Readonly<Record<string, string>>
  /** False while it is silent: Mesos has it no more among those that are active. */
  connected: boolean
}

/** In the order in which Marathon looks, and names them in its queue. */
export const REJECT_REASONS = [
  'UnfulfilledRole',
  'UnfulfilledConstraint',
  'NoCorrespondingReservationFound',
  'AgentMaintenance',
  'InsufficientCpus',
  'InsufficientMemory',
  'InsufficientDisk',
  'InsufficientGpus',
  'InsufficientPorts',
  'DeclinedScarceResources',
] as const
export type RejectReason = (typeof REJECT_REASONS)[number]

/** What holds resources: a task that has not ended. */
export type Holding = {
  readonly agent: string
  readonly app: string
  readonly cpus: number
  readonly mem: number
  readonly ports: readonly number[]
}

export const agentOf = (spec: HostSpec, id: string, index: number): Agent => ({
  id,
  hostname: spec.hostname,
  cpus: spec.cpus ?? 4,
  mem: spec.mem ?? 8_000,
  disk: spec.disk ?? 60_000,
  ports: spec.ports ?? [31_000 + index * 100, 31_099 + index * 100],
  attributes: spec.attributes ?? {},
  connected: true,
})

export type Fit = { readonly ports: readonly number[] } | { readonly reject: RejectReason }

/** Whether an instance fits on an agent, and on which ports, or the first reason why not. `chance` gives numbers from 0 to below 1. */
export const fitOn = (
  agent: Agent,
  agents: readonly Agent[],
  definition: Definition,
  held: readonly Holding[],
  chance: () => number,
): Fit => {
  const ofApp = held.filter(({ app }) => app === definition.id)
  if (!definition.constraints.every(constraint => meets(agent, agents, constraint, ofApp))) return { reject: 'UnfulfilledConstraint' }
  const here = held.filter(holding => holding.agent === agent.id)
  const sum = (of: (holding: Holding) => number): number => here.reduce((total, holding) => total + of(holding), 0)
  if (definition.cpus > agent.cpus - sum(({ cpus }) => cpus) + 1e-9) return { reject: 'InsufficientCpus' }
  if (definition.mem > agent.mem - sum(({ mem }) => mem)) return { reject: 'InsufficientMemory' }
  if (definition.disk > agent.disk) return { reject: 'InsufficientDisk' }
  const ports = portsOn(agent, definition, new Set(here.flatMap(holding => holding.ports)), chance)
  return ports === undefined ? { reject: 'InsufficientPorts' } : { ports }
}

const portsOn = (agent: Agent, definition: Definition, used: ReadonlySet<number>, chance: () => number): number[] | undefined => {
  const [first, last] = agent.ports
  const taken = new Set(used)
  const ports: number[] = []
  for (const { port } of definition.ports) {
    const free = Array.from({ length: last - first + 1 }, (_, index) => first + index).filter(each => !taken.has(each))
    const chosen = port === 0 ? free[Math.floor(chance() * free.length)] : free.find(each => each === port)
    if (chosen === undefined) return undefined
    taken.add(chosen)
    ports.push(chosen)
  }
  return ports
}

const meets = (
  agent: Agent,
  agents: readonly Agent[],
  [field = '', operator = '', value]: readonly string[],
  ofApp: readonly Holding[],
): boolean => {
  const fieldOf = (one: Agent): string | undefined => (field === 'hostname' || field === '@hostname' ? one.hostname : one.attributes[field])
  const mine = fieldOf(agent)
  if (mine === undefined) return operator === 'UNLIKE'
  const theirs = ofApp
    .map(holding => agents.find(({ id }) => id === holding.agent))
    .flatMap(other => (other === undefined ? [] : [fieldOf(other)]))
  const same = theirs.filter(other => other === mine).length
  switch (operator) {
    case 'UNIQUE':
      return same === 0
    case 'CLUSTER':
      return value === undefined ? theirs.every(other => other === mine) : mine === value
    case 'IS':
      return mine === value
    case 'LIKE':
      return new RegExp(`^(?:${value ?? ''})$`).test(mine)
    case 'UNLIKE':
      return !new RegExp(`^(?:${value ?? ''})$`).test(mine)
    case 'MAX_PER':
      return same < Number(value)
    case 'GROUP_BY': {
      const groups = [...new Set(agents.map(fieldOf))].filter(each => each !== undefined)
      return same <= Math.min(...groups.map(group => theirs.filter(other => other === group).length))
    }
    default:
      return true
  }
}
