/**
 * What runs a task on an agent: as a process of this machine, as Mesos' command executor does it (a sandbox, a process group of its own, TERM,
 * grace, KILL, nothing left), or only for show, which costs no more than its record.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync } from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'
import type { Clock } from '../../../src/runtime/index.ts'
import type { Task } from './wire.ts'

/** In the environment of every process of a task, so that what it leaves behind is found, also by a later double in the same directory. */
const MARK = 'MESOS_DOUBLE_TASK'

/** How a task ended, as its executor says it. */
export type Ending = { readonly state: 'TASK_FINISHED' | 'TASK_FAILED' | 'TASK_KILLED'; readonly message: string }

export type Execution = {
  /** A second one with less grace brings the kill forward; both count from the first. */
  kill(graceMs: number): void
  /** At once and without a word. */
  destroy(): void
  /** In bytes. */
  memory(): number
}

export type ExecutionOptions = {
  readonly task: Task
  readonly sandbox: string
  readonly clock: Clock
  readonly onRunning: (pid: number | undefined) => void
  readonly onEnd: (ending: Ending) => void
}

const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

export const runProcess = ({ task, sandbox, clock, onRunning, onEnd }: ExecutionOptions): Execution => {
  const id = task.task_id.value
  const mark = `${MARK}=${sandbox}`
  const child = startChild(task, sandbox, mark)
  let startedKillAt: number | undefined
  let killAt = Number.POSITIVE_INFINITY
  let cancelKill = (): void => undefined
  let hasEnded = false
  const signalAll = (name: NodeJS.Signals): void => {
    if (child.pid !== undefined) trySignal(-child.pid, name)
    if (name === 'SIGKILL') for (const pid of marked(mark)) trySignal(pid, name)
  }
  const end = (ending: Ending): void => {
    if (hasEnded) return
    hasEnded = true
    cancelKill()
    signalAll('SIGKILL')
    onEnd(ending)
  }
  child.once('spawn', () => onRunning(child.pid))
  child.once('error', cause => end({ state: 'TASK_FAILED', message: `Failed to run ${id}: ${cause.message}` }))
  child.once('exit', (code, signal) => end(endingOf(task, code, signal, startedKillAt !== undefined)))
  return {
    kill: graceMs => {
      if (hasEnded) return
      if (startedKillAt === undefined) {
        startedKillAt = clock.monotonic()
        // Docker tells the first process alone, the command executor the whole group.
        if (child.pid !== undefined) trySignal(isDocker(task) ? child.pid : -child.pid, 'SIGTERM')
      }
      if (startedKillAt + graceMs >= killAt) return
      killAt = startedKillAt + graceMs
      cancelKill()
      cancelKill = clock.after(Math.max(0, killAt - clock.monotonic()), () => signalAll('SIGKILL'))
    },
    destroy: () => {
      hasEnded = true
      cancelKill()
      signalAll('SIGKILL')
    },
    memory: () => marked(mark).reduce((sum, pid) => sum + residentOf(pid), 0),
  }
}

/** A task that runs until it is told to end. */
export const pretend = ({ task, clock, onRunning, onEnd }: ExecutionOptions): Execution & { end(ending: Ending): void } => {
  let hasEnded = false
  const end = (ending: Ending): void => {
    if (hasEnded) return
    hasEnded = true
    onEnd(ending)
  }
  clock.after(0, () => onRunning(undefined))
  return {
    end,
    kill: () => end({ state: 'TASK_KILLED', message: `${wordOf(task)} terminated with signal Terminated` }),
    destroy: () => {
      hasEnded = true
    },
    memory: () => 0,
  }
}

const startChild = (task: Task, sandbox: string, mark: string): ChildProcess => {
  mkdirSync(sandbox, { recursive: true, mode: 0o755 })
  const out = openSync(join(sandbox, 'stdout'), 'a')
  const err = openSync(join(sandbox, 'stderr'), 'a')
  const { command = {} } = task
  const variables = (command.environment?.variables ?? []).map(({ name, value = '' }) => [name, value] as const)
  const [program, args, argv0] = wordsOf(task)
  const child = spawn(program, args, {
    cwd: sandbox,
    argv0,
    detached: true,
    stdio: ['ignore', out, err],
    env: {
      PATH,
      MESOS_SANDBOX: sandbox,
      MESOS_DIRECTORY: sandbox,
      MESOS_TASK_ID: task.task_id.value,
      ...Object.fromEntries(variables),
      [MARK]: mark.slice(MARK.length + 1),
    },
  })
  closeSync(out)
  closeSync(err)
  return child
}

const isDocker = ({ container }: Task): boolean => container?.type === 'DOCKER'
const wordOf = (task: Task): string => (isDocker(task) ? 'Container' : 'Command')

/** The program, its arguments, and its own name for itself. An image is not looked at: what it would run must be on this machine. */
const wordsOf = (task: Task): readonly [program: string, args: readonly string[], argv0: string] => {
  const { shell = true, value = '', arguments: args = [] } = task.command ?? {}
  if (shell) return ['/bin/sh', ['-c', value], 'sh']
  if (!isDocker(task)) return [value, args.slice(1), args[0] ?? value]
  const entrypoint = task.container?.docker?.parameters?.find(({ key }) => key === 'entrypoint')?.value
  const words = [...(entrypoint === undefined ? [] : [entrypoint]), ...(value === '' ? [] : [value]), ...args]
  return [words[0] ?? '/bin/true', words.slice(1), words[0] ?? 'true']
}

/** As `strsignal` of glibc has them. */
const SIGNAL_WORDS: Readonly<Record<string, string>> = {
  SIGHUP: 'Hangup',
  SIGINT: 'Interrupt',
  SIGQUIT: 'Quit',
  SIGABRT: 'Aborted',
  SIGKILL: 'Killed',
  SIGSEGV: 'Segmentation fault',
  SIGPIPE: 'Broken pipe',
  SIGTERM: 'Terminated',
}
const SIGNAL_BASE = 128

const endingOf = (task: Task, code: number | null, signal: NodeJS.Signals | null, isKilled: boolean): Ending => {
  const state = code === 0 ? 'TASK_FINISHED' : isKilled ? 'TASK_KILLED' : 'TASK_FAILED'
  if (signal === null) return { state, message: `${wordOf(task)} exited with status ${code ?? 0}` }
  if (isDocker(task)) return { state, message: `Container exited with status ${SIGNAL_BASE + constants.signals[signal]}` }
  return { state, message: `Command terminated with signal ${SIGNAL_WORDS[signal] ?? signal}` }
}

const trySignal = (pid: number, name: NodeJS.Signals): void => {
  try {
    process.kill(pid, name)
  } catch {
    // It went by itself.
  }
}

const marked = (mark: string): number[] =>
  readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .filter(pid => environOf(pid).includes(mark))
    .map(Number)

const environOf = (pid: string): string[] => {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0')
  } catch {
    // It ended meanwhile, or is not ours to look at.
    return []
  }
}

/** Ends what tasks of a double that died left running below a directory. */
export const endLeftovers = (directory: string): void => {
  for (const name of readdirSync('/proc'))
    if (/^\d+$/.test(name) && environOf(name).some(variable => variable.startsWith(`${MARK}=${directory}/`)))
      trySignal(Number(name), 'SIGKILL')
}

const PAGE_BYTES = 4_096

const residentOf = (pid: number): number => {
  try {
    return Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1] ?? 0) * PAGE_BYTES
  } catch {
    return 0
  }
}
