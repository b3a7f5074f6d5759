import type { Build, Event, Kind, Rows } from '../../src/model/index.ts'
import type { Batch, BuildQuery, Durable, EventQuery } from '../../src/store/index.ts'
import { StoreError } from '../../src/store/index.ts'

/** Events that are kept for questions; the log of a simulation has all of them. */
const EVENTS_KEPT = 20_000
/** Builds likewise, the newest. */
const BUILDS_KEPT = 20_000
/** Commits that a power cut may take at most: SQLite writes its log back to the database after a thousand pages by itself. */
const UNFLUSHED_MOST = 250

type Kept = { readonly kind: Kind; readonly revision: number; readonly row: Rows[Kind] }
type Undo = readonly (readonly [key: string, before: Kept | undefined])[]

/**
 * What SQLite does for the store, without SQLite: all of a batch or nothing, revisions compared, events numbered. A commit survives the death of
 * the process at once and a power cut once it or a later one was forced. memory-durable.test.ts holds it against the real one.
 */
export class MemoryDurable implements Durable {
  #rows = new Map<string, Kept>()
  #events: Event[] = []
  #seq = 0
  readonly #builds = new Map<string, Build>()
  #unflushed: Undo[] = []
  commits = 0
  rowsWritten = 0

  async load(): Promise<Kept[]> {
    return [...this.#rows.values()]
  }

  async commit({ rows, events, builds, at }: Batch, isForced: boolean): Promise<Event[]> {
    for (const { kind, id, revisionBefore } of rows)
      if ((this.#rows.get(`${kind}/${id}`)?.revision ?? 0) !== revisionBefore)
        throw new StoreError('conflict', `The ${kind} ${id} was changed by another Manor meanwhile.`)
    const undo: (readonly [string, Kept | undefined])[] = []
    for (const { kind, id, row, revisionBefore } of rows) {
      const key = `${kind}/${id}`
      undo.push([key, this.#rows.get(key)])
      if (row === undefined) this.#rows.delete(key)
      else this.#rows.set(key, { kind, revision: revisionBefore + 1, row })
    }
    for (const build of builds) this.#keepBuild(build)
    const told = events.map((event): Event => ({ ...event, data: event.data ?? {}, seq: ++this.#seq, at }))
    this.#events.push(...told)
    if (this.#events.length > 2 * EVENTS_KEPT) this.#events = this.#events.slice(-EVENTS_KEPT)
    this.#unflushed.push(undo)
    if (this.#unflushed.length > 2 * UNFLUSHED_MOST) this.#unflushed = this.#unflushed.slice(-UNFLUSHED_MOST)
    this.commits++
    this.rowsWritten += rows.length
    if (isForced) this.flush()
    return told
  }

  async events(query: EventQuery): Promise<Event[]> {
    const { after, kind, subject, tenant, newestFirst, limit } = query
    const found = this.#events.filter(
      event =>
        (after === undefined || (newestFirst ? event.seq < after : event.seq > after)) &&
        (kind === undefined || event.kind === kind) &&
        (subject === undefined || event.subject === subject) &&
        (tenant === undefined || event.tenant === tenant),
    )
    return (newestFirst ? found.reverse() : found).slice(0, limit)
  }

  async builds({ controller, tenant, limit }: BuildQuery): Promise<Build[]> {
    return [...this.#builds.values()]
      .filter(build => (controller === undefined || build.controller === controller) && (tenant === undefined || build.tenant === tenant))
      .sort((a, b) => b.startedAt - a.startedAt)
      .slice(0, limit)
  }

  async pruneEvents(keep: number): Promise<void> {
    this.#events = this.#events.filter(({ seq }) => seq > this.#seq - keep)
  }

  flush(): void {
    this.#unflushed = []
  }

  async close(): Promise<void> {
    // It belongs to the machine, not to the process that opened it.
  }

  /** A row as it is on the disk. */
  row<K extends Kind>(kind: K, id: string): Rows[K] | undefined {
    return this.#rows.get(`${kind}/${id}`)?.row as Rows[K] | undefined
  }

  /** The machine lost its power: the newest commits that were not flushed are gone, `share` of them, 0 to 1. Returns how many. */
  losePower(share: number): number {
    const lost = Math.round(Math.min(this.#unflushed.length, UNFLUSHED_MOST) * share)
    for (const undo of this.#unflushed.splice(this.#unflushed.length - lost).reverse())
      for (const [key, before] of [...undo].reverse())
        if (before === undefined) this.#rows.delete(key)
        else this.#rows.set(key, before)
    this.#unflushed = []
    return lost
  }

  /** About how large a database with the same content would be: the text of its rows and events. */
  get bytes(): number {
    let bytes = 0
    for (const { row } of this.#rows.values()) bytes += JSON.stringify(row).length
    for (const event of this.#events) bytes += JSON.stringify(event).length
    return bytes
  }

  #keepBuild(build: Build): void {
    const key = `${build.controller}/${build.job}#${build.number}`
    this.#builds.delete(key)
    this.#builds.set(key, build)
    if (this.#builds.size <= BUILDS_KEPT) return
    const [oldest] = this.#builds.keys()
    if (oldest !== undefined) this.#builds.delete(oldest)
  }
}
