import { type Static, Type } from 'typebox'
import { BUILD_RESULTS, type BuildResult, type Timestamp } from '../../model/index.ts'
import { type Answer, Connection, type ConnectionOptions, parse } from './connection.ts'
import { ClientError } from './errors.ts'
import { followLog } from './follow-log.ts'

export type QueueItem = {
  /** Hudson's queue does not tell ids. */
  readonly id?: number
  readonly job: string
  readonly why?: string
  readonly buildable: boolean
  readonly blocked: boolean
  readonly stuck: boolean
  readonly since?: Timestamp
}

/** What became of a queue item that is remembered after it left the queue. */
export type LeftItem = QueueItem & { readonly cancelled: boolean; readonly build?: number }

export type BuildInfo = {
  readonly number: number
  readonly building: boolean
  /** Set once it is known, which may be a moment before `building` is false. */
  readonly result?: BuildResult
  readonly durationMs: number
  readonly startedAt: Timestamp
  /** Name of the node; empty for the built-in one. */
  readonly node: string
  readonly queueItem?: number
}

export type Queued = {
  /** The queue item, where the controller tells it. */
  readonly item?: number
}

export type Health = { readonly healthy: boolean; readonly failing: readonly string[] }

/**
 * What we ask of a controller as its administrator, over its own REST. Every call has a deadline of its own beside the signal, and rejects with
 * a ClientError. Jobs are named by their full name; folders are separated by slashes.
 */
export interface ControllerClient {
  health(signal: AbortSignal): Promise<Health>
  createJob(name: string, xml: string, signal: AbortSignal): Promise<void>
  /** Makes the job where there is none; one that is there is left as it is. Resolves to whether it was made. */
  ensureJob(name: string, xml: string, signal: AbortSignal): Promise<boolean>
  jobExists(name: string, signal: AbortSignal): Promise<boolean>
  /** Queues a build without the quiet period. Parameters are only for a job that has some. */
  build(name: string, parameters: Readonly<Record<string, string>>, signal: AbortSignal): Promise<Queued>
  queue(signal: AbortSignal): Promise<readonly QueueItem[]>
  /** Undefined where the item is not known, or no longer (Jenkins forgets after five minutes), or the program has no such question. */
  queueItem(id: number, signal: AbortSignal): Promise<LeftItem | undefined>
  /** Undefined where there is no such build. */
  buildInfo(job: string, number: number, signal: AbortSignal): Promise<BuildInfo | undefined>
  lastBuild(job: string, signal: AbortSignal): Promise<BuildInfo | undefined>
  /** The log from its beginning to its end, as it is written. Outlives restarts of the controller. */
  followLog(job: string, number: number, signal: AbortSignal): AsyncIterable<string>
  /** Runs a Groovy script inside and gives what it printed. */
  script(text: string, signal: AbortSignal): Promise<string>
}

const Task = Type.Object({ name: Type.Optional(Type.String()) })
const RawItem = Type.Object({
  id: Type.Optional(Type.Number()),
  task: Task,
  why: Type.Optional(Type.Union([Type.String(), Type.Null()])),
  buildable: Type.Boolean(),
  blocked: Type.Boolean(),
  stuck: Type.Boolean(),
  inQueueSince: Type.Optional(Type.Number()),
  cancelled: Type.Optional(Type.Boolean()),
  executable: Type.Optional(Type.Union([Type.Object({ number: Type.Optional(Type.Number()) }), Type.Null()])),
})
const RawQueue = Type.Object({ items: Type.Array(RawItem) })
const RawBuild = Type.Object({
  number: Type.Number(),
  building: Type.Boolean(),
  result: Type.Optional(Type.Union([Type.String(), Type.Null()])),
  duration: Type.Number(),
  timestamp: Type.Number(),
  // Hudson says null until an executor has it.
  builtOn: Type.Optional(Type.Union([Type.String(), Type.Null()])),
  queueId: Type.Optional(Type.Number()),
})
const RawHealth = Type.Object({ status: Type.Boolean(), failures: Type.Optional(Type.Array(Type.String())) })

const ITEM_TREE = 'id,why,buildable,blocked,stuck,inQueueSince,cancelled,task[name],executable[number]'
const BUILD_TREE = 'number,building,result,duration,timestamp,builtOn,queueId'

export const createControllerClient = (options: ConnectionOptions): ControllerClient => {
  const connection = new Connection(options)
  const { capabilities } = options

  const get = (what: string, path: string, signal: AbortSignal, also: readonly number[] = []): Promise<Answer> =>
    connection.call({ what, method: 'GET', path, also }, signal)

  const buildAt = async (path: string, signal: AbortSignal): Promise<BuildInfo | undefined> => {
    const what = 'say how a build goes'
    const answer = await get(what, `${path}/api/json?tree=${BUILD_TREE}`, signal, [404])
    return answer.status === 404 ? undefined : buildInfoOf(parse(RawBuild, what, answer.text))
  }

  const jobExists = async (name: string, signal: AbortSignal): Promise<boolean> =>
    (await get(`look for job ${name}`, `${jobPath(name)}/api/json?tree=name`, signal, [404])).status !== 404

  const createJob = async (name: string, xml: string, signal: AbortSignal): Promise<void> => {
    const { folder, leaf } = splitJob(name)
    await connection.call(
      {
        what: `make job ${name}`,
        method: 'POST',
        path: `${folder}/createItem?name=${encodeURIComponent(leaf)}`,
        contentType: 'application/xml; charset=utf-8',
        body: xml,
        also: [302],
      },
      signal,
    )
  }

  return {
    health: async signal => {
      const answer = capabilities.health ? await get('say how it is', '/health/', signal, [404, 503]) : undefined
      // Lines before 2.516 have no such page.
      if (answer === undefined || answer.status === 404) {
        await get('say how it is', '/login', signal)
        return { healthy: true, failing: [] }
      }
      // While it boots, 503 comes with a page instead of the answer.
      if (answer.status === 503 && !answer.headers['content-type']?.includes('json')) return { healthy: false, failing: ['starting'] }
      const { status, failures = [] } = parse(RawHealth, 'say how it is', answer.text)
      return { healthy: status, failing: failures }
    },
    createJob,
    jobExists,
    ensureJob: async (name, xml, signal) => {
      if (await jobExists(name, signal)) return false
      try {
        await createJob(name, xml, signal)
        return true
      } catch (cause) {
        // Someone else made it in between; "taken" and "not well-formed" are told apart by looking again, not by their texts.
        if (cause instanceof ClientError && cause.code === 'invalid' && (await jobExists(name, signal))) return false
        throw cause
      }
    },
    build: async (name, parameters, signal) => {
      const fields = new URLSearchParams(parameters)
      const withParameters = fields.size > 0
      const answer = await connection.call(
        {
          what: `queue a build of ${name}`,
          method: 'POST',
          path: `${jobPath(name)}/${withParameters ? 'buildWithParameters' : 'build'}?delay=0sec`,
          ...(withParameters ? { contentType: 'application/x-www-form-urlencoded', body: fields.toString() } : {}),
          also: [302],
        },
        signal,
      )
      const id = /\/queue\/item\/(\d+)\/?$/.exec(answer.headers.location ?? '')?.[1]
      return id === undefined ? {} : { item: Number(id) }
    },
    queue: async signal => {
      const answer = await get('give its queue', `/queue/api/json?tree=items[${ITEM_TREE}]`, signal)
      return parse(RawQueue, 'give its queue', answer.text).items.map(queueItemOf)
    },
    queueItem: async (id, signal) => {
      const answer = await get('give a queue item', `/queue/item/${id}/api/json?tree=${ITEM_TREE}`, signal, [404])
      return answer.status === 404 ? undefined : leftItemOf(parse(RawItem, 'give a queue item', answer.text))
    },
    buildInfo: (job, number, signal) => buildAt(`${jobPath(job)}/${number}`, signal),
    lastBuild: (job, signal) => buildAt(`${jobPath(job)}/lastBuild`, signal),
    followLog: (job, number, signal) =>
      followLog({ connection, clock: options.clock }, `${jobPath(job)}/${number}/logText/progressiveText`, signal),
    script: async (text, signal) => {
      const body = new URLSearchParams({ script: text }).toString()
      const call = {
        what: 'run a script',
        method: 'POST',
        path: '/scriptText',
        contentType: 'application/x-www-form-urlencoded',
        body,
      } as const
      return (await connection.call(call, signal)).text
    },
  }
}

const jobPath = (name: string): string =>
  name
    .split('/')
    .map(part => `/job/${encodeURIComponent(part)}`)
    .join('')

const splitJob = (name: string): { readonly folder: string; readonly leaf: string } => {
  const at = name.lastIndexOf('/')
  return { folder: at < 0 ? '' : jobPath(name.slice(0, at)), leaf: name.slice(at + 1) }
}

const queueItemOf = (raw: Static<typeof RawItem>): QueueItem => ({
  ...(raw.id === undefined ? {} : { id: raw.id }),
  job: raw.task.name ?? '',
  ...(typeof raw.why === 'string' ? { why: raw.why } : {}),
  buildable: raw.buildable,
  blocked: raw.blocked,
  stuck: raw.stuck,
  ...(raw.inQueueSince === undefined ? {} : { since: raw.inQueueSince }),
})

const leftItemOf = (raw: Static<typeof RawItem>): LeftItem => ({
  ...queueItemOf(raw),
  cancelled: raw.cancelled ?? false,
  ...(raw.executable?.number === undefined ? {} : { build: raw.executable.number }),
})

const buildInfoOf = (raw: Static<typeof RawBuild>): BuildInfo => {
  const result = BUILD_RESULTS.find(name => name === raw.result)
  return {
    number: raw.number,
    building: raw.building,
    ...(result === undefined ? {} : { result }),
    durationMs: raw.duration,
    startedAt: raw.timestamp,
    node: raw.builtOn ?? '',
    ...(raw.queueId === undefined ? {} : { queueItem: raw.queueId }),
  }
}
