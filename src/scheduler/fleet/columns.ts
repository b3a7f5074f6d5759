/**
 * Hosts as columns: one typed array per property, one slot per host. A scan over ten thousand hosts reads a few arrays from end to end
 * instead of following ten thousand objects, and allocates nothing.
 */
export const FIRST_ROOM = 16

/** What the `takes` column says: work may be placed, or why not. */
export const TAKES_NONE = 0
export const TAKES_WORK = 1

export class Columns {
  /** By dimension, then by slot. */
  readonly used: Float64Array[] = []
  readonly total: Float64Array[] = []
  /** TAKES_WORK where the host is ready and there. */
  takes = new Uint8Array(FIRST_ROOM)
  /** 0 any, 1 controllers, 2 builds. */
  role = new Uint8Array(FIRST_ROOM)
  /** 0 none, else the tenant's code. */
  reservedFor = new Int32Array(FIRST_ROOM)
  /** How many works run there. */
  works = new Int32Array(FIRST_ROOM)
  /** How many of these want to be alone. */
  loners = new Int32Array(FIRST_ROOM)
  /** 1 while it is being drained for one task. */
  kept = new Uint8Array(FIRST_ROOM)
  /** 1 where it has consumable sets, which have to be looked at one by one. */
  sets = new Uint8Array(FIRST_ROOM)
  #room = FIRST_ROOM

  get room(): number {
    return this.#room
  }

  /** Makes columns for dimensions up to `count`. */
  widen(count: number): void {
    while (this.used.length < count) {
      this.used.push(new Float64Array(this.#room))
      this.total.push(new Float64Array(this.#room))
    }
  }

  /** Makes room for `slots` hosts; doubles, so adding hosts one by one stays linear. */
  grow(slots: number): void {
    if (slots <= this.#room) return
    while (this.#room < slots) this.#room *= 2
    const room = this.#room
    for (const side of [this.used, this.total]) for (const [at, column] of side.entries()) side[at] = grown(column, new Float64Array(room))
    this.takes = grown(this.takes, new Uint8Array(room))
    this.role = grown(this.role, new Uint8Array(room))
    this.reservedFor = grown(this.reservedFor, new Int32Array(room))
    this.works = grown(this.works, new Int32Array(room))
    this.loners = grown(this.loners, new Int32Array(room))
    this.kept = grown(this.kept, new Uint8Array(room))
    this.sets = grown(this.sets, new Uint8Array(room))
  }

  usedOf(dimension: number, slot: number): number {
    return this.used[dimension]?.[slot] ?? 0
  }

  totalOf(dimension: number, slot: number): number {
    return this.total[dimension]?.[slot] ?? 0
  }

  freeOf(dimension: number, slot: number): number {
    return this.totalOf(dimension, slot) - this.usedOf(dimension, slot)
  }

  addUsed(dimension: number, slot: number, amount: number): void {
    const column = this.used[dimension]
    if (column) column[slot] = (column[slot] ?? 0) + amount
  }

  addTotal(dimension: number, slot: number, amount: number): void {
    const column = this.total[dimension]
    if (column) column[slot] = (column[slot] ?? 0) + amount
  }

  setTotal(dimension: number, slot: number, amount: number): void {
    const column = this.total[dimension]
    if (column) column[slot] = amount
  }

  /** Forgets all about a slot. */
  clear(slot: number): void {
    for (const column of [...this.used, ...this.total]) column[slot] = 0
    for (const column of [this.takes, this.role, this.reservedFor, this.works, this.loners, this.kept, this.sets]) column[slot] = 0
  }
}

const grown = <A extends Float64Array | Int32Array | Uint8Array>(from: A, to: A): A => {
  to.set(from)
  return to
}

/** One attribute over all hosts: a small whole number for each value, 0 where the host does not have the attribute. */
export class AttributeColumn {
  codes: Int32Array
  readonly #byValue = new Map<string, number>()

  constructor(room: number) {
    this.codes = new Int32Array(room)
  }

  /** The code of a value, made where it is new. */
  codeOf(value: string): number {
    let code = this.#byValue.get(value)
    if (code === undefined) {
      code = this.#byValue.size + 1
      this.#byValue.set(value, code)
    }
    return code
  }

  set(slot: number, value: string | undefined): void {
    if (slot >= this.codes.length) this.codes = grown(this.codes, new Int32Array(Math.max(slot + 1, this.codes.length * 2)))
    this.codes[slot] = value === undefined ? 0 : this.codeOf(value)
  }

  at(slot: number): number {
    return this.codes[slot] ?? 0
  }
}
