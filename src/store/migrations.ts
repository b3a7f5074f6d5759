import type { Kysely } from 'kysely'
import { type Migration, Migrator } from 'kysely/migration'
import type { Schema } from './schema.ts'

/**
 * All migrations, oldest first, in the schema builder's words only, so that they run on every dialect. A migration that has landed is never
 * edited: the next one changes what it made.
 */
const migrations: Record<string, Migration> = {
  '001-first': {
    up: async (db: Kysely<unknown>) => {
      await db.schema
        .createTable('records')
        .addColumn('kind', 'text', c => c.notNull())
        .addColumn('id', 'text', c => c.notNull())
        .addColumn('revision', 'integer', c => c.notNull())
        .addColumn('body', 'text', c => c.notNull())
        .addPrimaryKeyConstraint('records_key', ['kind', 'id'])
        .execute()
      await db.schema
        .createTable('events')
        .addColumn('seq', 'integer', c => c.primaryKey().autoIncrement())
        .addColumn('at', 'bigint', c => c.notNull())
        .addColumn('kind', 'text', c => c.notNull())
        .addColumn('subject', 'text', c => c.notNull())
        .addColumn('tenant', 'text')
        .addColumn('type', 'text', c => c.notNull())
        .addColumn('actor', 'text', c => c.notNull())
        .addColumn('message', 'text', c => c.notNull())
        .addColumn('data', 'text', c => c.notNull())
        .execute()
      await db.schema.createIndex('events_subject').on('events').columns(['kind', 'subject', 'seq']).execute()
      await db.schema
        .createTable('builds')
        .addColumn('controller', 'text', c => c.notNull())
        .addColumn('job', 'text', c => c.notNull())
        .addColumn('number', 'integer', c => c.notNull())
        .addColumn('tenant', 'text', c => c.notNull())
        .addColumn('agent', 'text')
        .addColumn('started_at', 'bigint', c => c.notNull())
        .addColumn('ended_at', 'bigint')
        .addColumn('result', 'text')
        .addPrimaryKeyConstraint('builds_key', ['controller', 'job', 'number'])
        .execute()
      await db.schema.createIndex('builds_recent').on('builds').columns(['controller', 'started_at']).execute()
    },
  },
}

/** Brings the schema up to date. A database made by a newer Manor is refused by name of the migration that is not known here. */
export const migrate = async (db: Kysely<Schema>): Promise<void> => {
  const migrator = new Migrator({ db, provider: { getMigrations: async () => migrations } })
  const { error } = await migrator.migrateToLatest()
  if (error) throw error
}
