/** Chance as a parameter, uniform in [0, 1): a `Random`'s `next` is one. This room imports none, so that it can be used alone. */
export type ChanceSource = () => number

/** A whole number in [0, below). */
export const integerBelow = (chance: ChanceSource, below: number): number => Math.floor(chance() * below)

/**
 * A repeatable source, for callers that have none: splitmix32 (G. Steele and others, "Fast splittable pseudorandom number generators",
 * 2014).
 */
export const chanceFrom = (seed: number): ChanceSource => {
  let state = seed >>> 0
  return () => {
    state = (state + 0x9e3779b9) >>> 0
    let mixed = state
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x21f0aaad)
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97)
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 4_294_967_296
  }
}
