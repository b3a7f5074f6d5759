/**
 * An app's definition as Marathon 1.11 takes it: what it refuses, in its own words, and what it makes of what was left out. Held against the
 * recordings: wrong values are 422 with a path and an error each, a document that is no JSON is 400, an unknown field is taken without a word.
 */
export type Json = Record<string, unknown>

export type FieldError = { readonly path: string; readonly errors: readonly string[] }

export class Refused extends Error {
  readonly status: number
  readonly body: unknown
  constructor(status: number, body: unknown) {
    super(`refused with ${status}`)
    this.status = status
    this.body = body
  }
}

export const isJson = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value)

export type PortMapping = { readonly containerPort: number; readonly hostPort: number; readonly name?: string }

/** What the double itself reads of a definition; the rest is carried along. */
export type Definition = {
  readonly id: string
  readonly json: Json
  readonly instances: number
  readonly cpus: number
  readonly mem: number
  readonly disk: number
  readonly cmd: string | undefined
  readonly args: readonly string[] | undefined
  readonly env: Readonly<Record<string, string>>
  readonly labels: Readonly<Record<string, string>>
  readonly docker: boolean
  /** Ports on the host, 0 for any. */
  readonly ports: readonly { readonly port: number; readonly name: string | undefined }[]
  readonly requirePorts: boolean
  readonly constraints: readonly (readonly string[])[]
  readonly graceSeconds: number
  readonly backoffSeconds: number
  readonly backoffFactor: number
  readonly maxLaunchDelaySeconds: number
  readonly minimumHealthCapacity: number
  readonly maximumOverCapacity: number
  readonly inactiveAfterSeconds: number | undefined
  readonly expungeAfterSeconds: number | undefined
  readonly healthChecks: readonly Json[]
}

const SEGMENT = /^(([a-z0-9]|[a-z0-9][a-z0-9-]*[a-z0-9])\.)*([a-z0-9]|[a-z0-9][a-z0-9-]*[a-z0-9])$/
const OPERATORS: ReadonlySet<string> = new Set(['UNIQUE', 'CLUSTER', 'GROUP_BY', 'LIKE', 'UNLIKE', 'MAX_PER', 'IS'])

type Rule = { readonly path: string; readonly wrong: (value: unknown) => string | undefined }

const number =
  (min: number, max = Number.POSITIVE_INFINITY) =>
  (value: unknown): string | undefined => {
    if (value === undefined) return undefined
    if (typeof value !== 'number') return 'error.expected.jsnumber'
    if (value < min) return 'error.min'
    return value > max ? 'error.max' : undefined
  }

const RULES: readonly Rule[] = [
  { path: '/cpus', wrong: number(0) },
  { path: '/mem', wrong: number(0) },
  { path: '/disk', wrong: number(0) },
  { path: '/instances', wrong: number(0) },
  { path: '/backoffSeconds', wrong: number(0) },
  { path: '/backoffFactor', wrong: number(1) },
  { path: '/maxLaunchDelaySeconds', wrong: number(0) },
  { path: '/taskKillGracePeriodSeconds', wrong: number(0) },
  { path: '/upgradeStrategy/minimumHealthCapacity', wrong: number(0, 1) },
  { path: '/upgradeStrategy/maximumOverCapacity', wrong: number(0, 1) },
  {
    path: '/unreachableStrategy',
    wrong: value => (value === undefined || value === 'disabled' || isJson(value) ? undefined : 'error.expected.jsobject'),
  },
  { path: '/unreachableStrategy/inactiveAfterSeconds', wrong: number(0) },
]

const at = (json: unknown, path: string): unknown =>
  path
    .split('/')
    .slice(1)
    .reduce<unknown>((value, key) => (isJson(value) ? value[key] : undefined), json)

/** Parses a request's body, or refuses it as Marathon does. */
export const parseBody = (text: string): Json => {
  try {
    const json: unknown = JSON.parse(text)
    if (isJson(json)) return json
  } catch {
    // Below.
  }
  throw new Refused(400, { message: 'Invalid JSON', details: 'Unexpected end-of-input within/between Object entries' })
}

const invalid = (details: readonly FieldError[]): Refused => new Refused(422, { message: 'Invalid JSON', details })
const notValid = (details: readonly FieldError[]): Refused => new Refused(422, { message: 'Object is not valid', details })

/** Refuses what Marathon would. Values of a wrong size come first, as they do there: they are found while the document is read. */
export const check = (json: Json): void => {
  const { id } = json
  if (typeof id !== 'string') throw invalid([{ path: '/id', errors: ['error.path.missing'] }])
  const segments = id.split('/').filter(Boolean)
  const wrong: FieldError[] = []
  if (segments.length === 0 || !segments.every(segment => SEGMENT.test(segment))) wrong.push({ path: '/id', errors: ['error.pattern'] })
  for (const rule of RULES) {
    const error = rule.wrong(at(json, rule.path))
    if (error !== undefined) wrong.push({ path: rule.path, errors: [error] })
  }
  if (wrong.length > 0) throw invalid(wrong)
  const problems: FieldError[] = []
  if (['restart', 'tasks', 'versions'].includes(segments.at(-1) ?? ''))
    problems.push({ path: '/id', errors: ['must not end with any of the following reserved keywords: restart, tasks, versions'] })
  if ((json.cmd === undefined) === (json.args === undefined) && !isJson(json.container))
    problems.push({ path: '/', errors: ["AppDefinition must either contain one of 'cmd' or 'args', and/or a 'container'."] })
  constraintProblems(json).forEach(problem => {
    problems.push(problem)
  })
  const strategy = json.unreachableStrategy
  if (isJson(strategy) && Number(strategy.inactiveAfterSeconds ?? 0) > Number(strategy.expungeAfterSeconds ?? 0))
    problems.push({ path: '/unreachableStrategy/inactiveAfterSeconds', errors: ['must be less than or equal to expungeAfterSeconds'] })
  if (problems.length > 0) throw notValid(problems)
}

const constraintProblems = ({ constraints = [] }: Json): FieldError[] =>
  (Array.isArray(constraints) ? constraints : [constraints]).flatMap((constraint, index) =>
    Array.isArray(constraint) && constraint.length >= 2 && OPERATORS.has(String(constraint[1]))
      ? []
      : [
          {
            path: `/constraints(${index})`,
            errors: ['Constraint definition must be an array of strings in the format: <key>, <operator>[, <value>]'],
          },
        ],
  )

/** Names that the strict double knows; a real Marathon takes any other without a word, which hides a slip. */
const KNOWN: ReadonlySet<string> = new Set([
  ...['id', 'cmd', 'args', 'cpus', 'mem', 'disk', 'gpus', 'instances', 'env', 'labels', 'container', 'networks', 'portDefinitions'],
  ...['requirePorts', 'constraints', 'healthChecks', 'backoffSeconds', 'backoffFactor', 'maxLaunchDelaySeconds', 'upgradeStrategy'],
  ...['unreachableStrategy', 'taskKillGracePeriodSeconds', 'killSelection', 'role', 'user', 'fetch', 'executor', 'dependencies'],
  ...['acceptedResourceRoles', 'readinessChecks', 'secrets', 'resourceLimits', 'version', 'versionInfo', 'residency', 'tty'],
])

export const unknownFields = (json: Json): string[] => Object.keys(json).filter(name => !KNOWN.has(name))

/** What Marathon makes of a definition: every default written out, in the order in which it answers. */
export const normalise = (given: Json, version: string): Json => {
  const container = isJson(given.container) ? normaliseContainer(given.container) : undefined
  const networks = Array.isArray(given.networks) && given.networks.length > 0 ? given.networks : [{ mode: 'host' }]
  const isHost = networks.every(network => isJson(network) && network.mode === 'host')
  const upgrade = isJson(given.upgradeStrategy) ? given.upgradeStrategy : {}
  return {
    id: given.id,
    ...(given.args === undefined ? {} : { args: given.args }),
    backoffFactor: given.backoffFactor ?? 1.15,
    backoffSeconds: given.backoffSeconds ?? 1,
    ...(given.cmd === undefined ? {} : { cmd: given.cmd }),
    ...(Array.isArray(given.constraints) && given.constraints.length > 0 ? { constraints: given.constraints } : {}),
    ...(container === undefined ? {} : { container }),
    cpus: given.cpus ?? 1,
    disk: given.disk ?? 0,
    ...(isJson(given.env) && Object.keys(given.env).length > 0 ? { env: given.env } : {}),
    executor: given.executor ?? '',
    ...(Array.isArray(given.healthChecks) && given.healthChecks.length > 0
      ? { healthChecks: given.healthChecks.filter(isJson).map(normaliseHealth) }
      : {}),
    instances: given.instances ?? 1,
    ...(isJson(given.labels) && Object.keys(given.labels).length > 0 ? { labels: given.labels } : {}),
    maxLaunchDelaySeconds: given.maxLaunchDelaySeconds ?? 300,
    mem: given.mem ?? 128,
    gpus: given.gpus ?? 0,
    networks,
    ...(isHost ? { portDefinitions: given.portDefinitions ?? [{ port: 0, name: 'default', protocol: 'tcp' }] } : {}),
    requirePorts: given.requirePorts ?? false,
    ...(given.taskKillGracePeriodSeconds === undefined ? {} : { taskKillGracePeriodSeconds: given.taskKillGracePeriodSeconds }),
    upgradeStrategy: { maximumOverCapacity: upgrade.maximumOverCapacity ?? 1, minimumHealthCapacity: upgrade.minimumHealthCapacity ?? 1 },
    version,
    killSelection: given.killSelection ?? 'YOUNGEST_FIRST',
    unreachableStrategy:
      given.unreachableStrategy === 'disabled'
        ? 'disabled'
        : { inactiveAfterSeconds: 0, expungeAfterSeconds: 0, ...(isJson(given.unreachableStrategy) ? given.unreachableStrategy : {}) },
    role: given.role ?? '*',
  }
}

const normaliseContainer = (container: Json): Json => {
  const mappings = Array.isArray(container.portMappings) ? container.portMappings.filter(isJson) : []
  return {
    type: container.type ?? 'MESOS',
    ...(isJson(container.docker) ? { docker: { forcePullImage: false, parameters: [], privileged: false, ...container.docker } } : {}),
    volumes: container.volumes ?? [],
    portMappings: mappings.map(mapping => ({ hostPort: 0, labels: {}, protocol: 'tcp', servicePort: 0, ...mapping })),
  }
}

const normaliseHealth = (check: Json): Json => ({
  gracePeriodSeconds: 300,
  intervalSeconds: 60,
  maxConsecutiveFailures: 3,
  portIndex: 0,
  protocol: 'HTTP',
  ipProtocol: 'IPv4',
  timeoutSeconds: 20,
  delaySeconds: 15,
  ...check,
})

const numberOf = (value: unknown, otherwise: number): number => (typeof value === 'number' ? value : otherwise)
const textsOf = (value: unknown): Record<string, string> =>
  isJson(value) ? Object.fromEntries(Object.entries(value).map(([name, each]) => [name, String(each)])) : {}

export const definitionOf = (json: Json): Definition => {
  const container = isJson(json.container) ? json.container : undefined
  const mappings = container !== undefined && Array.isArray(container.portMappings) ? container.portMappings.filter(isJson) : []
  const definitions = Array.isArray(json.portDefinitions) ? json.portDefinitions.filter(isJson) : []
  const upgrade = isJson(json.upgradeStrategy) ? json.upgradeStrategy : {}
  const unreachable = isJson(json.unreachableStrategy) ? json.unreachableStrategy : undefined
  const nameOf = (port: Json): string | undefined => (typeof port.name === 'string' ? port.name : undefined)
  const requirePorts = json.requirePorts === true
  return {
    id: String(json.id),
    json,
    instances: numberOf(json.instances, 1),
    cpus: numberOf(json.cpus, 1),
    mem: numberOf(json.mem, 128),
    disk: numberOf(json.disk, 0),
    cmd: typeof json.cmd === 'string' ? json.cmd : undefined,
    args: Array.isArray(json.args) ? json.args.map(String) : undefined,
    env: textsOf(json.env),
    labels: textsOf(json.labels),
    docker: container?.type === 'DOCKER',
    ports:
      container?.type === 'DOCKER' && definitions.length === 0
        ? mappings.map(mapping => ({ port: numberOf(mapping.hostPort, 0), name: nameOf(mapping) }))
        : // Without requirePorts the number is that of a router's, not of the host's.
          definitions.map(definition => ({ port: requirePorts ? numberOf(definition.port, 0) : 0, name: nameOf(definition) })),
    requirePorts,
    constraints: Array.isArray(json.constraints) ? json.constraints.map(each => (Array.isArray(each) ? each.map(String) : [])) : [],
    graceSeconds: numberOf(json.taskKillGracePeriodSeconds, 3),
    backoffSeconds: numberOf(json.backoffSeconds, 1),
    backoffFactor: numberOf(json.backoffFactor, 1.15),
    maxLaunchDelaySeconds: numberOf(json.maxLaunchDelaySeconds, 300),
    minimumHealthCapacity: numberOf(upgrade.minimumHealthCapacity, 1),
    maximumOverCapacity: numberOf(upgrade.maximumOverCapacity, 1),
    inactiveAfterSeconds: unreachable === undefined ? undefined : numberOf(unreachable.inactiveAfterSeconds, 0),
    expungeAfterSeconds: unreachable === undefined ? undefined : numberOf(unreachable.expungeAfterSeconds, 0),
    healthChecks: Array.isArray(json.healthChecks) ? json.healthChecks.filter(isJson) : [],
  }
}

/** Whether two definitions differ in nothing but how many instances are wanted: such a change restarts nothing. */
export const isOnlyScale = (before: Json, after: Json): boolean => {
  const rest = ({ instances: _instances, version: _version, versionInfo: _info, ...json }: Json): string => JSON.stringify(json)
  return rest(before) === rest(after)
}
