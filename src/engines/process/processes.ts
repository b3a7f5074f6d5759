import { readdirSync, readFileSync } from 'node:fs'
import { hasCode } from '../../runtime/index.ts'

/**
 * What /proc says of processes. All reads are synchronous on purpose: /proc is memory, a read costs some microseconds, and a trip through the
 * thread pool would cost more. Format: proc(5).
 */

/** A process for ever: a pid alone is used again, a pid with its start is not (within one boot). */
export type ProcessIdentity = {
  readonly pid: number
  /** Clock ticks since boot, as text: field 22 of /proc/PID/stat. */
  readonly start: string
}

type ProcessStat = {
  readonly state: string
  readonly session: number
  readonly start: string
  readonly residentPages: number
}

export const readBootId = (): string => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()

/** Bytes of a page: 4 KiB on most machines, up to 64 KiB on some arm64. */
export const readPageBytes = (): number => {
  const kilobytes = /^KernelPageSize:\s+(\d+) kB/m.exec(readFileSync('/proc/self/smaps', 'utf8'))?.[1]
  return Number(kilobytes ?? 4) * 1024
}

const readStat = (pid: number | string): ProcessStat | undefined => {
  let text: string
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'latin1')
  } catch {
    // It has ended, at the latest while it was read (ENOENT, ESRCH).
    return undefined
  }
  // The name in parentheses may hold anything, so fields are counted from the last one.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const [state, session, start, residentPages] = [fields[0], fields[3], fields[19], fields[21]]
  if (state === undefined || start === undefined) return undefined
  return { state, session: Number(session), start, residentPages: Number(residentPages) }
}

/** Whether this very process still runs; a zombie does not. */
export const isAlive = (identity: ProcessIdentity): boolean => {
  const stat = readStat(identity.pid)
  return stat !== undefined && stat.start === identity.start && stat.state !== 'Z' && stat.state !== 'X'
}

const pids = (): string[] => readdirSync('/proc').filter(name => /^\d+$/.test(name))

/** Resident memory by session, in pages, of all that runs: one pass over /proc, linear in the machine's processes. */
export const residentPagesBySession = (): ReadonlyMap<number, number> => {
  const pages = new Map<number, number>()
  for (const pid of pids()) {
    const stat = readStat(pid)
    if (stat) pages.set(stat.session, (pages.get(stat.session) ?? 0) + stat.residentPages)
  }
  return pages
}

/**
 * Processes that carry `NAME=value` in their environment: how leftovers are found where there is no control group to ask. Like Jenkins'
 * own ProcessTreeKiller this misses what changed its environment on purpose.
 */
export const processesWithEnvironment = (name: string, value: string): number[] => {
  const wanted = `${name}=${value}`
  return pids().flatMap(pid => {
    try {
      return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(wanted) ? [Number(pid)] : []
    } catch {
      // Ended meanwhile, or another user's: not ours then.
      return []
    }
  })
}

/** Sends a signal to a process, or with a negative number to a process group. False where there is nobody. */
export const sendSignal = (pid: number, signal: NodeJS.Signals): boolean => {
  try {
    process.kill(pid, signal)
    return true
  } catch (cause) {
    if (hasCode(cause, 'ESRCH')) return false
    throw cause
  }
}
