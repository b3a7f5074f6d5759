import { execFile } from 'node:child_process'
import { stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Clock } from '../../runtime/index.ts'
import { deadline } from '../../runtime/index.ts'
import type { Identity } from './identities.ts'
import { planView, viewScript } from './view.ts'

/** How far a workload is kept from others here; found out by doing it once when the engine starts. */
export type Isolation =
  /** A user for each account and a private view of the file system. */
  | { readonly kind: 'view'; readonly hideProcesses: boolean }
  /** A user for each account; other accounts' files are kept from it by their modes alone. */
  | { readonly kind: 'user'; readonly reason: string }
  /** Manor's own user. */
  | { readonly kind: 'none'; readonly reason: string }

/** A probe runs a few small programs; a machine on which that takes longer is in trouble, not slow. */
const PROBE_TIMEOUT_MS = 10_000

/** setpriv of util-linux. The capabilities go with the user; no-new-privs keeps set-uid programs from bringing them back. */
export const dropTo = ({ uid, gid }: Identity): string[] => [
  'setpriv',
  '--reuid',
  String(uid),
  '--regid',
  String(gid),
  '--clear-groups',
  '--no-new-privs',
]

/** What goes before a command to give it its own view. */
export const inView = (script: string): string[] => ['unshare', '--mount', '--propagation', 'private', 'sh', '-ec', script, 'manor-view']

export type ProbeOptions = {
  readonly clock: Clock
  readonly stage: string
  /** A directory as closed as a workload's private one will be, owned by `identity`. */
  readonly dir: string
  readonly privateTmp: string
  readonly hidden: readonly string[]
  readonly identity: Identity
}

/** Tries the strongest first. Needs root. */
export const probeIsolation = async (options: ProbeOptions): Promise<Isolation> => {
  const drop = dropTo(options.identity)
  const closed = await closedAncestor(options.dir)
  const hidden = closed === undefined ? options.hidden : [...options.hidden, closed]
  const plan = planView({ ...options, hidden, mounts: [], replaced: [] })
  // The directory must be there and be writable, and nothing beside it may be seen.
  const look = 'test -w "$1" && ! ls "$2" >/dev/null 2>&1'
  const failures: string[] = []
  for (const hideProcesses of [true, false]) {
    // Kernels before 5.8 keep one hidepid for all views of a process namespace: there the mount succeeds and hides nothing.
    const lookToo = hideProcesses ? `${look} && ! test -e /proc/1` : look
    const command = [...drop, 'sh', '-c', lookToo, 'manor-probe', options.dir, options.stage]
    const failure = await run(options.clock, [...inView(viewScript(plan, options.stage, hideProcesses)), ...command])
    if (failure === undefined) return { kind: 'view', hideProcesses }
    failures.push(failure)
  }
  const noView = `A private view of the file system is not permitted here (${failures.at(-1)}).`
  const failure = await run(options.clock, [...drop, 'true'])
  return failure === undefined
    ? { kind: 'user', reason: `${noView} Workloads are kept apart by users and file modes alone.` }
    : { kind: 'none', reason: `${noView} Users cannot be changed either (${failure}): all workloads run as Manor's own user.` }
}

const run = async (clock: Clock, command: readonly string[]): Promise<string | undefined> => {
  const [program = '', ...args] = command
  const limit = deadline(clock, PROBE_TIMEOUT_MS)
  try {
    return await new Promise(resolve => {
      execFile(program, args, { signal: limit.signal, env: { PATH: SYSTEM_PATH }, cwd: '/' }, (error, _stdout, stderr) => {
        const [said] = stderr.trim().split('\n')
        resolve(error === null ? undefined : said || `${program} ended with ${error.signal ?? `exit code ${error.code}`}`)
      })
    })
  } finally {
    limit.done()
  }
}

/** Where the system's own programs are, for Manor's helpers and as the workloads' default. */
export const SYSTEM_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

const OTHERS_MAY_ENTER = 0o001

/** The topmost directory above `path` that other users may not enter, or undefined where they may come to it. */
export const closedAncestor = async (path: string): Promise<string | undefined> => {
  const above = dirname(path)
  if (above === path) return undefined
  const higher = await closedAncestor(above)
  if (higher !== undefined) return higher
  const { mode } = await stat(above)
  return (mode & OTHERS_MAY_ENTER) === 0 ? above : undefined
}
