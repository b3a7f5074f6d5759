import { type Kind, type Rows, rowId } from '../model/index.ts'

/** A row with the revision it was read at. */
export type Versioned<K extends Kind> = { readonly revision: number; readonly row: Rows[K] }

/** What can be read, both of the committed state and from inside a transaction. */
export interface Reader {
  get<K extends Kind>(kind: K, id: string): Rows[K] | undefined
  revision(kind: Kind, id: string): number | undefined
  /** All rows of a kind, in the order in which they were first inserted. Linear in their number. */
  list<K extends Kind>(kind: K): Rows[K][]
  /** Rows found by an index; linear in what it finds. */
  by<N extends IndexName>(index: N, key: string): Rows[(typeof INDEXES)[N]['kind']][]
}

type Index<K extends Kind> = { readonly kind: K; readonly key: (row: Rows[K]) => string }
const index = <K extends Kind>(kind: K, key: (row: Rows[K]) => string): Index<K> => ({ kind, key })

/** Ways to find rows without looking at all of them. */
export const INDEXES = {
  agentsOfController: index('agent', agent => agent.controller),
  agentsOfItem: index('agent', agent => `${agent.controller}/${agent.item}`),
  /** `live` or `ended`: the ended ones are history and would slow down every pass. */
  agentsByLife: index('agent', agent => (agent.phase === 'ended' ? 'ended' : 'live')),
  tokensByHash: index('token', token => token.hash),
} as const
export type IndexName = keyof typeof INDEXES

const indexesOf = new Map<Kind, { name: IndexName; key: (row: never) => string }[]>()
for (const [name, { kind, key }] of Object.entries(INDEXES)) {
  const list = indexesOf.get(kind) ?? []
  list.push({ name: name as IndexName, key: key as (row: never) => string })
  indexesOf.set(kind, list)
}

/**
 * The committed rows in memory. Everything live fits: 2,000 controllers and 8,000 agents are about 20 MB. Reads are plain map look-ups;
 * a change costs one map write and one per index.
 */
export class Mirror implements Reader {
  readonly #rows = new Map<Kind, Map<string, Versioned<Kind>>>()
  readonly #indexes = new Map<IndexName, Map<string, Set<string>>>()

  versioned<K extends Kind>(kind: K, id: string): Versioned<K> | undefined {
    return this.#rows.get(kind)?.get(id) as Versioned<K> | undefined
  }

  get<K extends Kind>(kind: K, id: string): Rows[K] | undefined {
    return this.versioned(kind, id)?.row
  }

  revision(kind: Kind, id: string): number | undefined {
    return this.versioned(kind, id)?.revision
  }

  list<K extends Kind>(kind: K): Rows[K][] {
    const rows = this.#rows.get(kind)
    return rows ? Array.from(rows.values(), versioned => versioned.row as Rows[K]) : []
  }

  ids(kind: Kind): Iterable<string> {
    return this.#rows.get(kind)?.keys() ?? []
  }

  idsBy(name: IndexName, key: string): Iterable<string> {
    return this.#indexes.get(name)?.get(key) ?? []
  }

  by<N extends IndexName>(name: N, key: string): Rows[(typeof INDEXES)[N]['kind']][] {
    const kind = INDEXES[name].kind as (typeof INDEXES)[N]['kind']
    const found: Rows[typeof kind][] = []
    for (const id of this.idsBy(name, key)) {
      const row = this.get(kind, id)
      if (row) found.push(row)
    }
    return found
  }

  put<K extends Kind>(kind: K, row: Rows[K], revision: number): void {
    const id = rowId(kind, row)
    const rows = this.#rows.get(kind) ?? new Map<string, Versioned<Kind>>()
    this.#rows.set(kind, rows)
    this.#unindex(kind, id)
    rows.set(id, { row, revision })
    for (const { name, key } of indexesOf.get(kind) ?? []) {
      const byKey = this.#indexes.get(name) ?? new Map<string, Set<string>>()
      this.#indexes.set(name, byKey)
      const value = key(row as never)
      const ids = byKey.get(value) ?? new Set<string>()
      byKey.set(value, ids)
      ids.add(id)
    }
  }

  delete(kind: Kind, id: string): void {
    this.#unindex(kind, id)
    this.#rows.get(kind)?.delete(id)
  }

  #unindex(kind: Kind, id: string): void {
    const before = this.get(kind, id)
    if (!before) return
    for (const { name, key } of indexesOf.get(kind) ?? []) {
      const byKey = this.#indexes.get(name)
      const value = key(before as never)
      const ids = byKey?.get(value)
      ids?.delete(id)
      if (ids?.size === 0) byKey?.delete(value)
    }
  }
}
