import type { Build, Event, Kind, Rows } from '../model/index.ts'
import { VOLATILE_KINDS } from '../model/index.ts'
import type { Clock } from '../runtime/index.ts'
import { StoreError } from './errors.ts'
import { Feed } from './feed.ts'
import { type INDEXES, type IndexName, Mirror, type Reader } from './mirror.ts'
import type { Batch, BuildQuery, EventQuery } from './persistence.ts'
import { Overlay, type Transaction } from './transaction.ts'

/** Where commits go; the simulator puts one that refuses in front. */
export interface Durable {
  load(): Promise<{ kind: Kind; revision: number; row: Rows[Kind] }[]>
  /** All of the batch or nothing; `isForced`: on the disk once it resolves, with all before. */
  commit(batch: Batch, isForced: boolean): Promise<Event[]>
  events(query: EventQuery): Promise<Event[]>
  builds(query: BuildQuery): Promise<Build[]>
  pruneEvents(keep: number): Promise<void>
  /** Forces all commits so far to the disk. */
  flush(): void
  close(): Promise<void>
}

/** Most pieces of work in one database transaction: bounds how long one commit holds the database. */
const MAX_GROUP = 256
/** Most pieces of work that may wait; beyond it new ones are refused, which the API turns into 503. */
const MAX_WAITING = 100_000

type Waiting = {
  readonly work: (tx: Transaction) => unknown
  readonly flush: boolean
  resolve(value: unknown): void
  reject(cause: unknown): void
}

/**
 * The one store of a control plane: committed rows in memory, every commit in the database before anyone sees it.
 *
 * Reads are synchronous and see committed state only. Writes are pieces of synchronous work; those that wait at the same time share one
 * database transaction (group commit), yet each commits or fails alone. A durable row may only change together with an event that
 * tells of it: the events are the audit trail and the feed, so a silent change would be one that no loop and no person learns of.
 */
export class Store implements Reader {
  readonly feed = new Feed()
  readonly #mirror = new Mirror()
  readonly #durable: Durable
  readonly #clock: Clock
  readonly #waiting: Waiting[] = []
  #committing: Promise<void> | undefined
  #closed = false

  private constructor(durable: Durable, clock: Clock) {
    this.#durable = durable
    this.#clock = clock
  }

  static async open(durable: Durable, clock: Clock): Promise<Store> {
    const store = new Store(durable, clock)
    for (const { kind, revision, row } of await durable.load()) store.#mirror.put(kind, row, revision)
    return store
  }

  get<K extends Kind>(kind: K, id: string): Rows[K] | undefined {
    return this.#mirror.get(kind, id)
  }

  revision(kind: Kind, id: string): number | undefined {
    return this.#mirror.revision(kind, id)
  }

  list<K extends Kind>(kind: K): readonly Rows[K][] {
    return this.#mirror.list(kind)
  }

  by<N extends IndexName>(index: N, key: string): readonly Rows[(typeof INDEXES)[N]['kind']][] {
    return this.#mirror.by(index, key)
  }

  /** How many pieces of work wait to be committed. */
  get waiting(): number {
    return this.#waiting.length
  }

  /**
   * Runs `work` against the newest state and commits what it staged; resolves to what it returned once that is in the database. Rejects with
   * what `work` threw, and then nothing of it happened. `flush` also forces it to the disk: for what a person was promised.
   */
  transact<T>(work: (tx: Transaction) => T, options: { readonly flush?: boolean } = {}): Promise<T> {
    if (this.#closed) return Promise.reject(new StoreError('closed', 'The store is closed: Manor is ending.'))
    if (this.#waiting.length >= MAX_WAITING)
      return Promise.reject(new StoreError('overloaded', `${MAX_WAITING} changes wait for the database already: try again later.`))
    return new Promise<T>((resolve, reject) => {
      this.#waiting.push({ work, flush: options.flush ?? false, resolve: value => resolve(value as T), reject })
      this.#committing ??= this.#commitAll()
    })
  }

  events(query: EventQuery): Promise<Event[]> {
    return this.#durable.events(query)
  }

  builds(query: BuildQuery): Promise<Build[]> {
    return this.#durable.builds(query)
  }

  pruneEvents(keep: number): Promise<void> {
    return this.#durable.pruneEvents(keep)
  }

  /** Commits what waits, refuses anything new, and closes the database. */
  async close(): Promise<void> {
    this.#closed = true
    await this.#committing
    this.#durable.flush()
    await this.#durable.close()
  }

  async #commitAll(): Promise<void> {
    // A microtask's pause lets work that is asked for in the same turn share the commit.
    await Promise.resolve()
    while (this.#waiting.length > 0) await this.#commitGroup(this.#waiting.splice(0, MAX_GROUP))
    this.#committing = undefined
  }

  async #commitGroup(group: readonly Waiting[]): Promise<void> {
    const at = this.#clock.now()
    let overlay = new Overlay(this.#mirror, at)
    const done: (() => void)[] = []
    const failed: ((cause: unknown) => void)[] = []
    for (const { work, resolve, reject } of group) {
      // One that is alone has no neighbours to be kept from; most are.
      const own = group.length === 1 ? overlay : new Overlay(overlay, at)
      try {
        const value = work(own)
        if (value instanceof Promise) throw new TypeError('Work on the store must be synchronous.')
        const untold = own.untold()
        if (untold.length > 0) throw new TypeError(`Changed without an event: ${untold.join(', ')}.`)
        if (own !== overlay) overlay.absorb(own)
        done.push(() => resolve(value))
        failed.push(reject)
      } catch (cause) {
        if (own === overlay) overlay = new Overlay(this.#mirror, at)
        reject(cause)
      }
    }
    try {
      const isForced = group.some(({ flush }) => flush)
      const events = await this.#write(overlay, isForced)
      this.#apply(overlay, events)
      for (const resolve of done) resolve()
    } catch (cause) {
      for (const reject of failed) reject(cause)
    }
  }

  async #write(overlay: Overlay, isForced: boolean): Promise<Event[]> {
    const rows = overlay.staged.filter(({ kind }) => !VOLATILE_KINDS.has(kind))
    const { events, builds, now: at } = overlay
    if (rows.length > 0 || events.length > 0 || builds.length > 0) return this.#durable.commit({ rows, events, builds, at }, isForced)
    // It may rest on what others have committed.
    if (isForced) this.#durable.flush()
    return []
  }

  #apply(overlay: Overlay, events: readonly Event[]): void {
    const changes = []
    for (const { kind, id, row, revisionBefore } of overlay.staged) {
      if (row === undefined) this.#mirror.delete(kind, id)
      else this.#mirror.put(kind, row, revisionBefore + 1)
      changes.push({ kind, id, row })
    }
    this.feed.publish(changes, events)
  }
}
