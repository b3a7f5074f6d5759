import type { PortRange } from '../types.ts'

/**
 * The ports of one host. Hands them out round robin over all ranges, so that a port rests as long as can be before it is used again (a late
 * packet or a socket in TIME_WAIT does not meet the next owner), and so that a search seldom looks at more ports than it takes.
 *
 * Cost: a take is linear in the ports it takes plus those in use that it passes over.
 */
export class PortPool {
  #ranges: readonly PortRange[]
  #next = 0
  readonly #taken = new Set<number>()

  constructor(ranges: readonly PortRange[]) {
    this.#ranges = checked(ranges)
  }

  /** How many ports there are, in use or not. */
  get size(): number {
    return sizeOf(this.#ranges)
  }

  /** How many may be taken. Linear in those in use, which need not lie within the ranges. */
  get free(): number {
    let inUse = 0
    for (const port of this.#taken) if (this.#ranges.some(({ first, last }) => first <= port && port <= last)) inUse++
    return this.size - inUse
  }

  get taken(): ReadonlySet<number> {
    return this.#taken
  }

  /** Other ranges from now on; what is in use stays so, in them or not. */
  setRanges(ranges: readonly PortRange[]): void {
    this.#ranges = checked(ranges)
  }

  /** Takes `count` ports, or none and gives undefined where fewer are free. */
  take(count: number): readonly number[] | undefined {
    const size = this.size
    const found: number[] = []
    let place = this.#next
    for (let looked = 0; looked < size && found.length < count; looked++, place++) {
      const port = this.#at(place % size)
      if (!this.#taken.has(port)) found.push(port)
    }
    if (found.length < count) return undefined
    this.#next = size === 0 ? 0 : place % size
    for (const port of found) this.#taken.add(port)
    return found
  }

  /** Marks ports that running work is known to have. */
  hold(ports: readonly number[]): void {
    for (const port of ports) this.#taken.add(port)
  }

  give(ports: readonly number[]): void {
    for (const port of ports) this.#taken.delete(port)
  }

  #at(place: number): number {
    let rest = place
    for (const { first, last } of this.#ranges) {
      const length = last - first + 1
      if (rest < length) return first + rest
      rest -= length
    }
    throw new RangeError(`There is no port at place ${place} of ${this.size}.`)
  }
}

export const sizeOf = (ranges: readonly PortRange[]): number => ranges.reduce((sum, { first, last }) => sum + last - first + 1, 0)

/** In order; ranges that touch or lap over are one. Throws a RangeError that names the range where one is not from low to high. */
const checked = (ranges: readonly PortRange[]): readonly PortRange[] => {
  const merged: { first: number; last: number }[] = []
  for (const { first, last } of ranges.toSorted((a, b) => a.first - b.first)) {
    if (!(Number.isInteger(first) && Number.isInteger(last) && first >= 0 && first <= last && last <= 65_535))
      throw new RangeError(`The port range ${first}-${last} is not two whole numbers from 0 to 65535, the lower one first.`)
    const before = merged.at(-1)
    if (before !== undefined && first <= before.last + 1) before.last = Math.max(before.last, last)
    else merged.push({ first, last })
  }
  return merged
}
