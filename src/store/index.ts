/**
 * The store (design section 11): what is wanted, what was decided, what happened. Owns the database and nothing else; imports model and
 * runtime. Start at store.ts; SQLite's own words are in sqlite.ts alone.
 */
export { StoreError, type StoreErrorCode } from './errors.ts'
export type { Change, FeedEntry } from './feed.ts'
export type { Reader } from './mirror.ts'
export { openSqliteStore, sqliteDurable } from './open.ts'
export type { Batch, BuildQuery, EventQuery } from './persistence.ts'
export { createSeal, loadKey, type Seal } from './seal.ts'
export { type Durable, Store } from './store.ts'
export type { NewEvent, Transaction } from './transaction.ts'
