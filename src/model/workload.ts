import type { Access } from './access.ts'
import type { HostId, TenantId, WorkloadId } from './ids.ts'
import type { Reason } from './reason.ts'
import type { Resources } from './resources.ts'
import type { Milliseconds, Timestamp } from './units.ts'

export type WorkloadKind = 'controller' | 'agent'

/** Everything we start carries these, so that it can be found, adopted and swept without our store (design rule 5). */
export type WorkloadLabels = {
  /** Which Manor owns it: the id of the store. */
  readonly owner: string
  readonly kind: WorkloadKind
  /** Id of the noun it runs for: a controller's or an agent's. */
  readonly noun: string
  readonly epoch: number
}

/** A file that must be there before the command runs. */
export type WorkloadFile = {
  /** Relative to the workload's own private directory. Directories on the way to it are made. */
  readonly path: string
  readonly content: string
  /** How `content` stands for the file's bytes; absent means as UTF-8. Whoever writes files writes `Buffer.from(content, encoding ?? 'utf8')`. */
  readonly encoding?: 'utf8' | 'base64'
  /** For example 0o600. */
  readonly mode: number
}

/**
 * A directory of the host that the workload needs beside the system's own and its private one. Whatever lies outside these may be hidden from
 * it by the engine.
 */
export type WorkloadMount = {
  /** Where it is on the host. */
  readonly source: string
  /** Where the workload sees it; the process engine needs it equal to the source. */
  readonly target: string
  readonly readOnly: boolean
}

/** What an engine runs. Plain data: an engine needs nothing else of the control plane. */
export type Workload = {
  readonly id: WorkloadId
  readonly labels: WorkloadLabels
  readonly tenant: TenantId
  /**
   * Who it runs as. Workloads of one account may see and signal each other; those of different accounts can neither read nor signal each other,
   * where the engine can hold them apart. Letters, digits, ".", "_", "-" and "/".
   */
  readonly account: string
  /**
   * Program and arguments. `{dir}` stands for the workload's private directory (where `files` are put, also its working directory unless
   * `workingDirectory` is set), `{port:NAME}` for a port of `ports`.
   */
  readonly command: readonly string[]
  readonly environment: Readonly<Record<string, string>>
  readonly workingDirectory?: string
  readonly files: readonly WorkloadFile[]
  readonly mounts: readonly WorkloadMount[]
  readonly image?: string
  /** Beyond its own container, and allowed already. An engine that cannot give all of it refuses the workload. */
  readonly access?: Access
  readonly resources: Resources
  /**
   * What its place was counted with, where that is less: a controller may use all of its cores and is promised a part. Engines that reserve ask
   * for this; limits are those of `resources`.
   */
  readonly promised?: Resources
  /** Ports to listen on, by name. 0 lets the engine choose a free one; any other number must be had or the start is refused. */
  readonly ports: Readonly<Record<string, number>>
  /** From the polite signal to the kill, on a stop that names no other. */
  readonly graceMs: Milliseconds
}

export const OBSERVED_STATES = ['pending', 'placing', 'starting', 'running', 'stopping', 'ended', 'unknown'] as const
export type ObservedState = (typeof OBSERVED_STATES)[number]

/** What an engine sees of a workload. `unknown` is a host that is silent, not one that is dead. */
export type Observation = {
  readonly id: WorkloadId
  readonly labels: WorkloadLabels
  readonly state: ObservedState
  readonly host?: HostId
  /** Address under which the ports are reached from Manor's side. */
  readonly address?: string
  /** Address under which its tenant's other workloads reach the same ports; absent where it is the same. */
  readonly peerAddress?: string
  readonly ports: Readonly<Record<string, number>>
  readonly startedAt?: Timestamp
  readonly endedAt?: Timestamp
  /** Set once ended, or where it cannot start. */
  readonly reason?: Reason
  readonly exitCode?: number
  /** Highest memory seen, where the engine can tell. */
  readonly peakMemoryMb?: number
  /** Set where a process of it was killed at its memory limit, however it went on and ended, and the engine can tell. */
  readonly ranOutOfMemory?: true
  /** Used as it is now, where the engine can tell. */
  readonly memoryMb?: number
}
