/**
 * A binary heap whose least element changes its place as its key changes. Pushing and sinking cost log2(n); nothing is allocated but on
 * growth, and clearing keeps what was allocated.
 */
export class Heap<T> {
  /** Those from `#size` on are what an earlier use left behind. */
  readonly #items: T[] = []
  #size = 0
  readonly #before: (a: T, b: T) => boolean

  /** `before` has to be a strict order without ties, so that the answer does not depend on who was pushed first. */
  constructor(before: (a: T, b: T) => boolean) {
    this.#before = before
  }

  get size(): number {
    return this.#size
  }

  clear(): void {
    this.#size = 0
  }

  /** Those it holds, by a number below `size`, in no order. */
  at(place: number): T | undefined {
    return place < this.#size ? this.#items[place] : undefined
  }

  top(): T | undefined {
    return this.#size === 0 ? undefined : this.#items[0]
  }

  push(item: T): void {
    const items = this.#items
    let at = this.#size++
    while (at > 0) {
      const above = (at - 1) >> 1
      const parent = items[above]
      if (parent === undefined || !this.#before(item, parent)) break
      items[at] = parent
      at = above
    }
    items[at] = item
  }

  /** Takes the least out. */
  pop(): void {
    if (this.#size === 0) return
    this.#size--
    const last = this.#items[this.#size]
    if (this.#size === 0 || last === undefined) return
    this.#items[0] = last
    this.sinkTop()
  }

  /** The least one's key grew: puts it where it belongs. */
  sinkTop(): void {
    const items = this.#items
    const item = this.top()
    if (item === undefined) return
    let at = 0
    for (let child = 1; child < this.#size; child = at * 2 + 1) {
      let least = items[child]
      const right = child + 1 < this.#size ? items[child + 1] : undefined
      if (least === undefined) break
      if (right !== undefined && this.#before(right, least)) {
        child++
        least = right
      }
      if (!this.#before(least, item)) break
      items[at] = least
      at = child
    }
    items[at] = item
  }
}
