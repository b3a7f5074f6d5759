import { randomBytes } from 'node:crypto'

/** Chance as a parameter (design rule 7). */
export interface Random {
  /** Uniform in [0, 1). */
  next(): number
  /** Random bytes; from the system's strong source except in the simulator. Safe for secrets only there. */
  bytes(count: number): Uint8Array
}

export const systemRandom: Random = {
  next: () => Math.random(),
  bytes: count => new Uint8Array(randomBytes(count)),
}

/** A repeatable source: xoshiro128** of Blackman and Vigna, seeded through splitmix32. */
export const seededRandom = (seed: number): Random => {
  let mix = seed >>> 0
  const splitmix = (): number => {
    mix = (mix + 0x9e3779b9) >>> 0
    let z = mix
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad)
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97)
    return (z ^ (z >>> 15)) >>> 0
  }
  const state = new Uint32Array([splitmix(), splitmix(), splitmix(), splitmix()])
  const rotate = (x: number, k: number): number => ((x << k) | (x >>> (32 - k))) >>> 0
  const word = (): number => {
    // By their places: taking the array apart would make an object for each.
    const s0 = state[0] ?? 0
    const s1 = state[1] ?? 0
    const s2 = state[2] ?? 0
    const s3 = state[3] ?? 0
    const result = Math.imul(rotate(Math.imul(s1, 5) >>> 0, 7), 9) >>> 0
    const t = (s1 << 9) >>> 0
    const n2 = s2 ^ s0
    const n3 = s3 ^ s1
    state[1] = s1 ^ n2
    state[0] = s0 ^ n3
    state[2] = n2 ^ t
    state[3] = rotate(n3, 11)
    return result
  }
  return {
    next: () => word() / 4_294_967_296,
    bytes: count => Uint8Array.from({ length: count }, () => word() & 0xff),
  }
}

/** A whole number in [0, below). */
export const integer = (random: Random, below: number): number => Math.floor(random.next() * below)

const NAME_ALPHABET = 'abcdefghijkmnpqrstuvwxyz23456789'

/** `length` characters that read well and fit a DNS label; 5 bits of chance each. */
export const nameSuffix = (random: Random, length: number): string =>
  Array.from(random.bytes(length), byte => NAME_ALPHABET[byte & 31] ?? 'a').join('')
