import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Clock, deadline } from '../../runtime/index.ts'
import { EngineError } from '../engine.ts'
import { SYSTEM_PATH } from './isolation.ts'
import type { RecordFiles } from './layout.ts'
import { readClaim, VOID } from './record.ts'

/** A workload keeps at most two log files of this size. The older one goes when the newer is full. */
export const LOG_FILE_BYTES = 8 * 1_048_576

/** From the fork to the claim the shell only opens a file. */
const CLAIM_TIMEOUT_MS = 10_000
const CLAIM_POLL_MS = 1

const SUPERVISE = readFileSync(join(import.meta.dirname, 'supervise.sh'), 'utf8')

export type LaunchOptions = {
  readonly files: RecordFiles
  readonly supervisors: readonly string[]
  readonly groups: readonly string[]
  readonly oomScore: number
  /** What goes before the shell that becomes the command: the private view and the change of user. */
  readonly prefix: readonly string[]
}

/**
 * Starts the supervising shell in a session of its own and resolves when it has claimed the start, or another one had. From then on it needs
 * nobody.
 */
export const launch = async (options: LaunchOptions, clock: Clock): Promise<void> => {
  const { files, supervisors, groups, oomScore, prefix } = options
  const args = [files.exit, String(LOG_FILE_BYTES), supervisors.join(' '), groups.join(' '), String(oomScore), ...prefix]
  const child = spawn('/bin/sh', ['-c', SUPERVISE, 'manor-supervise', ...args], {
    cwd: files.root,
    env: { PATH: SYSTEM_PATH },
    detached: true,
    stdio: 'ignore',
  })
  const failed = failureOf(child)
  const limit = deadline(clock, CLAIM_TIMEOUT_MS)
  try {
    while (readClaim(files) === undefined) {
      const failure = await Promise.race([failed, clock.sleep(CLAIM_POLL_MS, limit.signal)])
      if (failure !== undefined && readClaim(files) === undefined) throw failure
    }
    if (readClaim(files) === VOID) throw calledOff()
  } finally {
    limit.done()
    child.unref()
  }
}

const calledOff = (): EngineError =>
  new EngineError(
    { code: 'launch-timeout', message: 'Another Manor on the same directory called the start off.', mend: 'It is tried again.' },
    true,
  )

/** Resolves to what is wrong once the shell could not be started or ended. */
const failureOf = (child: ChildProcess): Promise<EngineError> =>
  new Promise(resolve => {
    const fail = (message: string, cause?: unknown): void =>
      resolve(
        new EngineError(
          { code: 'launch-timeout', message, mend: 'The machine may be out of processes, memory or disk. It is tried again.' },
          true,
          { cause },
        ),
      )
    child.once('error', cause => fail(`The supervising shell could not be started: ${cause.message}.`, cause))
    child.once('exit', (code, signal) =>
      fail(`The supervising shell ended before it claimed the start (${signal ?? `exit code ${code}`}).`),
    )
  })
