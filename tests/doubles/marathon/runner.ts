/** Runs tasks as real processes of this machine, as a Mesos agent would: a sandbox, a session of its own, TERM, grace, KILL, nothing left. */
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Clock } from '../../../src/runtime/index.ts'

const MARK = 'MANOR_DOUBLE_TASK'

export type Run = {
  readonly task: string
  readonly sandbox: string
  readonly command: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly docker: boolean
  readonly onRunning: () => void
  /** `status` is what a shell would say of the end. */
  readonly onEnd: (status: number, signal: string | undefined) => void
}

export type RunningTask = { kill(graceMs: number): void; killNow(): void }

const SIGNAL_NUMBERS: Readonly<Record<string, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGABRT: 6,
  SIGKILL: 9,
  SIGSEGV: 11,
  SIGTERM: 15,
}

export const runTask = (run: Run, clock: Clock): RunningTask => {
  mkdirSync(run.sandbox, { recursive: true, mode: 0o755 })
  const out = openSync(join(run.sandbox, 'stdout'), 'a')
  const err = openSync(join(run.sandbox, 'stderr'), 'a')
  const [program = '/bin/sh', ...args] = run.command
  const child: ChildProcess = spawn(program, args, {
    cwd: run.sandbox,
    env: { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', ...run.env, [MARK]: run.task },
    detached: true,
    stdio: ['ignore', out, err],
  })
  closeSync(out)
  closeSync(err)
  let ended = false
  let cancelKill = (): void => undefined
  const signal = (name: NodeJS.Signals, everything: boolean): void => {
    if (child.pid === undefined) return
    for (const pid of everything ? [-child.pid, ...pidsOf(run.task)] : [run.docker ? child.pid : -child.pid]) trySignal(pid, name)
  }
  const end = (status: number, by: string | undefined): void => {
    if (ended) return
    ended = true
    cancelKill()
    // What it left behind goes with its container.
    signal('SIGKILL', true)
    run.onEnd(status, by)
  }
  child.once('error', () => end(127, undefined))
  child.once('exit', (code, by) => end(by === null ? (code ?? 0) : 128 + (SIGNAL_NUMBERS[by] ?? 0), by ?? undefined))
  child.once('spawn', run.onRunning)
  return {
    kill: graceMs => {
      if (ended) return
      signal('SIGTERM', false)
      cancelKill()
      cancelKill = clock.after(graceMs, () => signal('SIGKILL', true))
    },
    killNow: () => {
      if (!ended) signal('SIGKILL', true)
    },
  }
}

const trySignal = (pid: number, name: NodeJS.Signals): void => {
  try {
    process.kill(pid, name)
  } catch {
    // It went by itself.
  }
}

/** All processes of a task that still carry its mark, zombies not. */
export const pidsOf = (task: string): number[] =>
  readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .filter(name => {
      try {
        return readFileSync(`/proc/${name}/environ`, 'utf8').split('\0').includes(`${MARK}=${task}`)
      } catch {
        // It ended meanwhile, or is not ours to look at.
        return false
      }
    })
    .map(Number)

const PAGE_BYTES = 4096

/** Memory that the processes of a task hold, each page counted for each that has it. */
export const memoryOf = (task: string): number =>
  pidsOf(task).reduce((sum, pid) => {
    try {
      return sum + Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1] ?? 0) * PAGE_BYTES
    } catch {
      return sum
    }
  }, 0)
