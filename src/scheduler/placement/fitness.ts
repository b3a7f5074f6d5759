import { type Ask, CPU, DISK_MB, MEMORY_MB, NETWORK_MBPS } from '../fleet/dimensions.ts'
import type { AMOUNT_NAMES } from '../resources.ts'
import { EPSILON } from '../resources.ts'
import type { Task } from '../types.ts'
import { type CheckContext, containedScore } from './constraint.ts'
import { type HostView, viewOf } from './host-view.ts'

type AmountName = (typeof AMOUNT_NAMES)[number]

/** How well a host suits a task, from 0 to 1. */
export type Fitness =
  /**
   * The mean use of these resources afterwards: full hosts fill up first, so that empty ones stay free for large tasks and can be given
   * back.
   */
  | { readonly kind: 'bin-packing'; readonly by: readonly AmountName[] }
  /** The mean of what is free of these afterwards: work spreads, and a lost host takes little with it. */
  | { readonly kind: 'spreading'; readonly by: readonly AmountName[] }
  /** What share of the task's `near` the host holds. */
  | { readonly kind: 'locality' }
  /** Weights have to be larger than 0 and sum to 1. Where a part refuses a host, the whole does. */
  | { readonly kind: 'weighted'; readonly parts: readonly { readonly fitness: Fitness; readonly weight: number }[] }
  /** The caller's own; 0 refuses the host. What it throws is contained like a constraint's. */
  | { readonly kind: 'custom'; readonly name: string; readonly score: (host: HostView, task: Task) => number }

export const binPacking = (...by: readonly AmountName[]): Fitness => ({
  kind: 'bin-packing',
  by: by.length === 0 ? ['cpu', 'memoryMb'] : by,
})
export const spreading = (...by: readonly AmountName[]): Fitness => ({ kind: 'spreading', by: by.length === 0 ? ['cpu', 'memoryMb'] : by })

/** Throws a RangeError that says the mend where the weights of an average do not sum to 1 or one is not larger than 0. */
export const checkFitness = (fitness: Fitness): Fitness => {
  if (fitness.kind !== 'weighted') return fitness
  const sum = fitness.parts.reduce((total, { weight }) => total + weight, 0)
  if (fitness.parts.some(({ weight }) => !(weight > 0)))
    throw new RangeError('A weight of a fitness function is not larger than 0; leave out what should not count.')
  if (Math.abs(sum - 1) > EPSILON) throw new RangeError(`The weights of a fitness function sum to ${sum}; they have to sum to 1.`)
  for (const { fitness: part } of fitness.parts) checkFitness(part)
  return fitness
}

/** A fitness function for one shape of task: by slot, -Infinity where the host is refused. */
export type Score = (slot: number) => number

export const REFUSED = Number.NEGATIVE_INFINITY

/** Whether hosts that were not touched may score otherwise the next time. */
export const isOpaque = (fitness: Fitness): boolean =>
  fitness.kind === 'custom' || (fitness.kind === 'weighted' && fitness.parts.some(part => isOpaque(part.fitness)))

export const scoreOf = (fitness: Fitness, task: Task, ask: Ask, context: CheckContext): Score => {
  switch (fitness.kind) {
    case 'bin-packing':
      return useAfterwards(fitness.by, ask, context)
    case 'spreading': {
      const use = useAfterwards(fitness.by, ask, context)
      return slot => 1 - use(slot)
    }
    case 'locality':
      return locality(task, context)
    case 'weighted': {
      // What is the same for every host is not worked out for each: most tasks are near to nothing.
      const isSame = ({ fitness: { kind } }: (typeof fitness.parts)[number]): boolean =>
        kind === 'locality' && (task.near ?? []).length === 0
      const same = fitness.parts.filter(isSame).reduce((sum, { weight }) => sum + weight, 0)
      const parts = fitness.parts
        .filter(part => !isSame(part))
        .map(({ fitness: part, weight }) => ({ score: scoreOf(part, task, ask, context), weight }))
      return slot => {
        let sum = same
        for (const { score, weight } of parts) sum += weight * score(slot)
        return sum
      }
    }
    case 'custom':
      return slot => {
        const view = viewOf(context.fleet, slot, context.offersOf)
        const value = view === undefined ? 0 : containedScore(fitness.name, () => fitness.score(view, task), context.faults)
        return value === 0 ? REFUSED : value
      }
    default:
      return fitness satisfies never
  }
}

const DIMENSION_OF = { cpu: CPU, memoryMb: MEMORY_MB, diskMb: DISK_MB, networkMbps: NETWORK_MBPS } as const satisfies Record<
  AmountName,
  number
>

const useAfterwards = (by: readonly AmountName[], ask: Ask, { fleet: { columns } }: CheckContext): Score => {
  const dimensions = by.map(name => DIMENSION_OF[name])
  const asked = dimensions.map(dimension => ask.amounts[ask.dimensions.indexOf(dimension)] ?? 0)
  const [first = CPU, second = first] = dimensions
  if (dimensions.length <= 2) {
    // The usual case, without a loop: this is asked of every host.
    const [askFirst = 0, askSecond = askFirst] = asked
    return slot =>
      (share(columns.used[first], columns.total[first], slot, askFirst) +
        share(columns.used[second], columns.total[second], slot, askSecond)) /
      2
  }
  return slot => {
    let sum = 0
    for (let at = 0; at < dimensions.length; at++) {
      const dimension = dimensions[at] ?? CPU
      sum += share(columns.used[dimension], columns.total[dimension], slot, asked[at] ?? 0)
    }
    return sum / dimensions.length
  }
}

/** Of a host that has none of a resource all of it is used. */
const share = (used: Float64Array | undefined, total: Float64Array | undefined, slot: number, ask: number): number => {
  const whole = total?.[slot] ?? 0
  return whole > 0 ? ((used?.[slot] ?? 0) + ask) / whole : 1
}

const locality = ({ near = [] }: Task, { fleet }: CheckContext): Score => {
  if (near.length === 0) return () => 1
  return slot => {
    let held = 0
    for (const item of near) if (fleet.holders(item).has(slot)) held++
    return held / near.length
  }
}
