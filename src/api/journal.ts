import type { Event } from '../model/index.ts'
import type { Touched } from './touched.ts'

/** Entries that are remembered for streams that come back: about a minute of a busy fleet, a few megabytes. */
export const JOURNAL_LENGTH = 20_000

type Entry = { readonly cursor: number; readonly touched: readonly Touched[]; readonly event?: Event }

/** What the latest commits touched, by the feed's cursor. The feed keeps none of it, and a row no longer says what it was before, and so not who saw it. */
export class Journal {
  readonly #entries: Entry[] = []
  /** Everything after this cursor is known. */
  #floor: number

  constructor(cursor: number) {
    this.#floor = cursor
  }

  add(cursor: number, touched: readonly Touched[], event?: Event): void {
    this.#entries.push({ cursor, touched, ...(event === undefined ? {} : { event }) })
    // Trimmed in big steps: a shift for each entry would make every commit linear in the journal.
    if (this.#entries.length <= JOURNAL_LENGTH * 1.25) return
    const gone = this.#entries.splice(0, this.#entries.length - JOURNAL_LENGTH)
    this.#floor = gone.at(-1)?.cursor ?? this.#floor
  }

  /** What was touched after `cursor`, each view once, and the events; undefined where that is no longer known, or never was. */
  after(cursor: number): { readonly touched: readonly Touched[]; readonly events: readonly Event[] } | undefined {
    const newest = this.#entries.at(-1)?.cursor ?? this.#floor
    if (cursor < this.#floor || cursor > newest) return undefined
    const touched = new Map<string, Touched>()
    const events: Event[] = []
    // From the end: whoever comes back was rarely away for long.
    let first = this.#entries.length
    while (first > 0 && (this.#entries[first - 1]?.cursor ?? 0) > cursor) first--
    for (const entry of this.#entries.slice(first)) {
      if (entry.event) events.push(entry.event)
      for (const each of entry.touched) {
        const key = `${each.kind}/${each.id}`
        const known = touched.get(key)
        touched.set(key, known ? { ...each, audience: [...new Set([...known.audience, ...each.audience])] } : each)
      }
    }
    return { touched: [...touched.values()], events }
  }
}
