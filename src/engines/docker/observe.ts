import type { HostId, Observation, Reason, Timestamp } from '../../model/index.ts'
import type { Inspected } from './client/answers.ts'
import { childKilled, reasonOf } from './end-reason.ts'
import { readLabels, type Told } from './labels.ts'

/** What a daemon says of one container. */
export type Seen = {
  readonly containerId: string
  readonly told: Told
  /** The daemon's word: created, running, paused, restarting, removing, exited, dead. */
  readonly status: string
  readonly startedAt?: Timestamp
  readonly finishedAt?: Timestamp
  readonly exitCode: number
  readonly oomKilled: boolean
  readonly daemonError: string
}

/** What is known of it beside that. */
export type Beside = {
  readonly stop?: { readonly askedAt: Timestamp; readonly killAt: Timestamp }
  /** When a process of it was killed for memory, as an event told. */
  readonly oomAt?: Timestamp
  readonly memoryMb?: number
  readonly peakMemoryMb?: number
  readonly lastWords?: string
  readonly daemonWasAway?: boolean
}

/** Clocks of Manor's machine and a daemon's may differ by this; an end so long before the question was not its answer. */
const CLOCK_SKEW_MS = 2_000

/** The time that Docker gives for "never". */
const NEVER = '0001-01-01T00:00:00Z'
const timeOf = (text: string): Timestamp | undefined => (text === NEVER || text === '' ? undefined : Date.parse(text))

/** Reads an inspected container; undefined where it is no workload of ours. */
export const readContainer = ({ Id, State, Config }: Inspected): Seen | undefined => {
  const told = readLabels(Config.Labels)
  if (told === undefined) return undefined
  const startedAt = timeOf(State.StartedAt)
  const finishedAt = timeOf(State.FinishedAt)
  return {
    containerId: Id,
    told,
    status: State.Status,
    ...(startedAt === undefined ? {} : { startedAt }),
    ...(finishedAt === undefined ? {} : { finishedAt }),
    exitCode: State.ExitCode,
    oomKilled: State.OOMKilled,
    daemonError: State.Error,
  }
}

export const hasEnded = ({ status }: Pick<Seen, 'status'>): boolean => status === 'exited' || status === 'dead' || status === 'removing'

/** Whether what it wrote last may say why it ended. */
export const wantsLastWords = (seen: Seen, { stop }: Beside): boolean =>
  hasEnded(seen) && seen.exitCode !== 0 && !seen.oomKilled && !wasStopped(seen, stop)

const wasStopped = ({ finishedAt }: Seen, stop: Beside['stop']): boolean =>
  stop !== undefined && (finishedAt === undefined || finishedAt >= stop.askedAt - CLOCK_SKEW_MS)

/** Where a daemon's containers are reached. */
export type Reach = {
  /** From Manor, on published ports. */
  readonly address: string
  /** From each other by name, whatever address they have: where all of a tenant's are on one daemon's network. */
  readonly peersByName: boolean
}

export const observationOf = (seen: Seen, beside: Beside, host: HostId, at: Reach): Observation => {
  const { told, startedAt } = seen
  const { address } = at
  const base = {
    id: told.id,
    labels: told.labels,
    host,
    address,
    ...(at.peersByName ? { peerAddress: told.labels.noun } : {}),
    ports: told.ports,
    ...(startedAt === undefined ? {} : { startedAt }),
    ...peakOf(seen, beside),
    ...(seen.oomKilled || beside.oomAt !== undefined ? { ranOutOfMemory: true as const } : {}),
  }
  if (hasEnded(seen)) {
    const endedAt = seen.finishedAt ?? startedAt ?? 0
    return { ...base, state: 'ended', endedAt, exitCode: seen.exitCode, reason: { ...endReason(seen, beside), since: endedAt } }
  }
  if (seen.status === 'created') return { ...base, state: 'starting' }
  return {
    ...base,
    state: beside.stop === undefined ? 'running' : 'stopping',
    ...(beside.memoryMb === undefined ? {} : { memoryMb: beside.memoryMb }),
    ...(beside.oomAt === undefined ? {} : { reason: { ...childKilled({ memoryLimitMb: told.memoryMb }), since: beside.oomAt } }),
  }
}

/** Whoever was killed at the limit had come up to it; else it is what was seen by looking now and then. */
const peakOf = (seen: Seen, { peakMemoryMb, oomAt }: Beside): { readonly peakMemoryMb?: number } => {
  if ((seen.oomKilled || oomAt !== undefined) && seen.told.memoryMb > 0) return { peakMemoryMb: seen.told.memoryMb }
  return peakMemoryMb === undefined ? {} : { peakMemoryMb }
}

const endReason = (seen: Seen, beside: Beside): Omit<Reason, 'since'> =>
  reasonOf({
    exitCode: seen.exitCode,
    oomKilled: seen.oomKilled,
    memoryLimitMb: seen.told.memoryMb,
    ...peakOf(seen, beside),
    stopped: wasStopped(seen, beside.stop),
    daemonWasAway: beside.daemonWasAway ?? false,
    daemonError: seen.daemonError,
    lastWords: beside.lastWords ?? '',
    program: seen.told.program,
  })
