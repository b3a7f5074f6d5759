import { explainNoPlace, explainQuota } from './explain.ts'
import { choose, type Place, placesOf } from './places.ts'
import { add, nothing, take } from './resources.ts'
import { Turns } from './turns.ts'
import type { LeftOver, Placement, ScheduleInput, ScheduleResult, Task } from './types.ts'

/**
 * Places what has room, in fair turns, and says of the rest why not. Pure and deterministic: the order of its inputs does not matter.
 *
 * Promises: no host and no quota is exceeded by what it places; nothing is left over that fits (work-conserving). Within one call room only
 * shrinks, so a task that was passed over need not be looked at again, and tasks of one shape share one refusal.
 * Cost: tasks x (tenants + controllers of one tenant) for the turns, placed tasks and refused shapes x hosts for the fitness.
 */
export const schedule = ({ tasks, hosts, running, tenants }: ScheduleInput): ScheduleResult => {
  const places = placesOf(hosts, running)
  const total = nothing()
  for (const { capacity } of hosts) add(total, capacity)
  const placements: Placement[] = []
  const leftOver: LeftOver[] = []
  for (const tier of ['controller', 'agent'] as const) {
    const own = tasks.filter(task => task.tier === tier)
    if (own.length === 0) continue
    const turns = new Turns(
      own,
      running.filter(work => work.tier === tier),
      tenants,
      total,
    )
    placeTier(turns, places, placements, leftOver)
  }
  return { placements, leftOver: explainLast(leftOver, tasks, places) }
}

const placeTier = (turns: Turns, places: readonly Place[], placements: Placement[], leftOver: LeftOver[]): void => {
  const refused = new Set<string>()
  for (let task = turns.next(); task !== undefined; task = turns.next()) {
    // A tenant's quota is for its agents (model/tenant.ts).
    const over = task.tier === 'agent' ? turns.overQuota(task) : undefined
    if (over) {
      leftOver.push({ task: task.id, reason: explainQuota(task, over) })
      continue
    }
    const shape = shapeOf(task)
    const place = refused.has(shape) ? undefined : choose(places, task)
    if (place === undefined) {
      refused.add(shape)
      leftOver.push({ task: task.id, reason: NO_PLACE })
      continue
    }
    take(place.free, task.resources)
    turns.placed(task)
    placements.push({ task: task.id, host: place.host.id })
  }
}

/** Stands for a refusal that is put into words at the end, when what stays free is known. */
const NO_PLACE: LeftOver['reason'] = { code: 'no-capacity', message: 'It has no place.' }

/** Tasks of one shape are told the same, so each shape is put into words once. */
const explainLast = (leftOver: readonly LeftOver[], tasks: readonly Task[], places: readonly Place[]): LeftOver[] => {
  const byId = new Map(tasks.map(task => [task.id, task]))
  const told = new Map<string, LeftOver['reason']>()
  return leftOver.map(left => {
    const task = byId.get(left.task)
    if (left.reason !== NO_PLACE || task === undefined) return left
    const shape = shapeOf(task)
    const reason = told.get(shape) ?? explainNoPlace(places, task)
    told.set(shape, reason)
    return { task: left.task, reason }
  })
}

/** What decides where a task may go: those that agree in it go to the same places. */
const shapeOf = ({ tier, tenant, resources: { cpu, memoryMb, diskMb }, constraints }: Task): string =>
  JSON.stringify([tier, tenant, cpu, memoryMb, diskMb, Object.entries(constraints).sort()])
