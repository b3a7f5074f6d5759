import type { HostId } from '../../model/index.ts'
import { type Fleet, HOST } from '../fleet/fleet.ts'
import type { Task } from '../types.ts'
import { type HostView, type OffersOf, viewOf } from './host-view.ts'

/** Where a task may go (hard) or would like to go (soft). `attribute` may be HOST for the host itself. */
export type Constraint =
  | { readonly kind: 'attribute'; readonly attribute: string; readonly oneOf: readonly string[] }
  | { readonly kind: 'host'; readonly oneOf: readonly HostId[] }
  /** No two works of the task's group under one value of the attribute. */
  | { readonly kind: 'unique'; readonly attribute: string }
  /** As many of the task's group under each value; values that no work has yet count as none until `expectedValues` are in use. */
  | { readonly kind: 'balanced'; readonly attribute: string; readonly expectedValues: number }
  /** Under a value where work of that group runs. The first of a group that wants to be together may go anywhere. */
  | { readonly kind: 'affinity'; readonly group: string; readonly attribute: string }
  | { readonly kind: 'anti-affinity'; readonly group: string; readonly attribute: string }
  /** A host without other work. Unlike a claim's `exclusive` it does not keep others off afterwards. */
  | { readonly kind: 'empty-host' }
  /** The caller's own: from 0, not here, to 1. What it throws is contained: it counts as 0, and the pass names it. */
  | { readonly kind: 'custom'; readonly name: string; readonly score: (host: HostView, task: Task) => number }

export type SoftConstraint = { readonly constraint: Constraint; readonly weight: number }

/** What callers' own functions threw, by their name. */
export type Faults = Map<string, string>

/** A constraint of one task, ready to be asked about hosts. */
export type Check = {
  /** In words for a person: `zone=a`. */
  readonly name: string
  /** `fixed` where the verdict depends on what the host is, `host` where also on what runs there, `fleet` where on what runs elsewhere. */
  readonly reach: 'fixed' | 'host' | 'fleet'
  /** Called before a row of looks between which nothing is placed. */
  readonly prepare: () => void
  /** As a hard constraint. */
  readonly allows: (slot: number) => boolean
  /** As a soft one, from 0 to 1. */
  readonly score: (slot: number) => number
}

export type CheckContext = { readonly fleet: Fleet; readonly offersOf: OffersOf; readonly faults: Faults }

export const checkOf = (constraint: Constraint, task: Task, context: CheckContext): Check => {
  const { fleet } = context
  switch (constraint.kind) {
    case 'attribute':
      return attributeCheck(constraint.attribute, constraint.oneOf, fleet)
    case 'host':
      return { ...attributeCheck(HOST, constraint.oneOf, fleet), name: `host ${constraint.oneOf.join(' or ')}` }
    case 'unique':
      return uniqueCheck(constraint.attribute, task.group ?? task.id, fleet)
    case 'balanced':
      return balancedCheck(constraint, task.group ?? task.id, fleet)
    case 'affinity':
      return affinityCheck(constraint, task, fleet)
    case 'anti-affinity': {
      const { attribute, group } = constraint
      return { ...uniqueCheck(attribute, group, fleet), name: `not beside ${group} by ${attribute}` }
    }
    case 'empty-host':
      return verdict('a host without other work', 'host', slot => (fleet.columns.works[slot] ?? 0) === 0)
    case 'custom':
      return customCheck(constraint, task, context)
    default:
      return constraint satisfies never
  }
}

const verdict = (
  name: string,
  reach: Check['reach'],
  allows: (slot: number) => boolean,
  prepare: () => void = nothingToPrepare,
): Check => ({
  name,
  reach,
  prepare,
  allows,
  score: slot => (allows(slot) ? 1 : 0),
})

const nothingToPrepare = (): void => undefined

const attributeCheck = (attribute: string, oneOf: readonly string[], fleet: Fleet): Check => {
  const column = fleet.attribute(attribute)
  const name = `${attribute}=${oneOf.join('|')}`
  const [first] = oneOf
  if (oneOf.length === 1 && first !== undefined) {
    const code = column.codeOf(first)
    return verdict(name, 'fixed', slot => column.at(slot) === code)
  }
  const codes = new Set(oneOf.map(value => column.codeOf(value)))
  return verdict(name, 'fixed', slot => codes.has(column.at(slot)))
}

/** No work of the group under the host's value. A host without the attribute cannot be told apart from others and is refused. */
const uniqueCheck = (attribute: string, group: string, fleet: Fleet): Check => {
  const name = `one of ${group} by ${attribute}`
  if (attribute === HOST) return verdict(name, 'host', slot => fleet.groups.onHost(group, slot) === 0)
  const column = fleet.attribute(attribute)
  let counts = fleet.groups.byValue(group, attribute)
  const allows = (slot: number): boolean => column.at(slot) !== 0 && !counts.has(column.at(slot))
  return verdict(name, 'fleet', allows, () => {
    counts = fleet.groups.byValue(group, attribute)
  })
}

type Balanced = Extract<Constraint, { kind: 'balanced' }>

const balancedCheck = ({ attribute, expectedValues }: Balanced, group: string, fleet: Fleet): Check => {
  const column = fleet.attribute(attribute)
  let counts = fleet.groups.byValue(group, attribute)
  let least = 0
  const above = (slot: number): number => (counts.get(column.at(slot)) ?? 0) - least
  return {
    name: `balanced by ${attribute}`,
    reach: 'fleet',
    prepare: () => {
      counts = fleet.groups.byValue(group, attribute)
      least = counts.size < expectedValues ? 0 : Math.min(...counts.values())
    },
    allows: slot => column.at(slot) !== 0 && above(slot) <= 0,
    score: slot => (column.at(slot) === 0 ? 0 : 1 / (1 + Math.max(0, above(slot)))),
  }
}

type Affinity = Extract<Constraint, { kind: 'affinity' }>

const affinityCheck = ({ group, attribute }: Affinity, task: Task, fleet: Fleet): Check => {
  const column = fleet.attribute(attribute)
  let counts = fleet.groups.byValue(group, attribute)
  const mayBeFirst = task.group === group
  // Where no host runs work of the group, the first host it gets decides for all others.
  const allows = (slot: number): boolean => (column.at(slot) !== 0 && counts.has(column.at(slot))) || (mayBeFirst && counts.size === 0)
  return verdict(`beside ${group} by ${attribute}`, 'fleet', allows, () => {
    counts = fleet.groups.byValue(group, attribute)
  })
}

type Custom = Extract<Constraint, { kind: 'custom' }>

const customCheck = ({ name, score }: Custom, task: Task, { fleet, offersOf, faults }: CheckContext): Check => {
  const contained = (slot: number): number => {
    const view = viewOf(fleet, slot, offersOf)
    if (view === undefined) return 0
    return containedScore(name, () => score(view, task), faults)
  }
  // What a caller's function looks at is its own affair, so nothing that it said is kept.
  return { name, reach: 'fleet', prepare: nothingToPrepare, allows: slot => contained(slot) > 0, score: contained }
}

/** Runs a caller's function; 0 and a named fault where it throws or gives no number from 0 to 1. */
export const containedScore = (name: string, score: () => number, faults: Faults): number => {
  try {
    const value = score()
    if (value >= 0 && value <= 1) return value
    faults.set(name, `It gave ${value}; it has to give a number from 0 to 1.`)
  } catch (cause) {
    faults.set(name, cause instanceof Error ? cause.message : String(cause))
  }
  return 0
}
