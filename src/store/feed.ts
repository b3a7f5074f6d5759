import type { Event, Kind, Rows } from '../model/index.ts'

/** One committed change of one row; `row` undefined means removed. */
export type Change = { readonly cursor: number; readonly kind: Kind; readonly id: string; readonly row: Rows[Kind] | undefined }
export type FeedEntry = { readonly change: Change } | { readonly event: Event; readonly cursor: number }

/** How many entries a reader may be behind before it must read everything anew: about a minute of a busy fleet, 10 MB at most. */
export const FEED_LENGTH = 20_000

/** The latest commits in order. Readers resume from a cursor; one that fell out of the ring starts over. */
export class Feed {
  readonly #ring: FeedEntry[] = []
  #next = 1
  readonly #listeners = new Set<(entries: readonly FeedEntry[]) => void>()

  /** Cursor of the newest entry; 0 where there is none. */
  get cursor(): number {
    return this.#next - 1
  }

  publish(changes: readonly Omit<Change, 'cursor'>[], events: readonly Event[]): void {
    const entries: FeedEntry[] = []
    for (const change of changes) entries.push({ change: { ...change, cursor: this.#next++ } })
    for (const event of events) entries.push({ event, cursor: this.#next++ })
    if (entries.length === 0) return
    this.#ring.push(...entries)
    // Trimmed in big steps: a shift for each entry would make every commit linear in the ring.
    if (this.#ring.length > FEED_LENGTH * 1.25) this.#ring.splice(0, this.#ring.length - FEED_LENGTH)
    for (const listener of this.#listeners) listener(entries)
  }

  /** What came after `cursor`, or undefined where that is no longer known: then read everything anew. */
  after(cursor: number): readonly FeedEntry[] | undefined {
    if (cursor > this.cursor) return undefined
    const first = this.#ring[0]
    const oldest = first ? cursorOf(first) : this.#next
    if (cursor + 1 < oldest) return undefined
    return this.#ring.slice(cursor + 1 - oldest)
  }

  /** Calls `listener` after each commit, in order. It must not throw and must not take long. Returns what ends it. */
  subscribe(listener: (entries: readonly FeedEntry[]) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
}

export const cursorOf = (entry: FeedEntry): number => ('change' in entry ? entry.change.cursor : entry.cursor)
