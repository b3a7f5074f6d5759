import { type Static, type TSchema, Type } from 'typebox'
import { parseDocument } from 'yaml'
import { problemIn } from './problem.ts'

/** A file that is no configuration. The command line ends with exit code 2. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}

export const ENGINE_KINDS = ['process', 'docker', 'swarm', 'mesos', 'marathon'] as const
export type EngineKind = (typeof ENGINE_KINDS)[number]

const GUIDE = 'docs/configure.md'
const text = (description: string) => Type.String({ minLength: 1, maxLength: 1_024, description })
const optional = <Schema extends TSchema>(schema: Schema) => Type.Optional(schema)
const closed = { additionalProperties: false } as const

const address = Type.String({
  pattern: '^(unix:///|tcp://|ssh://).+',
  description: 'an address as in DOCKER_HOST: unix:///PATH, tcp://HOST:PORT or ssh://USER@HOST',
})
const flag = optional(Type.Boolean({ description: 'true or false' }))
/** A DNS label, short enough to be part of other names. */
const LABEL = '^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$'

const Tls = Type.Object(
  { ca: text('the path of a PEM file'), cert: text('the path of a PEM file'), key: text('the path of a PEM file') },
  { ...closed, description: 'ca, cert and key, each the path of a PEM file' },
)

const Daemon = Type.Object(
  {
    host: Type.String({
      pattern: LABEL,
      description: 'a DNS label of at most 40 characters, such as build-1',
    }),
    address,
    tls: optional(Tls),
    role: optional(
      Type.Union([Type.Literal('any'), Type.Literal('controllers'), Type.Literal('builds')], { description: 'any, controllers or builds' }),
    ),
    reservedFor: optional(text("a tenant's name")),
    attributes: optional(Type.Record(Type.String(), Type.String(), { description: 'names with texts, such as { disk: ssd }' })),
    diskMb: optional(Type.Integer({ minimum: 0, description: 'a whole number of megabytes' })),
    publishOn: optional(text('an address of that host')),
    reachAt: optional(text('an address or name under which Manor reaches that host')),
  },
  { ...closed, description: 'a daemon with host and address' },
)

const Registry = Type.Object(
  { username: text('a user name'), passwordFile: text('the path of a file that holds the password') },
  { ...closed, description: 'username and passwordFile' },
)

const Images = Type.Object(
  { controller: text('the name of an image'), agent: text('the name of an image') },
  { ...closed, description: 'controller and agent, each the name of an image that hosts can pull' },
)

const base = optional(text('the path of a root file system as a tar, on which Manor makes its images'))
const registries = optional(
  Type.Record(Type.String(), Registry, { description: 'logins by registry, each with username and passwordFile' }),
)

const Process = Type.Object({ kind: Type.Literal('process') }, closed)
const Docker = Type.Object(
  {
    kind: Type.Literal('docker'),
    daemons: optional(
      Type.Array(Daemon, { minItems: 1, maxItems: 1_000, description: 'a list of at least one daemon, each with host and address' }),
    ),
    base,
    images: optional(Images),
    pullPolicy: optional(
      Type.Union([Type.Literal('missing'), Type.Literal('always'), Type.Literal('never')], { description: 'missing, always or never' }),
    ),
    prePull: flag,
    registries,
  },
  closed,
)
const SwarmDaemon = Type.Object({ address, tls: optional(Tls) }, { ...closed, description: 'a daemon with address' })
const Swarm = Type.Object(
  {
    kind: Type.Literal('swarm'),
    daemons: optional(
      Type.Array(SwarmDaemon, {
        minItems: 1,
        maxItems: 1_000,
        description: 'a list of daemons of the Swarm, each with address, at least one manager',
      }),
    ),
    base,
    images: optional(Images),
    registries,
    sharedPaths: optional(Type.Array(text('a directory'), { maxItems: 100, description: 'a list of directories that every node has' })),
    encrypted: flag,
  },
  closed,
)
const Login = Type.Object(
  { principal: text('a principal'), secretFile: text('the path of a file that holds the secret') },
  { ...closed, description: 'principal and secretFile' },
)
/** What the engines on a Mesos have in common. */
const onMesos = {
  leaders: Type.Array(text('an address'), {
    minItems: 1,
    maxItems: 16,
    description: 'a list of addresses, http://HOST:5050, or of one zk://HOST:2181,HOST:2181/mesos',
  }),
  user: optional(text('a user of the hosts, who runs what has no image')),
  login: optional(Login),
  ca: optional(text('the path of a PEM file')),
  rolePrefix: optional(text('the beginning of roles, such as manor')),
  network: optional(text("the name of a network of Docker's on the hosts")),
  otherRegions: flag,
  gpuHosts: flag,
  revocable: flag,
  images: optional(Images),
}
/** For a trial without a cluster: doubles of Mesos and Marathon on this machine, ended with Manor. */
const double = optional(Type.Literal(true, { description: 'true, or nothing' }))
const Mesos = Type.Object({ kind: Type.Literal('mesos'), double, ...onMesos }, closed)
const amount = (description: string) => Type.Number({ exclusiveMinimum: 0, description })
const words = (description: string) => Type.Record(Type.String(), Type.String(), { description })
const EachHost = Type.Object(
  {
    name: Type.String({ pattern: LABEL, description: 'a DNS label of at most 40 characters' }),
    command: optional(text('a command line for /bin/sh -c on the agent itself')),
    image: optional(text('the name of an image')),
    args: optional(Type.Array(Type.String(), { maxItems: 100, description: 'a list of words, the arguments of the image' })),
    cpu: amount('cores, more than 0'),
    memoryMb: amount('megabytes, more than 0'),
    ports: optional(
      Type.Record(Type.String(), Type.Integer({ minimum: 1, maximum: 65_535 }), {
        description: 'names with port numbers, the same on each host',
      }),
    ),
    environment: optional(words('names with texts')),
    attributes: optional(words('names with texts, such as { storage: ebs }')),
  },
  { ...closed, description: 'an object with name, command or image, cpu and memoryMb' },
)
const Marathon = Type.Object(
  {
    kind: Type.Literal('marathon'),
    double,
    ...onMesos,
    urls: Type.Array(text('an address'), { minItems: 1, maxItems: 16, description: 'a list of addresses of Marathon, http://HOST:8080' }),
    marathonLogin: optional(Registry),
    group: optional(Type.String({ pattern: '^(/[a-z0-9]([a-z0-9-]*[a-z0-9])?)+$', description: 'a path such as /manor' })),
    onEachHost: optional(
      Type.Array(EachHost, {
        maxItems: 20,
        description: 'a list of what runs once on every agent, each with name, command or image, cpu and memoryMb',
      }),
    ),
  },
  closed,
)
const Engine = Type.Union([Process, Docker, Swarm, Mesos, Marathon], {
  description: `an object whose kind is one of ${ENGINE_KINDS.join(', ')}, or one of these names alone`,
})

const Listen = Type.Object(
  {
    host: text('an address of this machine'),
    port: Type.Integer({ minimum: 0, maximum: 65_535, description: 'a number from 0 (any free one) to 65535' }),
  },
  { ...closed, description: 'host and port' },
)

const wholeFile = { ...closed, description: 'an object with engine, agents and workloads' } as const
const File = Type.Object(
  {
    engine: optional(Engine),
    agents: optional(
      Type.Object(
        {
          lease: optional(
            Type.String({ pattern: '^(none|[1-9]\\d{0,5}[smhd])$', description: 'a length of time such as 90s, 30m, 2h or 1d, or none' }),
          ),
        },
        { ...closed, description: 'an object with lease' },
      ),
    ),
    workloads: optional(
      Type.Object(
        { listen: optional(Listen), url: optional(text('the address under which containers and far hosts reach this')) },
        { ...closed, description: 'listen and url' },
      ),
    ),
  },
  wholeFile,
)

export type EngineConfig = Static<typeof Engine>
export type DockerConfig = Static<typeof Docker>
export type SwarmConfig = Static<typeof Swarm>
export type MesosConfig = Static<typeof Mesos>
export type MarathonConfig = Static<typeof Marathon>
export type Config = {
  readonly engine: EngineConfig
  /** How long agents go on without Manor, in milliseconds; undefined: for ever. */
  readonly agentLeaseMs: number | undefined
  /** Where workloads that do not share this machine's loopback reach Manor; chosen by the engine where absent. */
  readonly workloads: Static<typeof File>['workloads']
}

/** `engine: docker` is short for `engine: { kind: docker }`. Throws a ConfigError; `place` is the file's name, for the message. */
export const parseConfig = (place: string, source: string): Config => {
  const document = parseDocument(source)
  const [broken] = document.errors
  if (broken) throw new ConfigError(`${place} is no YAML: ${broken.message.split('\n')[0]}`)
  const value: unknown = document.toJS() ?? {}
  const whole = withDouble(withKind(value))
  const problem = kindProblem(whole) ?? problemIn(schemaFor(whole), whole, '', GUIDE)
  if (problem !== undefined) throw new ConfigError(`${place}: ${problem}`)
  const { engine = { kind: 'process' as const }, agents = {}, workloads } = whole as Static<typeof File>
  const agentLeaseMs = leaseOf(agents.lease)
  if (agentLeaseMs !== undefined && agentLeaseMs < LEAST_LEASE_MS)
    throw new ConfigError(`${place}: agents.lease is "${agents.lease}": give at least ${LEAST_LEASE_MS / 1_000}s, or none.`)
  return { engine, agentLeaseMs, workloads }
}

/** Long enough to mend a Manor that does not start, short enough that a host which was forgotten is free the same day. */
const USUAL_LEASE_MS = 2 * 3_600_000
/** A restart of Manor takes seconds, and a lease is looked at no more often than each second. Only tests want so short a one. */
const LEAST_LEASE_MS = 10_000
const UNIT_MS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 24 * 3_600_000 }

/** The pattern of the field has seen to it that this is `none` or a number with its unit. */
const leaseOf = (text: string | undefined): number | undefined => {
  if (text === undefined) return USUAL_LEASE_MS
  return text === 'none' ? undefined : Number(text.slice(0, -1)) * (UNIT_MS[text.slice(-1)] ?? 0)
}

const recordOf = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {}

const withKind = (value: unknown): unknown => {
  const { engine } = recordOf(value)
  return typeof engine === 'string' ? { ...recordOf(value), engine: { kind: engine } } : value
}

/** A double's addresses are not known before it is started. */
const withDouble = (value: unknown): unknown => {
  const { engine, ...rest } = recordOf(value)
  const { double: wanted, ...settings } = recordOf(engine)
  return wanted === true
    ? { ...rest, engine: { leaders: [DOUBLE], ...(settings.kind === 'marathon' ? { urls: [DOUBLE] } : {}), ...settings, double: true } }
    : value
}
const DOUBLE = 'double'

const BY_KIND: Readonly<Record<EngineKind, TSchema>> = { process: Process, docker: Docker, swarm: Swarm, mesos: Mesos, marathon: Marathon }
const isKind = (kind: unknown): kind is EngineKind => ENGINE_KINDS.some(known => known === kind)

/** A wrong kind is told before what a union of all kinds would say of the rest. */
const kindProblem = (value: unknown): string | undefined => {
  const { engine } = recordOf(value)
  if (engine === undefined) return undefined
  const { kind } = recordOf(engine)
  return isKind(kind) ? undefined : `engine.kind is ${JSON.stringify(kind) ?? 'missing'}: give one of ${ENGINE_KINDS.join(', ')}.`
}

const schemaFor = (value: unknown): TSchema => {
  const { kind } = recordOf(recordOf(value).engine)
  return isKind(kind) ? Type.Object({ ...File.properties, engine: BY_KIND[kind] }, wholeFile) : File
}
