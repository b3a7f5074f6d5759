/**
 * The hook inside the Jenkins of hook/stubs, run by the Groovy that Jenkins carries. A test says what happens in the controller
 * (drive.groovy has the acts) and plays Manor with a HookServer.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { globSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface, type Interface } from 'node:readline'
import type { HookPolicy } from '../../src/controllers/index.ts'

const ROOT = join(import.meta.dirname, '../..')
export const HOOK_SCRIPT = join(ROOT, 'hook/manor.groovy')
const STUBS = join(ROOT, 'hook/stubs')

/** Debian's Groovy looks for Java in a place of its own unless it is told. */
const environment = (): NodeJS.ProcessEnv => {
  const java = spawnSync('sh', ['-c', 'readlink -f "$(command -v java)"'], { encoding: 'utf8' }).stdout.trim()
  return { ...process.env, JAVA_HOME: join(java, '../..') }
}

/** Runs a compiler; rejects with what it printed where that is anything at all: a warning is a defect here. */
const compile = (program: string, args: readonly string[]): void => {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8', env: environment() })
  if (status !== 0 || stdout.trim() !== '' || stderr.trim() !== '') throw new Error(`${program} (${status}): ${stdout}${stderr}`)
}

/** Compiles the stubs into a directory and returns it. */
export const compileStubs = async (directory: string): Promise<string> => {
  const classes = join(directory, 'stubs')
  await mkdir(classes, { recursive: true })
  compile('javac', ['-Xlint:all', '-Xlint:-serial', '-Werror', '-d', classes, ...globSync(`${STUBS}/jenkins/**/*.java`)])
  return classes
}

/** Compiles the hook with Groovy 2.4 against a class path. */
export const compileHook = async (classPath: string, directory: string): Promise<void> => {
  await mkdir(directory, { recursive: true })
  compile('groovyc', ['-cp', classPath, '-d', directory, HOOK_SCRIPT])
}

/** What drive.groovy tells of the whole controller. */
export type JenkinsState = {
  readonly nodes: readonly {
    readonly name: string
    readonly root: string
    readonly labels: string
    readonly mode: string
    readonly executors: number
    readonly description: string
    readonly webSocket: boolean
    readonly retention: string | null
    readonly accepting: boolean
    readonly busy: number
  }[]
  readonly executors: number
  readonly port: number
  readonly saved: boolean
  readonly realm: string
  readonly signup: boolean
  readonly anonymousRead: boolean
  readonly crumbs: boolean | null
  readonly password: boolean | null
  readonly tokens: readonly string[]
  readonly quietReason: string | null
  readonly listeners: readonly number[]
  readonly threads: number
  readonly rootUrl: string | null
}

export class HookedJenkins {
  readonly #child: ChildProcess
  readonly #lines: Interface
  readonly #home: string
  readonly #password: string
  /** Rejects when the program ends. */
  readonly #ended: Promise<never>
  #log = ''

  private constructor(child: ChildProcess, home: string, password: string) {
    this.#child = child
    this.#home = home
    this.#password = password
    this.#lines = createInterface({ input: child.stdout ?? process.stdin })
    this.#ended = once(child, 'close').then(([code]) => Promise.reject(new Error(`It ended with ${code}: ${this.#log}`)))
    // Whoever waits for an answer hears of it; at other times it is how each test ends.
    this.#ended.catch(() => undefined)
    child.stderr?.on('data', chunk => {
      this.#log += chunk
    })
  }

  /** Starts the program without running the hook: `act({ act: 'runHook' })` does. `used` are names of nodes that an earlier start had used. */
  static async start(stubs: string, policy: HookPolicy, used: readonly string[] = []): Promise<HookedJenkins> {
    const home = await mkdtemp(join(tmpdir(), 'manor-jenkins-'))
    const policyFile = join(home, 'policy.json')
    await writeFile(policyFile, JSON.stringify(policy), { mode: 0o600 })
    if (used.length > 0) await writeFile(join(home, 'manor-used-nodes.txt'), used.join('\n'))
    const child = spawn('groovy', ['-cp', stubs, `-Dmanor.policy=${policyFile}`, join(STUBS, 'drive.groovy'), home, HOOK_SCRIPT], {
      env: { ...environment(), JAVA_OPTS: '-Xmx128m -XX:TieredStopAtLevel=1 -XX:+UseSerialGC' },
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    return new HookedJenkins(child, home, policy.admin.password)
  }

  /** Does one thing in the controller and resolves to what came of it; rejects with what was thrown there. */
  async act(line: { readonly act: string } & Readonly<Record<string, unknown>>): Promise<Record<string, unknown>> {
    const answered = once(this.#lines, 'line')
    this.#child.stdin?.write(`${JSON.stringify(line)}\n`)
    const [text] = (await Promise.race([answered, this.#ended])) as [string]
    const answer = JSON.parse(text) as Record<string, unknown>
    if (answer.failure !== undefined) throw new Error(`${line.act}: ${answer.failure}\n${this.#log}`)
    return answer
  }

  async state(): Promise<JenkinsState> {
    return (await this.act({ act: 'state', password: this.#password })) as unknown as JenkinsState
  }

  get log(): string {
    return this.#log
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const closed = once(this.#child, 'close')
      this.#child.kill('SIGKILL')
      await closed
    }
    await rm(this.#home, { recursive: true, force: true })
  }
}
