import type { HostId } from '../../model/index.ts'
import type { ScaledHost } from './rules.ts'

/**
 * How gladly a host is removed, above 0 to 1; 0 keeps it. `chosen` are those chosen before it in this decision, of `all` that the group
 * has.
 */
export type DownScore = (host: ScaledHost, chosen: readonly ScaledHost[], all: readonly ScaledHost[]) => number

export type DownPreferences = {
  /** Hosts in an earlier class go first, whatever their scores; absent: one class. */
  readonly classOf?: (host: ScaledHost) => number
  /** The weighted mean of these orders the hosts of a class; weights have to be larger than 0. A score of 0 keeps the host. */
  readonly scores?: readonly { readonly score: DownScore; readonly weight: number }[]
}

/** What is wrong with preferences, each with its mend; empty where they are right. */
export const preferenceProblems = ({ scores = [] }: DownPreferences): string[] =>
  scores
    .filter(({ weight }) => !(weight > 0))
    .map(({ weight }) => `A score for scaling down weighs ${weight}; it has to weigh more than 0, or be left out.`)

/** Throws a RangeError where a weight is not larger than 0. */
export const checkPreferences = (preferences: DownPreferences): DownPreferences => {
  const [problem] = preferenceProblems(preferences)
  if (problem !== undefined) throw new RangeError(problem)
  return preferences
}

/**
 * Prefers hosts of the value of which most stay, so that as many stay under each value: the score is the share of the value's hosts among
 * all that stay, those chosen before taken off.
 */
export const balanceBy =
  (attribute: string): DownScore =>
  (host, chosen, all) => {
    const value = host.attributes[attribute]
    const same = (hosts: readonly ScaledHost[]): number => hosts.filter(one => one.attributes[attribute] === value).length
    return all.length === 0 ? 1 : (same(all) - same(chosen)) / all.length
  }

/**
 * Which hosts to remove, in order: by class, then by score, then by id. One at a time, since what was chosen changes how the others score.
 * Linear in the candidates for each that is removed; a decision removes tens.
 */
export const orderForRemoval = (
  candidates: readonly ScaledHost[],
  all: readonly ScaledHost[],
  count: number,
  { classOf = () => 0, scores = [] }: DownPreferences,
): HostId[] => {
  const left = [...candidates].sort((a, b) => (a.id < b.id ? -1 : 1))
  const chosen: ScaledHost[] = []
  const totalWeight = scores.reduce((sum, { weight }) => sum + weight, 0)
  const scoreOf = (host: ScaledHost): number => {
    if (scores.length === 0) return 1
    let sum = 0
    for (const { score, weight } of scores) {
      const value = score(host, chosen, all)
      if (value === 0) return 0
      sum += weight * value
    }
    return sum / totalWeight
  }
  while (chosen.length < count) {
    let best: ScaledHost | undefined
    let bestClass = Number.POSITIVE_INFINITY
    let bestScore = 0
    for (const host of left) {
      const score = scoreOf(host)
      if (score === 0) continue
      const itsClass = classOf(host)
      if (itsClass > bestClass || (itsClass === bestClass && score <= bestScore)) continue
      best = host
      bestClass = itsClass
      bestScore = score
    }
    if (best === undefined) break
    chosen.push(best)
    left.splice(left.indexOf(best), 1)
  }
  return chosen.map(({ id }) => id)
}
