import { BYTES_PER_MEBIBYTE, type Workload } from '../../model/index.ts'
import {
  bindsOf,
  type ContainerUser,
  environmentOf,
  fillerOf,
  LOG_FILE_SIZE,
  LOG_FILES,
  MAX_HOSTNAME,
  MAX_PROCESSES,
  NANOS_PER_CORE,
} from '../docker/container-spec.ts'
import { labelsOf } from '../docker/labels.ts'
import type { WholeSpec } from './answers.ts'
import { NODE_LABEL, SWARM_LABEL } from './names.ts'
import { privateDirectory, START, secretPath } from './payload.ts'

export type KeptSecret = { readonly id: string; readonly name: string }

export type ServiceInput = {
  readonly workload: Workload
  readonly name: string
  readonly image: string
  readonly user: ContainerUser
  /** Ports by name, each with the number that it has inside and outside alike. */
  readonly ports: Readonly<Record<string, number>>
  /** The overlay's id. */
  readonly network: string
  readonly secrets: readonly KeptSecret[]
  readonly constraints: readonly string[]
  readonly readOnlyRoot: boolean
  /** A ceiling, in cores, where one was asked for. */
  readonly cpuCeiling?: number
  /** `name:address`, as for `docker run --add-host`. */
  readonly extraHosts: readonly string[]
}

const NANOS_PER_MS = 1e6
const SECRET_MODE = 0o400

/** A workload and those that it must reach have the same word here: what stands after the kind in "controller/team-a", "agents/team-a". */
export const togetherOf = ({ account }: Pick<Workload, 'account'>): string => account.slice(account.indexOf('/') + 1)

/**
 * The body of `POST /services/create`: a service of one replica that Swarm never starts again by itself, since Manor does, under a new epoch.
 * Builds are no jobs of the Swarm though they look like it: what is left of a job stays with the managers for ever (docs/decisions/0022).
 * Throws an EngineError for a placeholder that stands for nothing.
 */
export const serviceSpec = (input: ServiceInput): WholeSpec => {
  const { workload, ports } = input
  return {
    Name: input.name,
    Labels: { ...labelsOf(workload, ports), [SWARM_LABEL.together]: togetherOf(workload) },
    TaskTemplate: {
      ContainerSpec: containerSpec(input),
      Resources: resources(input),
      RestartPolicy: { Condition: 'none' },
      Placement: { Constraints: input.constraints },
      Networks: [workload.access?.hostNetwork ? { Target: 'host' } : { Target: input.network, Aliases: [workload.labels.noun] }],
      LogDriver: { Name: 'json-file', Options: { 'max-size': LOG_FILE_SIZE, 'max-file': LOG_FILES } },
    },
    Mode: { Replicated: { Replicas: 1 } },
    // Should somebody change the service by hand, the new task comes after the old one has ended: two on one home would destroy it.
    UpdateConfig: { Order: 'stop-first', Parallelism: 1 },
    RollbackConfig: { Order: 'stop-first', Parallelism: 1 },
    // Names resolve to the task itself: a virtual address would need IPVS in each kernel, and one more address of the overlay each.
    EndpointSpec: { Mode: 'dnsrr', Ports: [...new Set(Object.values(ports))].map(published) },
  }
}

const published = (port: number) => ({ Protocol: 'tcp', TargetPort: port, PublishedPort: port, PublishMode: 'host' })

const containerSpec = ({ workload, ports, image, user, secrets, readOnlyRoot, extraHosts }: ServiceInput): Record<string, unknown> => {
  const dir = privateDirectory(workload.id)
  const fill = fillerOf(workload, ports, dir)
  const workingDirectory = workload.workingDirectory === undefined ? dir : fill(workload.workingDirectory)
  const capabilities = workload.access?.capabilities ?? []
  return {
    Image: image,
    Labels: labelsOf(workload, ports),
    Command: ['/bin/sh', '-c', START, 'sh', dir, workingDirectory, String(secrets.length)],
    Args: workload.command.map(fill),
    Env: environmentOf(workload, fill, dir),
    // The directory that the workload works in is entered by the start: it may lie in the private one, which is not there yet.
    Dir: '/',
    User: `${user.uid}:${user.gid}`,
    ...(MAX_HOSTNAME.test(workload.labels.noun) ? { Hostname: workload.labels.noun } : {}),
    ...(extraHosts.length === 0 ? {} : { Hosts: extraHosts.map(turned) }),
    Init: true,
    ReadOnly: readOnlyRoot,
    CapabilityDrop: ['ALL'],
    ...(capabilities.length > 0 ? { CapabilityAdd: capabilities.map(name => `CAP_${name}`) } : {}),
    // Daemons of API 1.46 and later heed it; older ones pass it over, and their hosts say so. What it may do is taken through programs with file
    // capabilities or the set-user-id bit, which this would keep it from.
    ...(capabilities.length > 0 ? {} : { Privileges: { NoNewPrivileges: true } }),
    Ulimits: [{ Name: 'core', Soft: 0, Hard: 0 }],
    StopSignal: 'SIGTERM',
    StopGracePeriod: workload.graceMs * NANOS_PER_MS,
    Mounts: [
      // Anonymous: it goes with the container. Docker gives it the owner and the mode of the image's own /tmp.
      { Type: 'volume', Target: '/tmp' },
      ...bindsOf(workload),
    ],
    Secrets: secrets.map(({ id, name }, part) => ({
      SecretID: id,
      SecretName: name,
      File: { Name: secretPath(part), UID: String(user.uid), GID: String(user.gid), Mode: SECRET_MODE },
    })),
  }
}

const resources = ({ workload, cpuCeiling }: ServiceInput) => {
  const { memoryMb } = workload.resources
  const promised = workload.promised ?? workload.resources
  const memory = memoryMb > 0 ? { MemoryBytes: memoryMb * BYTES_PER_MEBIBYTE } : {}
  return {
    Limits: { ...memory, Pids: MAX_PROCESSES, ...(cpuCeiling === undefined ? {} : { NanoCPUs: Math.round(cpuCeiling * NANOS_PER_CORE) }) },
    Reservations: {
      ...(promised.memoryMb > 0 ? { MemoryBytes: promised.memoryMb * BYTES_PER_MEBIBYTE } : {}),
      ...(promised.cpu > 0 ? { NanoCPUs: Math.round(promised.cpu * NANOS_PER_CORE) } : {}),
    },
  }
}

/** `name:address` as `address name`, the other way round, as services want it. */
const turned = (entry: string): string => {
  const at = entry.indexOf(':')
  return `${entry.slice(at + 1)} ${entry.slice(0, at)}`
}

export type PlacementInput = {
  readonly workload: Workload
  /** The tenants that have nodes of their own. */
  readonly reservations: ReadonlySet<string>
  /** The node that it must run on, where somebody or one of its mounts says so. */
  readonly nodeId?: string
  /** Nodes that are too old, or do not have its image and can get it from nowhere. */
  readonly without?: readonly string[]
}

/** Where a workload may run, in Swarm's own words. `!=` also holds for nodes that have no such label. */
export const constraintsOf = ({ workload, reservations, nodeId, without = [] }: PlacementInput): string[] => [
  ...(nodeId === undefined ? [] : [`node.id == ${nodeId}`]),
  ...without.toSorted().map(id => `node.id != ${id}`),
  `node.labels.${NODE_LABEL.role} != ${workload.labels.kind === 'controller' ? 'builds' : 'controllers'}`,
  ...[...reservations]
    .filter(tenant => tenant !== workload.tenant)
    .toSorted()
    .map(tenant => `node.labels.${NODE_LABEL.reservedFor} != ${tenant}`),
  'node.platform.os == linux',
]

/**
 * A service whose task stays on the node that it is on, whatever becomes of that node's labels: the Swarm ends a task whose node no longer meets
 * its constraints, and leaves one alone where the constraints alone changed and its node meets the new ones (swarmkit, orchestrator/task.go).
 */
export const heldOn = (spec: WholeSpec, nodeId: string): WholeSpec | undefined => withConstraint(spec, `node.id == ${nodeId}`)

/** No node has this id. A service with this constraint starts nothing more, and Swarm ends what runs of it. */
export const PARKED = 'node.id == parked-by-manor'

export const parked = (spec: WholeSpec): WholeSpec | undefined => withConstraint(spec, PARKED)

/** With this as its only constraint. Undefined of one that is parked: it stays so. */
const withConstraint = (spec: WholeSpec, constraint: string): WholeSpec | undefined => {
  const { TaskTemplate: template } = spec
  if (typeof template !== 'object' || template === null) return undefined
  if (JSON.stringify(template).includes(PARKED)) return undefined
  return { ...spec, TaskTemplate: { ...template, Placement: { Constraints: [constraint] } } }
}
