import { statfs } from 'node:fs/promises'
import { availableParallelism, release, totalmem } from 'node:os'
import { BYTES_PER_MEBIBYTE, type Host, type HostId, type Resources } from '../../model/index.ts'
import type { Cgroups } from './cgroups.ts'
import type { Isolation } from './isolation.ts'

/**
 * What is kept back for the system (kernel, page cache of what runs, shells) and for Manor itself, which stays below 256 MB. Cores are shares,
 * so none is kept back.
 */
export const RESERVED: Resources = { cpu: 0, memoryMb: 768, diskMb: 1024 }

export type HostOptions = {
  readonly id: HostId
  readonly directory: string
  readonly reserved: Resources
  readonly cgroups: Cgroups | { readonly reason: string }
  readonly isolation: Isolation
  /** The memory limit on Manor's own group, where there is one. */
  readonly ownLimitBytes?: number
}

/** This machine as a host. Its disk is what is free now, so what running workloads have written is off already. */
export const describeHost = async (options: HostOptions, now: number): Promise<Host> => {
  const { id, directory, reserved, cgroups, isolation, ownLimitBytes } = options
  const disk = await statfs(directory)
  const memoryBytes = Math.min(totalmem(), ownLimitBytes ?? Number.POSITIVE_INFINITY)
  const reason = limitsReason(cgroups, isolation)
  return {
    id,
    engine: 'process',
    role: 'any',
    capacity: {
      cpu: Math.max(0, availableParallelism() - reserved.cpu),
      memoryMb: Math.max(0, Math.floor(memoryBytes / BYTES_PER_MEBIBYTE) - reserved.memoryMb),
      diskMb: Math.max(0, Math.floor((disk.bavail * disk.bsize) / BYTES_PER_MEBIBYTE) - reserved.diskMb),
    },
    attributes: { os: process.platform, arch: process.arch, kernel: release(), isolation: isolation.kind, cgroups: versionOf(cgroups) },
    state: 'ready',
    seenAt: now,
    limits: {
      memory: 'version' in cgroups && cgroups.memory,
      cpu: 'version' in cgroups && cgroups.cpu,
      ...(reason === undefined ? {} : { reason }),
    },
  }
}

const versionOf = (cgroups: HostOptions['cgroups']): string => ('version' in cgroups ? `v${cgroups.version}` : 'none')

const limitsReason = (cgroups: HostOptions['cgroups'], isolation: Isolation): string | undefined => {
  const parts = [
    'version' in cgroups ? cgroups.reason : `Memory and cpu limits are not enforced here: ${cgroups.reason}`,
    isolation.kind === 'view' ? undefined : isolation.reason,
  ].filter(part => part !== undefined)
  return parts.length === 0 ? undefined : parts.join(' ')
}
