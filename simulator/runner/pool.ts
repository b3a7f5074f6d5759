/**
 * Simulations in processes of their own, one for each worker, over all cores. Processes and not threads: a run's processor time and memory are
 * then its own and can be told, and a world that ends its process (out of memory, a rejection that nobody handled) ends only that one run.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { join } from 'node:path'
import type { Outcome, Plan, RunProgress } from '../contract.ts'

/** What runs one plan to its end. Rejects where the run itself broke, which is a failure of its seed as well. */
export type Simulate = (plan: Plan, signal: AbortSignal) => Promise<Outcome>

/** What a worker is sent. `tells`: it is to say how far it is. */
export type Question = { readonly plan: Plan; readonly tells: boolean }

/** Most workers that may be asked for: more than any machine has cores, few enough that a slip of the finger does no harm. */
export const MOST_WORKERS = 256

/**
 * V8 makes what mostly lived long at once where the old things live. A world's timers do, but what they are for does not, and is kept by them until
 * the next full collection: without this a run copies half as much again, and takes up to a quarter longer.
 */
const YOUNG_FIRST = '--no-allocation-site-pretenuring'

/** Heap of one worker. A seed's world needs less than a tenth of it; a world that leaks ends its worker instead of the machine. */
const HEAP_MB = 1_024

export type PoolOptions = {
  readonly workers: number
  /** The module whose `simulate` runs a plan; absent, the simulator itself. */
  readonly module?: string
  /** The scale run has a world that is larger than a seed's. */
  readonly heapMb?: number
  /** By how much of what lives in it the heap may grow until it is collected, in percent: less is less memory and more time. Absent, as V8 likes. */
  readonly heapGrowth?: number
  /** Where what was just made lives: in a larger one less is still of use when it is full, so less is copied. Absent, as V8 likes. */
  readonly nurseryMb?: number
}

/** The run ended without an outcome. */
export class RunError extends Error {
  override readonly name = 'RunError'
}

const WORKER = join(import.meta.dirname, 'worker.ts')
const SIMULATOR = join(import.meta.dirname, '../index.ts')

type Answer = { readonly outcome: Outcome } | { readonly error: string }
type Message = Answer | { readonly progress: RunProgress }

/** At most `workers` runs at a time; more are refused, since whoever asks holds as many lanes as there are workers. */
export class Pool implements AsyncDisposable {
  readonly #options: PoolOptions
  readonly #free: ChildProcess[] = []
  readonly #all = new Set<ChildProcess>()
  #running = 0

  constructor(options: PoolOptions) {
    this.#options = options
  }

  /** Runs one plan in a worker, which says about twice a second how far it is. An abort ends the worker at once, in the middle of its run. */
  readonly simulate = async (plan: Plan, signal: AbortSignal, onProgress?: (progress: RunProgress) => void): Promise<Outcome> => {
    signal.throwIfAborted()
    if (this.#running >= this.#options.workers) throw new RangeError(`All ${this.#options.workers} workers are busy.`)
    this.#running++
    const worker = this.#free.pop() ?? this.#begin()
    try {
      const answer = await ask(worker, plan, signal, onProgress)
      this.#free.push(worker)
      if ('error' in answer) throw new RunError(answer.error)
      return answer.outcome
    } finally {
      this.#running--
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#all].map(endOf))
  }

  #begin(): ChildProcess {
    const { module = SIMULATOR, heapMb = HEAP_MB, heapGrowth, nurseryMb } = this.#options
    const growth = heapGrowth === undefined ? [] : [`--heap-growing-percent=${heapGrowth}`]
    const nursery = nurseryMb === undefined ? [] : [`--min-semi-space-size=${nurseryMb}`, `--max-semi-space-size=${nurseryMb}`]
    const worker = fork(WORKER, [module], {
      serialization: 'advanced',
      execArgv: [`--max-old-space-size=${heapMb}`, YOUNG_FIRST, ...growth, ...nursery, '--disable-warning=ExperimentalWarning'],
      // What a worker has to say it says by message; what it prints (a crash) is kept apart from our own output.
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    })
    this.#all.add(worker)
    worker.once('exit', () => {
      this.#all.delete(worker)
      // One that ended while nobody asked it is not to be asked again.
      const index = this.#free.indexOf(worker)
      if (index >= 0) this.#free.splice(index, 1)
    })
    return worker
  }
}

/** Most of what a dying worker printed that is kept: a stack and the heap's last words. */
const MOST_WORDS = 4_000

const ask = (
  worker: ChildProcess,
  plan: Plan,
  signal: AbortSignal,
  onProgress: ((progress: RunProgress) => void) | undefined,
): Promise<Answer> =>
  new Promise((resolve, reject) => {
    let words = ''
    const onWords = (text: Buffer): void => {
      words = `${words}${text}`.slice(-MOST_WORDS)
    }
    const onMessage = (received: unknown): void => {
      const message = received as Message
      if ('progress' in message) onProgress?.(message.progress)
      else finish(() => resolve(message))
    }
    const onExit = (code: number | null, by: string | null): void => {
      const how = by === null ? `with exit code ${code}` : `by ${by}`
      finish(() =>
        reject(signal.aborted ? signal.reason : new RunError(`Its process ended ${how}.${words === '' ? '' : `\n${words.trim()}`}`)),
      )
    }
    const onError = (cause: Error): void => finish(() => reject(new RunError(`Its process could not be started: ${cause.message}`)))
    const onAbort = (): void => void worker.kill('SIGKILL')
    const finish = (settle: () => void): void => {
      worker.off('message', onMessage).off('close', onExit).off('error', onError)
      worker.stderr?.off('data', onWords)
      signal.removeEventListener('abort', onAbort)
      settle()
    }
    worker.stderr?.on('data', onWords)
    // `close` and not `exit`: by then all that it printed has been read.
    worker.on('message', onMessage).on('close', onExit).on('error', onError)
    signal.addEventListener('abort', onAbort, { once: true })
    const question: Question = { plan, tells: onProgress !== undefined }
    worker.send(question, cause => {
      if (cause !== null) worker.kill('SIGKILL')
    })
  })

const endOf = (worker: ChildProcess): Promise<void> =>
  new Promise(resolve => {
    if (worker.exitCode !== null || worker.signalCode !== null) return resolve()
    worker.once('exit', () => resolve())
    // Whatever it was running is not wanted any more, and holds nothing outside itself.
    worker.kill('SIGKILL')
  })
