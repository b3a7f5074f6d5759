import type { Agent } from './agent.ts'
import type { Controller } from './controller.ts'
import type { Demand } from './demand.ts'
import type { Host, HostWanted } from './host.ts'
import type { ControllerId } from './ids.ts'
import type { Template } from './template.ts'
import type { Tenant } from './tenant.ts'
import type { Token } from './token.ts'
import type { Timestamp } from './units.ts'
import type { Usage } from './usage.ts'

/** A secret at rest: AES-256-GCM under the store's key file. */
export type SealedSecret = { readonly id: string; readonly sealed: string }

/** One small fact about the installation itself. */
export type Setting = { readonly id: string; readonly value: string }

/** What an engine keeps of a workload where the far side cannot keep it; only that engine reads it. */
export type EngineRecord = { readonly id: string; readonly value: string }

/** A hook that has not reported for so many of its intervals is not relied on. */
export const SILENT_INTERVALS = 3

/** What a controller's hook told last; a level, reported anew after a restart of either side. */
export type Presence = {
  readonly controller: ControllerId
  readonly session: string
  readonly epoch: number
  readonly seq: number
  readonly version: string
  /** Why the hook could not secure its instance; set, the instance is not let serve. */
  readonly problem?: string
  /** How often the hook was told to report, in milliseconds. */
  readonly reportIntervalMs: number
  readonly reportedAt: Timestamp
  /** The same moment by this Manor's monotonic clock, in milliseconds: the wall clock may be set. */
  readonly heardAt: number
  /** Builds that run now. */
  readonly running: number
  readonly quieting: boolean
  readonly appliedRevision: number
  readonly nodes: readonly {
    readonly name: string
    readonly online: boolean
    readonly used: boolean
    readonly awaited?: boolean
    readonly building?: { readonly job: string; readonly number: number }
    readonly problem?: string
  }[]
  readonly load: {
    readonly heapUsedMb: number
    readonly heapMaxMb: number
    readonly threads: number
    readonly gcShare: number
    readonly eventsDropped: number
  }
}

/** Every kind of row that the store keeps, by its kind. */
export type Rows = {
  readonly controller: Controller
  readonly agent: Agent
  readonly template: Template
  readonly tenant: Tenant
  readonly token: Token
  readonly secret: SealedSecret
  readonly setting: Setting
  readonly 'engine-record': EngineRecord
  readonly usage: Usage
  readonly demand: Demand
  readonly presence: Presence
  readonly host: Host
  readonly 'host-wanted': HostWanted
}
export type Kind = keyof Rows

/** Kinds that are only held in memory: whoever owns the truth tells it again after a restart. */
export const VOLATILE_KINDS: ReadonlySet<Kind> = new Set<Kind>(['demand', 'presence', 'host'])

/** The id under which a row is kept. */
export const rowId = <K extends Kind>(kind: K, row: Rows[K]): string => {
  if ('id' in row) return row.id
  if ('controller' in row) return row.controller
  throw new TypeError(`A row of kind ${kind} has no id.`)
}
