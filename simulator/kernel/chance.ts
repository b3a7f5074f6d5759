import { type Random, seededRandom } from '../../src/runtime/index.ts'
import type { Spread } from '../contract.ts'

/**
 * Chance of a simulation: each thing that draws has a stream of its own, named after it, so that a fault that is left out changes what others draw
 * only where the world itself is another.
 */
export type Streams = (...names: readonly (string | number)[]) => Random

/** FNV-1a over the names; its 32 bits are mixed further by the generator's own seeding. */
export const streamsOf =
  (seed: number): Streams =>
  (...names) => {
    let hash = 0x811c9dc5 ^ seed
    for (const character of names.join('/')) hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193)
    return seededRandom(hash >>> 0)
  }

/** Of a standard normal distribution what one in twenty exceeds. */
const Z95 = 1.6449

/** A draw from a logarithmic normal distribution, at most eight times its p95, whole. */
export const draw = (random: Random, { median, p95 }: Spread): number => {
  const sigma = p95 > median ? Math.log(p95 / median) / Z95 : 0
  // Box and Muller, "A Note on the Generation of Random Normal Deviates", 1958.
  const normal = Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next())
  return Math.round(Math.min(8 * p95, median * Math.exp(sigma * normal)))
}

/** The time to the next of things that happen at random, `perHour` on average: at least a millisecond. */
export const untilNext = (random: Random, perHour: number): number =>
  Math.max(1, Math.round((-Math.log(1 - random.next()) * 3_600_000) / perHour))

export const between = (random: Random, least: number, most: number): number => Math.round(least + (most - least) * random.next())

export const happens = (random: Random, chance: number): boolean => random.next() < chance

export const pick = <T>(random: Random, all: readonly T[]): T | undefined => all[Math.floor(random.next() * all.length)]
