/** Scales of a plot: from values to places, and the round values that are written at an axis. Pure. */
import { HOUR, MINUTE, type Milliseconds, SECOND } from '../../src/model/index.ts'

export type Scale = {
  /** From a value to its place, 0 at the axis' beginning to 1 at its end. */
  readonly place: (value: number) => number
  readonly ticks: readonly number[]
}

/** From nothing to a round number that is no less than `most`, with about `about` steps of 1, 2 or 5 times a power of ten. */
export const linear = (most: number, about = 4): Scale => {
  const top = most > 0 ? most : 1
  const rough = top / about
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = power * ([1, 2, 5, 10].find(factor => factor * power >= rough) ?? 10)
  const end = Math.ceil(top / step - 1e-9) * step
  return { place: value => value / end, ticks: Array.from({ length: Math.round(end / step) + 1 }, (_, index) => index * step) }
}

/** Lengths of time that read well on a scale where each step multiplies. */
const WAITS: readonly Milliseconds[] = [1, 10, 100, SECOND, 10 * SECOND, MINUTE, 10 * MINUTE, HOUR, 10 * HOUR, 100 * HOUR, 1_000 * HOUR]

/** A scale on which each step multiplies, for waits of milliseconds beside waits of minutes. */
export const logarithmic = (least: Milliseconds, most: Milliseconds): Scale => {
  const first = Math.max(
    0,
    WAITS.findLastIndex(wait => wait <= Math.max(1, least)),
  )
  const found = WAITS.findIndex((wait, index) => index > first && wait >= most)
  const ticks = WAITS.slice(first, (found < 0 ? WAITS.length - 1 : found) + 1)
  const low = Math.log(ticks[0] ?? 1)
  const high = Math.log(ticks.at(-1) ?? 10)
  return { place: value => (Math.log(Math.max(value, ticks[0] ?? 1)) - low) / (high - low), ticks }
}

const TIME_STEPS: readonly Milliseconds[] = [
  SECOND,
  5 * SECOND,
  15 * SECOND,
  MINUTE,
  5 * MINUTE,
  10 * MINUTE,
  30 * MINUTE,
  HOUR,
  2 * HOUR,
  4 * HOUR,
  12 * HOUR,
  24 * HOUR,
  7 * 24 * HOUR,
]

/** Time from the start to exactly `end`, with at most `most` steps. */
export const time = (end: Milliseconds, most = 8): Scale => {
  const length = Math.max(1, end)
  const step = TIME_STEPS.find(candidate => length / candidate <= most) ?? Math.ceil(length / most)
  return { place: value => value / length, ticks: Array.from({ length: Math.floor(length / step) + 1 }, (_, index) => index * step) }
}
