/** A real Mesos on this machine: one leader and agents, each a process of its own, in a private directory. `await using` takes it down. */
import { type ChildProcess, spawn } from 'node:child_process'
import { openSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type MesosParts, mesosParts } from './mesos-parts.ts'
import { waitFor } from './wait.ts'

export type MesosOptions = {
  readonly agents?: number
  /** All agents as this many processes' worth: agents of one process share its port and its death. */
  readonly agentsPerProcess?: number
  /** For example `cpus:4;mem:4000;disk:10000;ports:[31000-31099]`. */
  readonly resources?: string
  readonly attributes?: string
  readonly allocationInterval?: string
  readonly credentials?: { readonly principal: string; readonly secret: string }
  readonly leaderFlags?: Readonly<Record<string, string>>
  readonly agentFlags?: Readonly<Record<string, string>>
}

export type MesosProcess = {
  readonly port: number
  readonly pid: number
  /** What it said: `/tmp/...`. */
  readonly log: string
  signal(name: NodeJS.Signals): void
  /** As `kill -9`; resolves once it is gone. */
  kill(): Promise<void>
  /** Starts it again on its port and directory. */
  start(): Promise<void>
}

export type RunningMesos = AsyncDisposable & {
  readonly url: string
  /** All of it lies below: tasks run there too, so they are found by their working directories. */
  readonly directory: string
  readonly leader: MesosProcess
  readonly agents: readonly MesosProcess[]
  /** An operator call (`POST /api/v1`) to the leader. */
  operator(call: Readonly<Record<string, unknown>>): Promise<unknown>
  /** Resolves once so many agents are registered and active. */
  registered(count: number): Promise<void>
}

/** An agent is lost after so long without an answer: pings times their number. */
export const PING_TIMEOUT = { MESOS_AGENT_PING_TIMEOUT: '1secs', MESOS_MAX_AGENT_PING_TIMEOUTS: '2' } as const

export const startMesos = async (options: MesosOptions = {}): Promise<RunningMesos> => {
  const parts = await mesosParts()
  const directory = await mkdtemp(join(tmpdir(), 'manor-mesos-'))
  const processes: MesosProcess[] = []
  const dispose = async (): Promise<void> => {
    for (const one of processes) {
      one.signal('SIGCONT')
      await one.kill()
    }
    await endTasks(directory)
    await rm(directory, { recursive: true, force: true })
  }
  try {
    const common = {
      PATH: process.env.PATH,
      LD_LIBRARY_PATH: parts.libraries,
      MESOS_SO: parts.module,
      LIBPROCESS_IP: '127.0.0.1',
      MESOS_LAUNCHER_DIR: parts.helpers,
      MESOS_LOGGING_LEVEL: 'INFO',
    }
    const leader = await startProcess(parts, join(directory, 'leader'), ['--num_slaves=0'], {
      ...common,
      ...PING_TIMEOUT,
      MESOS_REGISTRY: 'replicated_log',
      MESOS_ALLOCATION_INTERVAL: options.allocationInterval ?? '50ms',
      ...(options.credentials === undefined ? {} : await authentication(directory, options.credentials)),
      ...options.leaderFlags,
    })
    processes.push(leader)
    const agents: MesosProcess[] = []
    const perProcess = options.agentsPerProcess ?? 1
    const count = options.agents ?? 1
    for (let index = 0; index * perProcess < count; index++) {
      const size = Math.min(perProcess, count - index * perProcess)
      const agent = await startProcess(parts, join(directory, `agent-${index}`), [`--num_slaves=${size}`], {
        ...common,
        AGENT_LEADER: `master@127.0.0.1:${leader.port}`,
        MESOS_REGISTRY: 'in_memory',
        MESOS_CONTAINERIZERS: 'mesos',
        MESOS_LAUNCHER: 'posix',
        MESOS_ISOLATION: 'posix/cpu,posix/mem',
        MESOS_SYSTEMD_ENABLE_SUPPORT: 'false',
        MESOS_EXECUTOR_ENVIRONMENT_VARIABLES: JSON.stringify({ PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' }),
        MESOS_RESOURCES: options.resources ?? 'cpus:8;mem:4000;disk:10000;ports:[31000-31999]',
        MESOS_ATTRIBUTES: options.attributes ?? `rack:r${index + 1}`,
        ...options.agentFlags,
      })
      processes.push(agent)
      agents.push(agent)
    }
    const url = `http://127.0.0.1:${leader.port}`
    const operator = (call: Readonly<Record<string, unknown>>): Promise<unknown> => operatorCall(url, call, options.credentials)
    const running: RunningMesos = {
      url,
      directory,
      leader,
      agents,
      operator,
      registered: async wanted => {
        await waitFor(async () => activeAgents(await operator({ type: 'GET_AGENTS' })) >= wanted, {
          what: `${wanted} agents are registered`,
          withinMs: 60_000,
        })
      },
      [Symbol.asyncDispose]: dispose,
    }
    await running.registered(count)
    return running
  } catch (cause) {
    await dispose()
    throw cause
  }
}

const authentication = async (
  directory: string,
  { principal, secret }: { readonly principal: string; readonly secret: string },
): Promise<Record<string, string>> => {
  const file = join(directory, 'credentials.json')
  await writeFile(file, JSON.stringify({ credentials: [{ principal, secret }] }), { mode: 0o600 })
  return {
    MESOS_AUTHENTICATE_HTTP_FRAMEWORKS: 'true',
    MESOS_HTTP_FRAMEWORK_AUTHENTICATORS: 'basic',
    MESOS_CREDENTIALS: `file://${file}`,
  }
}

/** Thousands of tasks are tens of megabytes of answer, from a leader on a busy machine. */
const OPERATOR_WITHIN_MS = 30_000

/** POST /api/v1, following nothing: the tests' own leader leads. */
export const operatorCall = async (
  url: string,
  call: Readonly<Record<string, unknown>>,
  credentials?: { readonly principal: string; readonly secret: string },
): Promise<unknown> => {
  const response = await fetch(`${url}/api/v1`, {
    method: 'POST',
    headers: {
      'Content-Type': 'application/json',
      Accept: 'application/json',
      ...(credentials === undefined ? {} : { Authorization: `Basic ${btoa(`${credentials.principal}:${credentials.secret}`)}` }),
    },
    body: JSON.stringify(call),
    signal: AbortSignal.timeout(OPERATOR_WITHIN_MS),
  })
  const text = await response.text()
  if (!response.ok) throw new Error(`${String(call.type)} was answered ${response.status}: ${text}`)
  return text === '' ? undefined : JSON.parse(text)
}

const activeAgents = (answer: unknown): number => {
  const { get_agents } = answer as { get_agents: { agents?: readonly { active: boolean }[] } }
  return (get_agents.agents ?? []).filter(({ active }) => active).length
}

export const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer()
    server.on('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => (address !== null && typeof address === 'object' ? resolve(address.port) : reject(new TypeError('no port'))))
    })
  })

const startProcess = async (
  parts: MesosParts,
  directory: string,
  args: readonly string[],
  environment: NodeJS.ProcessEnv,
): Promise<MesosProcess> => {
  const port = await freePort()
  const log = join(directory, 'log')
  await mkdir(directory, { recursive: true })
  let child: ChildProcess | undefined
  const start = async (): Promise<void> => {
    const output = openSync(log, 'a')
    const started = spawn(parts.launcher, [...args, `--work_dir=${join(directory, 'work')}`], {
      env: {
        ...environment,
        LIBPROCESS_PORT: String(port),
        // Some ten threads do for one cluster of tests; the default is one a core and at least eight.
        LIBPROCESS_NUM_WORKER_THREADS: '4',
        MESOS_RUNTIME_DIR: join(directory, 'runtime'),
        TMPDIR: directory,
      },
      stdio: ['ignore', output, output],
    })
    child = started
    await waitFor(
      async () => {
        if (started.exitCode !== null) throw new Error(`It ended with ${started.exitCode}: ${(await readFile(log, 'utf8')).slice(-2_000)}`)
        return (await fetch(`http://127.0.0.1:${port}/metrics/snapshot`, { signal: AbortSignal.timeout(1_000) })).ok
      },
      { what: `Mesos on port ${port} answers`, withinMs: 30_000 },
    )
  }
  await start()
  return {
    port,
    log,
    get pid() {
      return child?.pid ?? 0
    },
    signal: name => void child?.kill(name),
    kill: async () => {
      const ending = child
      if (ending === undefined || ending.exitCode !== null || ending.signalCode !== null) return
      const gone = new Promise(resolve => ending.once('exit', resolve))
      ending.kill('SIGKILL')
      await gone
    },
    start,
  }
}

/** Executors outlive their agent: those that run below this directory are ended, with all that they run. */
const endTasks = async (directory: string): Promise<void> => {
  await waitFor(
    async () => {
      const left = await processesBelow(directory)
      for (const pid of left)
        try {
          process.kill(pid, 'SIGKILL')
        } catch {
          // It is gone already.
        }
      return left.length === 0
    },
    { what: 'the tasks of the tests are gone', withinMs: 20_000 },
  )
}

/** Processes whose working directory lies below this one. */
export const processesBelow = async (directory: string): Promise<number[]> => {
  const found: number[] = []
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const cwd = await readlink(`/proc/${name}/cwd`).catch(() => '')
    if (cwd.startsWith(`${directory}/`)) found.push(Number(name))
  }
  return found
}
