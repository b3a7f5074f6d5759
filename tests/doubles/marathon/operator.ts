/** The Mesos below the double: the calls of its operator API v1 that tell of agents, of what tasks hold and of what they wrote. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Agent } from './cluster.ts'
import type { Core } from './core.ts'
import { isJson, type Json } from './definition.ts'
import { memoryOf } from './runner.ts'

/** An agent gives at most this much of a file at a time (16 pages). */
const MOST_BYTES = 65_536

export type OperatorAnswer = { readonly status: number; readonly body?: unknown }

const resourcesOf = ({ cpus, mem, disk }: Agent, ranges: readonly (readonly [number, number])[]): Json[] => [
  ...[
    { name: 'cpus', value: cpus },
    { name: 'mem', value: mem },
    { name: 'disk', value: disk },
  ].map(({ name, value }) => ({ name, role: '*', scalar: { value }, type: 'SCALAR' })),
  { name: 'ports', ranges: { range: ranges.map(([begin, end]) => ({ begin, end })) }, role: '*', type: 'RANGES' },
]

/** `name` is the agent of the first word of the path, or undefined for the leading Mesos. */
export const operatorCall = (core: Core, name: string | undefined, address: string, call: unknown): OperatorAnswer => {
  const type = isJson(call) ? call.type : undefined
  if (name === undefined) return type === 'GET_AGENTS' ? { status: 200, body: agentsBody(core, address) } : { status: 400 }
  const agent = core.agents[Number(/\d+/.exec(name)?.[0] ?? 0) - 1]
  if (agent === undefined || !agent.connected) return { status: 503 }
  if (type === 'GET_CONTAINERS') return { status: 200, body: containersBody(core, agent) }
  if (type === 'READ_FILE' && isJson(call) && isJson(call.read_file)) return readFile(core, call.read_file)
  return { status: 400 }
}

const agentsBody = (core: Core, address: string): Json => ({
  type: 'GET_AGENTS',
  get_agents: {
    agents: core.agents.map((agent, index) => ({
      active: agent.connected,
      deactivated: false,
      pid: `agent(${index + 1})@${address}`,
      version: '1.11.0',
      agent_info: {
        id: { value: agent.id },
        hostname: agent.hostname,
        port: 5051,
        checkpoint: true,
        attributes: Object.entries(agent.attributes).map(([name, value]) => ({ name, text: { value }, type: 'TEXT' })),
        resources: resourcesOf(agent, [agent.ports]),
      },
      total_resources: resourcesOf(agent, [agent.ports]),
      allocated_resources: [
        {
          name: 'ports',
          role: '*',
          type: 'RANGES',
          ranges: { range: core.portsHeld(agent).map(port => ({ begin: port, end: port })) },
        },
      ],
    })),
  },
})

const containersBody = (core: Core, agent: Agent): Json => ({
  type: 'GET_CONTAINERS',
  get_containers: {
    containers: [...core.instances.values()]
      .filter(instance => instance.agent === agent && instance.run !== undefined)
      .map(instance => ({
        framework_id: { value: core.frameworkId },
        executor_id: { value: core.taskId(instance) },
        executor_name: `Command Executor (Task: ${core.taskId(instance)})`,
        container_id: { value: instance.id },
        resource_statistics: {
          timestamp: 0,
          mem_limit_bytes: instance.definition.mem * 1_048_576,
          mem_rss_bytes: memoryOf(core.taskId(instance)),
        },
      })),
  },
})

const readFile = (core: Core, { path, offset, length }: Json): OperatorAnswer => {
  const [, framework, task, file] = /^\/frameworks\/([^/]+)\/executors\/([^/]+)\/runs\/latest\/(stdout|stderr)$/.exec(String(path)) ?? []
  if (framework !== core.frameworkId || task === undefined || file === undefined) return { status: 404 }
  try {
    const bytes = readFileSync(join(core.sandboxOf(task), file))
    const begin = Number(offset ?? 0)
    const data = bytes.subarray(begin, begin + Math.min(MOST_BYTES, Number(length ?? MOST_BYTES)))
    return { status: 200, body: { type: 'READ_FILE', read_file: { size: bytes.length, data: data.toString('base64') } } }
  } catch {
    return { status: 404 }
  }
}
