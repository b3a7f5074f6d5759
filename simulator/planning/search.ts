/**
 * The fewest hosts that meet a goal. From the most that are allowed it bisects one group after the other down to the smallest count with which
 * every run still meets the goal; once from the dearest group on, once from the cheapest, and the cheaper of the two ends is the answer. Waits
 * do not fall strictly with hosts, since each run has chance in it, so the answer is one that was itself measured: with every seed it meets the
 * goal, and one host fewer in any group did not.
 *
 * Costs about log2(max - min) + 1 candidates for each group and order, each as many runs as there are seeds.
 */
import type { Milliseconds } from '../../src/model/index.ts'
import type { Outcome, Sample, Violation, Waits } from '../contract.ts'
import { type Limit, limitOf } from './limits.ts'
import { type Counts, type Percentile, type Profile, planOf } from './profile.ts'

export type Candidate = {
  readonly counts: Counts
  readonly hosts: number
  /** Absent where a group has no price. */
  readonly costPerDay?: number
  /** From the queue to the begin of the build, of the team that waits longest, in the worst of the runs. */
  readonly waits: Waits
  readonly slowestTeam: string
  /** Of what the hosts have, 0 to 1: what nineteen of twenty samples lie below while jobs come. */
  readonly memoryUsed: number
  readonly cpuUsed: number
  readonly meets: boolean
  /** Why it does not. */
  readonly why?: string
  /** The worst run. */
  readonly outcome: Outcome
}

export type Planning = {
  readonly profile: Profile
  /** Absent where even the most hosts do not meet the goal, or the search was ended before it knew. */
  readonly chosen?: Candidate
  /** All that were measured, the cheapest first. */
  readonly candidates: readonly Candidate[]
  /** What keeps one host fewer, or any number of hosts, from meeting the goal. */
  readonly limit?: Limit
  readonly runs: number
  readonly interrupted: boolean
}

/** A run found a defect in Manor instead of an answer. */
export class PlanningError extends Error {
  override readonly name = 'PlanningError'
  readonly outcome: Outcome
  constructor(violation: Violation, outcome: Outcome) {
    super(`A run with seed ${outcome.plan.seed} found a defect: ${violation.invariant}. ${violation.found}`)
    this.outcome = outcome
  }
}

export type SearchPorts = {
  readonly simulate: (plan: Outcome['plan'], signal: AbortSignal) => Promise<Outcome>
  readonly signal: AbortSignal
  /** How many runs go on at a time. */
  readonly workers: number
  /** Whether a claim that did not hold says that the hosts did not keep up, and not that Manor is wrong. */
  readonly isOverload: (violation: Violation) => boolean
  readonly onCandidate?: (candidate: Candidate, runs: number) => void
}

/** Rejects with a PlanningError, and with what `simulate` rejects with. */
export const searchHosts = async (profile: Profile, ports: SearchPorts): Promise<Planning> => {
  const book = new Book(profile, ports)
  try {
    const most = await book.measure(countsOf(profile, ({ max }) => max))
    if (!most.meets) return book.planning(undefined, limitOf(most))
    const ends: Candidate[] = []
    for (const order of orders(profile)) ends.push(await narrow(order, most, book))
    const cheapest = ends.toSorted(byCost)[0]
    const chosen = cheapest && (await descend(profile, cheapest, book))
    return book.planning(chosen, chosen && limitOf(book.justBelow(chosen)))
  } catch (cause) {
    if (!ports.signal.aborted) throw cause
    return book.planning(undefined, undefined, true)
  }
}

const countsOf = ({ groups }: Profile, of: (group: Profile['groups'][number]) => number): Counts =>
  Object.fromEntries(groups.map(group => [group.name, of(group)]))

/** Groups whose count is free, from the dearest on and from the cheapest on. */
const orders = ({ groups }: Profile): readonly (readonly Profile['groups'][number][])[] => {
  const free = groups.filter(({ min, max }) => min < max)
  const dear = free.toSorted((a, b) => (b.pricePerHour ?? b.capacity.memoryMb) - (a.pricePerHour ?? a.capacity.memoryMb))
  return dear.length > 1 ? [dear, dear.toReversed()] : [dear]
}

const narrow = async (order: readonly Profile['groups'][number][], most: Candidate, book: Book): Promise<Candidate> => {
  let best = most
  for (const { name, min } of order) {
    let low = min
    while (low < (best.counts[name] ?? 0)) {
      const middle = Math.floor((low + (best.counts[name] ?? 0)) / 2)
      const counts = { ...best.counts, [name]: middle }
      const candidate = Object.values(counts).some(count => count > 0) ? await book.measure(counts) : undefined
      if (candidate?.meets === true) best = candidate
      else low = middle + 1
    }
  }
  return best
}

/** Takes single hosts away while the goal is still met, so that at the end one fewer in any group was measured and does not do. */
const descend = async (profile: Profile, from: Candidate, book: Book): Promise<Candidate> => {
  for (const { name, min } of profile.groups) {
    const count = (from.counts[name] ?? 0) - 1
    if (count < min || from.hosts === 1) continue
    const fewer = await book.measure({ ...from.counts, [name]: count })
    if (fewer.meets) return descend(profile, fewer, book)
  }
  return from
}

/** Where groups have no price, the memory that they have tells how much they are. */
const byCost = (a: Candidate, b: Candidate): number => (a.costPerDay ?? 0) - (b.costPerDay ?? 0) || a.hosts - b.hosts

class Book {
  readonly #profile: Profile
  readonly #ports: SearchPorts
  readonly #measured = new Map<string, Candidate>()
  #runs = 0

  constructor(profile: Profile, ports: SearchPorts) {
    this.#profile = profile
    this.#ports = ports
  }

  async measure(counts: Counts): Promise<Candidate> {
    const key = keyOf(counts)
    const known = this.#measured.get(key)
    if (known !== undefined) return known
    const outcomes: Outcome[] = []
    for (let seed = 1; seed <= this.#profile.seeds; seed += this.#ports.workers) {
      const seeds = Array.from({ length: Math.min(this.#ports.workers, this.#profile.seeds - seed + 1) }, (_, index) => seed + index)
      outcomes.push(...(await Promise.all(seeds.map(one => this.#ports.simulate(planOf(this.#profile, counts, one), this.#ports.signal)))))
      this.#runs += seeds.length
      // One run that misses is enough to know.
      if (!candidateOf(this.#profile, counts, outcomes, this.#ports.isOverload).meets) break
    }
    const candidate = candidateOf(this.#profile, counts, outcomes, this.#ports.isOverload)
    this.#measured.set(key, candidate)
    this.#ports.onCandidate?.(candidate, this.#runs)
    return candidate
  }

  /** The candidate with one host fewer that came closest, or the chosen one itself where fewer are not allowed. */
  justBelow(chosen: Candidate): Candidate {
    const below = Object.entries(chosen.counts).flatMap(
      ([name, count]) => this.#measured.get(keyOf({ ...chosen.counts, [name]: count - 1 })) ?? [],
    )
    return below.toSorted((a, b) => a.waits.p90Ms - b.waits.p90Ms)[0] ?? chosen
  }

  planning(chosen: Candidate | undefined, limit: Limit | undefined, interrupted = false): Planning {
    return {
      profile: this.#profile,
      ...(chosen === undefined ? {} : { chosen }),
      candidates: [...this.#measured.values()].toSorted(byCost),
      ...(limit === undefined ? {} : { limit }),
      runs: this.#runs,
      interrupted,
    }
  }
}

const keyOf = (counts: Counts): string => JSON.stringify(Object.entries(counts).toSorted(([a], [b]) => a.localeCompare(b)))

/** Pure: what the runs of one set of counts say together. */
export const candidateOf = (
  profile: Profile,
  counts: Counts,
  outcomes: readonly Outcome[],
  isOverload: SearchPorts['isOverload'],
): Candidate => {
  const judged = outcomes.map(outcome => judge(profile, outcome, isOverload))
  const worst = judged.toSorted((a, b) => Number(a.why === undefined) - Number(b.why === undefined) || b.waits.p90Ms - a.waits.p90Ms)[0]
  if (worst === undefined) throw new RangeError('A candidate without a run was asked for.')
  const { outcome, why, waits, slowestTeam } = worst
  const prices = profile.groups.map(({ name, pricePerHour }) =>
    pricePerHour === undefined ? undefined : pricePerHour * 24 * (counts[name] ?? 0),
  )
  const cost = prices.every(price => price !== undefined) ? prices.reduce((sum, price) => sum + price, 0) : undefined
  return {
    counts,
    hosts: Object.values(counts).reduce((sum, count) => sum + count, 0),
    ...(cost === undefined ? {} : { costPerDay: cost }),
    waits,
    slowestTeam,
    memoryUsed: high(outcome, ({ memoryUsed }) => memoryUsed),
    cpuUsed: high(outcome, ({ cpuUsed }) => cpuUsed),
    meets: why === undefined,
    ...(why === undefined ? {} : { why }),
    outcome,
  }
}

type Judged = { readonly outcome: Outcome; readonly why?: string; readonly waits: Waits; readonly slowestTeam: string }

const NO_WAITS: Waits = { p50Ms: 0, p90Ms: 0, p99Ms: 0, mostMs: 0 }

const judge = ({ goal }: Profile, outcome: Outcome, isOverload: SearchPorts['isOverload']): Judged => {
  const [violation] = outcome.violations
  if (violation !== undefined && !isOverload(violation)) throw new PlanningError(violation, outcome)
  const worstOf = (percentile: Percentile) => outcome.teams.toSorted((a, b) => b.waits[WAIT[percentile]] - a.waits[WAIT[percentile]])[0]
  const slowest = worstOf('p90')
  const base = { outcome, waits: slowest?.waits ?? NO_WAITS, slowestTeam: slowest?.name ?? '' }
  if (violation !== undefined) return { ...base, why: `It does not keep up: ${violation.found}` }
  for (const [percentile, mostMs] of Object.entries(goal) as [Percentile, Milliseconds][]) {
    const team = worstOf(percentile)
    if (team !== undefined && team.waits[WAIT[percentile]] > mostMs)
      return { ...base, waits: team.waits, slowestTeam: team.name, why: `${percentile} of ${team.name} is above the goal.` }
  }
  return base
}

const WAIT = { p50: 'p50Ms', p90: 'p90Ms', p99: 'p99Ms' } as const satisfies Record<Percentile, keyof Waits>

const high = ({ samples, plan }: Outcome, of: (sample: Sample) => number): number => {
  const sorted = samples
    .filter(({ at }) => at <= plan.activeMs)
    .map(of)
    .toSorted((a, b) => a - b)
  return sorted[Math.floor(0.95 * (sorted.length - 1))] ?? 0
}
