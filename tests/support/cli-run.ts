/** The command line as a process of its own, started without the launcher: what is tested is what it says and how it ends. */
import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'

const main = join(import.meta.dirname, '../../src/cli/main.ts')

export class CliRun {
  readonly child: ChildProcess
  /** The exit code, or null where a signal ended it. */
  readonly ended: Promise<number | null>
  stdout = ''
  stderr = ''

  constructor(words: readonly string[], env: NodeJS.ProcessEnv, input = '') {
    this.child = spawn(process.execPath, [main, ...words], { env: { PATH: process.env.PATH, ...env }, stdio: 'pipe' })
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => (this.stdout += text))
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.stderr += text))
    this.child.stdin?.end(input)
    this.ended = new Promise(resolve => this.child.on('close', resolve))
  }
}
