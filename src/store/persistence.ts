import type { Kysely } from 'kysely'
import { type Build, type Event, type Kind, type Rows, type SubjectKind, tenantId } from '../model/index.ts'
import { StoreError } from './errors.ts'
import type { Schema } from './schema.ts'
import type { NewEvent, Staged } from './transaction.ts'

/** What a commit writes: durable rows only. */
export type Batch = {
  readonly rows: readonly Staged[]
  readonly events: readonly NewEvent[]
  readonly builds: readonly Build[]
  readonly at: number
}

/** Which events to read. */
export type EventQuery = {
  readonly after?: number
  readonly limit: number
  readonly kind?: SubjectKind
  readonly subject?: string
  readonly tenant?: string
  /** Newest first instead of oldest first. */
  readonly newestFirst?: boolean
}
export type BuildQuery = { readonly controller?: string; readonly tenant?: string; readonly limit: number }

/** Rows of a table as the nouns they are. Written in kysely's words; holds on every dialect. */
export class Persistence {
  readonly #db: Kysely<Schema>

  constructor(db: Kysely<Schema>) {
    this.#db = db
  }

  async load(): Promise<{ kind: Kind; revision: number; row: Rows[Kind] }[]> {
    const rows = await this.#db.selectFrom('records').selectAll().execute()
    return rows.map(({ kind, revision, body }) => ({ kind: kind as Kind, revision, row: JSON.parse(body) as Rows[Kind] }))
  }

  /** All of the batch or nothing. Each row is compared with the revision it was read at; a difference rejects with `conflict`. */
  async commit(batch: Batch): Promise<Event[]> {
    return this.#db.transaction().execute(async db => {
      for (const staged of batch.rows) await this.#write(db, staged)
      for (const build of batch.builds) await this.#writeBuild(db, build)
      const events: Event[] = []
      for (const event of batch.events) {
        const data = event.data ?? {}
        const inserted = await db
          .insertInto('events')
          .values({
            at: batch.at,
            kind: event.kind,
            subject: event.subject,
            tenant: event.tenant ?? null,
            type: event.type,
            actor: event.actor,
            message: event.message,
            data: JSON.stringify(data),
          })
          .returning('seq')
          .executeTakeFirstOrThrow()
        events.push({ ...event, data, seq: inserted.seq, at: batch.at })
      }
      return events
    })
  }

  async events(query: EventQuery): Promise<Event[]> {
    const rows = await this.#db
      .selectFrom('events')
      .selectAll()
      .$if(query.after !== undefined, q => q.where('seq', query.newestFirst ? '<' : '>', query.after ?? 0))
      .$if(query.kind !== undefined, q => q.where('kind', '=', query.kind ?? ''))
      .$if(query.subject !== undefined, q => q.where('subject', '=', query.subject ?? ''))
      .$if(query.tenant !== undefined, q => q.where('tenant', '=', query.tenant ?? ''))
      .orderBy('seq', query.newestFirst ? 'desc' : 'asc')
      .limit(query.limit)
      .execute()
    return rows.map(({ tenant, ...row }) => ({
      ...row,
      ...(tenant === null ? {} : { tenant: tenantId(tenant) }),
      kind: row.kind as SubjectKind,
      data: JSON.parse(row.data) as Event['data'],
    }))
  }

  async builds(query: BuildQuery): Promise<Build[]> {
    const rows = await this.#db
      .selectFrom('builds')
      .selectAll()
      .$if(query.controller !== undefined, q => q.where('controller', '=', query.controller ?? ''))
      .$if(query.tenant !== undefined, q => q.where('tenant', '=', query.tenant ?? ''))
      .orderBy('started_at', 'desc')
      .limit(query.limit)
      .execute()
    return rows.map(
      row =>
        ({
          controller: row.controller,
          tenant: row.tenant,
          job: row.job,
          number: row.number,
          startedAt: row.started_at,
          ...(row.agent === null ? {} : { agent: row.agent }),
          ...(row.ended_at === null ? {} : { endedAt: row.ended_at }),
          ...(row.result === null ? {} : { result: row.result }),
        }) as Build,
    )
  }

  /** Deletes all but the newest `keep` events. */
  async pruneEvents(keep: number): Promise<void> {
    const newest = await this.#db.selectFrom('events').select('seq').orderBy('seq', 'desc').limit(1).executeTakeFirst()
    if (newest)
      await this.#db
        .deleteFrom('events')
        .where('seq', '<=', newest.seq - keep)
        .execute()
  }

  async #write(db: Kysely<Schema>, { kind, id, row, revisionBefore }: Staged): Promise<void> {
    if (revisionBefore === 0) {
      if (row === undefined) return
      await db
        .insertInto('records')
        .values({ kind, id, revision: 1, body: JSON.stringify(row) })
        .execute()
      return
    }
    const changed =
      row === undefined
        ? (
            await db
              .deleteFrom('records')
              .where('kind', '=', kind)
              .where('id', '=', id)
              .where('revision', '=', revisionBefore)
              .executeTakeFirst()
          ).numDeletedRows
        : (
            await db
              .updateTable('records')
              .set({ revision: revisionBefore + 1, body: JSON.stringify(row) })
              .where('kind', '=', kind)
              .where('id', '=', id)
              .where('revision', '=', revisionBefore)
              .executeTakeFirst()
          ).numUpdatedRows
    if (changed !== 1n) throw new StoreError('conflict', `The ${kind} ${id} was changed by another Manor meanwhile.`)
  }

  async #writeBuild(db: Kysely<Schema>, build: Build): Promise<void> {
    const row = {
      tenant: build.tenant,
      agent: build.agent ?? null,
      started_at: build.startedAt,
      ended_at: build.endedAt ?? null,
      result: build.result ?? null,
    }
    await db
      .insertInto('builds')
      .values({ controller: build.controller, job: build.job, number: build.number, ...row })
      .onConflict(conflict => conflict.columns(['controller', 'job', 'number']).doUpdateSet(row))
      .execute()
  }
}
