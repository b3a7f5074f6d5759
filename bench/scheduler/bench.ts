/**
 * Placements of our scheduler beside Fenzo's, on Fenzo's own recipe and in the same run: the two take turns row by row, each in a process
 * of its own, so that a busy moment of the machine hits both. Then what Fenzo has no row for: 50,000 hosts, and many tenants with much that
 * waits.
 */
import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { against, type Bench, type Figure } from '../figures.ts'
import { measureCrowd } from './crowd.ts'
import { bringFenzo } from './fenzo.ts'
import { BATCH, type Outcome, type Row, sizesFor } from './workload.ts'

const run = promisify(execFile)
const SEED = 20_160_411
const ROW_TIMEOUT_MS = 900_000
const GOOD_ENOUGH = [0.01, 0.1, 0.5, 1] as const
const UNBOUNDED = 1_000_000
/** From so many hosts on we want to be ten times as fast as Fenzo, which is a tenth of its time; below, at least as fast. */
const LARGE_HOSTS = 2_000
const GOAL_LARGE = { ratio: 0.1 }
const GOAL_SMALL = { ratio: 1 }
const GOAL_FULL = 0.97
const ROUNDING = 1e-6
const GOAL_HEAP_MB = 200

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
      for (const row of rowsFor(quick)) {
        const words = argumentsFor(row, await writeSizes(directory, row))
        const fenzo = await outcomeOf('java', ['-Xmx4g', '-cp', classPath, 'FenzoBench', ...words])
        const ours = await oursOn(words)
        say(
          `${nameOf(row)}: ours ${ours.milliseconds.toFixed(0)} ms, Fenzo ${fenzo.milliseconds.toFixed(0)} ms for ${ours.placed} and ${fenzo.placed} tasks`,
        )
        figures.push(...figuresOf(row, ours, fenzo))
      }
      return [...figures, ...(await largeFleet(directory, quick)), ...measureCrowd(quick)]
    } finally {
      await rm(directory, { recursive: true, force: true })
    }
  },
}

const nameOf = ({ hosts, cores, goodEnough }: Row): string => `${hosts} hosts of ${cores}, good enough ${goodEnough}`

const figuresOf = (row: Row, ours: Outcome, fenzo: Outcome): Figure[] => {
  const perThousand = ({ milliseconds, placed }: Outcome): number => (1000 * milliseconds) / placed
  const perSecond = ({ milliseconds, placed }: Outcome): number => (1000 * placed) / milliseconds
  const name = nameOf(row)
  const fullGoal = Math.max(GOAL_FULL, fenzo.full)
  return [
    against(
      `${name}: 1,000 placements`,
      'ms',
      perThousand(ours),
      { name: 'Fenzo', value: perThousand(fenzo) },
      row.hosts >= LARGE_HOSTS ? GOAL_LARGE : GOAL_SMALL,
    ),
    {
      name: `${name}: placements`,
      value: perSecond(ours),
      unit: '1/s',
      opponent: { name: 'Fenzo', value: perSecond(fenzo) },
      ratio: perSecond(ours) / perSecond(fenzo),
    },
    against(`${name}: p99 of a pass`, 'ms', ours.p99Ms, { name: 'Fenzo', value: fenzo.p99Ms }, { ratio: 1 }),
    {
      name: `${name}: full`,
      value: ours.full * 100,
      unit: '%',
      opponent: { name: 'Fenzo', value: fenzo.full * 100 },
      goal: `>= ${(fullGoal * 100).toFixed(2)}`,
      met: ours.full >= fullGoal - ROUNDING,
    },
    {
      name: `${name}: heap at the end`,
      value: ours.heapMb,
      unit: 'MB',
      opponent: { name: 'Fenzo', value: fenzo.heapMb },
      goal: `<= ${GOAL_HEAP_MB}`,
      met: ours.heapMb <= GOAL_HEAP_MB,
    },
  ]
}

const largeFleet = async (directory: string, quick: boolean): Promise<Figure[]> => {
  const row = { hosts: 50_000, cores: 8, goodEnough: 1, passes: quick ? 50 : UNBOUNDED }
  const { milliseconds, placed, p99Ms, heapMb } = await oursOn(argumentsFor(row, await writeSizes(directory, row)))
  return [
    { name: '50,000 hosts of 8: placements', value: (1000 * placed) / milliseconds, unit: '1/s' },
    { name: '50,000 hosts of 8: p99 of a pass', value: p99Ms, unit: 'ms' },
    { name: '50,000 hosts of 8: heap at the end', value: heapMb, unit: 'MB' },
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

const oursOn = (words: readonly string[]): Promise<Outcome> =>
  outcomeOf(process.execPath, ['--expose-gc', '--disable-warning=ExperimentalWarning', join(import.meta.dirname, 'ours.ts'), ...words])

const outcomeOf = async (program: string, words: readonly string[]): Promise<Outcome> => {
  const { stdout } = await run(program, words, { timeout: ROW_TIMEOUT_MS, maxBuffer: 1_048_576 })
  // Our own two programs, which print what Outcome says.
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Outcome
}
