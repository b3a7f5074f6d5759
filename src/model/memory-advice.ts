import type { Mebibytes } from './units.ts'
import { HOUR } from './units.ts'
import type { Run } from './usage.ts'

/** How much memory would do, as far as the last runs tell. */
export type MemoryAdvice = {
  /**
   * `more`: it was ended at its limit, or needs more than it asks for now. `heap`: Java's own heap was full, the limit was not. `less`: a smaller
   * size would do. `fits`: neither. `too-few`: not enough was seen yet. `not-measured`: the engine cannot tell.
   */
  readonly kind: 'more' | 'heap' | 'less' | 'fits' | 'too-few' | 'not-measured'
  readonly message: string
  /** What to ask for instead, with `more`, `heap` and `less`. Never below the highest that was seen. */
  readonly memoryMb?: Mebibytes
  /** How many runs it rests on, and the highest of them. */
  readonly runs: number
  readonly highestMb?: Mebibytes
}

export type Asked = { readonly of: 'template' | 'controller'; readonly memoryMb: Mebibytes; readonly runs: readonly Run[] }

/** Sizes are told in steps of this. */
const STEP_MB = 64
/** Above the highest that was seen: the next build is a little larger than the last, and memory in version 2 is only looked at now and then. */
const MARGIN = 1.25
/** A size that is smaller by less than a quarter is not worth a change. */
const WORTH = 0.75
/** Agents of a template that must have ended before a smaller size is named. */
export const LEAST_RUNS = 5
/** How long a controller must have run: its memory follows the day's work. */
export const LEAST_RUN_MS = 24 * HOUR
/** No agent or controller starts with less; see the sizes in docs/decisions. */
const LEAST_MB = 128

const upToStep = (memoryMb: number): Mebibytes => Math.ceil(memoryMb / STEP_MB) * STEP_MB

/** What would have done: half as much again. How far it would have gone is not known, only that the limit was too little. */
export const enoughMemoryMb = (limitMb: Mebibytes): Mebibytes => upToStep(limitMb * 1.5)

/** Pure: what the last runs tell of how much to ask for. */
export const adviceFor = ({ of, memoryMb, runs }: Asked): MemoryAdvice => {
  const peaks = runs.flatMap(({ peakMemoryMb }) => peakMemoryMb ?? [])
  const highestMb = peaks.length === 0 ? undefined : Math.max(...peaks)
  const base = { runs: runs.length, ...(highestMb === undefined ? {} : { highestMb }) }
  const last = (some: number): string => (runs.length === 1 ? `Its last ${WORD[of]}` : `${some} of its last ${runs.length} ${WORD[of]}s`)
  const asks = `It asks for ${mb(memoryMb)}`
  const neededMb = Math.max(LEAST_MB, ...runs.map(need))

  const killed = runs.filter(run => run.ranOutOf === 'limit' && enoughMemoryMb(run.limitMb) > memoryMb)
  if (killed.length > 0)
    return {
      ...base,
      kind: 'more',
      memoryMb: neededMb,
      message: `${last(killed.length)} ran out of memory ${at(killed)}: give it ${mb(neededMb)}.`,
    }
  const full = runs.filter(run => run.ranOutOf === 'heap' && enoughMemoryMb(run.limitMb) > memoryMb)
  if (full.length > 0) {
    const larger = Math.max(neededMb, ...full.map(({ limitMb }) => enoughMemoryMb(limitMb)))
    const message = `${last(full.length)} filled Java's own heap, and not what they were given (${mb(highest(full))}). The heap is a share of that: give it ${mb(larger)}.`
    return { ...base, kind: 'heap', memoryMb: larger, message }
  }
  if (runs.length === 0) return { ...base, kind: 'too-few', message: `None of its ${WORD[of]}s has ended yet.` }
  if (highestMb === undefined)
    return { ...base, kind: 'not-measured', message: `${asks}. Its engine does not tell how much memory its ${WORD[of]}s use.` }
  const seen = `the highest of its last ${peaks.length === 1 ? WORD[of] : `${peaks.length} ${WORD[of]}s`} was ${mb(highestMb)}`
  if (highestMb > memoryMb) return { ...base, kind: 'more', memoryMb: neededMb, message: `${asks}, and ${seen}: give it ${mb(neededMb)}.` }
  const missing = of === 'template' ? tooFew(peaks.length) : tooShort(runs)
  if (missing !== undefined) return { ...base, kind: 'too-few', message: `${asks}; ${seen}. ${missing}` }
  return neededMb <= memoryMb * WORTH
    ? { ...base, kind: 'less', memoryMb: neededMb, message: `${asks}; ${seen}: ${mb(neededMb)} would do.` }
    : { ...base, kind: 'fits', message: `${asks}; ${seen}: that fits.` }
}

const WORD = { template: 'agent', controller: 'run' } as const

const need = ({ peakMemoryMb = 0, ranOutOf, limitMb }: Run): Mebibytes =>
  Math.max(upToStep(peakMemoryMb * MARGIN), ranOutOf === 'limit' ? enoughMemoryMb(limitMb) : 0)

const tooFew = (seen: number): string | undefined =>
  seen >= LEAST_RUNS ? undefined : `${LEAST_RUNS} must have been seen before less is advised.`

const tooShort = (runs: readonly Run[]): string | undefined =>
  runs.reduce((sum, { ranMs }) => sum + ranMs, 0) >= LEAST_RUN_MS ? undefined : 'It must have run for a day before less is advised.'

const highest = (runs: readonly Run[]): Mebibytes => Math.max(...runs.map(({ limitMb }) => limitMb))
const at = (runs: readonly Run[]): string =>
  new Set(runs.map(({ limitMb }) => limitMb)).size === 1
    ? `at the limit of ${mb(highest(runs))}`
    : `at limits of up to ${mb(highest(runs))}`

const mb = (value: Mebibytes): string => `${String(value).replaceAll(/\B(?=(\d{3})+$)/g, ',')} MB`
