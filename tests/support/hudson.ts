/**
 * A real Hudson for tests, started as Manor starts it. `await using` takes it down.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import type { AgentLaunch, InstanceSecrets, LaunchPlan, Program } from '../../src/controllers/distributions/distribution.ts'
import { hudson } from '../../src/controllers/distributions/hudson.ts'
import { createPrograms } from '../../src/controllers/index.ts'
import { systemClock, systemRandom } from '../../src/runtime/index.ts'

/** Fixed, so that a failing test can be tried again by hand. */
export const TEST_SECRETS: InstanceSecrets = {
  masterKey: '5f'.repeat(128),
  agentKey: 'a7'.repeat(32),
  adminPassword: 'admin-password-of-the-tests',
  apiToken: `11${'c3'.repeat(16)}`,
  hookToken: 'hook-token-of-the-tests',
}

export type HudsonOptions = {
  readonly program: Program
  /** A directory of the test's own; the home, the log and temporary files go below it. What is in `home` from an earlier start is kept. */
  readonly directory: string
  /** Text of the script that the home runs at boot. */
  readonly hookScript: string
  /** Content of the file that the system property `manor.policy` names. */
  readonly policy: unknown
  readonly prefix?: string
  readonly httpPort?: number
  readonly agentPort?: number
  readonly memoryMb?: number
}

export type RunningHudson = AsyncDisposable & {
  /** With a slash at the end. */
  readonly url: string
  readonly port: number
  readonly home: string
  readonly pid: number
  readonly bootMs: number
  /** All that it printed so far. */
  log(): Promise<string>
  stop(): Promise<void>
}

/** Hudson from the user's own cache, or brought into it. */
export const hudsonProgram = async (): Promise<{ readonly program: Program; readonly agentJar: string }> => {
  const programs = createPrograms({
    cacheDirectory: join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'manor'),
    clock: systemClock,
    random: systemRandom,
  })
  const { signal } = new AbortController()
  const { program } = await programs.provide({ distribution: 'hudson' }, () => {}, signal)
  return { program, agentJar: await programs.agentJar(program, signal) }
}

const BOOT_DEADLINE_MS = 90_000
const STOP_DEADLINE_MS = 20_000
const POLL_MS = 50

export const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => (address !== null && typeof address === 'object' ? resolve(address.port) : reject(new Error('no port'))))
    })
  })

/** Waits until `look` gives something else than undefined or false. */
export const waitFor = async <T>(what: string, deadlineMs: number, look: () => Promise<T | undefined | false>): Promise<T> => {
  const until = systemClock.monotonic() + deadlineMs
  for (;;) {
    const seen = await look()
    if (seen !== undefined && seen !== false) return seen
    if (systemClock.monotonic() > until) throw new Error(`Waited ${deadlineMs} ms in vain for ${what}.`)
    await new Promise(resolve => setTimeout(resolve, POLL_MS))
  }
}

/** Starts what a launch plan says, as an engine would, in a private directory. */
export const startPlan = async (plan: LaunchPlan, directory: string, workingDirectory = directory): Promise<ChildProcess> => {
  for (const file of plan.files) {
    const path = join(directory, file.path)
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, Buffer.from(file.content, file.encoding ?? 'utf8'), { mode: file.mode })
  }
  await mkdir(workingDirectory, { recursive: true })
  const [program = '', ...args] = plan.command.map(part => part.replaceAll('{dir}', directory))
  const child = spawn(program, args, {
    cwd: workingDirectory,
    env: { PATH: process.env.PATH, ...plan.environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const log = createWriteStream(join(directory, 'log'), { flags: 'a' })
  child.stdout?.pipe(log, { end: false })
  child.stderr?.pipe(log, { end: false })
  child.once('close', () => log.end())
  await new Promise((resolve, reject) => child.once('spawn', resolve).once('error', reject))
  return child
}

export const endChild = async (child: ChildProcess): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = new Promise(resolve => child.once('close', resolve))
  child.kill('SIGTERM')
  const kill = setTimeout(() => child.kill('SIGKILL'), STOP_DEADLINE_MS)
  await gone
  clearTimeout(kill)
}

export const startHudson = async (options: HudsonOptions): Promise<RunningHudson> => {
  const { program, directory, prefix = '/team-a' } = options
  const home = join(directory, 'home')
  const httpPort = options.httpPort ?? (await freePort())
  for (const file of hudson.homeFiles(TEST_SECRETS)) {
    await mkdir(dirname(join(home, file.path)), { recursive: true })
    await writeFile(join(home, file.path), file.content, { mode: file.mode })
  }
  await writeFile(join(home, 'init.groovy'), options.hookScript)
  const plan = hudson.controllerCommand({
    program,
    home,
    hookRoot: home,
    policyFile: '{dir}/policy.json',
    prefix,
    listenAddress: '127.0.0.1',
    httpPort,
    agentPort: options.agentPort ?? -1,
    memoryMb: options.memoryMb ?? 512,
    temporaryDirectory: '{dir}/tmp',
  })
  await rm(join(directory, 'tmp'), { recursive: true, force: true })
  const startedAt = systemClock.monotonic()
  const child = await startPlan(
    { ...plan, files: [...plan.files, { path: 'policy.json', content: JSON.stringify(options.policy), mode: 0o600 }] },
    directory,
    home,
  )
  const url = `http://127.0.0.1:${httpPort}${prefix}/`
  const log = (): Promise<string> => readFile(join(directory, 'log'), 'utf8')
  try {
    await waitFor('Hudson to serve', BOOT_DEADLINE_MS, async () => {
      if (child.exitCode !== null || child.signalCode !== null) throw new Error(`Hudson ended:\n${await log()}`)
      const status = await fetch(`${url}login`, { redirect: 'manual' }).then(
        async answer => {
          const text = await answer.text()
          if (answer.status === 503 && text.includes('ReactorException')) throw new Error(`Hudson failed to boot:\n${await log()}`)
          return answer.status
        },
        (cause: unknown) => {
          if (cause instanceof TypeError) return 0
          throw cause
        },
      )
      return status === 200
    })
  } catch (cause) {
    await endChild(child)
    throw cause
  }
  const stop = (): Promise<void> => endChild(child)
  return {
    url,
    port: httpPort,
    home,
    pid: child.pid ?? 0,
    bootMs: systemClock.monotonic() - startedAt,
    log,
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

/** Starts a real agent for a node of that Hudson. */
export const startHudsonAgent = (launch: Omit<AgentLaunch, 'secret'> & { readonly directory: string }): Promise<ChildProcess> =>
  startPlan(
    hudson.agentCommand({ ...launch, secret: hudson.agentSecret(TEST_SECRETS, launch.name) }),
    launch.directory,
    launch.workDirectory,
  )
