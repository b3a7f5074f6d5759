/** Processes of a bench: each says what it found in messages, told apart by a member, and all of them end with the bench. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

export class Children implements AsyncDisposable {
  readonly #all: ChildProcess[] = []

  /** Starts a program of this folder. */
  start(program: string, ...words: readonly string[]): ChildProcess {
    const child = fork(join(import.meta.dirname, program), words, { execArgv: ['--disable-warning=ExperimentalWarning'] })
    this.#all.push(child)
    return child
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#all) await killed(child)
  }
}

/** As `kill -9`; resolves once it is gone. */
export const killed = async (child: ChildProcess): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  child.kill('SIGKILL')
  await gone
}

/** The next thing that a child says which has this member; rejects where the child ends first. */
export const told = <Answer extends object>(child: ChildProcess, member: string & keyof Answer): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const done = (): void => {
      child.off('message', onMessage)
      child.off('exit', onExit)
    }
    const onMessage = (message: unknown): void => {
      if (typeof message !== 'object' || message === null || !(member in message)) return
      done()
      resolve(message as Answer)
    }
    const onExit = (code: number | null, signal: string | null): void => {
      done()
      reject(new Error(`A process of the bench ended with ${code ?? signal} before it told of ${member}.`))
    }
    child.on('message', onMessage)
    child.once('exit', onExit)
  })
