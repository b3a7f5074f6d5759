/**
 * How long a Manor that was killed needs until it has all of its fleet again: 2,000 controllers and 10,000 agents that run a build, a real
 * database file as kill -9 leaves it, an engine in memory that lists all of them, and hooks that come back all at once. Each start is a process
 * of its own, so modules and code are as cold as in life. What is beside it is the least that any program would need: one that only reads the
 * same file and parses its rows. The engine's and the hooks' own network is left out.
 */
import { fork } from 'node:child_process'
import { copyFile, mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Bench, beside, type Figure, median, none, within } from '../figures.ts'
import { AGENTS, CONTROLLERS } from './fleet.ts'
import type { Started } from './start.ts'

const ROUNDS = 5
const QUICK_ROUNDS = 2
/** Longer than any loop's resync: what a restart would do wrongly it has done by then. */
const WATCH_MS = 12_000
const GOAL_S = 5

export const bench: Bench = {
  name: 'restart',
  about: `From the start of a process over a killed Manor's file to all of its ${CONTROLLERS} controllers and ${AGENTS} running agents adopted.`,
  run: async ({ quick, say }) => {
    const directory = await mkdtemp(join(tmpdir(), 'manor-restart-bench-'))
    try {
      const filled = join(directory, 'filled')
      await filledBy(filled)
      say(
        `the file is filled: ${((await stat(filled)).size / 1_048_576).toFixed(0)} MB, and its log ${((await sizeOf(`${filled}-wal`)) / 1_048_576).toFixed(0)} MB`,
      )
      const cache = join(directory, 'compiled')
      const starts: Started[] = []
      const reads: number[] = []
      for (let round = 0; round < (quick ? QUICK_ROUNDS : ROUNDS); round++) {
        reads.push(await inProcess<number>('read.ts', cache, await copyOf(filled, join(directory, `read-${round}`))))
        // Only the first is watched for long: what it does after it has adopted all is the same each time.
        const started = await inProcess<Started>(
          'start.ts',
          cache,
          await copyOf(filled, join(directory, `start-${round}`)),
          String(round === 0 ? WATCH_MS : 0),
        )
        say(`round ${round + 1}: ready after ${started.readyMs.toFixed(0)} ms, all adopted after ${started.adoptedMs.toFixed(0)} ms`)
        for (const wrong of [...started.touched, ...started.errors]) say(`  ${wrong}`)
        starts.push(started)
      }
      return figuresOf(starts, reads)
    } finally {
      await rm(directory, { recursive: true, force: true })
    }
  },
}

const figuresOf = (starts: readonly Started[], reads: readonly number[]): Figure[] => {
  const middle = (of: (started: Started) => number): number => median(starts.map(of)) / 1_000
  const worst = (of: (started: Started) => number): number => Math.max(...starts.map(of))
  return [
    within(
      'ready: the API would answer, median',
      's',
      middle(({ readyMs }) => readyMs),
      GOAL_S,
    ),
    within(
      'all adopted, median',
      's',
      middle(({ adoptedMs }) => adoptedMs),
      GOAL_S,
    ),
    beside(
      'of it opening the file',
      's',
      middle(({ openMs, loadedMs }) => openMs - loadedMs),
      { name: 'only read and parse', value: median(reads) / 1_000 },
    ),
    { name: 'of it loading modules', value: middle(({ loadedMs }) => loadedMs), unit: 's' },
    none(
      'lost',
      worst(({ lost }) => lost),
    ),
    none(
      'doubled',
      worst(({ doubled }) => doubled),
    ),
    none(
      'stopped or removed',
      worst(({ touched, doubled }) => Math.max(0, touched.length - doubled)),
    ),
    none(
      'errors',
      worst(({ errors }) => errors.length),
    ),
    { name: 'processor time until all is adopted, median', value: middle(({ cpuMs }) => cpuMs), unit: 's' },
    { name: 'resident', value: worst(({ residentMb }) => residentMb), unit: 'MB' },
  ]
}

const sizeOf = (file: string): Promise<number> =>
  stat(file).then(
    ({ size }) => size,
    () => 0,
  )

/** With what was not written back yet, as a crash leaves it. */
const copyOf = async (from: string, to: string): Promise<string> => {
  await copyFile(from, to)
  if ((await sizeOf(`${from}-wal`)) > 0) await copyFile(`${from}-wal`, `${to}-wal`)
  return to
}

const NODE_OPTIONS = ['--disable-warning=ExperimentalWarning']

const filledBy = (file: string): Promise<void> =>
  new Promise((resolve, reject) => {
    const child = fork(join(import.meta.dirname, 'fill.ts'), [file], { execArgv: NODE_OPTIONS })
    child.once('exit', (code, signal) =>
      signal === 'SIGKILL' ? resolve() : reject(new Error(`The file was not filled: exit code ${code}.`)),
    )
  })

/** What the program says to its parent. Compiled code is kept over starts in `cache`, as `./manor` keeps it; the first start has none. */
const inProcess = <Answer>(program: string, cache: string, ...words: readonly string[]): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const child = fork(join(import.meta.dirname, program), words, {
      execArgv: NODE_OPTIONS,
      env: { ...process.env, NODE_COMPILE_CACHE: cache },
    })
    let answer: Answer | undefined
    child.once('message', message => {
      answer = message as Answer
    })
    child.once('close', code => (answer === undefined ? reject(new Error(`${program} ended with exit code ${code}.`)) : resolve(answer)))
  })
