import { hostId } from '../../model/index.ts'
import type { Fleet } from '../fleet/fleet.ts'
import { NO_DRAIN } from '../pass/drain.ts'
import { Scheduler } from '../scheduler.ts'
import type { FleetHost, Task } from '../types.ts'
import type { ScaledHost } from './rules.ts'

/** A group of hosts that can be made larger. */
export type Growable = {
  readonly group: string
  /** What a host of the group is like. Its id does not matter. */
  readonly example: FleetHost
  /** How many more there may be. */
  readonly room: number
  /** Which tasks may make the group grow; absent: all that fit its hosts. */
  readonly mayServe?: (task: Task) => boolean
}

/** Most hosts that one look adds to a group: the next look sees what is still lacking. */
export const MAX_PSEUDO_HOSTS = 1_000

/**
 * How many more hosts of each group the waiting tasks really need: hosts that do not exist yet are put into a fleet of their own and a pass
 * over them counts those that are used. Several small tasks share a host; a task that fits in no group adds none; where a task fits in
 * several the group that stands first grows. Constraints on what runs elsewhere (unique, balanced, affinity) see the new hosts alone.
 *
 * Cost: that of a pass over as many hosts as there are tasks, at most.
 */
export const shortfallOf = (waiting: readonly Task[], groups: readonly Growable[]): Record<string, number> => {
  const scheduler = new Scheduler()
  const width = String(groups.length * MAX_PSEUDO_HOSTS).length
  const groupOf = new Map<string, string>()
  for (const { group, example, room } of groups)
    for (let at = 0; at < Math.min(room, waiting.length, MAX_PSEUDO_HOSTS); at++) {
      // Ids in the order of the groups, since of equal hosts the first is taken.
      const id = hostId(String(groupOf.size).padStart(width, '0'))
      groupOf.set(id, group)
      scheduler.fleet.putHost({ ...example, id, state: 'ready', attributes: { ...example.attributes, [GROUP]: group } })
    }
  for (const task of waiting) {
    const served = groups.filter(({ mayServe }) => mayServe === undefined || mayServe(task)).map(({ group }) => group)
    const only = { kind: 'attribute' as const, attribute: GROUP, oneOf: served }
    scheduler.queue.add(served.length === groups.length ? task : { ...task, hard: [...(task.hard ?? []), only] })
  }
  const { placed } = scheduler.pass({ now: Number.POSITIVE_INFINITY, drain: NO_DRAIN })
  const used = new Set(placed.map(({ host }) => host))
  const counts: Record<string, number> = Object.fromEntries(groups.map(({ group }) => [group, 0]))
  for (const id of used) {
    const group = groupOf.get(id)
    if (group !== undefined) counts[group] = (counts[group] ?? 0) + 1
  }
  return counts
}

/** An attribute that no engine tells. */
const GROUP = 'pseudo group'

/** The fleet's hosts as autoscaling sees them, by the value of the attribute that names their group; those without it are in none. */
export const scaledHosts = (fleet: Fleet, attribute: string): ScaledHost[] => {
  const hosts: ScaledHost[] = []
  for (const slot of fleet.order.slots()) {
    const host = fleet.record(slot)?.host
    const group = host?.attributes[attribute]
    if (host === undefined || group === undefined) continue
    const { id, attributes, capacity } = host
    const isIdle = (fleet.columns.works[slot] ?? 0) === 0
    hosts.push({ id, group, isIdle, attributes, cpu: capacity.cpu, memoryMb: capacity.memoryMb, isCordoned: !fleet.takesWork(id) })
  }
  return hosts
}
