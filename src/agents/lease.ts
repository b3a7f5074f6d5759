import { chmod, mkdir, open, readFile } from 'node:fs/promises'
import { constants } from 'node:os'
import { dirname } from 'node:path'
import { HOUR, MINUTE, type Milliseconds, type Observation, SECOND, type Timestamp } from '../model/index.ts'
import { type Clock, hasCode } from '../runtime/index.ts'

/**
 * How long agents go on without Manor: a file that Manor writes anew again and again, and a few lines of sh beside each agent that read it.
 * docs/decisions/0023-agents-end-themselves-after-a-lease.md says why it is this.
 */
export type AgentLease = {
  /** Absolute path of the file that says that Manor is there, as agents see it. Its directory holds nothing else. */
  readonly file: string
  readonly leaseMs: Milliseconds
}

/** Longest time between two renewals, and between two looks. A short lease has shorter ones. */
const RENEW_MOST_MS = MINUTE
/** So many renewals may be missed before a lease is over: a machine that is busy for a while ends nothing. */
const RENEWALS_PER_LEASE = 5

/** From one renewal to the next, and from one look of an agent's watchdog to the next. */
export const renewEveryMs = (leaseMs: Milliseconds): Milliseconds =>
  Math.max(SECOND, Math.floor(Math.min(RENEW_MOST_MS, leaseMs / RENEWALS_PER_LEASE) / SECOND) * SECOND)

/**
 * The watchdog: POSIX shell and `sleep`, nothing else. It counts its own looks, so no clock has to be right. A file that it has never been able
 * to read says nothing of Manor, so then it ends nobody. The agent takes the shell's place, and is who it was to every engine: its process,
 * its signals, its exit code. The watchdog goes with the agent's control group, container or process group, and by itself within a look.
 *
 *   $1  the file   $2  the lease in seconds   $3  seconds from one look to the next   from $4 on: the agent's command
 */
const WATCHDOG = `file=$1 lease=$2 every=$3
shift 3
(
  gone=0 last=
  while :; do
    if read -r beat <"$file" && [ "$beat" != "$last" ]; then
      last=$beat gone=0
    elif [ -n "$last" ]; then
      gone=$((gone + every))
    fi 2>/dev/null
    if [ "$gone" -ge "$lease" ]; then
      echo "Manor has been gone for $gone s and the lease is $lease s: this agent ends itself." >&2
      kill -TERM $$
      sleep 10
      kill -KILL $$
      exit
    fi
    sleep "$every"
    kill -0 $$ 2>/dev/null || exit
  done
) &
exec "$@"`

/** The command with the watchdog beside it. */
export const underLease = (command: readonly string[], { file, leaseMs }: AgentLease): readonly string[] => [
  '/bin/sh',
  '-c',
  WATCHDOG,
  'sh',
  file,
  String(Math.ceil(leaseMs / SECOND)),
  String(renewEveryMs(leaseMs) / SECOND),
  ...command,
]

/** When Manor was not there before this start: from its last renewal to now. Absent at a home's first start. */
export type Absence = { readonly from: Timestamp; readonly to: Timestamp }

/** Ends of a process that was told to end, or killed for not doing so (POSIX.1-2017, XCU section 2.8.2). */
const BY_SIGNAL: ReadonlySet<number> = new Set([128 + constants.signals.SIGTERM, 128 + constants.signals.SIGKILL])
/** Hosts' clocks may differ by this part of a lease. */
const SLACK = 0.1

/**
 * Whether, as far as can be told, the watchdog ended an agent while Manor was gone; then why, in place of what its engine can say: that it was
 * told to end, and not by whom. Pure.
 */
export const explainedByLease = (observation: Observation, { from, to }: Absence, leaseMs: Milliseconds): Observation => {
  const { state, labels, reason, exitCode = 0, endedAt } = observation
  if (state !== 'ended' || labels.kind !== 'agent' || reason?.code !== 'exit-code' || !BY_SIGNAL.has(exitCode)) return observation
  if (endedAt === undefined || endedAt < from + leaseMs * (1 - SLACK) || endedAt > to + leaseMs * SLACK) return observation
  return {
    ...observation,
    reason: {
      code: 'lease-ended',
      message: `It ended by itself: Manor had been gone for ${spanOf(endedAt - from)}.`,
      since: endedAt,
      mend: 'Build it again. How long agents go on without Manor is agents.lease in manor.yaml.',
    },
  }
}

const spanOf = (ms: Milliseconds): string => {
  if (ms < 2 * MINUTE) return `${Math.round(ms / SECOND)} s`
  return ms < 2 * HOUR ? `${Math.round(ms / MINUTE)} min` : `${Math.round(ms / HOUR)} h`
}

/** Writes that Manor is there, again and again. */
export type LeaseKeeper = {
  readonly absence: Absence | undefined
  /** Ends the renewals; agents go on for as long as the lease. */
  stop(): Promise<void>
}

export type LeaseKeeperOptions = AgentLease & {
  readonly clock: Clock
  readonly onError: (cause: unknown) => void
}

/**
 * Begins to renew. To be called as early in a start as the home is surely ours: whatever else the start waits for, agents know that Manor is
 * back. Rejects where the file cannot be written at all.
 */
export const keepLease = async ({ file, leaseMs, clock, onError }: LeaseKeeperOptions): Promise<LeaseKeeper> => {
  const began = clock.now()
  const last = await lastRenewal(file)
  await mkdir(dirname(file), { recursive: true, mode: 0o755 })
  let beat = Math.max(began, (last ?? 0) + 1)
  await write(file, beat)
  // Agents run as other users, whatever the umask of who runs Manor.
  await chmod(dirname(file), 0o755)
  await chmod(file, 0o644)
  const stop = new AbortController()
  const renew = async (): Promise<void> => {
    for (;;) {
      await clock.sleep(renewEveryMs(leaseMs), stop.signal).catch(() => undefined)
      if (stop.signal.aborted) return
      // A clock that was set back must not look like a Manor that is gone.
      beat = Math.max(clock.now(), beat + 1)
      await write(file, beat).catch(onError)
    }
  }
  const renewals = renew()
  return {
    absence: last === undefined || last >= began ? undefined : { from: last, to: began },
    stop: async () => {
      stop.abort()
      await renewals
    },
  }
}

const lastRenewal = async (file: string): Promise<Timestamp | undefined> => {
  try {
    const value = Number.parseInt(await readFile(file, 'utf8'), 10)
    return Number.isFinite(value) && value > 0 ? value : undefined
  } catch (cause) {
    if (hasCode(cause, 'ENOENT')) return undefined
    throw cause
  }
}

/** As many digits as a time in milliseconds will have for ages: the file keeps its length, and a full disk still takes what replaces it. */
const DIGITS = 16

/** In place: the file is mounted into containers by its directory, and some file systems show a new file of that name late. */
const write = async (file: string, beat: Timestamp): Promise<void> => {
  const handle = await open(file, 'r+').catch(async cause => {
    if (!hasCode(cause, 'ENOENT')) throw cause
    return open(file, 'w', 0o644)
  })
  try {
    await handle.write(`${String(beat).padStart(DIGITS, '0')}\n`, 0)
  } finally {
    await handle.close()
  }
}
