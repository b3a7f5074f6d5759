import type { Timestamp } from '../../model/index.ts'
import { TASK_STEPS, type TaskRecord, type TaskStep } from './ports.ts'
import type { TaskStatus } from './wire.ts'

/**
 * What a state means to a framework that is PARTITION_AWARE (Mesos 1.11, mesos.proto TaskState). `silent`: the host does not answer, and the
 * task may be alive. GONE_BY_OPERATOR counts as an end: a person has said that the host will not come back.
 */
const MEANING: Readonly<Record<string, TaskStep | 'silent'>> = {
  TASK_STAGING: 'staging',
  TASK_STARTING: 'starting',
  TASK_RUNNING: 'running',
  TASK_KILLING: 'killing',
  TASK_FINISHED: 'ended',
  TASK_FAILED: 'ended',
  TASK_KILLED: 'ended',
  TASK_ERROR: 'ended',
  TASK_DROPPED: 'ended',
  TASK_GONE: 'ended',
  TASK_GONE_BY_OPERATOR: 'ended',
  TASK_LOST: 'ended',
  TASK_UNREACHABLE: 'silent',
  TASK_UNKNOWN: 'silent',
}

/** Answers that say that the leader has never heard of the task, or has forgotten it. */
const NEVER_HEARD: ReadonlySet<string> = new Set(['TASK_GONE', 'TASK_UNKNOWN'])

export const meaningOf = (state: string): TaskStep | 'silent' | undefined => MEANING[state]

export type Applied =
  | { readonly kind: 'changed'; readonly record: TaskRecord }
  /** Old, doubled, or nothing new. */
  | { readonly kind: 'same' }
  /** It was only intended, and is now known to have started nothing: the workload may be launched again. */
  | { readonly kind: 'never-launched' }

/**
 * The leader's own word of an end (an answer to a reconciliation, an agent that is back) has neither message nor exit code. The agent tells the
 * end itself until that is acknowledged, so the leader's word is taken only where that has not come within this time: the agent's first
 * repetition is after 10 s (Mesos 1.11, src/slave/constants.hpp).
 */
const HEARSAY_MS = 15_000
const HEARSAY_STATES: ReadonlySet<string> = new Set(['TASK_FINISHED', 'TASK_FAILED', 'TASK_KILLED'])

const isHearsay = (status: TaskStatus): boolean => status.uuid === undefined && HEARSAY_STATES.has(status.state)

const isAnswer = (status: TaskStatus): boolean => status.reason === 'REASON_RECONCILIATION'

/**
 * A record after a status. Updates come at least once, in any order after a reconciliation, and late: a task never goes back a step, an end is
 * final, and only a host's silence comes and goes.
 */
export const applyStatus = (record: TaskRecord, status: TaskStatus, now: Timestamp): Applied => {
  const meaning = meaningOf(status.state)
  if (meaning === undefined || record.step === 'ended') return { kind: 'same' }
  if (record.step === 'intended' && isAnswer(status) && NEVER_HEARD.has(status.state)) return { kind: 'never-launched' }
  if (meaning === 'silent') {
    if (record.silentSince !== undefined) return { kind: 'same' }
    return { kind: 'changed', record: { ...record, silentSince: now } }
  }
  const { silentSince, hearsaySince, ...heard } = record
  if (meaning === 'ended' && isHearsay(status)) {
    if (hearsaySince === undefined) return { kind: 'changed', record: { ...heard, hearsaySince: now } }
    if (now - hearsaySince < HEARSAY_MS) return { kind: 'same' }
  }
  const at = timeOf(status, now)
  if (meaning === 'ended') return { kind: 'changed', record: { ...heard, step: 'ended', end: endOf(status, at, record) } }
  const step = later(record.step, meaning)
  const started = step === 'running' || step === 'killing' ? (record.startedAt ?? at) : record.startedAt
  if (step === record.step && silentSince === undefined && started === record.startedAt) return { kind: 'same' }
  return { kind: 'changed', record: { ...heard, step, ...hearsay(hearsaySince), ...(started === undefined ? {} : { startedAt: started }) } }
}

const hearsay = (since: Timestamp | undefined): Pick<TaskRecord, 'hearsaySince'> => (since === undefined ? {} : { hearsaySince: since })

const later = (a: TaskStep, b: TaskStep): TaskStep => (TASK_STEPS.indexOf(b) > TASK_STEPS.indexOf(a) ? b : a)

const endOf = (status: TaskStatus, at: Timestamp, record: TaskRecord): NonNullable<TaskRecord['end']> => ({
  at: Math.max(at, record.startedAt ?? at),
  state: status.state,
  ...(status.reason === undefined ? {} : { reason: status.reason.replace(/^REASON_/, '') }),
  ...(status.message === undefined ? {} : { message: status.message.slice(0, MAX_MESSAGE) }),
  ...(status.healthy === undefined ? {} : { healthy: status.healthy }),
})

/** A failed pull tells all that Docker said; its end is what people read. */
const MAX_MESSAGE = 2_000

/** When it happened as the executor's clock had it; the leader's answers carry the time of asking. */
const timeOf = (status: TaskStatus, now: Timestamp): Timestamp =>
  status.timestamp === undefined || isAnswer(status) ? now : Math.round(status.timestamp * 1_000)
