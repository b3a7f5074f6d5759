/**
 * The v1 scheduler API as JSON (Mesos 1.11, include/mesos/v1/scheduler/scheduler.proto and mesos.proto; where its documents and the
 * definitions differ, the definitions are right). Only what is used is here; all else in an event is passed over, as a client must.
 */
export type Value = { readonly value: string }
export type Label = { readonly key: string; readonly value?: string }
export type Labels = { readonly labels?: readonly Label[] }
export type Range = { readonly begin: number; readonly end: number }
export type Reservation = { readonly role: string; readonly type?: string; readonly principal?: string; readonly labels?: Labels }

export type Resource = {
  readonly name: string
  readonly type: 'SCALAR' | 'RANGES' | 'SET'
  readonly scalar?: { readonly value: number }
  readonly ranges?: { readonly range?: readonly Range[] }
  readonly set?: { readonly item?: readonly string[] }
  readonly allocation_info?: { readonly role?: string }
  readonly reservations?: readonly Reservation[]
  /** Persistent volumes, and disks that are mounts or blocks of their own. */
  readonly disk?: unknown
  readonly revocable?: unknown
  readonly shared?: unknown
  readonly provider_id?: unknown
}

export type Attribute = {
  readonly name: string
  readonly type: string
  readonly text?: { readonly value: string }
  readonly scalar?: { readonly value: number }
  readonly ranges?: { readonly range?: readonly Range[] }
}

export type Domain = {
  readonly fault_domain?: { readonly region?: { readonly name: string }; readonly zone?: { readonly name: string } }
}

export type AgentUrl = {
  readonly scheme?: string
  readonly address: { readonly hostname?: string; readonly ip?: string; readonly port: number }
  readonly path?: string
}

export type Unavailability = { readonly start: { readonly nanoseconds: number }; readonly duration?: { readonly nanoseconds: number } }

export type MesosOffer = {
  readonly id: Value
  readonly agent_id: Value
  readonly hostname: string
  readonly allocation_info?: { readonly role?: string }
  readonly resources?: readonly Resource[]
  readonly attributes?: readonly Attribute[]
  readonly domain?: Domain
  readonly url?: AgentUrl
  readonly unavailability?: Unavailability
}

export type InverseOffer = { readonly id: Value; readonly agent_id?: Value; readonly unavailability: Unavailability }

export type TaskStatus = {
  readonly task_id: Value
  readonly state: string
  readonly source?: string
  readonly reason?: string
  readonly message?: string
  readonly agent_id?: Value
  /** Set where an acknowledgement is due, and only there. */
  readonly uuid?: string
  /** Seconds since the epoch. */
  readonly timestamp?: number
  readonly healthy?: boolean
}

export type MesosEvent =
  | { readonly type: 'SUBSCRIBED'; readonly subscribed: { readonly framework_id: Value; readonly heartbeat_interval_seconds?: number } }
  | { readonly type: 'OFFERS'; readonly offers: { readonly offers?: readonly MesosOffer[] } }
  | { readonly type: 'INVERSE_OFFERS'; readonly inverse_offers: { readonly inverse_offers?: readonly InverseOffer[] } }
  | { readonly type: 'RESCIND'; readonly rescind: { readonly offer_id: Value } }
  | { readonly type: 'RESCIND_INVERSE_OFFER'; readonly rescind_inverse_offer: { readonly inverse_offer_id: Value } }
  | { readonly type: 'UPDATE'; readonly update: { readonly status: TaskStatus } }
  | { readonly type: 'FAILURE'; readonly failure: { readonly agent_id?: Value; readonly executor_id?: Value; readonly status?: number } }
  | { readonly type: 'ERROR'; readonly error: { readonly message: string } }
  | { readonly type: 'HEARTBEAT' }
  /** MESSAGE, UPDATE_OPERATION_STATUS, and whatever later versions add. */
  | { readonly type: 'OTHER' }

/** Which member of an event holds its content. */
const CONTENT: Readonly<Record<string, string>> = {
  SUBSCRIBED: 'subscribed',
  OFFERS: 'offers',
  INVERSE_OFFERS: 'inverse_offers',
  RESCIND: 'rescind',
  RESCIND_INVERSE_OFFER: 'rescind_inverse_offer',
  UPDATE: 'update',
  FAILURE: 'failure',
  ERROR: 'error',
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)

/** An event from its record. Throws a SyntaxError where it is no JSON or has no content: then the stream cannot be trusted any further. */
export const readEvent = (record: Buffer): MesosEvent => {
  const event: unknown = JSON.parse(record.toString('utf8'))
  if (!isObject(event) || typeof event.type !== 'string') throw new SyntaxError('An event has no type.')
  if (event.type === 'HEARTBEAT') return { type: 'HEARTBEAT' }
  const content = CONTENT[event.type]
  if (content === undefined) return { type: 'OTHER' }
  if (!isObject(event[content])) throw new SyntaxError(`The event ${event.type} has no ${content}.`)
  return event as MesosEvent
}

export type TaskInfo = {
  readonly name: string
  readonly task_id: Value
  readonly agent_id: Value
  readonly resources: readonly Resource[]
  readonly command: {
    readonly shell: false
    readonly value?: string
    readonly arguments: readonly string[]
    readonly user?: string
    readonly environment: { readonly variables: readonly { readonly name: string; readonly type: 'VALUE'; readonly value: string }[] }
  }
  readonly container?: Readonly<Record<string, unknown>>
  readonly kill_policy: { readonly grace_period: { readonly nanoseconds: number } }
  readonly labels: Labels
}

export type Filters = { readonly refuse_seconds: number }

/** What a scheduler asks, without the framework's id, which the connection adds. */
export type Call =
  | {
      readonly type: 'ACCEPT'
      readonly accept: {
        readonly offer_ids: readonly Value[]
        readonly operations: readonly { readonly type: 'LAUNCH'; readonly launch: { readonly task_infos: readonly TaskInfo[] } }[]
        readonly filters: Filters
      }
    }
  | { readonly type: 'DECLINE'; readonly decline: { readonly offer_ids: readonly Value[]; readonly filters: Filters } }
  | {
      readonly type: 'ACCEPT_INVERSE_OFFERS'
      readonly accept_inverse_offers: { readonly inverse_offer_ids: readonly Value[]; readonly filters: Filters }
    }
  | { readonly type: 'REVIVE'; readonly revive: { readonly roles: readonly string[] } }
  | { readonly type: 'SUPPRESS'; readonly suppress: { readonly roles: readonly string[] } }
  | {
      readonly type: 'KILL'
      readonly kill: {
        readonly task_id: Value
        readonly agent_id?: Value
        readonly kill_policy?: { readonly grace_period: { readonly nanoseconds: number } }
      }
    }
  | { readonly type: 'SHUTDOWN'; readonly shutdown: { readonly executor_id: Value; readonly agent_id: Value } }
  | {
      readonly type: 'ACKNOWLEDGE'
      readonly acknowledge: { readonly agent_id: Value; readonly task_id: Value; readonly uuid: string }
    }
  | {
      readonly type: 'RECONCILE'
      readonly reconcile: { readonly tasks: readonly { readonly task_id: Value; readonly agent_id?: Value }[] }
    }
  | {
      readonly type: 'UPDATE_FRAMEWORK'
      readonly update_framework: { readonly framework_info: FrameworkInfo; readonly suppressed_roles: readonly string[] }
    }
  | { readonly type: 'TEARDOWN' }

export type FrameworkInfo = {
  readonly user: string
  readonly name: string
  readonly id: Value
  readonly failover_timeout: number
  readonly checkpoint: boolean
  readonly roles: readonly string[]
  readonly principal?: string
  readonly capabilities: readonly { readonly type: string }[]
}

export const nanoseconds = (milliseconds: number): { readonly nanoseconds: number } => ({
  nanoseconds: Math.max(0, Math.round(milliseconds)) * 1_000_000,
})
