import type { Fleet } from '../fleet/fleet.ts'
import type { Resident } from '../fleet/host-record.ts'
import type { Shape } from '../placement/shape.ts'
import { EPSILON } from '../resources.ts'

/** Whether the host may take such tasks at all: it is ready, of the right role, free to this tenant, and has what does not change. */
export const isEligible = (fleet: Fleet, shape: Shape, slot: number): boolean => {
  const { columns } = fleet
  const role = columns.role[slot] ?? 0
  const reservedFor = columns.reservedFor[slot] ?? 0
  return (
    columns.takes[slot] === 1 &&
    (role === 0 || role === shape.role) &&
    (reservedFor === 0 || reservedFor === shape.tenantCode) &&
    shape.hard.every(check => check.reach !== 'fixed' || check.allows(slot))
  )
}

/** Whether such a task would have room if nothing ran there. */
export const isLargeEnough = (fleet: Fleet, { ask: { dimensions, amounts } }: Shape, slot: number): boolean =>
  dimensions.every((dimension, at) => (amounts[at] ?? 0) <= fleet.columns.totalOf(dimension, slot) + EPSILON)

/**
 * Which of these residents have to leave, taken in their order, until the task has room; undefined where all of them are not enough.
 * Resources and being alone are counted; pieces of sets and constraints about running work are left to the pass that places it.
 */
export const leaversNeeded = (fleet: Fleet, shape: Shape, slot: number, inOrder: readonly Resident[]): Resident[] | undefined => {
  const { dimensions, amounts } = shape.ask
  const lacking = dimensions.map((dimension, at) => (amounts[at] ?? 0) - fleet.columns.freeOf(dimension, slot))
  let works = fleet.columns.works[slot] ?? 0
  let loners = fleet.columns.loners[slot] ?? 0
  const enough = (): boolean => lacking.every(amount => amount <= EPSILON) && loners === 0 && (!shape.wantsToBeAlone || works === 0)
  const leavers: Resident[] = []
  for (const resident of inOrder) {
    if (enough()) break
    leavers.push(resident)
    works--
    if (resident.claim.exclusive === true) loners--
    for (const [at, dimension] of dimensions.entries()) lacking[at] = (lacking[at] ?? 0) - amountIn(resident, dimension)
  }
  return enough() ? leavers : undefined
}

/**
 * The same, with those dropped that turn out not to be needed: a small one that was taken first is spared where a large one had to go
 * anyway.
 */
export const fewestLeavers = (fleet: Fleet, shape: Shape, slot: number, inOrder: readonly Resident[]): Resident[] | undefined => {
  const enough = leaversNeeded(fleet, shape, slot, inOrder)
  if (enough === undefined) return undefined
  let leavers = enough
  // The most costly are spared first.
  for (const candidate of enough.toReversed()) {
    const without: Resident[] = leavers.filter(one => one !== candidate)
    if (leaversNeeded(fleet, shape, slot, without) !== undefined) leavers = without
  }
  return leavers
}

const amountIn = ({ ask }: Resident, dimension: number): number => ask.amounts[ask.dimensions.indexOf(dimension)] ?? 0
