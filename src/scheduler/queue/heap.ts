/**
 * A binary heap whose least element changes its place as its key changes. Pushing and sinking cost log2(n); nothing is allocated but on
 * growth.
 */
export class Heap<T> {
  readonly #items: T[] = []
  readonly #before: (a: T, b: T) => boolean

  /** `before` has to be a strict order without ties, so that the answer does not depend on who was pushed first. */
  constructor(before: (a: T, b: T) => boolean) {
    this.#before = before
  }

  get size(): number {
    return this.#items.length
  }

  /** Empties it, keeping its room. */
  clear(): void {
    this.#items.length = 0
  }

  /** All of them, in no order. */
  all(): readonly T[] {
    return this.#items
  }

  top(): T | undefined {
    return this.#items[0]
  }

  push(item: T): void {
    const items = this.#items
    let at = items.push(item) - 1
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
    const last = this.#items.pop()
    if (last === undefined || this.#items.length === 0) return
    this.#items[0] = last
    this.sinkTop()
  }

  /** The least one's key grew: puts it where it belongs. */
  sinkTop(): void {
    const items = this.#items
    const item = items[0]
    if (item === undefined) return
    let at = 0
    for (;;) {
      let child = at * 2 + 1
      let least = items[child]
      if (least === undefined) break
      const right = items[child + 1]
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
