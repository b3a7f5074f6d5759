import { constants } from 'node:os'
import type { Reason } from '../../model/index.ts'
import { heapFull, isHeapFull } from './java-heap.ts'

/** How a workload ended, as its records tell. */
export type Ending = {
  /**
   * `status`: the command's exit status as a shell gives it (128 + signal where one ended it). `lost`: nobody saw it. `rebooted`: the machine
   * was restarted under it. `never-started`: Manor's own part of the launch did not come to the command.
   */
  readonly how: 'status' | 'lost' | 'rebooted' | 'never-started'
  readonly status?: number
  /** Processes that the kernel killed because the workload was at its memory limit. */
  readonly oomKills: number
  readonly peakMemoryMb?: number
  readonly memoryLimitMb: number
  /** Whether Manor had been asked to stop it before it ended, and whether the grace had run out. */
  readonly stopped?: 'politely' | 'killed'
  /** What went wrong before the command could run. */
  readonly launchFailure?: string
  /** The last that it wrote, where that was looked at. */
  readonly lastWords?: string
  readonly program: string
}

type EndReason = Omit<Reason, 'since'>

/** Exit statuses with which a shell says that it could not run a command (POSIX, 2.8.2). */
const NOT_FOUND = 127
const NOT_EXECUTABLE = 126
const SIGNAL_BASE = 128

const SIGNAL_NAMES = new Map(Object.entries(constants.signals).map(([name, number]) => [number, name]))

export const signalName = (status: number): string | undefined => SIGNAL_NAMES.get(status - SIGNAL_BASE)

/**
 * Why a workload ended. The order of the rows is the rule: what Manor did itself comes first, then what the kernel did for the limit's sake,
 * then what the status says.
 */
export const reasonOf = (ending: Ending): EndReason => {
  if (ending.stopped) return stopped(ending)
  switch (ending.how) {
    case 'rebooted':
      return { code: 'node-lost', message: 'The machine was restarted while it ran.' }
    case 'lost':
      return {
        code: 'node-lost',
        message: 'It ended, and so did the process that watched over it: its exit code is not known.',
        mend: "Look in the kernel's log for what killed them; a machine that runs out of memory does that.",
      }
    case 'never-started':
      return {
        code: 'launch-timeout',
        message: 'It was launched but its command was never reached.',
        mend: 'Look for a full disk or a machine out of processes or memory, then start it again.',
      }
    case 'status':
      return byStatus(ending, ending.status ?? 0)
  }
}

const stopped = ({ stopped, status }: Ending): EndReason => ({
  code: 'killed-by-us',
  message:
    stopped === 'killed'
      ? 'It was asked to stop, did not within its grace, and was killed.'
      : `It was stopped on request${status === undefined ? '' : ` (exit code ${status})`}.`,
})

const byStatus = (ending: Ending, status: number): EndReason => {
  if (ending.launchFailure !== undefined)
    return { code: 'launch-timeout', message: `It could not be launched: ${ending.launchFailure}`, mend: 'See its log for the cause.' }
  if (ending.oomKills > 0 && status === SIGNAL_BASE + constants.signals.SIGKILL)
    return { code: 'oom-container', message: `It was killed at its memory limit${memory(ending)}.`, mend: MORE_MEMORY }
  if (ending.oomKills > 0 && status !== 0)
    return {
      code: 'oom-child',
      message: `It ended with exit code ${status} after ${processes(ending.oomKills)} at its memory limit${memory(ending)}.`,
      mend: MORE_MEMORY,
    }
  const heap = { exitCode: status, lastWords: ending.lastWords ?? '', memoryLimitMb: ending.memoryLimitMb }
  if (isHeapFull(heap)) return heapFull(heap)
  if (status === NOT_FOUND)
    return {
      code: 'invalid-spec',
      message: `The program ${ending.program}, or one that it calls, was not found (exit code 127).`,
      mend: 'Give the full path of a program that is there, and see the log for its name.',
    }
  if (status === NOT_EXECUTABLE)
    return {
      code: 'invalid-spec',
      message: `The program ${ending.program}, or one that it calls, cannot be executed (exit code 126).`,
      mend: 'Make it executable for the user that it runs as.',
    }
  const signal = signalName(status)
  if (signal === 'SIGKILL')
    return {
      code: 'exit-code',
      message: 'It was killed by SIGKILL (exit code 137), neither by Manor nor for its memory limit.',
      mend: "Look in the kernel's log: the machine itself may have run out of memory.",
    }
  if (signal !== undefined) return { code: 'exit-code', message: `It was ended by ${signal} (exit code ${status}).`, mend: SEE_LOG }
  if (status === 0) return { code: 'exit-code', message: 'It ended by itself with exit code 0.' }
  return { code: 'exit-code', message: `It ended by itself with exit code ${status}.`, mend: SEE_LOG }
}

/** What is said of a workload that lives on after some of its processes were killed for memory. */
export const childKilled = (ending: Pick<Ending, 'oomKills' | 'peakMemoryMb' | 'memoryLimitMb'>): EndReason => ({
  code: 'oom-child',
  message: `It runs on, but ${processes(ending.oomKills)} at its memory limit${memory(ending)}.`,
  mend: MORE_MEMORY,
})

const MORE_MEMORY = 'Give it more memory, or make what runs in it need less.'
const SEE_LOG = 'See its log.'

const processes = (count: number): string => (count === 1 ? 'one of its processes was killed' : `${count} of its processes were killed`)

const memory = ({ memoryLimitMb, peakMemoryMb }: Pick<Ending, 'memoryLimitMb' | 'peakMemoryMb'>): string =>
  ` of ${memoryLimitMb} MB${peakMemoryMb === undefined ? '' : ` (highest seen: ${peakMemoryMb} MB)`}`
