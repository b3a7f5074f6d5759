import { type Access, BYTES_PER_MEBIBYTE, type Workload } from '../../model/index.ts'
import { fillPlaceholders } from '../process/placeholders.ts'
import { invalid } from '../process/prepare.ts'
import type { TarEntry } from './client/tar.ts'
import { labelsOf } from './labels.ts'
import { allMounts, PRIVATE_ROOT, privateDirectory } from './policy.ts'

/** User and group inside the container. */
export type ContainerUser = { readonly uid: number; readonly gid: number }

export type SpecInput = {
  readonly workload: Workload
  readonly image: string
  readonly user: ContainerUser
  /** Ports by name, each with the number that it has inside and outside alike. */
  readonly ports: Readonly<Record<string, number>>
  readonly network: string
  /** The host's address on which ports are published. */
  readonly publishOn: string
  readonly readOnlyRoot: boolean
  /** A ceiling, in cores, where one was asked for. */
  readonly cpuCeiling?: number
  /** `name:address`, as for `docker run --add-host`. */
  readonly extraHosts: readonly string[]
}

/** Processes and threads of one workload, as in the process engine. */
export const MAX_PROCESSES = 4_096
/** Two log files of this size, as in the process engine. */
export const LOG_FILE_SIZE = '8m'
export const LOG_FILES = '2'
/**
 * A build's core weighs a quarter of a controller's. Builds fork all day, and with equal weights a group that forks keeps its neighbours off the
 * processors for up to seconds, whatever their weights promise (docs/engine-docker.md); somebody waits for a controller's page.
 */
const CPU_SHARES_PER_CORE = { agent: 256, controller: 1_024 } as const
export const NANOS_PER_CORE = 1e9
/** What the kernel takes for shares. */
const CPU_SHARES = { least: 2, most: 262_144 } as const
/** oom_score_adj, as in the process engine: where the whole machine runs out of memory, builds go first, then controllers. */
const OOM_SCORES = { agent: 600, controller: 300 } as const
/** /tmp is memory of the workload's own limit, so it gets a quarter of it; what needs more takes $TMPDIR, which is disk. */
const TMPFS_SHARE = 4
/** The smallest memory that Docker takes. */
export const LEAST_MEMORY_MB = 6
export const MAX_HOSTNAME = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/i

/**
 * The shell in front of the command makes one stream of its two, since two are read by the daemon one after the other and their order is lost.
 * It becomes the command: no process is added. Every image that can run a build has a shell.
 */
const ENTRYPOINT = ['/bin/sh', '-c', 'exec "$@" 2>&1 </dev/null', 'sh']

export const fillerOf = (workload: Workload, ports: Readonly<Record<string, number>>, dir = privateDirectory(workload.id)) => {
  return (text: string): string =>
    fillPlaceholders(text, dir, ports, name => {
      throw invalid(
        `The port ${name} is used but not declared.`,
        `Declare it under ports, or use one of: ${Object.keys(ports).join(', ') || 'none is declared'}.`,
      )
    })
}

export const environmentOf = (workload: Workload, fill: (text: string) => string, dir = privateDirectory(workload.id)): string[] => {
  // What an image says itself (its PATH, its JAVA_HOME) stays; nothing of Manor's own environment is in it.
  const base = { HOME: dir, TMPDIR: `${dir}/tmp`, LANG: 'C.UTF-8', MANOR_WORKLOAD: workload.id }
  const given = Object.entries(workload.environment).map(([name, value]) => [name, fill(value)] as const)
  return Object.entries({ ...base, ...Object.fromEntries(given) }).map(([name, value]) => `${name}=${value}`)
}

/** The body of `POST /containers/create`. Throws an EngineError for a placeholder that stands for nothing. */
export const containerSpec = (input: SpecInput): Record<string, unknown> => {
  const { workload, image, user, ports, network } = input
  const isAtHost = workload.access?.hostNetwork === true
  const fill = fillerOf(workload, ports)
  const numbers = [...new Set(Object.values(ports))]
  return {
    Image: image,
    Entrypoint: ENTRYPOINT,
    Cmd: workload.command.map(fill),
    Env: environmentOf(workload, fill),
    User: `${user.uid}:${user.gid}`,
    WorkingDir: workload.workingDirectory === undefined ? privateDirectory(workload.id) : fill(workload.workingDirectory),
    Labels: labelsOf(workload, ports),
    StopSignal: 'SIGTERM',
    StopTimeout: Math.ceil(workload.graceMs / 1_000),
    ...(MAX_HOSTNAME.test(workload.labels.noun) ? { Hostname: workload.labels.noun } : {}),
    ...(isAtHost ? {} : { ExposedPorts: Object.fromEntries(numbers.map(port => [`${port}/tcp`, {}])) }),
    HostConfig: hostConfig(input, numbers),
    ...(isAtHost ? {} : { NetworkingConfig: { EndpointsConfig: { [network]: { Aliases: [workload.labels.noun] } } } }),
  }
}

const hostConfig = (input: SpecInput, numbers: readonly number[]): Record<string, unknown> => {
  const { workload, network, publishOn, readOnlyRoot, cpuCeiling, extraHosts } = input
  const { cpu, memoryMb } = workload.resources
  return {
    Init: true,
    RestartPolicy: { Name: 'no' },
    // The evidence of how it ended is read before it goes: never removed by the daemon.
    AutoRemove: false,
    ...(workload.access?.hostNetwork
      ? { NetworkMode: 'host' }
      : {
          NetworkMode: network,
          PortBindings: Object.fromEntries(numbers.map(port => [`${port}/tcp`, [{ HostIp: publishOn, HostPort: String(port) }]])),
        }),
    ExtraHosts: extraHosts,
    ...(memoryMb > 0 ? { Memory: memoryMb * BYTES_PER_MEBIBYTE, MemorySwap: memoryMb * BYTES_PER_MEBIBYTE } : {}),
    ...(cpu > 0
      ? { CpuShares: clamp(Math.round(cpu * CPU_SHARES_PER_CORE[workload.labels.kind]), CPU_SHARES.least, CPU_SHARES.most) }
      : {}),
    ...(cpuCeiling === undefined ? {} : { NanoCpus: Math.round(cpuCeiling * NANOS_PER_CORE) }),
    PidsLimit: MAX_PROCESSES,
    OomScoreAdj: OOM_SCORES[workload.labels.kind],
    ...rightsOf(workload.access),
    ReadonlyRootfs: readOnlyRoot,
    Ulimits: [{ Name: 'core', Soft: 0, Hard: 0 }],
    // Programs unpack libraries into /tmp and load them from there, so it may be executed from.
    Tmpfs: { '/tmp': `rw,nosuid,nodev,exec,mode=1777,size=${tmpfsBytes(memoryMb)}` },
    Mounts: [
      // Anonymous: it goes with the container. It has the private directory, which is filled before the start, read-only root or not.
      { Type: 'volume', Target: PRIVATE_ROOT, VolumeOptions: { NoCopy: true } },
      ...bindsOf(workload),
    ],
    LogConfig: { Type: 'json-file', Config: { 'max-size': LOG_FILE_SIZE, 'max-file': LOG_FILES } },
  }
}

/**
 * What the kernel lets it do. Its user is not root, and gets what it was allowed through programs of its image that may take it: those with file
 * capabilities, and those of root with the set-user-id bit, such as sudo. `no-new-privileges` would keep it from both.
 */
const rightsOf = (access: Access = {}): Record<string, unknown> => {
  if (access.privileged) return { Privileged: true }
  const { capabilities = [] } = access
  return {
    CapDrop: ['ALL'],
    ...(capabilities.length > 0 ? { CapAdd: capabilities } : { SecurityOpt: ['no-new-privileges'] }),
    Privileged: false,
  }
}

/** Directories of the host, as the API takes them for containers and services alike. */
export const bindsOf = (workload: Pick<Workload, 'mounts' | 'access'>): Record<string, unknown>[] =>
  allMounts(workload).map(({ source, target, readOnly }) => ({
    Type: 'bind',
    Source: source,
    Target: target,
    ReadOnly: readOnly,
    BindOptions: { Propagation: 'rprivate' },
  }))

const tmpfsBytes = (memoryMb: number): number =>
  memoryMb > 0 ? Math.floor((memoryMb * BYTES_PER_MEBIBYTE) / TMPFS_SHARE) : 64 * BYTES_PER_MEBIBYTE

/** What is unpacked in PRIVATE_ROOT before the start: the private directory, its tmp, and the files with the directories on the way to them. */
export const privateFiles = (
  workload: Workload,
  ports: Readonly<Record<string, number>>,
  { uid, gid }: ContainerUser,
  dir = privateDirectory(workload.id),
): TarEntry[] => {
  const fill = fillerOf(workload, ports, dir)
  const directories = new Set([workload.id, `${workload.id}/tmp`])
  for (const { path } of workload.files) {
    const parts = partsOf(path).slice(0, -1)
    for (let depth = 1; depth <= parts.length; depth++) directories.add([workload.id, ...parts.slice(0, depth)].join('/'))
  }
  return [
    ...[...directories].map(path => ({ path, mode: 0o700, uid, gid })),
    ...workload.files.map(({ path, content, encoding, mode }) => {
      // Bytes in base64 hold no placeholders, and could be taken for some.
      const bytes = encoding === 'base64' ? Buffer.from(content, 'base64') : Buffer.from(fill(content))
      return { path: [workload.id, ...partsOf(path)].join('/'), mode, uid, gid, content: bytes }
    }),
  ]
}

const partsOf = (path: string): string[] => path.split('/').filter(part => part !== '' && part !== '.')

const clamp = (value: number, least: number, most: number): number => Math.min(most, Math.max(least, value))
