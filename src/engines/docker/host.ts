import { statfs } from 'node:fs/promises'
import {
  BYTES_PER_MEBIBYTE,
  type Host,
  type HostId,
  type HostRole,
  imageKey,
  type Resources,
  type TenantId,
  type Timestamp,
} from '../../model/index.ts'
import type { Info } from './client/answers.ts'

export type HostDescription = {
  readonly id: HostId
  readonly role: HostRole
  readonly reservedFor?: TenantId
  /** Kept back for the system, the daemon and, where it is there, Manor. */
  readonly reserved: Resources
  /** What the host has free for containers, where Manor cannot look for itself. */
  readonly diskMb?: number
  readonly attributes: Readonly<Record<string, string>>
  /** What of the isolation between tenants is not in force here, in words for a person. */
  readonly weaker: readonly string[]
}

/** Taken for a host that tells nothing of its disk and whose configuration does not either: enough for a few builds, too little to trust. */
const UNKNOWN_DISK_MB = 20_480
/** Images named in a host's attributes. A host has dozens; thousands would make every host row large. */
const MAX_IMAGES = 100

/** Images that the scheduler is told of. Dozens are usual; a host with more than this keeps them for ever, and says less of each. */
const MAX_KEYS = 1_000

/** Images of a daemon: by their tags, for people, and as the scheduler is told of them. */
export type ImageNames = { readonly tags: readonly string[]; readonly keys: readonly string[] }

/** In order, so that the same images are the same list. */
export const imageNamesOf = ({ tags, digests }: { readonly tags: readonly string[]; readonly digests: readonly string[] }): ImageNames => ({
  tags,
  keys: [...new Set([...tags, ...digests].map(imageKey))].sort().slice(0, MAX_KEYS),
})

/** A daemon's machine as a host. */
export const describeDockerHost = async (
  description: HostDescription,
  info: Info,
  images: ImageNames,
  isLocal: boolean,
  now: Timestamp,
): Promise<Host> => {
  const { id, role, reservedFor, reserved, attributes } = description
  const freeMb = description.diskMb ?? (isLocal ? await freeDiskMb(info.DockerRootDir) : undefined) ?? UNKNOWN_DISK_MB
  const reason = weaknesses(info, description.weaker)
  return {
    id,
    engine: 'docker',
    role,
    ...(reservedFor === undefined ? {} : { reservedFor }),
    capacity: {
      cpu: Math.max(0, info.NCPU - reserved.cpu),
      memoryMb: Math.max(0, Math.floor(info.MemTotal / BYTES_PER_MEBIBYTE) - reserved.memoryMb),
      diskMb: Math.max(0, freeMb - reserved.diskMb),
    },
    attributes: { ...attributesOf(info, images.tags), ...attributes },
    images: images.keys,
    state: 'ready',
    seenAt: now,
    limits: { memory: info.MemoryLimit, cpu: info.CPUShares, ...(reason === '' ? {} : { reason }) },
  }
}

/** A host that did not answer, with what was last known of it. */
export const silentHost = (id: HostId, role: HostRole, last: Host | undefined, said: string, since: Timestamp): Host => ({
  ...(last ?? {
    id,
    engine: 'docker',
    role,
    capacity: { cpu: 0, memoryMb: 0, diskMb: 0 },
    attributes: {},
    seenAt: 0,
    limits: { memory: false, cpu: false, reason: 'Its Docker daemon has not answered yet, so nothing is known of its limits.' },
  }),
  state: 'silent',
  reason: {
    code: 'host-silent',
    message: said,
    since,
    mend: 'Look after the host and its Docker daemon (systemctl status docker); what runs there is kept until it is back.',
  },
})

const attributesOf = (info: Info, images: readonly string[]): Record<string, string> => ({
  // Node's names, as the process engine tells them, so that one constraint fits hosts of either.
  os: info.OSType,
  arch: { x86_64: 'x64', aarch64: 'arm64' }[info.Architecture] ?? info.Architecture,
  kernel: info.KernelVersion,
  docker: info.ServerVersion,
  storage: info.Driver,
  cgroups: `v${info.CgroupVersion ?? '1'}`,
  'live-restore': String(info.LiveRestoreEnabled ?? false),
  isolation: 'container',
  images: images.slice(0, MAX_IMAGES).join(' '),
  ...Object.fromEntries(
    (info.Labels ?? []).map(label => {
      const at = label.indexOf('=')
      return at < 0 ? [label, ''] : [label.slice(0, at), label.slice(at + 1)]
    }),
  ),
})

const weaknesses = (info: Info, weaker: readonly string[]): string =>
  [
    info.MemoryLimit ? '' : 'Its kernel cannot limit memory: switch the memory control group on.',
    info.MemoryLimit && !info.SwapLimit ? 'Its kernel does not count swap, so a workload may swap beyond its memory limit.' : '',
    info.CPUShares ? '' : 'Its kernel cannot share cores by weight.',
    info.PidsLimit === false ? 'Its kernel cannot limit processes, so a workload may fork without end.' : '',
    // Docker limits a container's root on some storage drivers and a volume on none, and what a workload writes is a volume.
    `Its disk is promised and not enforced: Docker's storage (${info.Driver}) lets a workload fill it for all.`,
    ...weaker,
  ]
    .filter(sentence => sentence !== '')
    .join(' ')

const freeDiskMb = async (path: string): Promise<number | undefined> => {
  const disk = await statfs(path).catch(() => undefined)
  return disk === undefined ? undefined : Math.floor((disk.bavail * disk.bsize) / BYTES_PER_MEBIBYTE)
}
