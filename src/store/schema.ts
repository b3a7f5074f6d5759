import type { Generated } from 'kysely'

/** The tables, as kysely sees them. One schema for all databases; what differs stays in a dialect's file. */
export type Schema = {
  /** Live rows of all durable kinds: `body` is the noun as JSON, `revision` grows by one with each change. */
  records: { kind: string; id: string; revision: number; body: string }
  /** Append-only; see model/event.ts. */
  events: {
    seq: Generated<number>
    at: number
    kind: string
    subject: string
    tenant: string | null
    type: string
    actor: string
    message: string
    data: string
  }
  builds: {
    controller: string
    job: string
    number: number
    tenant: string
    agent: string | null
    started_at: number
    ended_at: number | null
    result: string | null
  }
}
