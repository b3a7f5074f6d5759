import { type Static, Type } from 'typebox'
import { Value } from 'typebox/value'
import { type Host, hostId, type Timestamp } from '../../model/index.ts'
import { type Clock, deadline } from '../../runtime/index.ts'
import type { Credentials, MarathonClient } from './client.ts'

/**
 * The Mesos below Marathon, asked for what Marathon does not know: which agents there are and how large, what a task holds of memory, what it
 * wrote. By Mesos' operator API v1 (Mesos 1.0 and later, docs/operator-http-api.md). All of it is for people's eyes and for counting agents;
 * nothing that decides over a controller's life comes from here.
 */
const ValueSchema = Type.Object({ value: Type.String() })
const ResourceSchema = Type.Object({
  name: Type.String(),
  scalar: Type.Optional(Type.Object({ value: Type.Number() })),
  ranges: Type.Optional(Type.Object({ range: Type.Optional(Type.Array(Type.Object({ begin: Type.Integer(), end: Type.Integer() }))) })),
})
const AgentSchema = Type.Object({
  active: Type.Boolean(),
  /** `NAME@ADDRESS:PORT`: the name is the first word of the agent's own paths, so that several of one process are told apart. */
  pid: Type.String(),
  agent_info: Type.Object({
    id: Type.Optional(ValueSchema),
    hostname: Type.String(),
    attributes: Type.Optional(
      Type.Array(
        Type.Object({
          name: Type.String(),
          text: Type.Optional(ValueSchema),
          scalar: Type.Optional(Type.Object({ value: Type.Number() })),
        }),
      ),
    ),
  }),
  total_resources: Type.Optional(Type.Array(ResourceSchema)),
  allocated_resources: Type.Optional(Type.Array(ResourceSchema)),
})
const AgentsSchema = Type.Object({
  get_agents: Type.Object({ agents: Type.Optional(Type.Array(AgentSchema)) }),
})
const ContainersSchema = Type.Object({
  get_containers: Type.Object({
    containers: Type.Optional(
      Type.Array(
        Type.Object({
          executor_id: Type.Optional(ValueSchema),
          resource_statistics: Type.Optional(
            Type.Object({ mem_rss_bytes: Type.Optional(Type.Number()), mem_total_bytes: Type.Optional(Type.Number()) }),
          ),
        }),
      ),
    ),
  }),
})
const FileSchema = Type.Object({ read_file: Type.Object({ size: Type.Number(), data: Type.Optional(Type.String()) }) })

export type MesosAgent = Readonly<Static<typeof AgentSchema>>
type Resources = readonly Readonly<Static<typeof ResourceSchema>>[]

export type AgentsOptions = {
  readonly client: MarathonClient
  readonly clock: Clock
  /** The Mesos that leads, or any other of its kind; what Marathon says (`mesos_leader_ui_url`) unless told. */
  readonly mesosUrl?: string
  readonly credentials?: Credentials
  /** Whether limits hold, as far as the operator knows: neither Marathon nor Mesos' list of agents says it. */
  readonly limits: Host['limits']
}

const TIMEOUT_MS = 10_000
/** An agent answers from memory; one that does not is passed over this time. */
const STATISTICS_TIMEOUT_MS = 2_000
/** What is asked of a file at a time; an agent gives at most 16 pages. */
const CHUNK_BYTES = 65_536
const MIB = 1_048_576

export class Agents {
  readonly #options: AgentsOptions
  #about: { readonly mesos: string; readonly framework: string } | undefined

  constructor(options: AgentsOptions) {
    this.#options = options
  }

  /** All agents that Mesos knows, those that are silent included. */
  async list(signal: AbortSignal): Promise<readonly MesosAgent[]> {
    const { mesos } = await this.#find(signal)
    return (
      Value.Parse(AgentsSchema, await this.#call(`${mesos}/api/v1`, { type: 'GET_AGENTS' }, signal, TIMEOUT_MS)).get_agents.agents ?? []
    )
  }

  async hosts(signal: AbortSignal, now: Timestamp): Promise<readonly Host[]> {
    return (await this.list(signal)).map(agent => hostOf(agent, this.#options.limits, now))
  }

  /** Memory in use by task, in bytes, on one agent. */
  async memoryOn(agent: MesosAgent, signal: AbortSignal): Promise<ReadonlyMap<string, number>> {
    const body = await this.#call(addressOf(agent), { type: 'GET_CONTAINERS' }, signal, STATISTICS_TIMEOUT_MS)
    return new Map(
      (Value.Parse(ContainersSchema, body).get_containers.containers ?? []).flatMap(({ executor_id: task, resource_statistics: used }) => {
        const bytes = used?.mem_rss_bytes ?? used?.mem_total_bytes
        return task === undefined || bytes === undefined ? [] : [[task.value, bytes]]
      }),
    )
  }

  /** The last bytes that a task wrote to its output. Its sandbox outlives it by a week, unless the agent is told otherwise (`--gc_delay`). */
  async output(task: string, hostname: string, bytes: number, signal: AbortSignal): Promise<Buffer> {
    const { framework } = await this.#find(signal)
    const agent = (await this.list(signal)).find(one => one.agent_info.hostname === hostname)
    if (agent === undefined) return Buffer.alloc(0)
    const path = `/frameworks/${framework}/executors/${task}/runs/latest/stdout`
    const read = async (offset: number, length: number): Promise<{ readonly size: number; readonly data: Buffer }> => {
      const call = { type: 'READ_FILE', read_file: { path, offset, length } }
      const body = await this.#call(addressOf(agent), call, signal, TIMEOUT_MS, true)
      if (body === undefined) return { size: 0, data: Buffer.alloc(0) }
      const { size, data = '' } = Value.Parse(FileSchema, body).read_file
      return { size, data: Buffer.from(data, 'base64') }
    }
    const { size } = await read(0, 1)
    const parts: Buffer[] = []
    for (let at = Math.max(0, size - bytes); at < size; ) {
      const { data } = await read(at, Math.min(CHUNK_BYTES, size - at))
      if (data.length === 0) break
      parts.push(data)
      at += data.length
    }
    return Buffer.concat(parts)
  }

  /** Where Mesos is and who Marathon is there: asked once, and anew after a failure. */
  async #find(signal: AbortSignal): Promise<{ readonly mesos: string; readonly framework: string }> {
    signal.throwIfAborted()
    if (this.#about !== undefined) return this.#about
    const info = await this.#options.client.info(signal)
    const mesos = this.#options.mesosUrl ?? info.marathon_config?.mesos_leader_ui_url
    if (typeof mesos !== 'string') throw new TypeError('Marathon does not say where its Mesos is (mesos_leader_ui_url): give the address.')
    this.#about = { mesos: mesos.replace(/\/+$/, ''), framework: info.frameworkId ?? '' }
    return this.#about
  }

  async #call(url: string, body: unknown, signal: AbortSignal, timeoutMs: number, mayBeMissing = false): Promise<unknown> {
    const limit = deadline(this.#options.clock, timeoutMs, signal)
    try {
      const response = await this.#options.client.open(url, 'POST', body, limit.signal, { credentials: this.#options.credentials })
      if (response.ok) return await response.json()
      await response.body?.cancel()
      if (response.status === 404 && mayBeMissing) return undefined
      throw new Error(`Mesos answered ${new URL(url).pathname} with status ${response.status}.`)
    } catch (cause) {
      signal.throwIfAborted()
      this.#about = undefined
      throw cause
    } finally {
      limit.done()
    }
  }
}

/** `NAME@10.0.0.7:5051` as the address of its operator API. */
const addressOf = ({ pid }: MesosAgent): string => {
  const at = pid.indexOf('@')
  return `http://${pid.slice(at + 1)}/${pid.slice(0, at)}/api/v1`
}

const scalar = (resources: Resources | undefined, name: string): number =>
  (resources ?? []).reduce((sum, resource) => (resource.name === name ? sum + (resource.scalar?.value ?? 0) : sum), 0)

const hostOf = (agent: MesosAgent, limits: Host['limits'], now: Timestamp): Host => ({
  id: hostId(agent.agent_info.hostname),
  engine: 'marathon',
  role: 'any',
  capacity: {
    cpu: scalar(agent.total_resources, 'cpus'),
    memoryMb: Math.floor(scalar(agent.total_resources, 'mem')),
    diskMb: Math.floor(scalar(agent.total_resources, 'disk')),
  },
  attributes: Object.fromEntries(
    (agent.agent_info.attributes ?? []).map(({ name, text, scalar: number }) => [name, text?.value ?? String(number?.value ?? '')]),
  ),
  state: agent.active ? 'ready' : 'silent',
  seenAt: now,
  limits,
})

const hasPort = (resources: Resources | undefined, port: number): boolean =>
  (resources ?? []).some(
    ({ name, ranges }) => name === 'ports' && (ranges?.range ?? []).some(({ begin, end }) => begin <= port && port <= end),
  )

/** Whether some agent offers all of these ports and nobody has them there. */
export const somewhereFree = (agents: readonly MesosAgent[], ports: readonly number[]): boolean =>
  agents.some(
    agent => agent.active && ports.every(port => hasPort(agent.total_resources, port) && !hasPort(agent.allocated_resources, port)),
  )

export const toMebibytes = (bytes: number): number => Math.round(bytes / MIB)
