import type { Event, Kind, Rows } from '../model/index.ts'

/** One committed change of one row; `row` undefined means removed. */
export type Change = { readonly cursor: number; readonly kind: Kind; readonly id: string; readonly row: Rows[Kind] | undefined }
export type FeedEntry = { readonly change: Change } | { readonly event: Event; readonly cursor: number }

/** Tells of each commit as it happens, in order, and keeps none: who wants to look back keeps what it needs (src/api/journal.ts). */
export class Feed {
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
    for (const listener of this.#listeners) listener(entries)
  }

  /** Calls `listener` after each commit, in order. It must not throw and must not take long. Returns what ends it. */
  subscribe(listener: (entries: readonly FeedEntry[]) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
}
