/**
 * The hosts by id, so that the answer depends on who the hosts are and not on when they came. Newcomers are merged in when the order is
 * next read: n + k log k for k of them, not a sort of all.
 */
export class HostOrder {
  #slots: Int32Array<ArrayBufferLike> = new Int32Array(0)
  #positions: Int32Array<ArrayBufferLike> = new Int32Array(0)
  #version = 0
  readonly #arrived = new Map<number, string>()
  readonly #left = new Set<number>()
  readonly #idOf: (slot: number) => string

  constructor(idOf: (slot: number) => string) {
    this.#idOf = idOf
  }

  /** Changes with each host that comes or goes. */
  get version(): number {
    return this.#version
  }

  arrive(slot: number, id: string): void {
    this.#version++
    this.#arrived.set(slot, id)
  }

  leave(slot: number): void {
    this.#version++
    // A slot may come again under another id before the order is read; its old place has to go all the same.
    if (!this.#arrived.delete(slot) || (this.#positions[slot] ?? -1) >= 0) this.#left.add(slot)
  }

  /** By position, the slot. */
  slots(): Int32Array {
    this.#settle()
    return this.#slots
  }

  /** By slot, the position; -1 where there is no host. */
  positions(): Int32Array {
    this.#settle()
    return this.#positions
  }

  #settle(): void {
    if (this.#arrived.size === 0 && this.#left.size === 0) return
    const stayed = this.#left.size === 0 ? this.#slots : this.#slots.filter(slot => !this.#left.has(slot))
    const arrived = [...this.#arrived].sort((a, b) => (a[1] < b[1] ? -1 : 1))
    const merged = new Int32Array(stayed.length + arrived.length)
    let old = 0
    let young = 0
    let last = -1
    for (let at = 0; at < merged.length; at++) {
      const slot = stayed[old]
      const newcomer = arrived[young]
      if (newcomer === undefined || (slot !== undefined && this.#idOf(slot) < newcomer[1])) {
        merged[at] = slot ?? 0
        old++
      } else {
        merged[at] = newcomer[0]
        young++
      }
      last = Math.max(last, merged[at] ?? 0)
    }
    this.#slots = merged
    this.#positions = new Int32Array(last + 1).fill(-1)
    for (let position = 0; position < merged.length; position++) this.#positions[merged[position] ?? 0] = position
    this.#arrived.clear()
    this.#left.clear()
  }
}
