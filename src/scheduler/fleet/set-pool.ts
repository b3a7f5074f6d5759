import type { ConsumableSet, SetAsk, SetHold } from '../types.ts'

/** The value under which tasks that ask for none share a piece, where `everyoneNeedsOne`. */
export const NO_VALUE = ''

/** What one piece of a set is bound to and how full it is. */
export type PieceStatus = { readonly value: string | undefined; readonly users: number; readonly units: number }

type Piece = { value: string | undefined; users: number; units: number }

/**
 * The consumable sets of one host: named sets of pieces, each of which is bound to the first value that is asked of it until the last of
 * its users leaves (block device attach slots by volume kind, network interfaces by security group, licence seats by product).
 *
 * Cost: a look is linear in the pieces of the sets that are asked for; there are a handful.
 */
export class SetPool {
  readonly #sets: ReadonlyMap<string, { readonly spec: ConsumableSet; readonly pieces: readonly Piece[] }>

  constructor(sets: readonly ConsumableSet[]) {
    this.#sets = new Map(
      sets.map(spec => {
        if (!(Number.isInteger(spec.pieces) && spec.pieces >= 0 && spec.unitsPerPiece >= 0))
          throw new RangeError(`The set ${spec.name} has ${spec.pieces} pieces of ${spec.unitsPerPiece}; both have to be 0 or more.`)
        return [spec.name, { spec, pieces: Array.from({ length: spec.pieces }, () => ({ value: undefined, users: 0, units: 0 })) }]
      }),
    )
  }

  /** What a task really asks here: its own asks, and a place under NO_VALUE in each set that everyone needs. */
  asksOf(asks: readonly SetAsk[]): readonly SetAsk[] {
    const all = [...asks]
    for (const { spec } of this.#sets.values())
      if (spec.everyoneNeedsOne && !asks.some(ask => ask.name === spec.name)) all.push({ name: spec.name, value: NO_VALUE, units: 0 })
    return all
  }

  /** How well the asks fit, from 0 to 1: 0 not at all, 1 where no new piece has to be bound, less the more have to be. */
  fit(asks: readonly SetAsk[]): number {
    const all = this.asksOf(asks)
    let bound = 0
    for (const ask of all) {
      const piece = this.#find(ask)
      if (piece < 0) return 0
      if (this.#sets.get(ask.name)?.pieces[piece]?.value === ask.value) bound++
    }
    // Each ask may fit for itself and all of them not.
    if (all.length > 1) {
      const holds = this.take(asks)
      if (holds === undefined) return 0
      this.give(holds)
    }
    return (1 + bound) / (1 + all.length)
  }

  /** The name of the first set that the asks do not fit. */
  firstLacking(asks: readonly SetAsk[]): string | undefined {
    return this.asksOf(asks).find(ask => this.#find(ask) < 0)?.name
  }

  /** Takes all asks, or none and gives undefined. */
  take(asks: readonly SetAsk[]): readonly SetHold[] | undefined {
    const holds: SetHold[] = []
    for (const ask of this.asksOf(asks)) {
      const piece = this.#find(ask)
      if (piece < 0) {
        this.give(holds)
        return undefined
      }
      const hold = { ...ask, piece }
      this.hold([hold])
      holds.push(hold)
    }
    return holds
  }

  /** Binds pieces as running work is known to have them; a hold on a set or piece that is not there is passed over. */
  hold(holds: readonly SetHold[]): void {
    for (const { name, value, units, piece } of holds) {
      const found = this.#sets.get(name)?.pieces[piece]
      if (found === undefined) continue
      found.value = value
      found.users++
      found.units += units
    }
  }

  give(holds: readonly SetHold[]): void {
    for (const { name, units, piece } of holds) {
      const found = this.#sets.get(name)?.pieces[piece]
      if (found === undefined) continue
      found.users--
      found.units -= units
      if (found.users === 0) found.value = undefined
    }
  }

  status(): Readonly<Record<string, readonly PieceStatus[]>> {
    return Object.fromEntries([...this.#sets].map(([name, { pieces }]) => [name, pieces.map(piece => ({ ...piece }))]))
  }

  /** The fullest piece of the value that has room, so that pieces come free; else the first that is unbound; else -1. */
  #find({ name, value, units }: SetAsk): number {
    const set = this.#sets.get(name)
    if (set === undefined || units > set.spec.unitsPerPiece) return -1
    let unbound = -1
    let best = -1
    let most = -1
    for (const [at, piece] of set.pieces.entries()) {
      if (piece.value === undefined) {
        if (unbound < 0) unbound = at
      } else if (piece.value === value && piece.units + units <= set.spec.unitsPerPiece && piece.units > most) {
        best = at
        most = piece.units
      }
    }
    return best >= 0 ? best : unbound
  }
}
