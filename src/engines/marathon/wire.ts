import { type Static, type TSchema, Type } from 'typebox'
import { Compile } from 'typebox/compile'

/**
 * What we read of Marathon's answers (1.4 to 1.11), checked at the border. Only what is used is named: Marathon adds fields with every
 * version, and one that is missing here is no error.
 */
const TaskSchema = Type.Object({
  id: Type.String(),
  appId: Type.Optional(Type.String()),
  host: Type.Optional(Type.String()),
  ports: Type.Optional(Type.Array(Type.Integer())),
  state: Type.String(),
  stagedAt: Type.Optional(Type.String()),
  startedAt: Type.Optional(Type.String()),
  version: Type.Optional(Type.String()),
})

const TaskFailureSchema = Type.Object({
  taskId: Type.String(),
  message: Type.Optional(Type.String()),
  state: Type.String(),
  timestamp: Type.String(),
  host: Type.Optional(Type.String()),
})

const AppSchema = Type.Object({
  id: Type.String(),
  instances: Type.Integer(),
  labels: Type.Optional(Type.Record(Type.String(), Type.String())),
  version: Type.Optional(Type.String()),
  tasksRunning: Type.Optional(Type.Integer()),
  deployments: Type.Optional(Type.Array(Type.Object({ id: Type.String() }))),
  tasks: Type.Optional(Type.Array(TaskSchema)),
  lastTaskFailure: Type.Optional(TaskFailureSchema),
})

const DeploymentSchema = Type.Object({
  id: Type.String(),
  version: Type.Optional(Type.String()),
  affectedApps: Type.Optional(Type.Array(Type.String())),
  currentActions: Type.Optional(Type.Array(Type.Object({ action: Type.String(), app: Type.Optional(Type.String()) }))),
})

const RejectSchema = Type.Object({ reason: Type.String(), declined: Type.Integer(), processed: Type.Integer() })

const QueueItemSchema = Type.Object({
  count: Type.Integer(),
  since: Type.Optional(Type.String()),
  delay: Type.Optional(Type.Object({ timeLeftSeconds: Type.Number(), overdue: Type.Boolean() })),
  processedOffersSummary: Type.Optional(
    Type.Object({
      processedOffersCount: Type.Optional(Type.Integer()),
      unusedOffersCount: Type.Optional(Type.Integer()),
      rejectSummaryLastOffers: Type.Optional(Type.Array(RejectSchema)),
      rejectSummaryLaunchAttempt: Type.Optional(Type.Array(RejectSchema)),
    }),
  ),
  app: Type.Optional(Type.Object({ id: Type.String() })),
})

const InfoSchema = Type.Object({
  version: Type.String(),
  frameworkId: Type.Optional(Type.Union([Type.String(), Type.Null()])),
  leader: Type.Optional(Type.Union([Type.String(), Type.Null()])),
  marathon_config: Type.Optional(Type.Object({ mesos_leader_ui_url: Type.Optional(Type.Union([Type.String(), Type.Null()])) })),
})

/** Details of a refusal: a list of fields (422), or one sentence (400). */
const RefusalSchema = Type.Object({
  message: Type.Optional(Type.String()),
  details: Type.Optional(
    Type.Union([
      Type.String(),
      Type.Array(Type.Object({ path: Type.Optional(Type.String()), errors: Type.Optional(Type.Array(Type.String())) })),
    ]),
  ),
  deployments: Type.Optional(Type.Array(Type.Object({ id: Type.String() }))),
})

export type MarathonTask = Readonly<Static<typeof TaskSchema>>
export type TaskFailure = Readonly<Static<typeof TaskFailureSchema>>
export type MarathonApp = Readonly<Static<typeof AppSchema>>
export type Deployment = Readonly<Static<typeof DeploymentSchema>>
export type QueueItem = Readonly<Static<typeof QueueItemSchema>>
export type MarathonInfo = Readonly<Static<typeof InfoSchema>>
export type Refusal = Readonly<Static<typeof RefusalSchema>>

/**
 * A check that is compiled once and changes nothing: 2,000 apps with their tasks are 2.7 MB, read at every look. Interpreted, and with what is
 * superfluous taken away, the check alone took 300 ms.
 */
const reader = <Schema extends TSchema>(what: string, schema: Schema): ((body: unknown) => Static<Schema>) => {
  const validator = Compile(schema)
  return body => {
    if (validator.Check(body)) return body
    const [first] = validator.Errors(body)
    throw new TypeError(`Marathon's ${what} is not what it was in any version known: ${first?.instancePath ?? ''} ${first?.message ?? ''}.`)
  }
}

const readApps = reader('list of apps', Type.Object({ apps: Type.Array(AppSchema) }))
const readApp = reader('app', Type.Object({ app: AppSchema }))
const readQueue = reader('queue', Type.Object({ queue: Type.Array(QueueItemSchema) }))
const readLeader = reader('leader', Type.Object({ leader: Type.String() }))

export const parseApps = (body: unknown): readonly MarathonApp[] => readApps(body).apps
export const parseApp = (body: unknown): MarathonApp => readApp(body).app
export const parseDeployments: (body: unknown) => readonly Deployment[] = reader('list of deployments', Type.Array(DeploymentSchema))
export const parseQueue = (body: unknown): readonly QueueItem[] => readQueue(body).queue
export const parseInfo: (body: unknown) => MarathonInfo = reader('info', InfoSchema)
export const parseLeader = (body: unknown): string => readLeader(body).leader

const refusals = Compile(RefusalSchema)
/** A refusal may be an HTML page of a proxy in front: then there is nothing to read in it. */
export const parseRefusal = (body: unknown): Refusal => (refusals.Check(body) ? body : {})

/** States in which a task holds, or may hold, what it was given. UNREACHABLE may still run. */
const ACTIVE: ReadonlySet<string> = new Set([
  ...['TASK_CREATED', 'TASK_STAGING', 'TASK_STARTING', 'TASK_RUNNING', 'TASK_KILLING', 'TASK_UNREACHABLE', 'TASK_UNKNOWN'],
])

export const isActive = (task: MarathonTask): boolean => ACTIVE.has(task.state)
