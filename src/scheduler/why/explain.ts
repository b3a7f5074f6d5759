import type { HostId, Timestamp } from '../../model/index.ts'
import type { Fleet } from '../fleet/fleet.ts'
import { isEligible, isLargeEnough, leaversNeeded } from '../pass/capable.ts'
import type { Shape } from '../placement/shape.ts'
import { AMOUNT_NAMES, type Amounts, EPSILON, nothing } from '../resources.ts'

/** Something that hosts lack for a task, over all hosts that lack it. */
export type Lack = {
  /** `host` for what the host is (its state, role, tenant), the others for what is named. */
  readonly kind: 'host' | 'resource' | 'set' | 'constraint' | 'company'
  /** The resource's, set's or constraint's name, or in words what the host is. */
  readonly what: string
  /** On how many hosts. */
  readonly hosts: number
  /** Of a resource: how much was asked, the most that is free of it on any host that could do the task, and where. */
  readonly asked?: number
  readonly mostFree?: number
  readonly mostFreeOn?: HostId
}

/** When a host will have room, by what is known about ends. */
export type Estimate = { readonly host: HostId; readonly works: number; readonly at: Timestamp }

/** Why a task has no place: what is lacking, added up over hosts instead of listed for each. */
export type Why = {
  readonly hosts: number
  /** Hosts that may take such tasks at all; those on which one would fit if nothing ran there; those that have room now. */
  readonly eligible: number
  readonly largeEnough: number
  readonly withRoom: number
  /** Those that had room before others were placed there in the pass at hand. */
  readonly givenToOthers: number
  /** Of each resource the most that any eligible host has in all, and has free; they need not be of one host. */
  readonly largest: Amounts
  readonly mostFree: Amounts
  /** Most hosts first. */
  readonly lacks: readonly Lack[]
  /** The host that lacks least, and what it lacks. */
  readonly closest?: { readonly host: HostId; readonly lacking: readonly { readonly what: string; readonly amount: number }[] }
  /** Absent where no end is known that would help. */
  readonly estimate?: Estimate
}

/**
 * Linear in the hosts, and in what runs on those that are large enough. Called when somebody asks, not in a pass. `arrivalsBefore` tells
 * what the pass at hand placed from what ran before (Fleet.arrivals).
 */
export const whyNoRoom = (fleet: Fleet, shape: Shape, arrivalsBefore = fleet.arrivals): Why => {
  for (const check of shape.hard) check.prepare()
  const lacks = new Map<string, Mutable<Lack>>()
  let eligible = 0
  let largeEnough = 0
  let withRoom = 0
  let givenToOthers = 0
  const largest = nothing()
  const mostFree = nothing()
  let closest: Why['closest']
  let smallest = Number.POSITIVE_INFINITY
  let estimate: Estimate | undefined
  for (const slot of fleet.order.slots()) {
    const lacking = lackingOn(fleet, shape, slot, (lack, free) => noteLack(lacks, lack, free))
    if (!isEligible(fleet, shape, slot)) continue
    eligible++
    for (const [at, name] of AMOUNT_NAMES.entries()) {
      largest[name] = Math.max(largest[name], fleet.columns.totalOf(at, slot))
      mostFree[name] = Math.max(mostFree[name], fleet.columns.freeOf(at, slot))
    }
    if (!isLargeEnough(fleet, shape, slot)) continue
    largeEnough++
    const record = fleet.record(slot)
    if (record === undefined) continue
    const {
      host: { id: host },
      residents = [],
    } = record
    if (lacking === undefined) {
      withRoom++
      continue
    }
    const newcomers = [...residents].filter(({ arrival }) => arrival > arrivalsBefore)
    if (newcomers.length > 0 && leaversNeeded(fleet, shape, slot, newcomers) !== undefined) givenToOthers++
    const relative = lacking.reduce((sum, { amount, of }) => sum + amount / of, 0)
    if (lacking.length > 0 && relative < smallest) {
      smallest = relative
      closest = { host, lacking: lacking.map(({ what, amount }) => ({ what, amount })) }
    }
    estimate = sooner(estimate, estimateOn(fleet, shape, slot, host))
  }
  return {
    hosts: fleet.size,
    eligible,
    largeEnough,
    withRoom,
    givenToOthers,
    largest,
    mostFree,
    lacks: [...lacks.values()].sort((a, b) => b.hosts - a.hosts || (a.what < b.what ? -1 : 1)),
    ...(closest === undefined ? {} : { closest }),
    ...(estimate === undefined ? {} : { estimate }),
  }
}

type Mutable<T> = { -readonly [Name in keyof T]: T[Name] }
type Lacking = { readonly what: string; readonly amount: number; readonly of: number }
type Note = (
  lack: Pick<Lack, 'kind' | 'what'> & { readonly asked?: number },
  free?: { readonly amount: number; readonly on: HostId },
) => void

/** Everything that one host lacks, not the first thing alone; undefined where it has room. */
const lackingOn = (fleet: Fleet, shape: Shape, slot: number, note: Note): readonly Lacking[] | undefined => {
  const { columns, dimensions } = fleet
  const record = fleet.record(slot)
  if (record === undefined) return undefined
  const { host, sets } = record
  let lacksAny = false
  const lacks: Note = (lack, free) => {
    lacksAny = true
    note(lack, free)
  }
  if (columns.takes[slot] !== 1) lacks({ kind: 'host', what: `is ${host.state === 'ready' ? 'cordoned' : host.state}` })
  const role = columns.role[slot] ?? 0
  if (role !== 0 && role !== shape.role) lacks({ kind: 'host', what: `is for ${host.role} alone` })
  const reservedFor = columns.reservedFor[slot] ?? 0
  if (reservedFor !== 0 && reservedFor !== shape.tenantCode) lacks({ kind: 'host', what: 'is reserved for another team' })
  if (columns.kept[slot] === 1) lacks({ kind: 'host', what: 'is being emptied for another task' })
  if (columns.loners[slot] !== 0) lacks({ kind: 'company', what: 'runs work that wants to be alone' })
  if (shape.wantsToBeAlone && columns.works[slot] !== 0) lacks({ kind: 'company', what: 'runs other work' })
  for (const check of shape.hard) if (!check.allows(slot)) lacks({ kind: 'constraint', what: check.name })
  const set = shape.sets.find(ask => sets === undefined || sets.firstLacking([ask]) !== undefined)?.name ?? sets?.firstLacking(shape.sets)
  if (set !== undefined) lacks({ kind: 'set', what: set })
  const mayTakeIt = isEligible(fleet, shape, slot)
  const amounts: Lacking[] = []
  for (const [at, dimension] of shape.ask.dimensions.entries()) {
    const asked = shape.ask.amounts[at] ?? 0
    const free = columns.freeOf(dimension, slot)
    if (asked <= free + EPSILON) continue
    const what = dimensions.nameOf(dimension)
    lacks({ kind: 'resource', what, asked }, mayTakeIt ? { amount: Math.max(0, free), on: host.id } : undefined)
    amounts.push({ what, amount: asked - free, of: Math.max(asked, 1) })
  }
  return lacksAny ? amounts : undefined
}

const noteLack = (
  lacks: Map<string, Mutable<Lack>>,
  { kind, what, asked }: Parameters<Note>[0],
  free: { readonly amount: number; readonly on: HostId } | undefined,
): void => {
  const key = `${kind} ${what}`
  const lack: Mutable<Lack> = lacks.get(key) ?? { kind, what, hosts: 0, ...(asked === undefined ? {} : { asked }) }
  lacks.set(key, lack)
  lack.hosts++
  if (free === undefined || (lack.mostFree !== undefined && free.amount <= lack.mostFree)) return
  lack.mostFree = free.amount
  lack.mostFreeOn = free.on
}

/** When enough of what runs there is expected to have ended; what has no known end is not waited for. */
const estimateOn = (fleet: Fleet, shape: Shape, slot: number, host: HostId): Estimate | undefined => {
  const ending = [...(fleet.record(slot)?.residents ?? [])]
    .filter(({ endsAt }) => endsAt !== undefined)
    .sort((a, b) => (a.endsAt ?? 0) - (b.endsAt ?? 0))
  const leavers = leaversNeeded(fleet, shape, slot, ending)
  const last = leavers?.at(-1)
  return leavers === undefined || last?.endsAt === undefined ? undefined : { host, works: leavers.length, at: last.endsAt }
}

const sooner = (a: Estimate | undefined, b: Estimate | undefined): Estimate | undefined =>
  a === undefined || (b !== undefined && b.at < a.at) ? b : a
