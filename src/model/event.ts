import type { TenantId } from './ids.ts'
import type { Timestamp } from './units.ts'

/** The nouns whose changes are recorded. */
export const SUBJECT_KINDS = ['controller', 'agent', 'template', 'tenant', 'host', 'token', 'demand', 'build', 'manor'] as const
export type SubjectKind = (typeof SUBJECT_KINDS)[number]

/** One committed change: the audit trail, the change feed of the loops and what the console listens to. Append-only. */
export type Event = {
  /** Grows by one or more with each event of a store; a reader resumes after the last it saw. */
  readonly seq: number
  readonly at: Timestamp
  readonly kind: SubjectKind
  readonly subject: string
  readonly tenant?: TenantId
  /** Past tense and short: `created`, `phase-changed`, `build-finished`. */
  readonly type: string
  /** Who caused it: `user:NAME`, `token:NAME`, `controller:NAME`, `manor`. */
  readonly actor: string
  /** One sentence for a person. */
  readonly message: string
  /** Small and flat; no secrets. */
  readonly data: Readonly<Record<string, string | number | boolean | null>>
}
