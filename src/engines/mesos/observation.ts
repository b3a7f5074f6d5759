import type { Observation, Reason } from '../../model/index.ts'
import { endReason, exitCodeOf } from './end-reason.ts'
import type { TaskRecord } from './ports.ts'

export type Usage = { readonly memoryMb: number; readonly peakMemoryMb: number }

/** A record as the rooms above see it. */
export const observationOf = (record: TaskRecord, usage: Usage | undefined): Observation => {
  const { end } = record
  const reason = reasonOf(record)
  const exitCode = exitCodeOf(end?.message)
  return {
    id: record.workload,
    labels: record.labels,
    state: stateOf(record),
    host: record.host,
    ports: record.ports,
    ...(record.address === undefined ? {} : { address: record.address }),
    ...(record.startedAt === undefined ? {} : { startedAt: record.startedAt }),
    ...(end === undefined ? {} : { endedAt: end.at }),
    ...(reason === undefined ? {} : { reason }),
    ...(exitCode === undefined ? {} : { exitCode }),
    ...(usage === undefined ? {} : { peakMemoryMb: usage.peakMemoryMb }),
    ...(usage === undefined || end !== undefined ? {} : { memoryMb: usage.memoryMb }),
  }
}

const stateOf = ({ step, silentSince, stop }: TaskRecord): Observation['state'] => {
  if (step === 'ended') return 'ended'
  if (silentSince !== undefined) return 'unknown'
  if (stop !== undefined || step === 'killing') return 'stopping'
  return step === 'intended' || step === 'staging' ? 'placing' : step
}

const reasonOf = (record: TaskRecord): Reason | undefined => {
  const { end, silentSince } = record
  if (end !== undefined) return { ...endReason({ ...record, end }), since: end.at }
  if (silentSince === undefined) return undefined
  return {
    code: 'host-silent',
    message: 'Its host does not answer Mesos: it may be running there, so nobody knows.',
    since: silentSince,
    mend: 'Bring the host back, or tell Mesos that it is gone for good (MARK_AGENT_GONE).',
  }
}
