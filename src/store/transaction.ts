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
/** Small facts of the installation, and what others than people keep: no person asks who changed them. */
const WITHOUT_EVENTS: ReadonlySet<Kind> = new Set<Kind>(['setting', 'secret', 'engine-record'])

/** Under which noun a row's changes are told, where that is not its own kind: what is wanted of a host is told of the host. */
const TOLD_AS: Readonly<Partial<Record<Kind, SubjectKind>>> = { 'host-wanted': 'host' }

/** Key of a row in an overlay. A kind never holds a slash. */
const keyOf = (kind: Kind, id: string): string => `${kind}/${id}`

/**
 * What a piece of work has staged, over the staged work before it, over the committed rows. Reads see all three.
 */
export class Overlay implements Transaction {
  readonly now: number
  readonly staged = new Map<string, Staged>()
  readonly events: NewEvent[] = []
  readonly builds: Build[] = []
  readonly #below: Overlay | Mirror

  constructor(below: Overlay | Mirror, now: number) {
    this.#below = below
    this.now = now
  }

  get<K extends Kind>(kind: K, id: string): Rows[K] | undefined {
    // Most work reads much before it writes: where nothing is staged yet, no key is put together.
    const staged = this.staged.size === 0 ? undefined : this.staged.get(keyOf(kind, id))
    return staged ? (staged.row as Rows[K] | undefined) : this.#below.get(kind, id)
  }

  revision(kind: Kind, id: string): number | undefined {
    const staged = this.staged.size === 0 ? undefined : this.staged.get(keyOf(kind, id))
    if (!staged) return this.#below.revision(kind, id)
    return staged.row === undefined ? undefined : staged.revisionBefore + 1
  }

  *ids(kind: Kind): Iterable<string> {
    for (const id of this.#below.ids(kind)) if (this.get(kind, id) !== undefined) yield id
    for (const staged of this.staged.values())
      if (staged.kind === kind && staged.row !== undefined && this.#below.get(kind, staged.id) === undefined) yield staged.id
  }

  list<K extends Kind>(kind: K): Rows[K][] {
    return Array.from(this.ids(kind), id => this.get(kind, id)).filter(row => row !== undefined)
  }

  *idsBy(name: IndexName, key: string): Iterable<string> {
    const { kind } = INDEXES[name]
    const keyOfRow = INDEXES[name].key as (row: Rows[Kind]) => string
    for (const id of this.#below.idsBy(name, key)) if (!this.staged.has(keyOf(kind, id))) yield id
    for (const staged of this.staged.values())
      if (staged.kind === kind && staged.row !== undefined && keyOfRow(staged.row) === key) yield staged.id
  }

  by<N extends IndexName>(name: N, key: string): Rows[(typeof INDEXES)[N]['kind']][] {
    const kind = INDEXES[name].kind as (typeof INDEXES)[N]['kind']
    return Array.from(this.idsBy(name, key), id => this.get(kind, id)).filter(row => row !== undefined)
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
    for (const [key, staged] of above.staged) {
      const own = this.staged.get(key)
      this.staged.set(key, own ? { ...staged, revisionBefore: own.revisionBefore } : staged)
    }
    this.events.push(...above.events)
    this.builds.push(...above.builds)
  }

  /** Kinds and ids of durable rows that were changed without an event that tells of it: a bug in the work (see store.ts). */
  untold(): string[] {
    const told = new Set(this.events.map(event => `${event.kind}/${event.subject}`))
    const untold: string[] = []
    for (const { kind, id } of this.staged.values())
      if (!VOLATILE_KINDS.has(kind) && !WITHOUT_EVENTS.has(kind) && !told.has(`${TOLD_AS[kind] ?? kind}/${id}`)) untold.push(`${kind}/${id}`)
    return untold
  }

  #stage(kind: Kind, id: string, row: Rows[Kind] | undefined): void {
    const key = keyOf(kind, id)
    const revisionBefore = this.staged.get(key)?.revisionBefore ?? this.#below.revision(kind, id) ?? 0
    this.staged.set(key, { kind, id, row, revisionBefore })
  }
}
