import { constants } from 'node:os'
import { enoughMemoryMb, type Mebibytes, type Reason } from '../../model/index.ts'
import { signalName } from '../process/end-reason.ts'
import { heapFull, isHeapFull } from '../process/java-heap.ts'

/** How a container ended, as the daemon and what we know beside it tell. */
export type Ending = {
  readonly exitCode: number
  /** `State.OOMKilled`: some process in it, not necessarily the main one, was killed at the limit since the start. */
  readonly oomKilled: boolean
  readonly memoryLimitMb: Mebibytes
  readonly peakMemoryMb?: Mebibytes
  /** Whether Manor had asked it to stop before it ended. */
  readonly stopped: boolean
  /** Whether the daemon was away when it ended. */
  readonly daemonWasAway: boolean
  /** `State.Error`: the daemon's own words where it could not run it. */
  readonly daemonError: string
  /** The last that it wrote. */
  readonly lastWords: string
  readonly program: string
}

type EndReason = Omit<Reason, 'since'>

const SIGKILL_STATUS = 128 + constants.signals.SIGKILL
/** What the shell in front of the command exits with where there is no such program, or it may not be run (POSIX, 2.8.2). */
const NOT_FOUND = 127
const NOT_EXECUTABLE = 126
/** With what a daemon that was killed marks containers that it finds dead when it is back. */
const FOUND_DEAD = 255
/** How containers end when their daemon goes: politely, killed, or found dead. */
const ENDS_WITH_DAEMON: readonly number[] = [SIGKILL_STATUS, 128 + constants.signals.SIGTERM, FOUND_DEAD]

/**
 * Why a container ended. The order of the rows is the rule: what Manor did itself comes first, then what the kernel did for the limit's sake,
 * then what happened to the daemon, then what the program's last words and exit code say.
 */
export const reasonOf = (ending: Ending): EndReason => {
  const { exitCode, oomKilled } = ending
  if (ending.stopped) return stopped(exitCode)
  if (oomKilled && exitCode === SIGKILL_STATUS)
    return { code: 'oom-container', message: `It was killed at its memory limit${memory(ending)}.`, mend: moreMemory(ending) }
  if (oomKilled && exitCode !== 0)
    return {
      code: 'oom-child',
      message: `It ended with exit code ${exitCode} after one of its processes was killed at its memory limit${memory(ending)}.`,
      mend: moreMemory(ending),
    }
  if (ending.daemonWasAway && ENDS_WITH_DAEMON.includes(exitCode))
    return { code: 'node-lost', message: `The Docker daemon was stopped while it ran (exit code ${exitCode}).`, mend: LIVE_RESTORE }
  if (isHeapFull(ending)) return heapFull(ending)
  return byExitCode(ending)
}

/** What is said of a container that lives on after one of its processes was killed for memory. */
export const childKilled = (ending: Pick<Ending, 'memoryLimitMb'>): EndReason => ({
  code: 'oom-child',
  message: `It runs on, but one of its processes was killed at its memory limit of ${ending.memoryLimitMb} MB.`,
  mend: moreMemory(ending),
})

const stopped = (exitCode: number): EndReason => ({
  code: 'killed-by-us',
  message:
    exitCode === SIGKILL_STATUS
      ? 'It was asked to stop, did not within its grace, and was killed.'
      : `It was stopped on request (exit code ${exitCode}).`,
})

const LIVE_RESTORE = 'It is started again. With "live-restore": true in the daemon\'s configuration, containers outlive a restart of it.'
const SEE_LOG = 'See its log.'

const moreMemory = ({ memoryLimitMb }: Pick<Ending, 'memoryLimitMb'>): string =>
  `Give it ${enoughMemoryMb(memoryLimitMb)} MB, or make what runs in it need less.`

const memory = ({ memoryLimitMb, peakMemoryMb }: Ending): string =>
  ` of ${memoryLimitMb} MB${peakMemoryMb === undefined ? '' : ` (highest seen: ${peakMemoryMb} MB)`}`

const byExitCode = ({ exitCode, program, daemonError }: Ending): EndReason => {
  if (daemonError !== '')
    return { code: 'launch-timeout', message: `Docker could not run it: ${daemonError}`, mend: "See the daemon's log on its host." }
  switch (exitCode) {
    case 0:
      return { code: 'exit-code', message: 'It ended by itself with exit code 0.' }
    case NOT_FOUND:
      return {
        code: 'invalid-spec',
        message: `The program ${program}, or one that it calls, was not found in the image (exit code 127).`,
        mend: 'Give the full path of a program that is in the image, and see the log for its name.',
      }
    case NOT_EXECUTABLE:
      return {
        code: 'invalid-spec',
        message: `The program ${program}, or one that it calls, cannot be executed (exit code 126).`,
        mend: 'Make it executable for the user that it runs as.',
      }
    case SIGKILL_STATUS:
      return {
        code: 'exit-code',
        message: 'It was killed by SIGKILL (exit code 137), neither by Manor nor for its memory limit.',
        mend: "Look in the log of its host's kernel: the machine itself may have run out of memory.",
      }
    case FOUND_DEAD:
      return {
        code: 'exit-code',
        message: 'It ended with exit code 255, which is also what Docker says of a container that it found dead.',
        mend: "See its log, and the daemon's.",
      }
    default: {
      const signal = signalName(exitCode)
      const message =
        signal === undefined ? `It ended by itself with exit code ${exitCode}.` : `It was ended by ${signal} (exit code ${exitCode}).`
      return { code: 'exit-code', message, mend: SEE_LOG }
    }
  }
}
