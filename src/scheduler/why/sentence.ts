import { type HostId, hostId, MINUTE, type Reason, SECOND, type Timestamp } from '../../model/index.ts'
import { DISK_MB } from '../fleet/dimensions.ts'
import { type Fleet, HOST } from '../fleet/fleet.ts'
import type { Cause } from '../pass/pass.ts'
import type { Shape } from '../placement/shape.ts'
import { type Amounts, fits } from '../resources.ts'
import type { Task } from '../types.ts'
import type { Why } from './explain.ts'

/** What the API, the command line and the console show: a sentence, and what would mend it. */
export type Told = Omit<Reason, 'since'>

export type TellOptions = {
  readonly fleet: Fleet
  readonly shape: Shape
  readonly cause: Cause
  /** What is lacking; asked for where the cause is want of room. */
  readonly why: () => Why
  /** For estimates; absent: none are given. */
  readonly now?: Timestamp | undefined
}

export const tell = (task: Task, { fleet, shape, cause, why, now }: TellOptions): Told => {
  const ask = askWords(fleet, task, shape)
  switch (cause.kind) {
    case 'quota':
      return {
        code: 'quota',
        message: `It asks for ${ask}, but team ${task.tenant} uses ${words(cause.used, capped(task.resources, cause.quota))} of its quota of ${words(cause.quota, capped(task.resources, cause.quota))}.`,
        mend: fits(task.resources, cause.quota)
          ? `Wait for the team's other agents to end, or raise the quota of ${task.tenant}.`
          : `Raise the quota of ${task.tenant}, or let its template ask for less: it alone is more than the quota.`,
      }
    case 'group-limit':
      return {
        code: 'quota',
        message:
          cause.limit === undefined
            ? `Group ${cause.group} has no limit among those that are set, so nothing of it may run.`
            : `It asks for ${ask}, but group ${cause.group} uses ${words(cause.used, task.resources)} of its limit of ${words(cause.limit, task.resources)}.`,
        mend: `Wait for others of the group to end, or raise the limit of ${cause.group}.`,
      }
    case 'held':
      return {
        code: 'waiting-turn',
        message: `It asks for ${ask}; what is free is held for the guarantees of other teams.`,
        mend: `Wait for work to end, add a host, or give team ${task.tenant} a guarantee of its own.`,
      }
    case 'draining':
      return {
        code: 'no-capacity',
        message: `It asks for ${ask}; host ${cause.host} is being emptied for it${estimateWords(why(), now, cause.host)}.`,
      }
    case 'no-room':
      return tellNoRoom(why(), ask, task, fleet, now)
    default:
      return cause satisfies never
  }
}

const tellNoRoom = (why: Why, ask: string, task: Task, fleet: Fleet, now: Timestamp | undefined): Told => {
  if (why.hosts === 0)
    return { code: 'no-capacity', message: 'There is no host yet.', mend: 'Wait for the engine to tell its hosts, or add one.' }
  if (why.eligible === 0) return tellUnknown(fleet, task) ?? tellNoHost(why, task)
  if (why.largeEnough === 0)
    return {
      code: 'no-capacity',
      message: `It asks for ${ask}, and the largest of ${hosts(why.eligible)} has ${words(why.largest, task.resources, Math.floor)} in all.`,
      mend: 'Let it ask for less, or add a larger host.',
    }
  if (why.withRoom + why.givenToOthers > 0)
    return {
      code: 'waiting-turn',
      message: `It asks for ${ask}; what was free went to those in turn before it${estimateWords(why, now, NOWHERE)}.`,
    }
  return {
    code: 'no-capacity',
    message: `It asks for ${ask}; ${freeWords(why, task)}${estimateWords(why, now)}.`,
    mend: 'Wait for running work to end, let it ask for less, or add a host.',
  }
}

/** An attribute that no host has is most often misspelt, so those that there are are named; undefined where hosts have all of them. */
const tellUnknown = (fleet: Fleet, { constraints, hard = [] }: Task): Told | undefined => {
  const asked = [...Object.keys(constraints), ...hard.flatMap(one => ('attribute' in one && one.attribute !== HOST ? [one.attribute] : []))]
  const known = new Set<string>()
  for (const slot of fleet.order.slots()) for (const name of Object.keys(fleet.record(slot)?.host.attributes ?? {})) known.add(name)
  const unknown = [...new Set(asked)].filter(name => !known.has(name))
  if (unknown.length === 0) return undefined
  const names = [...known].sort().slice(0, MOST_NAMED)
  return {
    code: 'no-capacity',
    message: `It asks for the host attribute ${unknown.join(' and ')}, which none of ${hosts(fleet.size)} has.`,
    mend: `Correct its name (${names.length === 0 ? 'hosts have no attributes' : `hosts have ${names.join(', ')}`}), or give it to a host.`,
  }
}

/** Attributes that are named to a person at most. */
const MOST_NAMED = 12

const tellNoHost = ({ hosts: count, lacks }: Why, task: Task): Told => {
  const wanted = Object.entries(task.constraints).map(([name, value]) => `${name}=${value}`)
  for (const { kind, what } of lacks) if (kind === 'constraint' && !wanted.includes(what)) wanted.push(what)
  return {
    code: 'no-capacity',
    message: `None of ${hosts(count)} takes ${task.tier}s of team ${task.tenant}${wanted.length > 0 ? ` and has ${wanted.join(', ')}` : ''}.`,
    mend: `Add such a host${wanted.length > 0 ? ', correct the constraints' : ''}, or uncordon one.`,
  }
}

/** What is free of that which the host that lacks least lacks; where none lacks an amount, what else stands in the way on most. */
const freeWords = ({ closest, lacks, eligible, mostFree }: Why, { resources }: Task): string => {
  if (closest !== undefined) {
    const free = closest.lacking.map(({ what, amount }) => {
      const asked = lacks.find(lack => lack.kind === 'resource' && lack.what === what)?.asked ?? amount
      return amountWords(what, Math.max(0, asked - amount), Math.floor)
    })
    return `no host has that free: closest is ${closest.host} with ${listed(free)}`
  }
  const [most] = lacks.filter(({ kind }) => kind !== 'resource' && kind !== 'host')
  const hindrance = most === undefined ? '' : `; on ${hosts(most.hosts)} what stands in the way is ${most.what}`
  return `the most that is free is ${words(mostFree, resources, Math.floor)} on ${hosts(eligible)}${hindrance}`
}

/** Whoever knows ends knows them of agents: controllers run on. */
const estimateWords = ({ estimate, closest }: Why, now: Timestamp | undefined, told: HostId | undefined = closest?.host): string => {
  if (estimate === undefined || now === undefined) return ''
  const where = estimate.host === told ? 'there' : `on ${estimate.host}`
  const agents = estimate.works === 1 ? `1 agent ${where} ends` : `${estimate.works} agents ${where} end`
  return `; ${agents} within about ${durationWords(estimate.at - now)}`
}

const NOWHERE = hostId('')

const durationWords = (ms: number): string => {
  if (ms < MINUTE) return `${Math.max(1, Math.ceil(ms / SECOND))} s`
  return `${Math.ceil(ms / MINUTE)} min`
}

const askWords = ({ dimensions }: Fleet, { resources }: Task, { ask, sets }: Shape): string => {
  const others = ask.dimensions.flatMap((dimension, at) =>
    dimension <= DISK_MB ? [] : [amountWords(dimensions.nameOf(dimension), ask.amounts[at] ?? 0)],
  )
  for (const { name, value } of sets) others.push(`a place in ${name} for ${value}`)
  return others.length === 0 ? words(resources) : `${words(resources)}, ${others.join(', ')}`
}

/** How the last digit that is shown is found: what is free is not made more, what is asked not less. */
type Rounding = (value: number) => number

const amountWords = (what: string, amount: number, rounding: Rounding = Math.ceil): string => {
  switch (what) {
    case 'cpu':
      return `${round(amount)} ${round(amount) === 1 ? 'core' : 'cores'}`
    case 'memoryMb':
      return `${sizeWords(amount, rounding)} memory`
    case 'diskMb':
      return `${sizeWords(amount, rounding)} disk`
    case 'networkMbps':
      return `${round(amount)} Mbps network`
    default:
      return `${round(amount)} ${what}`
  }
}
const sizeWords = (mb: number, rounding: Rounding): string =>
  mb < MB_PER_GB ? `${rounding(mb)} MB` : `${rounding((mb * 10) / MB_PER_GB) / 10} GB`
const MB_PER_GB = 1_024
const hosts = (count: number): string => (count === 1 ? '1 host' : `${count} hosts`)
/** The usual amounts, of those that are asked for at all. */
const words = (amounts: Amounts, asked: Amounts = amounts, rounding?: Rounding): string => {
  const parts = (['cpu', 'memoryMb', 'diskMb'] as const)
    .filter(name => asked[name] > 0)
    .map(name => amountWords(name, amounts[name], rounding))
  return listed(parts)
}
const listed = (parts: readonly string[]): string => {
  const last = parts.at(-1) ?? 'nothing'
  return parts.length <= 1 ? last : `${parts.slice(0, -1).join(', ')} and ${last}`
}
/** Of what is asked for, that which the quota limits: the rest has no cap to tell of. */
const capped = (asked: Amounts, quota: Amounts): Amounts => ({
  cpu: Number.isFinite(quota.cpu) ? asked.cpu : 0,
  memoryMb: Number.isFinite(quota.memoryMb) ? asked.memoryMb : 0,
  diskMb: Number.isFinite(quota.diskMb) ? asked.diskMb : 0,
})
const round = (value: number): number => Math.round(value * 100) / 100
