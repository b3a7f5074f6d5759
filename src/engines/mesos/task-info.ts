import { isAbsolute } from 'node:path'
import { BYTES_PER_MEBIBYTE, type HostId, type Workload } from '../../model/index.ts'
import { fillPlaceholders } from '../process/placeholders.ts'
import { checkWorkload, invalid } from '../process/prepare.ts'
import { WORKLOAD_VARIABLE } from '../process/run-script.ts'
import type { Containerizer } from './ports.ts'
import { bootstrap, MAX_SCRIPT_CHARACTERS, scriptCharacters, startScript } from './start-script.ts'
import { type Label, nanoseconds, type Resource, type TaskInfo } from './wire.ts'

/** Less than this Mesos offers nobody, and Docker's containerizer gives at least this much (Mesos 1.11, docker.cpp MIN_MEMORY). */
const MIN_MEMORY_MB = 32
const MIN_CPU = 0.01
const HIGHEST_PORT = 65_535

export type ContainerOptions = {
  /** Who commands without an image run as on the hosts; absent: the framework's user. */
  readonly user?: string
  /** Docker's network: its bridge with port mappings, or a user's own network by name. Never the host's: ports of others would be in reach. */
  readonly network?: { readonly kind: 'bridge' } | { readonly kind: 'user'; readonly name: string }
}

export const containerizerOf = (workload: Workload): Containerizer => (workload.image === undefined ? 'mesos' : 'docker')

/** The resources a task asks for: no less than Mesos gives. */
export const wantedOf = ({ resources, promised = resources }: Workload): Workload['resources'] => ({
  cpu: Math.max(MIN_CPU, promised.cpu),
  memoryMb: Math.max(MIN_MEMORY_MB, promised.memoryMb),
  diskMb: promised.diskMb,
})

/** Refuses what could never run, before anything is made. */
export const checkTask = (workload: Workload, owner: string): void => {
  checkWorkload({ ...workload, mounts: [] }, owner)
  for (const [name, port] of Object.entries(workload.ports))
    if (!Number.isInteger(port) || port < 0 || port > HIGHEST_PORT)
      throw invalid(`The port ${name} of ${workload.id} is ${port}.`, `Give a whole number from 1 to ${HIGHEST_PORT}, or 0 for any.`)
  for (const { source, target } of workload.mounts) {
    if (!isAbsolute(source) || !isAbsolute(target))
      throw invalid(`The mount ${source} at ${target} is no absolute path.`, 'Give the whole paths.')
    if (workload.image === undefined && source !== target)
      throw invalid(
        `The mount ${source} is wanted at ${target}, and a task without an image sees the host as it is.`,
        'Give the same path for both, or an image.',
      )
  }
  const script = scriptOf(workload, Object.fromEntries(Object.keys(workload.ports).map(name => [name, HIGHEST_PORT])))
  if (scriptCharacters(script) > MAX_SCRIPT_CHARACTERS)
    throw invalid(
      `The files, variables and command of ${workload.id} come to ${scriptCharacters(script)} bytes as they travel, and ${MAX_SCRIPT_CHARACTERS} can.`,
      'Put what is large into the image or into a mount.',
    )
}

const scriptOf = (workload: Workload, ports: Readonly<Record<string, number>>): string => {
  // The private directory's place is known only where the task runs, so the script fills it in.
  const fill = (text: string): string =>
    fillPlaceholders(text, '{dir}', ports, name => {
      throw invalid(
        `The port ${name} is used but not declared.`,
        `Declare it under ports, or use one of: ${Object.keys(ports).join(', ') || 'none is declared'}.`,
      )
    })
  return startScript({
    command: workload.command.map(fill),
    environment: {
      HOME: '{dir}',
      LANG: 'C.UTF-8',
      [WORKLOAD_VARIABLE]: workload.id,
      ...Object.fromEntries(Object.entries(workload.environment).map(([name, value]) => [name, fill(value)])),
    },
    files: workload.files.map(file => (file.encoding === 'base64' ? file : { ...file, content: fill(file.content) })),
    ...(workload.workingDirectory === undefined ? {} : { workingDirectory: fill(workload.workingDirectory) }),
  })
}

/** Names of labels that every task carries, so that it is found without our store. */
export const LABELS = {
  owner: 'manor.owner',
  kind: 'manor.kind',
  noun: 'manor.noun',
  epoch: 'manor.epoch',
  tenant: 'manor.tenant',
  ports: 'manor.ports',
} as const

const labelsOf = ({ labels, tenant }: Workload, ports: Readonly<Record<string, number>>): Label[] => [
  { key: LABELS.owner, value: labels.owner },
  { key: LABELS.kind, value: labels.kind },
  { key: LABELS.noun, value: labels.noun },
  { key: LABELS.epoch, value: String(labels.epoch) },
  { key: LABELS.tenant, value: tenant },
  { key: LABELS.ports, value: JSON.stringify(ports) },
]

export type Placed = {
  readonly task: string
  readonly host: HostId
  readonly ports: Readonly<Record<string, number>>
  readonly resources: readonly Resource[]
}

export const taskInfo = (workload: Workload, placed: Placed, options: ContainerOptions): TaskInfo => {
  const script = bootstrap(scriptOf(workload, placed.ports))
  const labels = labelsOf(workload, placed.ports)
  const environment = { variables: script.variables.map(({ name, value }) => ({ name, type: 'VALUE' as const, value })) }
  return {
    name: workload.labels.noun,
    task_id: { value: placed.task },
    agent_id: { value: placed.host },
    resources: placed.resources,
    command:
      workload.image === undefined
        ? // The first argument is the program's own name for itself.
          {
            shell: false,
            value: '/bin/sh',
            arguments: ['sh', ...script.arguments],
            environment,
            ...(options.user === undefined ? {} : { user: options.user }),
          }
        : // Words for the entrypoint, which is set to sh: an image's own would be put before any program that is named here.
          { shell: false, arguments: script.arguments, environment },
    ...(workload.image === undefined ? {} : { container: dockerContainer(workload, workload.image, placed.ports, labels, options) }),
    // Docker counts it in whole seconds, and what is less is none.
    kill_policy: {
      grace_period: nanoseconds(workload.image === undefined ? workload.graceMs : Math.ceil(workload.graceMs / 1_000) * 1_000),
    },
    labels: { labels },
  }
}

const dockerContainer = (
  workload: Workload,
  image: string,
  ports: Readonly<Record<string, number>>,
  labels: readonly Label[],
  { network = { kind: 'bridge' } }: ContainerOptions,
): Readonly<Record<string, unknown>> => ({
  type: 'DOCKER',
  docker: {
    image,
    network: network.kind === 'bridge' ? 'BRIDGE' : 'USER',
    privileged: false,
    parameters: [
      { key: 'entrypoint', value: '/bin/sh' },
      { key: 'init', value: 'true' },
      // Without it a container may use as much swap again as it has memory.
      { key: 'memory-swap', value: String(wantedOf(workload).memoryMb * BYTES_PER_MEBIBYTE) },
      ...labels.map(({ key, value }) => ({ key: 'label', value: `${key}=${value}` })),
      { key: 'label', value: `manor.workload=${workload.id}` },
    ],
    // A program listens on the number it is told, and is reached under the same one.
    port_mappings: Object.values(ports).map(port => ({ host_port: port, container_port: port, protocol: 'tcp' })),
  },
  volumes: workload.mounts.map(({ source, target, readOnly }) => ({
    container_path: target,
    host_path: source,
    mode: readOnly ? 'RO' : 'RW',
  })),
  ...(network.kind === 'user' ? { network_infos: [{ name: network.name }] } : {}),
})

/** A role's name for a tenant: one role a tenant, below one of ours. Names of tenants are DNS labels, which are legal parts of a role. */
export const roleOf = (prefix: string, tenant: string): string => `${prefix}/${tenant}`

/** Why a prefix is no role, or undefined where it is one (Mesos 1.11, docs/roles.md). */
export const rolePrefixProblem = (prefix: string): string | undefined => {
  const wrong = prefix
    .split('/')
    .find(part => part === '' || part === '.' || part === '..' || part === '*' || part.startsWith('-') || /[\s\\]/.test(part))
  return wrong === undefined
    ? undefined
    : `The role prefix "${prefix}" has the part "${wrong}": parts are not empty, ".", ".." or "*", start with no "-" and hold no blanks or "\\".`
}
