import type { Random } from '../../src/runtime/index.ts'

/** What goes wrong with calls while a fault lasts; drawn for each call. Calls are of the engine by Manor, or of Manor by a hook. */
export type CallTrouble = {
  readonly of: 'engine' | 'hook'
  /** Only calls of this name; absent means all. */
  readonly call?: string
  /** Chance for each call. */
  readonly chance: number
  readonly random: Random
  readonly effect: CallEffect
}

export type CallEffect =
  /** It takes so much longer, half of it each way. */
  | { readonly kind: 'slow'; readonly ms: number }
  /** It never arrives. */
  | { readonly kind: 'lost' }
  /** It is done, and the answer never comes. */
  | { readonly kind: 'answer-lost' }
  /** It is done again after so long. */
  | { readonly kind: 'doubled'; readonly afterMs: number }
  /** The caller gives up, and it arrives and is done after so long. */
  | { readonly kind: 'late'; readonly ms: number }
  /** It is refused with this reason, and may be asked again. */
  | { readonly kind: 'refused'; readonly code: 'quota' | 'launch-timeout' | 'image-pull'; readonly message: string }

/** The troubles that last now. */
export class Troubles {
  readonly #now = new Set<CallTrouble>()

  begin(trouble: CallTrouble): () => void {
    this.#now.add(trouble)
    return () => void this.#now.delete(trouble)
  }

  /** What becomes of one call; undefined is all well. */
  next(of: CallTrouble['of'], call: string): CallEffect | undefined {
    for (const trouble of this.#now)
      if (trouble.of === of && (trouble.call === undefined || trouble.call === call) && trouble.random.next() < trouble.chance)
        return trouble.effect
    return undefined
  }
}
