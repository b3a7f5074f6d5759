import { type Host, type HostId, hostId, NO_RESOURCES, type Resources } from '../../src/model/index.ts'
import type { HostGroup } from '../contract.ts'

/** A machine of the world. What it is and what its engine believes of it are two things. */
export type Machine = {
  readonly id: HostId
  readonly group: HostGroup
  readonly failureDomain: string
  readonly attributes: Readonly<Record<string, string>>
  /** `up` works; `silent` works and reaches nobody; `dead` runs nothing. */
  state: 'up' | 'silent' | 'dead'
  /** Since when its engine has not heard of it; undefined while it does. */
  silentSince: number | undefined
  /** Counts its boots, so that what was scheduled for an earlier one is known to be over. */
  boots: number
  /** Images that are there already. */
  readonly images: Set<string>
  /** What live work of Manor's holds there, by what Manor promised it. */
  promised: Resources
}

/** All hosts of the plan, dealt to failure domains in turn. */
export const machinesOf = (groups: readonly HostGroup[]): Machine[] =>
  groups.flatMap(group =>
    Array.from({ length: group.count }, (_, i) => ({
      id: hostId(`${group.name}-${i + 1}`),
      group,
      failureDomain: zoneOf(group, i),
      attributes: { ...group.attributes, zone: zoneOf(group, i) },
      state: 'up' as const,
      silentSince: undefined,
      boots: 1,
      images: new Set<string>(),
      promised: NO_RESOURCES,
    })),
  )

const zoneOf = ({ name, failureDomains }: HostGroup, place: number): string => `${name}-zone-${(place % failureDomains) + 1}`

/** What is told of all hosts alike is one object: it need not be compared at each list. */
const LIMITS = { memory: true, cpu: true }

export const hostRow = (machine: Machine, engine: string, now: number, isSilent: boolean): Host => ({
  id: machine.id,
  engine,
  role: machine.group.role,
  capacity: machine.group.capacity,
  attributes: machine.attributes,
  state: isSilent ? 'silent' : 'ready',
  seenAt: isSilent ? (machine.silentSince ?? now) : now,
  limits: LIMITS,
})

export const fitsInto = (need: Resources, used: Resources, capacity: Resources): boolean =>
  used.cpu + need.cpu <= capacity.cpu + ROUNDING &&
  used.memoryMb + need.memoryMb <= capacity.memoryMb + ROUNDING &&
  used.diskMb + need.diskMb <= capacity.diskMb + ROUNDING

/** Sums of tenths of cores are not exact. */
const ROUNDING = 1e-6

export const add = (a: Resources, b: Resources, sign: 1 | -1 = 1): Resources => ({
  cpu: a.cpu + sign * b.cpu,
  memoryMb: a.memoryMb + sign * b.memoryMb,
  diskMb: a.diskMb + sign * b.diskMb,
})
