/** What schedulers send to a Mesos (v1 scheduler API as JSON), as far as the double reads it, and what it sends to them. */
import type { Attribute, Domain, Labels, Resource, Unavailability, Value } from '../../../src/engines/mesos/wire.ts'

export type Filters = { readonly refuse_seconds?: number }

export type Task = {
  readonly name: string
  readonly task_id: Value
  readonly agent_id: Value
  readonly resources?: readonly Resource[]
  readonly command?: {
    readonly shell?: boolean
    readonly value?: string
    readonly arguments?: readonly string[]
    readonly environment?: { readonly variables?: readonly { readonly name: string; readonly value?: string }[] }
  }
  readonly executor?: unknown
  readonly container?: {
    readonly type: string
    readonly hostname?: string
    readonly docker?: {
      readonly image: string
      readonly network?: string
      readonly port_mappings?: readonly { readonly host_port: number }[]
      readonly parameters?: readonly { readonly key: string; readonly value: string }[]
    }
  }
  readonly kill_policy?: { readonly grace_period?: { readonly nanoseconds: number } }
  readonly labels?: Labels
}

export type FrameworkInfo = {
  readonly user?: string
  readonly name?: string
  readonly id?: Value
  readonly failover_timeout?: number
  readonly checkpoint?: boolean
  readonly role?: string
  readonly roles?: readonly string[]
  readonly principal?: string
  readonly capabilities?: readonly { readonly type: string }[]
}

export type Operation = {
  readonly type: string
  readonly launch?: { readonly task_infos?: readonly Task[] }
  readonly reserve?: { readonly resources?: readonly Resource[] }
  readonly unreserve?: { readonly resources?: readonly Resource[] }
}

/** A call of any type: each has the member of its own name only. */
export type SchedulerCall = {
  readonly type: string
  readonly framework_id?: Value
  readonly subscribe?: { readonly framework_info?: FrameworkInfo; readonly suppressed_roles?: readonly string[] }
  readonly accept?: { readonly offer_ids?: readonly Value[]; readonly operations?: readonly Operation[]; readonly filters?: Filters }
  readonly decline?: { readonly offer_ids?: readonly Value[]; readonly filters?: Filters }
  readonly accept_inverse_offers?: { readonly inverse_offer_ids?: readonly Value[]; readonly filters?: Filters }
  readonly decline_inverse_offers?: { readonly inverse_offer_ids?: readonly Value[]; readonly filters?: Filters }
  readonly revive?: { readonly roles?: readonly string[] }
  readonly suppress?: { readonly roles?: readonly string[] }
  readonly kill?: { readonly task_id: Value; readonly agent_id?: Value; readonly kill_policy?: Task['kill_policy'] }
  readonly shutdown?: { readonly executor_id: Value; readonly agent_id: Value }
  readonly acknowledge?: { readonly agent_id: Value; readonly task_id: Value; readonly uuid: string }
  readonly reconcile?: { readonly tasks?: readonly { readonly task_id: Value; readonly agent_id?: Value }[] }
  readonly update_framework?: { readonly framework_info?: FrameworkInfo; readonly suppressed_roles?: readonly string[] }
}

/** Types of calls that are answered with 202 whatever becomes of them, and the member that each must have. */
export const CALLS: Readonly<Record<string, string | undefined>> = {
  SUBSCRIBE: 'subscribe',
  TEARDOWN: undefined,
  ACCEPT: 'accept',
  DECLINE: 'decline',
  ACCEPT_INVERSE_OFFERS: 'accept_inverse_offers',
  DECLINE_INVERSE_OFFERS: 'decline_inverse_offers',
  REVIVE: undefined,
  SUPPRESS: undefined,
  KILL: 'kill',
  SHUTDOWN: 'shutdown',
  ACKNOWLEDGE: 'acknowledge',
  ACKNOWLEDGE_OPERATION_STATUS: 'acknowledge_operation_status',
  RECONCILE: 'reconcile',
  RECONCILE_OPERATIONS: 'reconcile_operations',
  MESSAGE: 'message',
  REQUEST: 'request',
  UPDATE_FRAMEWORK: 'update_framework',
}

/** A status on its way from an executor or the leader to a scheduler. */
export type Status = {
  readonly task_id: Value
  readonly state: string
  readonly source: 'SOURCE_MASTER' | 'SOURCE_AGENT' | 'SOURCE_EXECUTOR'
  readonly agent_id?: Value
  readonly executor_id?: Value
  readonly reason?: string
  readonly message?: string
  readonly uuid?: string
  readonly timestamp: number
  readonly container_status?: unknown
  readonly data?: string
  readonly unreachable_time?: { readonly nanoseconds: number }
}

export type Event = { readonly type: string } & Readonly<Record<string, unknown>>

export type AgentSpec = {
  readonly hostname?: string
  readonly cpus?: number
  readonly mem?: number
  readonly disk?: number
  readonly ports?: readonly [first: number, last: number]
  readonly gpus?: number
  /** Room that Mesos may take back, beside the rest. */
  readonly revocableCpus?: number
  readonly attributes?: Readonly<Record<string, string>>
  readonly domain?: Domain
}

export type { Attribute, Domain, Resource, Unavailability, Value }

const TERMINAL: ReadonlySet<string> = new Set([
  'TASK_FINISHED',
  'TASK_FAILED',
  'TASK_KILLED',
  'TASK_ERROR',
  'TASK_DROPPED',
  'TASK_GONE',
  'TASK_LOST',
  'TASK_GONE_BY_OPERATOR',
])

export const isTerminal = (state: string): boolean => TERMINAL.has(state)

export const nanosecondsOf = (ms: number): number => Math.round(ms * 1_000_000)
