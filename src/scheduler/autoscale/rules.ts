import type { HostId, Milliseconds, Timestamp } from '../../model/index.ts'

/** How many hosts a group should have. A group is all hosts whose attribute has its name (an autoscaling group, an instance type). */
export type ScaleRule = {
  readonly group: string
  /** Idle hosts to keep ready: below the least, hosts are added up to the most; above the most, hosts are removed. */
  readonly minIdle: number
  readonly maxIdle: number
  /** Hosts of any kind; absent: no bound. */
  readonly minSize?: number
  readonly maxSize?: number
  /** After an action none follows for so long: hosts take time to come and to go. */
  readonly coolDownMs: Milliseconds
  /** Too few, or too many, idle hosts for less than this is no reason to act; absent: at once. */
  readonly delayUpMs?: Milliseconds
  readonly delayDownMs?: Milliseconds
  /** Tells hosts that are too small to count as idle: broken ones, ones with a leak. */
  readonly isTooSmall?: (host: ScaledHost) => boolean
  /** Makes of the hosts that a shortfall needs those to ask for: an instance type may be worth several. Absent: as many. */
  readonly adjustShortfall?: (hosts: number) => number
}

/** A host as autoscaling sees it. */
export type ScaledHost = {
  readonly id: HostId
  readonly group: string
  readonly isIdle: boolean
  readonly attributes: Readonly<Record<string, string>>
  readonly cpu: number
  readonly memoryMb: number
  /** Takes no new work already, whoever said so. */
  readonly isCordoned: boolean
}

/** What is remembered of a group between decisions; plain data, to be stored. */
export type GroupMemory = {
  /** When the last action was; at first when the group was first seen. */
  readonly actedAt: Timestamp
  readonly everActed: boolean
  /** Since when there are too few, or too many, idle hosts without a break. */
  readonly shortSince?: Timestamp
  readonly longSince?: Timestamp
  /** How many hosts there will be once those that were asked for have come; believed until `expectedUntil`. */
  readonly expectedSize?: number
  readonly expectedUntil?: Timestamp
}
export type ScaleMemory = Readonly<Record<string, GroupMemory>>

export type ScaleAction =
  | { readonly kind: 'up'; readonly group: string; readonly count: number; readonly because: 'idle' | 'shortfall' | 'min-size' }
  /** Cordon these first, at least until `cordonUntil`; then have them removed. */
  | { readonly kind: 'down'; readonly group: string; readonly hosts: readonly HostId[]; readonly cordonUntil: Timestamp }

/** What is wrong with a rule, each with its mend; empty where it is right. */
export const ruleProblems = ({
  group,
  minIdle,
  maxIdle,
  minSize = 0,
  maxSize = Number.POSITIVE_INFINITY,
  coolDownMs,
  delayUpMs = 0,
  delayDownMs = 0,
}: ScaleRule): string[] => {
  const problems: string[] = []
  if (group === '') problems.push('A rule names no group; give the value of the attribute that its hosts have.')
  if (!(minIdle >= 0 && minIdle <= maxIdle))
    problems.push(
      `The rule of ${group} keeps from ${minIdle} to ${maxIdle} idle hosts; give two numbers of 0 or more, the lower one first.`,
    )
  if (!(minSize >= 0 && minSize <= maxSize))
    problems.push(`The rule of ${group} has a size from ${minSize} to ${maxSize}; give the lower one first.`)
  if (!(coolDownMs >= 0 && delayUpMs >= 0 && delayDownMs >= 0)) problems.push(`A time of the rule of ${group} is not 0 or more.`)
  return problems
}
