import { closeSync, existsSync, openSync } from 'node:fs'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { Kysely, SqliteDialect } from 'kysely'
import { StoreError } from './errors.ts'
import type { Schema } from './schema.ts'

/**
 * The SQLite dialect's file: the only place with SQLite's own words.
 *
 * WAL with `synchronous = NORMAL`: a commit survives the death of this process (kill -9) at once, and a power cut from the next one that is
 * forced to the disk on. What was promised to a person is committed with `FULL`, which forces the log once, as part of the commit
 * (sqlite.org/pragma.html#pragma_synchronous); a checkpoint after it would force the database too, and costs more than twice as much.
 * `locking_mode = EXCLUSIVE` keeps a second Manor out for as long as this process lives, and no longer.
 */
export type Database = {
  readonly kysely: Kysely<Schema>
  /** Whether commits from here on are forced to the disk, and all before with them. Not within a transaction. */
  forceCommits(isForced: boolean): void
  /** Forces all commits so far to the disk, where there is no other to do so. */
  flush(): void
  close(): Promise<void>
}

/** Most prepared statements that are kept; the store uses about 20. */
const MAX_STATEMENTS = 128

export const openSqlite = (path: string): Database => {
  const database = open(path)
  let forces = false
  const statements = new Map<string, StatementSync>()
  const prepare = (sql: string): StatementSync => {
    const known = statements.get(sql)
    if (known) return known
    const statement = database.prepare(sql)
    if (statements.size >= MAX_STATEMENTS) statements.clear()
    statements.set(sql, statement)
    return statement
  }
  type Parameter = string | number | bigint | null | Uint8Array
  const parametersOf = (parameters: readonly unknown[]): Parameter[] => parameters as Parameter[]
  const kysely = new Kysely<Schema>({
    dialect: new SqliteDialect({
      database: {
        close: () => database.close(),
        prepare: sql => {
          const statement = prepare(sql)
          return {
            reader: statement.columns().length > 0,
            all: parameters => statement.all(...parametersOf(parameters)),
            run: parameters => statement.run(...parametersOf(parameters)),
            iterate: parameters => statement.iterate(...parametersOf(parameters)),
          }
        },
      },
    }),
  })
  return {
    kysely,
    forceCommits: isForced => {
      if (isForced === forces) return
      database.exec(`PRAGMA synchronous = ${isForced ? 'FULL' : 'NORMAL'}`)
      forces = isForced
    },
    flush: () => database.exec('PRAGMA wal_checkpoint(PASSIVE)'),
    close: async () => {
      statements.clear()
      await kysely.destroy()
      if (database.isOpen) database.close()
    },
  }
}

const open = (path: string): DatabaseSync => {
  let database: DatabaseSync | undefined
  try {
    if (path !== ':memory:') makeClosedToOthers(path)
    database = new DatabaseSync(path)
    if (path !== ':memory:') {
      database.exec('PRAGMA locking_mode = EXCLUSIVE')
      database.exec('PRAGMA journal_mode = WAL')
    }
    database.exec('PRAGMA synchronous = NORMAL')
    // Takes the lock now instead of at the first write, so that a second Manor is refused at its start.
    database.exec('BEGIN IMMEDIATE; COMMIT')
    return database
  } catch (cause) {
    database?.close()
    throw storeErrorOf(cause, path)
  }
}

/**
 * SQLite would make the file readable by everybody; its other files take over its mode. A file that is there is not opened: closing it again
 * would drop the locks that this process holds on it (sqlite.org/howtocorrupt.html section 2.2).
 */
const makeClosedToOthers = (path: string): void => {
  if (!existsSync(path)) closeSync(openSync(path, 'ax', 0o600))
}

/** SQLite result codes: sqlite.org/rescode.html. */
const SQLITE_BUSY = 5
const SQLITE_READONLY = 8
const SQLITE_IOERR = 10
const SQLITE_FULL = 13
const SQLITE_CANTOPEN = 14

/** Turns SQLite's own error into one that says the mend; any other error is given back as it is. */
export const storeErrorOf = (cause: unknown, path: string): unknown => {
  if (!(cause instanceof Error) || !('errcode' in cause) || typeof cause.errcode !== 'number') return cause
  switch (cause.errcode & 0xff) {
    case SQLITE_BUSY:
      return new StoreError('store-locked', `Another Manor is using ${path}: end it, or choose another home with --home.`, { cause })
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
      return new StoreError(
        'store-unwritable',
        `${path} cannot be written: give this user write permission there, or choose another home with --home.`,
        {
          cause,
        },
      )
    case SQLITE_FULL:
    case SQLITE_IOERR:
      return new StoreError(
        'store-full',
        `${path} could not be written, most likely because the disk is full: free some space. Nothing was half written.`,
        {
          cause,
        },
      )
    default:
      return cause
  }
}
