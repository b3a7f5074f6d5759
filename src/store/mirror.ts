import { type Kind, type Rows, rowId } from '../model/index.ts'

/** A row with the revision it was read at. */
export type Versioned<K extends Kind> = { readonly revision: number; readonly row: Rows[K] }

/** What can be read, both of the committed state and from inside a transaction. */
export interface Reader {
  get<K extends Kind>(kind: K, id: string): Rows[K] | undefined
  revision(kind: Kind, id: string): number | undefined
  /** All rows of a kind, in the order in which they were first inserted: the same list again until one of them changes, then linear in their number. */
  list<K extends Kind>(kind: K): readonly Rows[K][]
  /** Rows found by an index: the same list again until one of them changes, so it costs a look-up, and who knows the list knows its rows. */
  by<N extends IndexName>(index: N, key: string): readonly Rows[(typeof INDEXES)[N]['kind']][]
}

/** A row whose key is undefined is not in the index. */
type Index<K extends Kind> = { readonly kind: K; readonly key: (row: Rows[K]) => string | undefined }
const index = <K extends Kind>(kind: K, key: (row: Rows[K]) => string | undefined): Index<K> => ({ kind, key })

/** Ways to find rows without looking at all of them. */
export const INDEXES = {
  agentsOfController: index('agent', agent => agent.controller),
  /** Of a day's agents nearly all have ended, and a controller is looked at many times a minute. */
  liveAgentsOfController: index('agent', agent => (agent.phase === 'ended' ? undefined : agent.controller)),
  /** Warm spares of a controller are those of an item without a name. */
  agentsOfItem: index('agent', agent => `${agent.controller}/${agent.item ?? ''}`),
  /** `live` or `ended`: the ended ones are history and would slow down every pass. */
  agentsByLife: index('agent', agent => (agent.phase === 'ended' ? 'ended' : 'live')),
  tokensByHash: index('token', token => token.hash),
} as const
export type IndexName = keyof typeof INDEXES

const indexesOf = new Map<Kind, { name: IndexName; key: (row: never) => string | undefined }[]>()
for (const [name, { kind, key }] of Object.entries(INDEXES)) {
  const list = indexesOf.get(kind) ?? []
  list.push({ name: name as IndexName, key: key as (row: never) => string | undefined })
  indexesOf.set(kind, list)
}

/** Rows of one key of an index, and the list of them until one changes: most keys are asked for far more often than they change. */
type Found = { readonly rows: Map<string, Rows[Kind]>; list: readonly Rows[Kind][] | undefined }
const NOTHING_FOUND: readonly never[] = []

/**
 * The committed rows in memory. Everything live fits: 2,000 controllers and 8,000 agents are about 20 MB. Reads are plain map look-ups;
 * a change costs one map write and one per index.
 */
export class Mirror implements Reader {
  readonly #rows = new Map<Kind, Map<string, Versioned<Kind>>>()
  /** Of kinds that did not change since they were listed. */
  readonly #lists = new Map<Kind, readonly Rows[Kind][]>()
  readonly #indexes = new Map<IndexName, Map<string, Found>>()

  versioned<K extends Kind>(kind: K, id: string): Versioned<K> | undefined {
    return this.#rows.get(kind)?.get(id) as Versioned<K> | undefined
  }

  get<K extends Kind>(kind: K, id: string): Rows[K] | undefined {
    return this.versioned(kind, id)?.row
  }

  revision(kind: Kind, id: string): number | undefined {
    return this.versioned(kind, id)?.revision
  }

  list<K extends Kind>(kind: K): readonly Rows[K][] {
    const known = this.#lists.get(kind)
    if (known !== undefined) return known as readonly Rows[K][]
    const rows = this.#rows.get(kind)
    if (rows === undefined) return NOTHING_FOUND
    const list = Array.from(rows.values(), versioned => versioned.row as Rows[K])
    this.#lists.set(kind, list)
    return list
  }

  by<N extends IndexName>(name: N, key: string): readonly Rows[(typeof INDEXES)[N]['kind']][] {
    const found = this.#indexes.get(name)?.get(key)
    if (found === undefined) return NOTHING_FOUND
    found.list ??= [...found.rows.values()]
    return found.list as readonly Rows[(typeof INDEXES)[N]['kind']][]
  }

  put<K extends Kind>(kind: K, row: Rows[K], revision: number): void {
    const id = rowId(kind, row)
    const rows = this.#rows.get(kind) ?? new Map<string, Versioned<Kind>>()
    this.#rows.set(kind, rows)
    const before = rows.get(id)?.row
    rows.set(id, { row, revision })
    this.#lists.delete(kind)
    // Most changes leave a row under its keys: then it takes the place of the one before.
    for (const { name, key } of indexesOf.get(kind) ?? []) {
      const value = key(row as never)
      const valueBefore = before === undefined ? undefined : key(before as never)
      if (valueBefore !== undefined && valueBefore !== value) this.#takeOut(name, valueBefore, id)
      if (value !== undefined) this.#putIn(name, value, id, row)
    }
  }

  delete(kind: Kind, id: string): void {
    const before = this.get(kind, id)
    if (before === undefined) return
    for (const { name, key } of indexesOf.get(kind) ?? []) {
      const value = key(before as never)
      if (value !== undefined) this.#takeOut(name, value, id)
    }
    this.#rows.get(kind)?.delete(id)
    this.#lists.delete(kind)
  }

  #putIn(name: IndexName, value: string, id: string, row: Rows[Kind]): void {
    const byKey = this.#indexes.get(name) ?? new Map<string, Found>()
    this.#indexes.set(name, byKey)
    const found = byKey.get(value)
    if (found === undefined) byKey.set(value, { rows: new Map([[id, row]]), list: undefined })
    else {
      found.rows.set(id, row)
      found.list = undefined
    }
  }

  #takeOut(name: IndexName, value: string, id: string): void {
    const byKey = this.#indexes.get(name)
    const found = byKey?.get(value)
    if (found === undefined) return
    found.rows.delete(id)
    found.list = undefined
    if (found.rows.size === 0) byKey?.delete(value)
  }
}
