import type { HostId, Observation, ObservedState, Reason } from '../../model/index.ts'
import { type MemoryUse, toMebibytes } from './cgroups.ts'
import { childKilled, type Ending, reasonOf } from './end-reason.ts'
import type { Claim, Exit, Main, OpenClaim, StopRecord, WorkloadRecord } from './record.ts'

/** All that is known of one workload at one moment. */
export type Facts = {
  readonly record: WorkloadRecord
  readonly claim: Claim | OpenClaim
  readonly main: Main | undefined
  readonly exit: Exit | undefined
  readonly stop: StopRecord | undefined
  readonly launchFailure: string | undefined
  /** The last that an ended one wrote, where that may tell why. */
  readonly lastWords?: string
  readonly mainAlive: boolean
  /** Only looked at where the command does not run. */
  readonly supervisorAlive: boolean
  readonly sameBoot: boolean
  readonly memory: MemoryUse | undefined
}

/**
 * The state that the facts say. An end is only believed when it is written down, or when nobody is left who could write it.
 */
export const stateOf = (facts: Facts): Extract<ObservedState, 'starting' | 'running' | 'stopping' | 'ended'> => {
  const { claim, exit, main, stop, supervisorAlive, mainAlive, sameBoot } = facts
  if (exit !== undefined) return 'ended'
  if ('openSince' in claim) return 'starting'
  if (!sameBoot || !(supervisorAlive || mainAlive)) return 'ended'
  if (stop !== undefined) return 'stopping'
  return main === undefined ? 'starting' : 'running'
}

const endingOf = ({ record, exit, stop, main, launchFailure, lastWords, sameBoot, memory }: Facts): Ending => {
  const peakMemoryMb = exit?.peakBytes ? toMebibytes(exit.peakBytes) : memory?.peakMemoryMb
  return {
    how: exit?.status !== undefined ? 'status' : sameBoot ? (main === undefined ? 'never-started' : 'lost') : 'rebooted',
    ...(exit?.status === undefined ? {} : { status: exit.status }),
    oomKills: exit?.oomKills ?? memory?.oomKills ?? 0,
    ...(peakMemoryMb === undefined ? {} : { peakMemoryMb }),
    memoryLimitMb: record.memoryMb,
    ...(stop === undefined ? {} : { stopped: stop.killedAt === undefined ? ('politely' as const) : ('killed' as const) }),
    ...(launchFailure === undefined ? {} : { launchFailure }),
    ...(lastWords === undefined ? {} : { lastWords }),
    program: record.program,
  }
}

export const observationOf = (facts: Facts, host: HostId, now: number): Observation => {
  const { record, claim, main, exit, memory } = facts
  const state = stateOf(facts)
  const startedAt = main?.at ?? ('at' in claim ? claim.at : undefined)
  const endedAt = exit?.at ?? now
  const common = {
    id: record.id,
    labels: record.labels,
    state,
    host,
    address: '127.0.0.1',
    ports: record.ports,
    ...(startedAt === undefined ? {} : { startedAt }),
    ...((exit?.oomKills ?? memory?.oomKills ?? 0) > 0 ? { ranOutOfMemory: true as const } : {}),
  }
  if (state !== 'ended') {
    const reason: Reason | undefined = memory && memory.oomKills > 0 ? childReason(record, memory, startedAt ?? now) : undefined
    return { ...common, ...memoryFields(memory), ...(reason === undefined ? {} : { reason }) }
  }
  const ending = endingOf(facts)
  return {
    ...common,
    endedAt,
    reason: { ...reasonOf(ending), since: endedAt },
    ...(ending.status === undefined ? {} : { exitCode: ending.status }),
    ...(ending.peakMemoryMb === undefined ? {} : { peakMemoryMb: ending.peakMemoryMb }),
  }
}

const childReason = (record: WorkloadRecord, memory: MemoryUse, since: number): Reason => ({
  ...childKilled({ oomKills: memory.oomKills, peakMemoryMb: memory.peakMemoryMb, memoryLimitMb: record.memoryMb }),
  since,
})

const memoryFields = (memory: MemoryUse | undefined): Pick<Observation, 'memoryMb' | 'peakMemoryMb'> =>
  memory === undefined ? {} : { memoryMb: memory.memoryMb, peakMemoryMb: memory.peakMemoryMb }
