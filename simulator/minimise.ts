import type { Outcome, Plan } from './contract.ts'
import { simulate } from './simulate.ts'

/** Most runs that are made: a day of faults has hundreds, and halving finds the few that matter in far fewer. */
const MOST_RUNS = 200

export type MinimiseOptions = {
  /** Runs a plan; absent, in this process. */
  readonly run?: (plan: Plan) => Promise<Outcome>
  /** Most runs to make. */
  readonly runs?: number
  /** Told after each run: how many faults are left, and how many runs were made. */
  readonly onProgress?: (faults: number, runs: number) => void
  readonly signal?: AbortSignal
}

/**
 * The smallest plan that still fails in the same way: ends right after the failure, and with as few faults as are needed, found by taking out
 * halves, then quarters, and so on (Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", 2002). Resolves to the outcome of
 * the smallest run, with its whole log; or to undefined where the plan does not fail. An abort ends it with the smallest so far.
 */
export const minimise = async (plan: Plan, options: MinimiseOptions = {}): Promise<Outcome | undefined> => {
  const { run = simulate, runs: most = MOST_RUNS, onProgress, signal } = options
  let runs = 1
  let best = await run(plan)
  const invariant = best.violations[0]?.invariant
  if (invariant === undefined) return undefined
  const mayGoOn = (): boolean => runs < most && signal?.aborted !== true
  /** Runs a smaller plan; true where it fails in the same way. */
  const fails = async (smaller: Plan): Promise<boolean> => {
    runs++
    const outcome = await run(smaller)
    const isSame = outcome.violations[0]?.invariant === invariant
    if (isSame) best = outcome
    onProgress?.(best.faults.length, runs)
    return isSame
  }
  // Faults that were due after the failure did not make it.
  let kept = best.faults.map(({ number }) => number)
  const all = plan.without ?? []
  const without = (numbers: ReadonlySet<number>): Plan => ({ ...plan, without: [...all, ...numbers].sort((a, b) => a - b) })
  const last = Math.max(-1, ...kept)
  const left = new Set(Array.from({ length: FAULTS_AFTER }, (_, i) => last + 1 + i))
  let parts = 2
  while (kept.length > 0 && mayGoOn()) {
    const size = Math.ceil(kept.length / parts)
    let removed = false
    for (let from = 0; from < kept.length && mayGoOn(); from += size) {
      const part = kept.slice(from, from + size)
      if (!(await fails(without(new Set([...left, ...part]))))) continue
      for (const number of part) left.add(number)
      kept = kept.filter(number => !part.includes(number))
      parts = Math.max(2, parts - 1)
      removed = true
      break
    }
    if (removed) continue
    if (size === 1) break
    parts = Math.min(kept.length, parts * 2)
  }
  return run({ ...best.plan, keepLog: true })
}

/** Faults of a day at the hardest level are about 300: those after the last one that mattered are left out. */
const FAULTS_AFTER = 2_000
