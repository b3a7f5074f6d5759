import { constants } from 'node:os'
import type { Reason } from '../../model/index.ts'
import { signalName } from '../process/end-reason.ts'
import type { TaskRecord } from './ports.ts'

type EndReason = Omit<Reason, 'since'>
type Ended = Pick<TaskRecord, 'containerizer' | 'memoryMb' | 'program' | 'stop'> & Required<Pick<TaskRecord, 'end'>>

const SIGNAL_BASE = 128
const KILLED_STATUS = SIGNAL_BASE + constants.signals.SIGKILL

/** What strsignal(3) of glibc calls signals, as executors tell them. */
const SIGNAL_WORDS: Readonly<Record<string, keyof typeof constants.signals>> = {
  Hangup: 'SIGHUP',
  Interrupt: 'SIGINT',
  Quit: 'SIGQUIT',
  'Illegal instruction': 'SIGILL',
  'Trace/breakpoint trap': 'SIGTRAP',
  Aborted: 'SIGABRT',
  'Bus error': 'SIGBUS',
  'Floating point exception': 'SIGFPE',
  Killed: 'SIGKILL',
  'User defined signal 1': 'SIGUSR1',
  'Segmentation fault': 'SIGSEGV',
  'User defined signal 2': 'SIGUSR2',
  'Broken pipe': 'SIGPIPE',
  'Alarm clock': 'SIGALRM',
  Terminated: 'SIGTERM',
}

/**
 * The exit status as a shell gives it, out of "Command exited with status 3" or "Command terminated with signal Terminated". Other messages tell
 * of other programs' statuses, such as a pull's.
 */
export const exitCodeOf = (message: string | undefined): number | undefined => {
  const [, status] = /^(?:Command|Container) exited with status (\d+)/.exec(message ?? '') ?? []
  if (status !== undefined) return Number(status)
  const [, word = ''] = /^(?:Command|Container) terminated with signal (.+?)(?: \(core dumped\))?$/.exec(message ?? '') ?? []
  const signal = SIGNAL_WORDS[word]
  return signal === undefined ? undefined : SIGNAL_BASE + constants.signals[signal]
}

/**
 * Why a task ended. The order is the rule: what Manor asked for comes first, then what Mesos gives a reason for, then states that speak for
 * themselves, then the exit status.
 */
export const endReason = (task: Ended): EndReason => {
  const { end } = task
  const exitCode = exitCodeOf(end.message)
  if (task.stop !== undefined) return stopped(end.state, exitCode)
  if (end.healthy === false)
    return { code: 'health-check', message: `Its health check failed, and Mesos ended it${said(end.message)}`, mend: SEE_LOG }
  return byReason(task) ?? byState(task) ?? byStatus(task, exitCode)
}

const stopped = (state: string, exitCode: number | undefined): EndReason => {
  if (NEVER_RAN.has(state)) return { code: 'killed-by-us', message: 'It was stopped on request before it ran.' }
  if (exitCode === KILLED_STATUS)
    return { code: 'killed-by-us', message: 'It was asked to stop, did not within its grace, and was killed.' }
  return { code: 'killed-by-us', message: `It was stopped on request${exitCode === undefined ? '' : ` (exit code ${exitCode})`}.` }
}

const NEVER_RAN: ReadonlySet<string> = new Set(['TASK_DROPPED', 'TASK_ERROR', 'TASK_GONE'])

/** Docker's and registries' words for an image that cannot be had. */
const IMAGE = /pull|manifest|image|registry|repository/i

type ByReason = (task: Ended) => EndReason

const lost =
  (message: string, mend?: string): ByReason =>
  ({ end }) => ({ code: 'node-lost', message: `${message}${said(end.message)}`, ...(mend === undefined ? {} : { mend }) })
const invalid =
  (message: string): ByReason =>
  ({ end }) => ({
    code: 'invalid-spec',
    message: `${message}${said(end.message)}`,
    mend: 'Change the template or the controller accordingly.',
  })

/** Mesos 1.11, docs/task-state-reasons.md and mesos.proto TaskStatus.Reason. */
const REASONS: Readonly<Record<string, ByReason>> = {
  CONTAINER_LIMITATION_MEMORY: ({ memoryMb }) => ({
    code: 'oom-container',
    message: `It was killed at its memory limit of ${memoryMb} MB.`,
    mend: MORE_MEMORY,
  }),
  CONTAINER_LIMITATION_DISK: ({ end }) => ({
    code: 'disk-limit',
    message: `It wrote more than its disk limit allows${said(end.message)}`,
    mend: 'Give it more disk, or make it write less.',
  }),
  CONTAINER_LIMITATION: ({ end }) => ({
    code: 'quota',
    message: `It went over a limit of its container${said(end.message)}`,
    mend: SEE_LOG,
  }),
  CONTAINER_PREEMPTED: ({ end }) => ({ code: 'evicted', message: `Mesos took its resources back for somebody else${said(end.message)}` }),
  CONTAINER_LAUNCH_FAILED: ({ end }) =>
    IMAGE.test(end.message ?? '')
      ? {
          code: 'image-pull',
          message: `Its image could not be had${said(end.message)}`,
          mend: 'Check its name, and that agents can reach the registry.',
        }
      : {
          code: 'launch-timeout',
          message: `Its container could not be started${said(end.message)}`,
          mend: 'Look into the log of the Mesos agent.',
        },
  EXECUTOR_REGISTRATION_TIMEOUT: () => ({
    code: 'launch-timeout',
    message: 'Its container was not up within the time that the Mesos agent allows; pulling its image counts.',
    mend: 'Raise --executor_registration_timeout of the agents (5 to 10 minutes), or have the image there before.',
  }),
  EXECUTOR_REREGISTRATION_TIMEOUT: lost('Its executor did not come back after the Mesos agent was restarted'),
  EXECUTOR_TERMINATED: lost(
    'Its executor ended, and so nobody saw how it did',
    'Look into the log of the Mesos agent: its machine may have run out of memory.',
  ),
  AGENT_DISCONNECTED: lost('Its host lost its connection'),
  AGENT_REMOVED: lost('Its host was lost'),
  AGENT_REMOVED_BY_OPERATOR: lost('An operator said that its host is gone'),
  AGENT_RESTARTED: lost('The Mesos agent of its host was restarted without it', 'Keep the work directory of agents over a restart.'),
  AGENT_UNKNOWN: lost('Mesos does not know its host'),
  AGENT_DRAINING: ({ end }) => ({ code: 'evicted', message: `Its host is being drained${said(end.message)}` }),
  FRAMEWORK_REMOVED: ({ end }) => ({ code: 'evicted', message: `Manor's framework was removed from Mesos${said(end.message)}` }),
  INVALID_OFFERS: lost('It was never launched: its offer was gone before the launch arrived'),
  RESOURCES_UNKNOWN: lost('It was never launched: its host has not got the resources any more'),
  MAX_COMPLETION_TIME_REACHED: ({ end }) => ({ code: 'evicted', message: `It ran longer than it was allowed${said(end.message)}` }),
  TASK_INVALID: invalid('Mesos does not take it'),
  TASK_UNAUTHORIZED: ({ end }) => ({
    code: 'invalid-spec',
    message: `Mesos does not permit it${said(end.message)}`,
    mend: "Let Manor's principal run tasks as this user (ACL run_tasks).",
  }),
  TASK_GROUP_INVALID: invalid('Mesos does not take it'),
  TASK_GROUP_UNAUTHORIZED: invalid('Mesos does not permit it'),
}

const byReason = (task: Ended): EndReason | undefined => REASONS[task.end.reason ?? '']?.(task)

const STATES: Readonly<Record<string, ByReason>> = {
  TASK_DROPPED: lost('It was never launched'),
  TASK_GONE: lost('Its host came back without it'),
  TASK_GONE_BY_OPERATOR: lost('An operator said that its host is gone'),
  TASK_LOST: lost('Mesos lost it'),
  TASK_ERROR: invalid('Mesos does not take it'),
  TASK_KILLED: ({ end }) => ({
    code: 'evicted',
    message: `It was killed in Mesos, not by Manor${said(end.message)}`,
    mend: 'See who may kill tasks or drain hosts there.',
  }),
}

const byState = (task: Ended): EndReason | undefined => STATES[task.end.state]?.(task)

const byStatus = (task: Ended, exitCode: number | undefined): EndReason => {
  const { containerizer, memoryMb, program, end } = task
  if (exitCode === undefined) return { code: 'exit-code', message: `It ended${said(end.message)}`, mend: SEE_LOG }
  if (exitCode === KILLED_STATUS && containerizer === 'docker')
    // Docker's executor tells a memory limit only by this status, which any kill -9 has (Mesos 1.11, src/docker/executor.cpp).
    return {
      code: 'oom-container',
      message: `It was killed (exit code 137), most likely at its memory limit of ${memoryMb} MB: Mesos does not tell that apart with Docker.`,
      mend: MORE_MEMORY,
    }
  if (exitCode === KILLED_STATUS)
    return {
      code: 'exit-code',
      message: 'It was killed by SIGKILL (exit code 137), neither by Manor nor for its memory limit.',
      mend: "Look in the kernel's log: the machine itself may have run out of memory.",
    }
  if (exitCode === 127)
    return {
      code: 'invalid-spec',
      message: `The program ${program}, or one that it calls, was not found (exit code 127).`,
      mend: 'Give the full path of a program that is there, and see the log for its name.',
    }
  if (exitCode === 126)
    return {
      code: 'invalid-spec',
      message: `The program ${program}, or one that it calls, cannot be executed (exit code 126).`,
      mend: 'Make it executable for the user that it runs as.',
    }
  const signal = signalName(exitCode)
  if (signal !== undefined) return { code: 'exit-code', message: `It was ended by ${signal} (exit code ${exitCode}).`, mend: SEE_LOG }
  if (exitCode === 0) return { code: 'exit-code', message: 'It ended by itself with exit code 0.' }
  return { code: 'exit-code', message: `It ended by itself with exit code ${exitCode}.`, mend: SEE_LOG }
}

const MORE_MEMORY = 'Give it more memory, or make what runs in it need less.'
const SEE_LOG = 'See its log.'

/** The end of a sentence: what Mesos itself said of it. */
const said = (message: string | undefined): string => {
  const text = (message ?? '').trim().replace(/\.$/, '')
  return text === '' ? '.' : `: ${text}.`
}
