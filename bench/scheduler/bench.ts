/**
 * Placements of our scheduler beside Fenzo's, on Fenzo's own recipe and in the same run: the two take turns row by row, each in a process
 * of its own, so that a busy moment of the machine hits both. Then what Fenzo has no row for: 50,000 hosts, and many tenants with much that
 * waits.
 */
import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Bench, Figure } from '../figures.ts'
import { measureCrowd } from './crowd.ts'
import { bringFenzo } from './fenzo.ts'
import { BATCH, type OurOutcome, type Outcome, type Row, sizesFor } from './workload.ts'

const run = promisify(execFile)
const SEED = 20_160_411
const ROW_TIMEOUT_MS = 900_000
const GOOD_ENOUGH = [0.01, 0.1, 0.5, 1] as const
const UNBOUNDED = 1_000_000
/** From so many hosts on we want to be ten times as fast as Fenzo; below, where both take next to nothing, at least as fast. */
const LARGE_HOSTS = 2_000
const GOAL_LARGE = 10
const GOAL_SMALL = 1
const GOAL_FULL = 0.97
const ROUNDING = 1e-6
const GOAL_PEAK_MB = 200

const rowsFor = (quick: boolean): Row[] => {
  const sizes = quick ? [{ hosts: 2_000, cores: 8 }] : [200, 2_000, 10_000].flatMap(hosts => [8, 16].map(cores => ({ hosts, cores })))
  const cuts = quick ? [0.01, 1] : GOOD_ENOUGH
  return sizes.flatMap(size => cuts.map(goodEnough => ({ ...size, goodEnough, passes: UNBOUNDED })))
}

export const bench: Bench = {
  name: 'scheduler',
  about:
    'Placing tasks: ours beside Fenzo 1.0.1 on its own recipe (20 % one-core, 40 % half-host, 40 % three-quarter-host tasks, 200 a pass).',
  run: async ({ quick, say }) => {
    const directory = await mkdtemp(join(tmpdir(), 'manor-scheduler-bench-'))
    try {
      say('bringing Fenzo through mvn')
      const classPath = await bringFenzo(directory)
      const figures: Figure[] = []
      const loadBefore = loadFigure('before')
      for (const row of rowsFor(quick)) {
        const words = argumentsFor(row, await writeSizes(directory, row))
        const fenzo = await outcomeOf<Outcome>('java', ['-Xmx4g', '-cp', classPath, 'FenzoBench', ...words])
        const ours = await oursOn(words)
        say(
          `${nameOf(row)}: ours ${ours.milliseconds.toFixed(0)} ms, Fenzo ${fenzo.milliseconds.toFixed(0)} ms for ${ours.placed} and ${fenzo.placed} tasks`,
        )
        figures.push(...figuresOf(row, ours, fenzo))
      }
      return [...figures, ...(await largeFleet(directory, quick)), ...measureCrowd(quick), loadBefore, loadFigure('after')]
    } finally {
      await rm(directory, { recursive: true, force: true })
    }
  },
}

/** Whatever else the machine does slows both sides; who reads a figure should know. */
const loadFigure = (when: string): Figure => ({ name: `load of the machine ${when}, mean of a minute`, value: loadavg()[0] ?? 0, unit: '' })

const nameOf = ({ hosts, cores, goodEnough }: Row): string => `${hosts} hosts of ${cores}, good enough ${goodEnough}`

const perSecond = ({ milliseconds, placed }: Outcome): number => (1000 * placed) / milliseconds

const figuresOf = (row: Row, ours: Outcome, fenzo: Outcome): Figure[] => {
  const figure = (column: string, unit: string, of: (outcome: Outcome) => number, more: Partial<Figure> = {}): Figure => ({
    name: `${nameOf(row)}: ${column}`,
    cell: { row: nameOf(row), column },
    value: of(ours),
    unit,
    opponent: { name: 'Fenzo', value: of(fenzo) },
    ...more,
  })
  const ratio = perSecond(ours) / perSecond(fenzo)
  const goal = row.hosts >= LARGE_HOSTS ? GOAL_LARGE : GOAL_SMALL
  return [
    figure('placements', '1/s', perSecond, { ratio, goal: goalWords(goal), met: ratio >= goal }),
    figure('full', '%', ({ full }) => full * 100, {
      goal: `>= ${GOAL_FULL * 100} and >= Fenzo's`,
      met: ours.full >= Math.max(GOAL_FULL, fenzo.full) - ROUNDING,
    }),
    figure('p99 of a pass', 'ms', ({ p99Ms }) => p99Ms, { goal: "<= Fenzo's", met: ours.p99Ms <= fenzo.p99Ms }),
    figure('live heap', 'MB', ({ heapMb }) => heapMb),
    figure('peak resident', 'MB', ({ peakMb }) => peakMb, { goal: `<= ${GOAL_PEAK_MB}`, met: ours.peakMb <= GOAL_PEAK_MB }),
  ]
}

const goalWords = (goal: number): string =>
  goal === GOAL_LARGE ? `>= ${goal} x from ${LARGE_HOSTS} hosts on` : `>= ${goal} x below ${LARGE_HOSTS} hosts`

const largeFleet = async (directory: string, quick: boolean): Promise<Figure[]> => {
  const row = { hosts: 50_000, cores: 8, goodEnough: 1, passes: quick ? 50 : UNBOUNDED }
  const outcome = await oursOn(argumentsFor(row, await writeSizes(directory, row)))
  const name = `50,000 hosts of 8${quick ? ', the first 50 passes' : ''}`
  return [
    { name: `${name}: placements`, value: perSecond(outcome), unit: '1/s' },
    { name: `${name}: first pass, which sees each host for the first time`, value: outcome.firstMs, unit: 'ms' },
    { name: `${name}: median of a pass`, value: outcome.medianMs, unit: 'ms' },
    { name: `${name}: p99 of a pass`, value: outcome.p99Ms, unit: 'ms' },
    { name: `${name}: live heap`, value: outcome.heapMb, unit: 'MB' },
    { name: `${name}: peak resident`, value: outcome.peakMb, unit: 'MB' },
  ]
}

const writeSizes = async (directory: string, row: Row): Promise<string> => {
  const file = join(directory, 'sizes')
  await writeFile(file, sizesFor(row, SEED).join('\n'))
  return file
}

const argumentsFor = ({ hosts, cores, goodEnough, passes }: Row, file: string): string[] => [
  file,
  ...[hosts, cores, goodEnough, BATCH, passes].map(String),
]

const oursOn = (words: readonly string[]): Promise<OurOutcome> =>
  outcomeOf<OurOutcome>(process.execPath, [
    '--expose-gc',
    '--disable-warning=ExperimentalWarning',
    join(import.meta.dirname, 'ours.ts'),
    ...words,
  ])

const outcomeOf = async <Printed extends Outcome>(program: string, words: readonly string[]): Promise<Printed> => {
  const { stdout } = await run(program, words, { timeout: ROW_TIMEOUT_MS, maxBuffer: 1_048_576 })
  // Our own two programs, which print what these types say.
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Printed
}
