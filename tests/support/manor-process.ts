/** Runs the real `./manor` as a user would, in a private home, for the tests that meet the whole product. */
import { type ChildProcess, spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ManorApi } from './manor-api.ts'
import { waitFor } from './wait.ts'

const root = join(import.meta.dirname, '../..')

export type Finished = { readonly code: number | null; readonly stdout: string; readonly stderr: string }

/** Runs `./manor` with these words to its end. */
export const runManor = (words: readonly string[], environment: NodeJS.ProcessEnv = {}): Promise<Finished> =>
  new Promise((resolve, reject) => {
    const child = spawn(join(root, 'manor'), words, { env: { ...process.env, ...environment }, stdio: ['ignore', 'pipe', 'pipe'] })
    let stdout = ''
    let stderr = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
    child.on('error', reject)
    child.on('close', code => resolve({ code, stdout, stderr }))
  })

/** A home of a Manor that is deleted at the end, after whatever still runs there was taken down. */
export class ManorHome implements AsyncDisposable {
  readonly directory: string
  #running: RunningManor | undefined

  private constructor(directory: string) {
    this.directory = directory
  }

  /** Below `above`, which is the machine's temporary directory unless told. */
  static async make(above = tmpdir()): Promise<ManorHome> {
    return new ManorHome(await mkdtemp(join(above, 'manor-home-')))
  }

  /** `manor up` in this home on a free port; resolves once its API answers. */
  async up(words: readonly string[] = [], environment: NodeJS.ProcessEnv = {}): Promise<RunningManor> {
    const child = spawn(join(root, 'manor'), ['up', '--home', this.directory, '--port', '0', ...words], {
      env: { ...process.env, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const running = new RunningManor(this.directory, child)
    this.#running = running
    await running.answers()
    return running
  }

  command(...words: string[]): Promise<Finished> {
    return runManor([...words, '--home', this.directory])
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { code, stderr } = await this.command('down', '--now')
    await this.#running?.ended
    const left = processesOf(this.directory)
    await rm(this.directory, { recursive: true, force: true })
    if (code !== 0) throw new Error(`manor down failed with ${code}: ${stderr}`)
    noneLeft(left)
  }
}

export class RunningManor extends ManorApi {
  readonly home: string
  readonly child: ChildProcess
  readonly ended: Promise<number | null>
  output = ''

  constructor(home: string, child: ChildProcess) {
    super()
    this.home = home
    this.child = child
    for (const stream of [child.stdout, child.stderr]) stream?.setEncoding('utf8').on('data', (text: string) => (this.output += text))
    this.ended = new Promise(resolve => child.on('close', resolve))
  }

  get #run(): { readonly url: string; readonly pid: number } {
    return JSON.parse(readFileSync(join(this.home, 'run', 'manor.json'), 'utf8'))
  }

  get url(): string {
    return this.#run.url
  }

  async answers(): Promise<void> {
    await waitFor(
      async () => {
        if (this.child.exitCode !== null) throw new Error(`manor ended with ${this.child.exitCode}: ${this.output}`)
        // The file of a Manor that was killed may still be there.
        return this.#run.pid === this.child.pid && (await this.get('/api/v1/status'))
      },
      { what: 'manor up answers', withinMs: 60_000, seen: () => this.output },
    )
  }

  /** kill -9 of the control plane alone. */
  async kill(): Promise<void> {
    this.child.kill('SIGKILL')
    await this.ended
  }

  /** Ctrl-C. */
  async interrupt(): Promise<number | null> {
    this.child.kill('SIGINT')
    return this.ended
  }
}

export type ProcessLine = { readonly pid: number; readonly command: string }

/** Command lines of a workload's keeper are whole scripts. */
const MOST_SHOWN = 300

/** Every process whose command line or working directory names this directory. */
export const processesOf = (directory: string): ProcessLine[] =>
  readdirSync('/proc')
    .filter(name => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap(name => {
      try {
        const command = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()
        return command.includes(directory) ? [{ pid: Number(name), command }] : []
      } catch {
        // It ended while we looked.
        return []
      }
    })

/** Throws an error that names them where there are any. */
export const noneLeft = (left: readonly ProcessLine[]): void => {
  if (left.length > 0)
    throw new Error(`Left behind: ${left.map(({ pid, command }) => `${pid} ${command.slice(0, MOST_SHOWN)}`).join('\n')}`)
}
