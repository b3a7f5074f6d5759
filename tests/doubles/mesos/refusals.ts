/** What a leader refuses, in the words that a real one used (tests/fixtures/mesos-1.12, `bad-*` and `stream-error-*`). */
import { holds, textOf } from './room.ts'
import { CALLS, type FrameworkInfo, type Resource, type SchedulerCall, type Task } from './wire.ts'

export type Refusal = { readonly status: number; readonly text: string; readonly headers?: Readonly<Record<string, string>> }

const bad = (text: string): Refusal => ({ status: 400, text })
const invalidCall = (text: string): Refusal => bad(`Failed to validate scheduler::Call: ${text}`)

/** What is wrong with a request before its body is looked at. */
export const refuseRequest = (
  method: string,
  headers: Readonly<Record<string, string | readonly string[] | undefined>>,
): Refusal | undefined => {
  if (method !== 'POST')
    return {
      status: 405,
      text: `405 Method Not Allowed. Expecting one of { 'POST' }, but received '${method}'.`,
      headers: { Allow: 'POST' },
    }
  const contentType = headers['content-type']
  if (contentType === undefined) return bad("Expecting 'Content-Type' to be present")
  if (contentType !== 'application/json')
    return { status: 415, text: "Expecting 'Content-Type' of application/json or application/x-protobuf" }
  const accept = String(headers.accept ?? '*/*')
  if (!/application\/json|application\/\*|\*\/\*/.test(accept))
    return { status: 406, text: "Expecting 'Accept' to allow 'application/x-protobuf' or 'application/json'" }
  return undefined
}

/** A call out of a body, or what is wrong with that. */
export const readCall = (body: string): SchedulerCall | Refusal => {
  let json: unknown
  try {
    json = JSON.parse(body)
  } catch {
    return bad('Failed to parse body into JSON: syntax error at line 1 near: ')
  }
  if (typeof json !== 'object' || json === null) return bad('Failed to convert JSON into Call protobuf: Expecting a JSON object')
  const call = json as SchedulerCall
  if (typeof call.type !== 'string' || !(call.type in CALLS)) return invalidCall("Expecting 'type' to be present")
  const member = CALLS[call.type]
  if (member !== undefined && !(member in call)) return invalidCall(`Expecting '${member}' to be present`)
  if (call.type === 'SUBSCRIBE') return refuseSubscribe(call) ?? call
  if (call.framework_id === undefined) return invalidCall("Expecting 'framework_id' to be present")
  if (call.type === 'ACKNOWLEDGE' && Buffer.from(call.acknowledge?.uuid ?? '', 'base64').length !== UUID_BYTES)
    return invalidCall('Not a valid UUID')
  return call
}

const UUID_BYTES = 16

const refuseSubscribe = ({ subscribe, framework_id }: SchedulerCall): Refusal | undefined => {
  const info = subscribe?.framework_info
  for (const field of ['user', 'name'] as const)
    if (info?.[field] === undefined)
      return bad(`Failed to convert JSON into Call protobuf: Missing required fields: subscribe.framework_info.${field}`)
  if (info?.id?.value !== framework_id?.value) return invalidCall("'framework_id' differs from 'subscribe.framework_info.id'")
  return undefined
}

/** The message of the ERROR event that a description is answered with, where it is one that is not taken. */
export const refuseFramework = ({ role, roles = [], capabilities = [] }: FrameworkInfo): string | undefined => {
  const isMultiRole = capabilities.some(({ type }) => type === 'MULTI_ROLE')
  if (isMultiRole && role !== undefined) return "'FrameworkInfo.role' must not be set when the framework is MULTI_ROLE capable"
  if (!isMultiRole && roles.length > 0) return "'FrameworkInfo.roles' must not be set when the framework is not MULTI_ROLE capable"
  if (new Set(roles).size !== roles.length) return "'FrameworkInfo.roles' contains duplicate items"
  for (const each of roles) {
    const problem = roleProblem(each)
    if (problem !== undefined) return `'FrameworkInfo.roles' contains invalid role: ${problem}`
  }
  return undefined
}

const roleProblem = (role: string): string | undefined => {
  if (role === '*') return undefined
  for (const part of role.split('/')) {
    if (part === '') return `Role '${role}' contains an empty component`
    if (part === '.' || part === '..' || part === '*') return `Role component '${part}' is invalid`
    if (part.startsWith('-')) return `Role component '${part}' is invalid because it begins with a dash`
    if (/[\s\b]/.test(part)) return `Role component '${part}' is invalid because it contains backspace or whitespace`
  }
  return undefined
}

/** Why a task is answered with TASK_ERROR; undefined where it is taken. `left`: what its offers hold that no earlier task of them took. */
export const refuseTask = (
  task: Task,
  expected: { readonly agent: string; readonly left: readonly Resource[]; readonly isUsed: (id: string) => boolean },
): string | undefined => {
  const id = task.task_id.value
  const { agent, left, isUsed } = expected
  if (id === '' || id.length > MAX_ID) return id === '' ? 'ID must not be empty' : `ID must not be greater than ${MAX_ID} characters`
  // biome-ignore lint/suspicious/noControlCharactersInRegex: Mesos takes none.
  if (id === '.' || id === '..' || /[/\\\u0000-\u001f\u007f]/.test(id)) return `'${id}' contains invalid characters`
  if (isUsed(id)) return `Task has duplicate ID: ${id}`
  if (task.agent_id.value !== agent) return `Task uses invalid agent ${task.agent_id.value} while agent ${agent} is expected`
  if ((task.command === undefined) === (task.executor === undefined))
    return 'Task should have at least one (but not both) of CommandInfo or ExecutorInfo present'
  const { resources = [] } = task
  if (resources.length === 0) return 'Task uses no resources'
  const mixed = resources.find(
    one => one.revocable !== undefined && resources.some(({ name, revocable }) => name === one.name && revocable === undefined),
  )
  if (mixed !== undefined) return `Cannot use both revocable and non-revocable '${mixed.name}' at the same time`
  const role = left[0]?.allocation_info?.role
  if (!resources.every(each => each.allocation_info?.role === role) || !holds(left, resources))
    return `Total resources ${textOf(resources)} required by task and its executor is more than available ${textOf(left)}`
  return undefined
}

const MAX_ID = 255

/** Why Docker's containerizer does not start a task (Mesos 1.11, src/docker/docker.cpp 640 to 1060; not among the recordings). */
export const refuseContainer = ({ container, resources = [] }: Task): string | undefined => {
  if (container?.type !== 'DOCKER') return undefined
  const { network = 'HOST', port_mappings: mappings = [] } = container.docker ?? {}
  if (container.hostname !== undefined && network === 'HOST') return 'Unable to set hostname with host network mode'
  if (mappings.length > 0 && network !== 'BRIDGE' && network !== 'USER')
    return 'Port mappings are only supported for bridge and user-defined networks'
  const ports = resources.flatMap(({ name, ranges }) => (name === 'ports' ? (ranges?.range ?? []) : []))
  const outside = mappings.find(({ host_port: port }) => !ports.some(({ begin, end }) => port >= begin && port <= end))
  return outside === undefined ? undefined : `Port [${outside.host_port}] not included in resources`
}
