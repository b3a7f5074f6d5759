/** The operator API of a leader and the API of agents, as far as frameworks and tests use them. Answers as recorded (`operator-*`). */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { join } from 'node:path'
import type { Agent } from './agent.ts'
import type { Leader } from './leader.ts'
import type { Framework, KnownAgent, KnownTask, Registry } from './state.ts'
import { isTerminal, nanosecondsOf, type Resource, type Unavailability } from './wire.ts'

export type OperatorAnswer = { readonly status: number; readonly body?: unknown; readonly text?: string }

export const VERSION = '1.11.0'

type OperatorCall = {
  readonly type?: string
  readonly update_maintenance_schedule?: {
    readonly schedule?: {
      readonly windows?: readonly {
        readonly machine_ids?: readonly { readonly hostname?: string }[]
        readonly unavailability: Unavailability
      }[]
    }
  }
  readonly mark_agent_gone?: { readonly agent_id: { readonly value: string } }
  readonly drain_agent?: { readonly agent_id: { readonly value: string } }
  readonly deactivate_agent?: { readonly agent_id: { readonly value: string } }
  readonly reactivate_agent?: { readonly agent_id: { readonly value: string } }
}

export type OperatorContext = {
  readonly leader: Leader
  readonly registry: Registry
  readonly masterInfo: unknown
  readonly pidOf: (agent: Agent) => string
  readonly clusterAgents: readonly Agent[]
}

export const operatorCall = (body: unknown, context: OperatorContext): OperatorAnswer => {
  const call = (body ?? {}) as OperatorCall
  const { leader, registry } = context
  const type = String(call.type)
  const answer = (member: string, value: unknown): OperatorAnswer => ({ status: 200, body: { [member]: value, type } })
  switch (call.type) {
    case 'GET_HEALTH':
      return answer('get_health', { healthy: true })
    case 'GET_VERSION':
      return answer('get_version', versionAnswer())
    case 'GET_MASTER':
      return answer('get_master', {
        elected_time: leader.startedAt / 1_000,
        master_info: context.masterInfo,
        start_time: leader.startedAt / 1_000,
      })
    case 'GET_AGENTS':
      return answer('get_agents', getAgents(context))
    case 'GET_FRAMEWORKS':
      return answer('get_frameworks', {
        ...listed('frameworks', [...leader.frameworks.values()].map(frameworkJson)),
        ...listed('completed_frameworks', [...leader.completed.values()].map(frameworkJson)),
      })
    case 'GET_TASKS':
      return answer('get_tasks', getTasks(leader))
    case 'GET_ROLES':
      return answer('get_roles', {
        ...listed(
          'roles',
          [...new Set([...leader.frameworks.values()].flatMap(({ info }) => info.roles ?? []))].map(name => ({ name, weight: 1 })),
        ),
      })
    case 'GET_MAINTENANCE_STATUS':
      return answer('get_maintenance_status', { status: {} })
    case 'UPDATE_MAINTENANCE_SCHEDULE':
      registry.windows = new Map(
        (call.update_maintenance_schedule?.schedule?.windows ?? []).flatMap(({ machine_ids = [], unavailability }) =>
          machine_ids.map(({ hostname = '' }) => [hostname, unavailability] as const),
        ),
      )
      leader.book.windowsChanged()
      return { status: 200 }
    case 'MARK_AGENT_GONE':
      return done(leader.markGone(call.mark_agent_gone?.agent_id.value ?? ''))
    case 'DRAIN_AGENT':
      return drain(leader, call.drain_agent?.agent_id.value ?? '')
    case 'DEACTIVATE_AGENT':
      return done(leader.deactivate(call.deactivate_agent?.agent_id.value ?? '', true))
    case 'REACTIVATE_AGENT':
      return done(leader.deactivate(call.reactivate_agent?.agent_id.value ?? '', false))
    default:
      return { status: 400, text: "Failed to validate master::Call: Expecting 'type' to be present" }
  }
}

const done = (isKnown: boolean): OperatorAnswer => (isKnown ? { status: 200 } : { status: 404, text: 'Agent not found' })

const drain = (leader: Leader, id: string): OperatorAnswer => {
  const known = leader.agents.get(id)
  if (known !== undefined)
    for (const { framework, task } of known.agent.tasks.values()) known.agent.kill(framework, task.task_id.value, undefined)
  return done(leader.deactivate(id, true))
}

/** A list that is left out where it is empty, as the JSON of protocol buffers is. */
const listed = (name: string, list: readonly unknown[]): Record<string, unknown> => (list.length === 0 ? {} : { [name]: list })

const versionAnswer = (): unknown => ({
  version_info: { build_date: '2020-11-23 00:00:00', build_time: 1_606_089_600, build_user: '', git_branch: 'a double', version: VERSION },
})

const CAPABILITIES = [
  'MULTI_ROLE',
  'HIERARCHICAL_ROLE',
  'RESERVATION_REFINEMENT',
  'RESOURCE_PROVIDER',
  'RESIZE_VOLUME',
  'AGENT_OPERATION_FEEDBACK',
  'AGENT_DRAINING',
  'TASK_RESOURCE_LIMITS',
]

const withRole = (resource: Resource): unknown => {
  const { name, reservations = [], type, ...rest } = resource
  return reservations.length === 0 ? { name, role: '*', ...rest, type } : resource
}

const agentInfo = (agent: Agent, port: number): unknown => ({
  ...(agent.attributes.length === 0 ? {} : { attributes: agent.attributes }),
  checkpoint: true,
  ...(agent.spec.domain === undefined ? {} : { domain: agent.spec.domain }),
  hostname: agent.spec.hostname,
  id: { value: agent.id },
  port,
  resources: agent.total,
})

const getAgents = ({ leader, pidOf, clusterAgents }: OperatorContext): unknown => ({
  agents: [...leader.agents.values()].map((known: KnownAgent) => {
    const pid = pidOf(known.agent)
    return {
      active: known.connected && !known.deactivated,
      agent_info: agentInfo(known.agent, Number(pid.split(':').at(-1))),
      capabilities: CAPABILITIES.map(type => ({ type })),
      deactivated: known.deactivated,
      pid,
      registered_time: { nanoseconds: nanosecondsOf(known.registeredAt) },
      total_resources: known.total.map(withRole),
      version: VERSION,
    }
  }),
  recovered_agents: clusterAgents.filter(({ id }) => leader.recovering.has(id)).map(agent => agentInfo(agent, 0)),
})

const frameworkJson = (framework: Framework): unknown => ({
  active: framework.stream !== undefined,
  connected: framework.stream !== undefined,
  framework_info: framework.info,
  offer_constraints: {},
  recovered: framework.streamId === '',
  registered_time: { nanoseconds: nanosecondsOf(framework.registeredAt) },
  reregistered_time: { nanoseconds: nanosecondsOf(framework.registeredAt) },
})

const taskJson = ({ task, agent, framework, state, last }: KnownTask): unknown => ({
  agent_id: { value: agent },
  executor_id: { value: '' },
  framework_id: { value: framework },
  ...(task.container === undefined ? {} : { container: task.container }),
  ...(task.labels === undefined ? {} : { labels: task.labels }),
  name: task.name,
  resources: task.resources ?? [],
  state,
  ...(last === undefined ? {} : { statuses: [last] }),
  task_id: task.task_id,
})

const getTasks = (leader: Leader): unknown => {
  const frameworks = [...leader.frameworks.values()]
  const tasks = frameworks.flatMap(framework => [...framework.tasks.values()])
  return {
    ...listed('tasks', tasks.filter(({ state }) => !isTerminal(state)).map(taskJson)),
    ...listed('completed_tasks', tasks.filter(({ state }) => isTerminal(state)).map(taskJson)),
    ...listed(
      'unreachable_tasks',
      frameworks.flatMap(({ unreachable }) => [...unreachable.values()].map(({ task }) => taskJson(task))),
    ),
  }
}

// ---- agents

type AgentCall = {
  readonly type?: string
  readonly read_file?: { readonly path?: string; readonly offset?: number; readonly length?: number }
}

/** Files are given in pieces of no more than sixteen pages (Mesos 1.11, src/files/files.cpp). */
const MAX_READ_BYTES = 65_536

export const agentCall = (body: unknown, agent: Agent, flags: Readonly<Record<string, string>>): OperatorAnswer => {
  const { type, read_file } = (body ?? {}) as AgentCall
  switch (type) {
    case 'GET_HEALTH':
      return { status: 200, body: { get_health: { healthy: true }, type } }
    case 'GET_VERSION':
      return { status: 200, body: { get_version: versionAnswer(), type } }
    case 'GET_FLAGS':
      return { status: 200, body: { get_flags: { flags: Object.entries(flags).map(([name, value]) => ({ name, value })) }, type } }
    case 'GET_CONTAINERS':
      return { status: 200, body: { get_containers: { containers: containersOf(agent) }, type } }
    case 'READ_FILE':
      return readSandbox(agent, read_file ?? {})
    default:
      return { status: 400, text: "Failed to validate agent::Call: Expecting 'type' to be present" }
  }
}

const containersOf = (agent: Agent): unknown[] =>
  [...agent.tasks.values()]
    .filter(({ execution, state }) => execution !== undefined && !isTerminal(state))
    .map(({ framework, task, container, execution }) => ({
      container_id: { value: container },
      executor_id: task.task_id,
      executor_name: task.name,
      framework_id: { value: framework },
      resource_statistics: { mem_rss_bytes: execution?.memory() ?? 0, mem_total_bytes: execution?.memory() ?? 0 },
    }))

const SANDBOX_PATH = /^\/frameworks\/([^/]+)\/executors\/([^/]+)\/runs\/latest\/([^/]+)$/

const readSandbox = (agent: Agent, { path = '', offset = 0, length = 0 }: NonNullable<AgentCall['read_file']>): OperatorAnswer => {
  const [, framework = '', task = '', file = ''] = SANDBOX_PATH.exec(path) ?? []
  const none: OperatorAnswer = { status: 404, text: '' }
  if (file === '') return none
  try {
    const handle = openSync(join(agent.sandboxOf(framework, task), file), 'r')
    try {
      const { size } = fstatSync(handle)
      const data = Buffer.alloc(Math.min(length, MAX_READ_BYTES, Math.max(0, size - offset)))
      readSync(handle, data, 0, data.length, offset)
      return {
        status: 200,
        body: { read_file: { ...(data.length === 0 ? {} : { data: data.toString('base64') }), size }, type: 'READ_FILE' },
      }
    } finally {
      closeSync(handle)
    }
  } catch {
    return none
  }
}
