import { type Build, type Event, type Kind, type Rows, rowId, type SubjectKind, VOLATILE_KINDS } from '../model/index.ts'
import { StoreError } from './errors.ts'
import { INDEXES, type IndexName, type Mirror, type Reader } from './mirror.ts'

/** An event as a room writes it; sequence and time are the store's. */
export type NewEvent = Omit<Event, 'seq' | 'at' | 'data'> & { readonly data?: Event['data'] }

/** What a piece of work may do to the store. All of it commits, or none. Work is synchronous: nothing else runs in between. */
export interface Transaction extends Reader {
  readonly now: number
  /** Rejects with `exists` where the id is taken. */
  insert<K extends Kind>(kind: K, row: Rows[K]): void
  /**
   * Replaces a row by what `change` makes of it. Rejects with `missing` where there is none, and with `conflict` where `ifRevision` is given
   * and is not the row's.
   */
  update<K extends Kind>(kind: K, id: string, change: (row: Rows[K]) => Rows[K], ifRevision?: number): Rows[K]
  /** Inserts or replaces. */
  put<K extends Kind>(kind: K, row: Rows[K]): void
  /** Of a row that is not there: does nothing. */
  remove(kind: Kind, id: string): void
  event(event: NewEvent): void
  /** Keeps what is known of a build; replaces what was known. */
  build(build: Build): void
  /** A fencing number larger than any that this store has given. */
  nextEpoch(): number
}

/** One row's change; `row` undefined means removed, `revision` 0 means it was not there before. */
export type Staged = { readonly kind: Kind; readonly id: string; readonly row: Rows[Kind] | undefined; readonly revisionBefore: number }

const EPOCH = 'epoch'
/** Small facts of the installation, what others than people keep, and statistics: no person asks who changed them. */
const WITHOUT_EVENTS: ReadonlySet<Kind> = new Set<Kind>(['setting', 'secret', 'engine-record', 'usage'])

/** Under which noun a row's changes are told, where that is not its own kind: what is wanted of a host is told of the host. */
const TOLD_AS: Readonly<Partial<Record<Kind, SubjectKind>>> = { 'host-wanted': 'host' }

/**
 * What a piece of work has staged, over the staged work before it, over the committed rows. Reads see all three. A read costs a look-up in each; a
 * list or an index one look at each row that it finds, and only where rows of that kind are staged.
 */
export class Overlay implements Transaction {
  readonly now: number
  /** In the order in which each row was staged first. */
  readonly staged: Staged[] = []
  readonly events: NewEvent[] = []
  readonly builds: Build[] = []
  readonly #below: Overlay | Mirror
  /** Places in `staged`. */
  readonly #places = new Map<Kind, Map<string, number>>()

  constructor(below: Overlay | Mirror, now: number) {
    this.#below = below
    this.now = now
  }

  get<K extends Kind>(kind: K, id: string): Rows[K] | undefined {
    const staged = this.#staged(kind, id)
    return staged ? (staged.row as Rows[K] | undefined) : this.#below.get(kind, id)
  }

  revision(kind: Kind, id: string): number | undefined {
    const staged = this.#staged(kind, id)
    if (!staged) return this.#below.revision(kind, id)
    return staged.row === undefined ? undefined : staged.revisionBefore + 1
  }

  list<K extends Kind>(kind: K): readonly Rows[K][] {
    const below = this.#below.list(kind)
    const places = this.#places.get(kind)
    if (places === undefined) return below
    const rows: Rows[K][] = []
    for (const row of below) {
      const now = places.has(rowId(kind, row)) ? this.get(kind, rowId(kind, row)) : row
      if (now !== undefined) rows.push(now)
    }
    for (const { id, row } of this.#stagedOf(kind)) if (row !== undefined && this.#below.get(kind, id) === undefined) rows.push(row)
    return rows
  }

  by<N extends IndexName>(name: N, key: string): readonly Rows[(typeof INDEXES)[N]['kind']][] {
    type Row = Rows[(typeof INDEXES)[N]['kind']]
    const kind = INDEXES[name].kind as (typeof INDEXES)[N]['kind']
    const below: readonly Row[] = this.#below.by(name, key)
    const places = this.#places.get(kind)
    if (places === undefined) return below
    const keyOfRow = INDEXES[name].key as (row: Row) => string | undefined
    const rows = below.filter(row => !places.has(rowId(kind, row)))
    for (const { row } of this.#stagedOf(kind)) if (row !== undefined && keyOfRow(row) === key) rows.push(row)
    return rows
  }

  insert<K extends Kind>(kind: K, row: Rows[K]): void {
    const id = rowId(kind, row)
    if (this.get(kind, id) !== undefined) throw new StoreError('exists', `There is a ${kind} named ${id} already.`)
    this.#stage(kind, id, row)
  }

  update<K extends Kind>(kind: K, id: string, change: (row: Rows[K]) => Rows[K], ifRevision?: number): Rows[K] {
    const before = this.get(kind, id)
    if (before === undefined) throw new StoreError('missing', `There is no ${kind} named ${id}.`)
    if (ifRevision !== undefined && ifRevision !== this.revision(kind, id))
      throw new StoreError('conflict', `The ${kind} ${id} was changed by someone else meanwhile: read it again and repeat the change.`)
    const after = change(before)
    if (after !== before) this.#stage(kind, id, after)
    return after
  }

  put<K extends Kind>(kind: K, row: Rows[K]): void {
    this.#stage(kind, rowId(kind, row), row)
  }

  remove(kind: Kind, id: string): void {
    if (this.get(kind, id) !== undefined) this.#stage(kind, id, undefined)
  }

  event(event: NewEvent): void {
    this.events.push(event)
  }

  build(build: Build): void {
    this.builds.push(build)
  }

  nextEpoch(): number {
    const next = Number(this.get('setting', EPOCH)?.value ?? '0') + 1
    this.put('setting', { id: EPOCH, value: String(next) })
    return next
  }

  /** Takes over what a finished piece of work staged above this. */
  absorb(above: Overlay): void {
    for (const { kind, id, row } of above.staged) this.#stage(kind, id, row)
    for (const event of above.events) this.events.push(event)
    for (const build of above.builds) this.builds.push(build)
  }

  /** Kinds and ids of durable rows that were changed without an event that tells of it: a bug in the work (see store.ts). */
  untold(): string[] {
    const toTell = this.staged.filter(({ kind }) => !VOLATILE_KINDS.has(kind) && !WITHOUT_EVENTS.has(kind))
    if (toTell.length === 0) return []
    const told = new Set(this.events.map(event => `${event.kind}/${event.subject}`))
    return toTell.filter(({ kind, id }) => !told.has(`${TOLD_AS[kind] ?? kind}/${id}`)).map(({ kind, id }) => `${kind}/${id}`)
  }

  #staged(kind: Kind, id: string): Staged | undefined {
    const place = this.staged.length === 0 ? undefined : this.#places.get(kind)?.get(id)
    return place === undefined ? undefined : this.staged[place]
  }

  *#stagedOf<K extends Kind>(kind: K): Iterable<{ readonly id: string; readonly row: Rows[K] | undefined }> {
    for (const staged of this.staged) if (staged.kind === kind) yield { id: staged.id, row: staged.row as Rows[K] | undefined }
  }

  #stage(kind: Kind, id: string, row: Rows[Kind] | undefined): void {
    const places = this.#places.get(kind) ?? new Map<string, number>()
    this.#places.set(kind, places)
    const place = places.get(id)
    const before = place === undefined ? undefined : this.staged[place]
    const staged = { kind, id, row, revisionBefore: before?.revisionBefore ?? this.#below.revision(kind, id) ?? 0 }
    if (place !== undefined) this.staged[place] = staged
    else places.set(id, this.staged.push(staged) - 1)
  }
}
