/**
 * What /api/v1 speaks, as typebox types: the same objects check requests, write the OpenAPI document and give the command line and the console
 * their TypeScript types. Times are milliseconds since the Unix epoch, memory and disk mebibytes, cpu cores.
 *
 * Errors are problem+json (RFC 9457): `Problem`. Lists carry the header `x-manor-cursor`: give it to /api/v1/changes as `after` (or as
 * Last-Event-ID) to hear of everything that changes from there on.
 */
import { type Static, type TSchema, Type } from 'typebox'
import {
  AGENT_PHASES,
  BUILD_RESULTS,
  CONTROLLER_ACTIONS,
  CONTROLLER_PHASES,
  CONTROLLER_WANTED,
  HOST_ROLES,
  HOST_STATES,
  MAX_ACCESS_ENTRIES,
  PERMISSIONS,
  ROLES,
  SUBJECT_KINDS,
} from '../model/index.ts'

/** Typed by hand: typebox's own Enum forgets the words of a list that it is not given literally. */
const oneOf = <const T extends readonly string[]>(values: T) => Type.Unsafe<T[number]>(Type.Enum([...values]))
const Text = (maxLength: number, description?: string) => Type.String({ maxLength, ...(description === undefined ? {} : { description }) })
const Name = Type.String({ minLength: 1, maxLength: 255 })
const Time = Type.Number({ description: 'Milliseconds since the Unix epoch.' })
const optional = <T extends TSchema>(schema: T) => Type.Optional(schema)

export const Problem = Type.Object(
  {
    type: Type.String(),
    title: Type.String(),
    status: Type.Integer(),
    /** One or two sentences that say the mend. */
    detail: Type.String(),
    /** Stable, for programs. */
    code: Type.String(),
    field: optional(Type.String()),
    allowed: optional(Type.Array(Type.String())),
  },
  { $id: 'Problem' },
)
export type Problem = Static<typeof Problem>

export const ReasonView = Type.Object(
  { code: Type.String(), message: Type.String(), since: Time, mend: optional(Type.String()) },
  { $id: 'Reason' },
)
export type ReasonView = Static<typeof ReasonView>
export const ResourcesView = Type.Object({ cpu: Type.Number(), memoryMb: Type.Number(), diskMb: Type.Number() }, { $id: 'Resources' })
export type ResourcesView = Static<typeof ResourcesView>
/** Of some resources; what is not named is not meant. */
export const SomeResourcesView = Type.Object(
  { cpu: optional(Type.Number()), memoryMb: optional(Type.Number()), diskMb: optional(Type.Number()) },
  { $id: 'SomeResources' },
)
export type SomeResourcesView = Static<typeof SomeResourcesView>

/** How much memory would do, as far as the last runs tell. */
export const MemoryAdviceView = Type.Object(
  {
    /** With `more`, `heap` and `less` there is a size; the others say why there is none. */
    kind: oneOf(['more', 'heap', 'less', 'fits', 'too-few', 'not-measured']),
    message: Type.String(),
    /** What to ask for instead; never below the highest that was seen. */
    memoryMb: optional(Type.Number()),
    /** How many runs it rests on, at most 40, and the highest of them. */
    runs: Type.Number(),
    highestMb: optional(Type.Number()),
  },
  { $id: 'MemoryAdvice' },
)
export type MemoryAdviceView = Static<typeof MemoryAdviceView>

export const SpecView = Type.Object(
  {
    memoryMb: Type.Number(),
    cpu: Type.Number(),
    diskMb: Type.Number(),
    graceMs: Type.Number(),
    distribution: oneOf(['jenkins', 'hudson']),
    version: optional(Name),
    war: optional(Text(4_096)),
  },
  { $id: 'ControllerSpec' },
)

export const ControllerView = Type.Object(
  {
    id: Name,
    tenant: Name,
    wanted: oneOf(CONTROLLER_WANTED),
    phase: oneOf(CONTROLLER_PHASES),
    phaseSince: Time,
    reason: optional(ReasonView),
    /** What may be asked of it now. */
    actions: Type.Array(oneOf(CONTROLLER_ACTIONS)),
    spec: SpecView,
    createdAt: Time,
    /** Through the router, path mode and host mode. */
    url: Type.String(),
    hostUrl: Type.String(),
    host: optional(Name),
    epoch: Type.Number(),
    version: optional(Name),
    startedAt: optional(Time),
    readyAt: optional(Time),
    nextTryAt: optional(Time),
    failures: Type.Number(),
    /** Builds that run, items that wait, agents that are not gone: as last reported. */
    running: Type.Number(),
    queued: Type.Number(),
    agents: Type.Number(),
    /** Memory of its whole process tree, where the engine can tell; and of its heap, as its hook told. */
    memoryMb: optional(Type.Number()),
    peakMemoryMb: optional(Type.Number()),
    heapUsedMb: optional(Type.Number()),
    heapMaxMb: optional(Type.Number()),
    memoryAdvice: MemoryAdviceView,
    /** Grows with each change; `if-match` takes it. */
    revision: Type.Number(),
  },
  { $id: 'Controller' },
)
export type ControllerView = Static<typeof ControllerView>

export const NewController = Type.Object(
  {
    name: Type.String(),
    tenant: optional(Name),
    memoryMb: optional(Type.Number()),
    cpu: optional(Type.Number()),
    diskMb: optional(Type.Number()),
    graceMs: optional(Type.Number()),
    distribution: optional(oneOf(['jenkins', 'hudson'])),
    version: optional(Name),
    war: optional(Text(4_096)),
  },
  { $id: 'NewController', additionalProperties: false },
)
export type NewController = Static<typeof NewController>

export const SpecChange = Type.Object(
  {
    memoryMb: optional(Type.Number()),
    cpu: optional(Type.Number()),
    diskMb: optional(Type.Number()),
    graceMs: optional(Type.Number()),
    version: optional(Name),
    war: optional(Text(4_096)),
  },
  { $id: 'SpecChange', additionalProperties: false, minProperties: 1 },
)
export type SpecChange = Static<typeof SpecChange>

export const ActionRequest = Type.Object({ action: oneOf(CONTROLLER_ACTIONS) }, { $id: 'ActionRequest', additionalProperties: false })

/** The administrator of a controller's own pages; each reading is an event. */
export const CredentialsView = Type.Object(
  { user: Type.String(), password: Type.String(), apiToken: optional(Type.String()) },
  { $id: 'Credentials' },
)
export type CredentialsView = Static<typeof CredentialsView>

export const BuildView = Type.Object(
  {
    controller: Name,
    tenant: Name,
    job: Type.String(),
    number: Type.Number(),
    agent: optional(Name),
    startedAt: Time,
    endedAt: optional(Time),
    result: optional(oneOf(BUILD_RESULTS)),
    url: Type.String(),
  },
  { $id: 'Build' },
)
export type BuildView = Static<typeof BuildView>

export const AgentView = Type.Object(
  {
    id: Name,
    controller: Name,
    tenant: Name,
    template: Name,
    /** Absent: it is a warm spare, or took a build that was for no agent. */
    item: optional(Name),
    attempt: Type.Number(),
    task: Type.String(),
    label: Type.String(),
    resources: ResourcesView,
    phase: oneOf(AGENT_PHASES),
    phaseSince: Time,
    reason: optional(ReasonView),
    host: optional(Name),
    queuedAt: Time,
    placedAt: optional(Time),
    launchedAt: optional(Time),
    onlineAt: optional(Time),
    busyAt: optional(Time),
    endedAt: optional(Time),
    build: optional(Type.Object({ job: Type.String(), number: Type.Number(), result: optional(oneOf(BUILD_RESULTS)) })),
    memoryMb: optional(Type.Number()),
    peakMemoryMb: optional(Type.Number()),
  },
  { $id: 'Agent' },
)
export type AgentView = Static<typeof AgentView>

/** One item of a controller's queue and why it waits. Its id is `CONTROLLER/ITEM`. */
export const QueueItemView = Type.Object(
  {
    id: Name,
    controller: Name,
    tenant: Name,
    item: Name,
    task: Type.String(),
    label: optional(Type.String()),
    since: Time,
    /** In the controller's words. */
    why: optional(Type.String()),
    /** In ours; the one to show. */
    reason: optional(ReasonView),
    agent: optional(Name),
    agentPhase: optional(oneOf(AGENT_PHASES)),
  },
  { $id: 'QueueItem' },
)
export type QueueItemView = Static<typeof QueueItemView>

/** Why an item or an agent waits or ended, and everything that happened to it. */
export const ExplanationView = Type.Object(
  {
    subject: Type.String(),
    state: Type.String(),
    reason: optional(ReasonView),
    /** Oldest first. */
    timeline: Type.Array(Type.Object({ at: Time, message: Type.String() })),
  },
  { $id: 'Explanation' },
)
export type ExplanationView = Static<typeof ExplanationView>

/** What of its host a build may have beyond its own container; the same shape says what a tenant allows. Absent is nothing. */
export const AccessView = Type.Object(
  {
    /** All rights of the host. */
    privileged: optional(Type.Boolean()),
    /** Without CAP_, such as NET_ADMIN. */
    capabilities: optional(Type.Array(Text(50), { maxItems: MAX_ACCESS_ENTRIES })),
    /** Seen at the same path inside; read-only unless `writable`. */
    hostPaths: optional(
      Type.Array(Type.Object({ path: Text(1_024), writable: optional(Type.Boolean()) }, { additionalProperties: false }), {
        maxItems: MAX_ACCESS_ENTRIES,
      }),
    ),
    hostNetwork: optional(Type.Boolean()),
  },
  { $id: 'Access', additionalProperties: false },
)
export type AccessView = Static<typeof AccessView>

export const TemplateScopeView = Type.Union([
  Type.Object({ kind: Type.Literal('global') }, { additionalProperties: false }),
  Type.Object({ kind: Type.Literal('tenant'), tenant: Name }, { additionalProperties: false }),
  Type.Object({ kind: Type.Literal('controller'), controller: Name }, { additionalProperties: false }),
])
export const TemplateBody = Type.Object(
  {
    scope: optional(TemplateScopeView),
    labels: optional(Type.Array(Text(200), { maxItems: 100 })),
    takesUnlabelled: optional(Type.Boolean()),
    resources: optional(
      Type.Object(
        { cpu: optional(Type.Number()), memoryMb: optional(Type.Number()), diskMb: optional(Type.Number()) },
        { additionalProperties: false },
      ),
    ),
    environment: optional(Type.Record(Type.String(), Text(32_768))),
    command: optional(Type.Array(Text(4_096), { maxItems: 200 })),
    image: optional(Text(1_000)),
    constraints: optional(Type.Record(Type.String(), Text(255))),
    access: optional(AccessView),
    connectTimeoutMs: optional(Type.Number()),
    spares: optional(Type.Number()),
  },
  { $id: 'TemplateBody', additionalProperties: false },
)
export type TemplateBody = Static<typeof TemplateBody>
export const TemplateView = Type.Object(
  {
    id: Name,
    scope: TemplateScopeView,
    labels: Type.Array(Type.String()),
    takesUnlabelled: Type.Boolean(),
    resources: ResourcesView,
    environment: Type.Record(Type.String(), Type.String()),
    command: optional(Type.Array(Type.String())),
    image: optional(Type.String()),
    constraints: Type.Record(Type.String(), Type.String()),
    access: optional(AccessView),
    connectTimeoutMs: Type.Number(),
    /** Agents that each controller that may use it keeps connected in advance. */
    spares: Type.Number(),
    /** From the memory of its last agents. */
    memoryAdvice: MemoryAdviceView,
    revision: Type.Number(),
  },
  { $id: 'Template' },
)
export type TemplateView = Static<typeof TemplateView>

export const HostView = Type.Object(
  {
    id: Name,
    engine: Type.String(),
    role: oneOf(HOST_ROLES),
    reservedFor: optional(Name),
    /** Only a `ready` one takes anything new; `draining` is being emptied, `drained` is empty. */
    state: oneOf(HOST_STATES),
    /** Until when builds may end on a host that is being emptied. Absent: as long as they take. */
    drainBy: optional(Time),
    capacity: ResourcesView,
    /** What is promised to controllers and agents there. */
    usedByControllers: ResourcesView,
    usedByAgents: ResourcesView,
    attributes: Type.Record(Type.String(), Type.String()),
    limits: Type.Object({ memory: Type.Boolean(), cpu: Type.Boolean(), reason: optional(Type.String()) }),
    seenAt: Time,
    reason: optional(ReasonView),
  },
  { $id: 'Host' },
)
export type HostView = Static<typeof HostView>

/** A host with what holds a place there. A token of one tenant sees its own alone, and of others only that they are there. */
export const HostDetailView = Type.Object(
  {
    ...HostView.properties,
    controllers: Type.Array(Type.Object({ id: Name, tenant: Name, phase: oneOf(CONTROLLER_PHASES), reason: optional(ReasonView) })),
    agents: Type.Array(
      Type.Object({
        id: Name,
        controller: Name,
        tenant: Name,
        /** As of an agent: with neither item nor task it is a warm spare. */
        item: optional(Name),
        task: Type.String(),
        phase: oneOf(AGENT_PHASES),
        phaseSince: Time,
        build: optional(Type.Object({ job: Type.String(), number: Type.Number() })),
      }),
    ),
    /** Workloads there that are not shown: of other tenants, or of nobody any more. */
    others: Type.Number(),
  },
  { $id: 'HostDetail' },
)
export type HostDetailView = Static<typeof HostDetailView>

const HOST_ACTIONS = ['cordon', 'uncordon', 'drain'] as const
export const HostActionRequest = Type.Object(
  {
    action: oneOf(HOST_ACTIONS),
    /** Of a drain: how long it waits for builds and for room elsewhere. Absent: as long as it takes. */
    deadlineMs: optional(Type.Number()),
  },
  { $id: 'HostActionRequest', additionalProperties: false },
)
export type HostActionRequest = Static<typeof HostActionRequest>
/** What is named is set; `reservedFor: null` opens it for all tenants. */
export const HostChange = Type.Object(
  { role: optional(oneOf(HOST_ROLES)), reservedFor: optional(Type.Unsafe<string | null>({ type: ['string', 'null'] })) },
  { $id: 'HostChange', additionalProperties: false, minProperties: 1 },
)
export type HostChange = Static<typeof HostChange>

const RESOURCE_NAMES = ['cpu', 'memoryMb', 'diskMb'] as const
const TenantPolicyView = Type.Object({ preemptible: Type.Boolean() }, { $id: 'TenantPolicy', additionalProperties: false })
export const TenantView = Type.Object(
  {
    id: Name,
    /** Its share where not all can have what they want, relative to the other tenants. */
    weight: Type.Number(),
    /** Most that its agents may use at a time. What is not named has no cap. */
    quota: optional(SomeResourcesView),
    /** What its agents get before others get more than theirs. What is not named is not guaranteed. */
    guarantee: optional(SomeResourcesView),
    /** Whether its agents may be stopped for others, those that lose least first. Absent: never. */
    policy: optional(TenantPolicyView),
    /** What its templates may ask of the hosts. Absent: nothing. */
    access: optional(AccessView),
    createdAt: Time,
    controllers: Type.Number(),
    /** What holds a place now. Its quota and its guarantee are for agents. */
    usedByControllers: ResourcesView,
    usedByAgents: ResourcesView,
    /** Items in the queues of its controllers. */
    queued: Type.Number(),
    /** Agents that wait for a place, and what they ask for together. */
    waiting: Type.Object({ agents: Type.Number(), resources: ResourcesView }),
    /**
     * The largest part of any one resource of all hosts that its agents use, 0 to 1, and which resource that is. Divided by its weight, this is
     * what its turn goes by. 0 while no host is known. As of when this was told: hosts come and go by changes of their own.
     */
    dominantShare: Type.Number(),
    dominantResource: optional(oneOf(RESOURCE_NAMES)),
    /** What of its guarantee cannot be counted on now, in sentences. */
    notes: Type.Array(Type.String()),
    /** Grows with each change of weight, quota, guarantee, policy or access; `if-match` takes it. */
    revision: Type.Number(),
  },
  { $id: 'Tenant' },
)
export type TenantView = Static<typeof TenantView>

const Amounts = Type.Object(
  { cpu: optional(Type.Number()), memoryMb: optional(Type.Number()), diskMb: optional(Type.Number()) },
  { additionalProperties: false, minProperties: 1 },
)
/** What is not given: weight 1, no quota, no guarantee, and its agents are never stopped for others. */
export const NewTenant = Type.Object(
  {
    name: Type.String(),
    weight: optional(Type.Number()),
    quota: optional(Amounts),
    guarantee: optional(Amounts),
    policy: optional(TenantPolicyView),
  },
  { $id: 'NewTenant', additionalProperties: false },
)
export type NewTenant = Static<typeof NewTenant>

/** A union would hide which field of its branch is wrong, so that the null stands beside the type. */
const AmountOrNull = Type.Unsafe<number | null>({ type: ['number', 'null'] })
const AmountsOrNull = Type.Unsafe<{ cpu?: number | null; memoryMb?: number | null; diskMb?: number | null } | null>({
  type: ['object', 'null'],
  properties: Object.fromEntries(RESOURCE_NAMES.map(name => [name, AmountOrNull])),
  additionalProperties: false,
  minProperties: 1,
})
/** A merge patch (RFC 7396): what is named is set, `null` takes it away, the rest stays. */
export const TenantChange = Type.Object(
  {
    weight: optional(Type.Number()),
    quota: optional(AmountsOrNull),
    guarantee: optional(AmountsOrNull),
    policy: optional(
      Type.Unsafe<{ preemptible: boolean } | null>({
        type: ['object', 'null'],
        properties: { preemptible: Type.Boolean() },
        required: ['preemptible'],
        additionalProperties: false,
      }),
    ),
  },
  { $id: 'TenantChange', additionalProperties: false, minProperties: 1 },
)
export type TenantChange = Static<typeof TenantChange>

export const EventView = Type.Object(
  {
    seq: Type.Number(),
    at: Time,
    kind: oneOf(SUBJECT_KINDS),
    subject: Type.String(),
    tenant: optional(Name),
    type: Type.String(),
    actor: Type.String(),
    message: Type.String(),
    data: Type.Record(Type.String(), Type.Union([Type.String(), Type.Number(), Type.Boolean(), Type.Null()])),
  },
  { $id: 'Event' },
)
export type EventView = Static<typeof EventView>

export const TokenView = Type.Object(
  {
    id: Name,
    name: Type.String(),
    role: oneOf(ROLES),
    tenant: optional(Name),
    createdAt: Time,
    expiresAt: optional(Time),
  },
  { $id: 'Token' },
)
export type TokenView = Static<typeof TokenView>
export const NewToken = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 100 }),
    role: oneOf(['admin', 'operator', 'developer', 'viewer']),
    tenant: optional(Name),
    /** Lifetime; absent means until it is revoked. */
    expiresInMs: optional(Type.Number({ minimum: 1_000 })),
  },
  { $id: 'NewToken', additionalProperties: false },
)
export type NewToken = Static<typeof NewToken>
/** The secret is shown here and never again. */
export const CreatedToken = Type.Object({ token: TokenView, secret: Type.String() }, { $id: 'CreatedToken' })
export type CreatedToken = Static<typeof CreatedToken>

/** A link that signs one browser in, once. */
export const SignInLink = Type.Object({ url: Type.String(), expiresAt: Time }, { $id: 'SignInLink' })
export type SignInLink = Static<typeof SignInLink>

export const MeView = Type.Object(
  { name: Type.String(), role: oneOf(ROLES), tenant: optional(Name), permissions: Type.Array(oneOf(PERMISSIONS)) },
  { $id: 'Me' },
)
export type MeView = Static<typeof MeView>

export const StatusView = Type.Object(
  {
    version: Type.String(),
    /** Id of the store: the owner label of everything Manor starts. */
    owner: Type.String(),
    url: Type.String(),
    consoleUrl: Type.String(),
    startedAt: Time,
    now: Time,
    engine: Type.String(),
    controllers: Type.Record(Type.String(), Type.Number()),
    agents: Type.Record(Type.String(), Type.Number()),
    queued: Type.Number(),
    /** Age of the item that waits longest, in milliseconds; 0 where nothing waits. */
    longestWaitMs: Type.Number(),
    /** `states` counts them by state. */
    hosts: Type.Object({
      count: Type.Number(),
      states: Type.Record(Type.String(), Type.Number()),
      capacity: ResourcesView,
      used: ResourcesView,
    }),
    /** Of the control plane itself. */
    process: Type.Object({ pid: Type.Number(), memoryMb: Type.Number(), cpuSeconds: Type.Number() }),
    limits: Type.Object({ enforced: Type.Boolean(), reason: optional(Type.String()) }),
  },
  { $id: 'Status' },
)
export type StatusView = Static<typeof StatusView>

/**
 * Server-sent changes (GET /api/v1/changes, text/event-stream). The event's id is the cursor to resume from. Event names and data:
 * `change`: `Change`; `event`: `EventView`; `reset`: `{}`, the cursor is too old (or Manor restarted): read the lists anew.
 * A comment line every 15 s keeps proxies from cutting the stream. Views are levels: several changes may be told as one, and after a resume a
 * view or an `event` may come again (an event's `seq` tells). After a `reset` the same stream goes on.
 */
export const ChangeKinds = ['controller', 'agent', 'queue', 'host', 'template', 'tenant'] as const
/**
 * `view` null means gone. For `queue` the id is the controller's and the view is the whole list of that controller's items
 * (`QueueItemView[]`), because demand is a level.
 */
export type Change =
  | { readonly kind: 'controller'; readonly id: string; readonly view: ControllerView | null }
  | { readonly kind: 'agent'; readonly id: string; readonly view: AgentView | null }
  | { readonly kind: 'queue'; readonly id: string; readonly view: QueueItemView[] | null }
  | { readonly kind: 'host'; readonly id: string; readonly view: HostView | null }
  | { readonly kind: 'template'; readonly id: string; readonly view: TemplateView | null }
  | { readonly kind: 'tenant'; readonly id: string; readonly view: TenantView | null }

/**
 * | Route | Permission | Answer |
 * |---|---|---|
 * | GET /api/v1/status | controller:read | StatusView |
 * | GET /api/v1/me | any token | MeView |
 * | GET, POST /api/v1/controllers | controller:read, controller:write | ControllerView[]; 201 ControllerView |
 * | GET, PATCH /api/v1/controllers/{name} | controller:read, controller:write | ControllerView |
 * | POST /api/v1/controllers/{name}/actions | controller:write | 202 ControllerView; 409 Problem with `allowed` |
 * | GET /api/v1/controllers/{name}/log?bytes=65536 | controller:read | text/plain |
 * | GET /api/v1/controllers/{name}/builds?limit=50 | controller:read | BuildView[] |
 * | GET /api/v1/controllers/{name}/explanation | controller:read | ExplanationView |
 * | POST /api/v1/controllers/{name}/credentials | controller:admin | CredentialsView |
 * | GET /api/v1/agents?controller=&live=true&limit=500 | agent:read | AgentView[] |
 * | GET /api/v1/agents/{id} | agent:read | AgentView |
 * | GET /api/v1/agents/{id}/log?bytes= | agent:read | text/plain |
 * | GET /api/v1/agents/{id}/explanation | agent:read | ExplanationView |
 * | GET /api/v1/queue?controller= | agent:read | QueueItemView[] |
 * | GET /api/v1/queue/{controller}/{item}/explanation | agent:read | ExplanationView |
 * | GET /api/v1/templates | template:read | TemplateView[] |
 * | GET, PUT, DELETE /api/v1/templates/{name} | template:read, template:write | TemplateView; 200; 204 |
 * | GET /api/v1/hosts | host:read | HostView[] |
 * | GET, PATCH /api/v1/hosts/{name} | host:read, host:write | HostDetailView; HostView |
 * | POST /api/v1/hosts/{name}/actions | host:write | 202 HostView |
 * | GET, POST /api/v1/tenants | tenant:read, tenant:write | TenantView[]; 201 TenantView |
 * | GET, PATCH, DELETE /api/v1/tenants/{name} | tenant:read, tenant:write | TenantView; 200; 204, 409 Problem with what it still has |
 * | PUT /api/v1/tenants/{name}/access | tenant:access | TenantView |
 * | GET /api/v1/builds?limit=50 | controller:read | BuildView[] |
 * | GET /api/v1/events?after=&limit=100&kind=&subject=&newestFirst= | event:read | EventView[] |
 * | GET /api/v1/changes?after= | controller:read | text/event-stream |
 * | GET, POST /api/v1/tokens | token:write | TokenView[]; 201 CreatedToken |
 * | DELETE /api/v1/tokens/{id} | token:write | 204 |
 * | POST /api/v1/sign-in-links | any person's token | 201 SignInLink |
 * | POST /api/v1/shutdown | manor:stop | 202: `{"controllers": bool, "now"?: bool}` whether the controllers are stopped too, and without waiting for builds |
 * | GET /api/openapi.json, GET /health | none | |
 */
export const API_PREFIX = '/api/v1'
/** Header with the feed's cursor on every list. */
export const CURSOR_HEADER = 'x-manor-cursor'
