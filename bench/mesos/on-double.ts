/**
 * The engine under a cluster's load, on the double of a Mesos whose agents only pretend. Engine and double are processes of their own, so what the
 * engine uses is its own. Places are given first fit: what a real pass of the scheduler costs is in bench/scheduler.
 */
import type { ChildProcess } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../src/runtime/index.ts'
import { against, beside, type Figure, median, within } from '../figures.ts'
import { Children, killed, told } from './child.ts'
import type { Adopted, Filled, OursOptions, Steady } from './ours.ts'
import type { Read } from './read-times.ts'
import { type Arrival, type Waits, waitsOf } from './waits.ts'

export type DoubleSize = { readonly agents: number; readonly tasks: number; readonly forMs: number }

const ENDS_PER_SECOND = 25
/** Submits at the same time: as many as Manor's broker gives places in one pass. */
const MOST_IN_FLIGHT = 500
const GOAL_ADOPT_S = 10
const GOAL_HEARD_MS = 100
/** How much more often than by chance a record may outlast the pass under way, in standard deviations of a share of so many records. */
const GOAL_DEVIATIONS = 3

export const measureOnDouble = async (size: DoubleSize, say: (line: string) => void): Promise<Figure[]> => {
  const name = `double, ${size.tasks} tasks on ${size.agents} agents`
  const directory = await mkdtemp(join(tmpdir(), 'manor-mesos-bench-'))
  try {
    await using children = new Children()
    const double = children.start('double.ts', join(directory, 'double'), String(size.agents), String(size.tasks / size.agents))
    const { url } = await told<{ url: string }>(double, 'url')
    const engine = (mode: OursOptions['mode'], at = url): ChildProcess => {
      const options: OursOptions = {
        url: at,
        file: join(directory, 'state'),
        mode,
        count: size.tasks,
        most: MOST_IN_FLIGHT,
        until: 'launched',
      }
      return children.start('ours.ts', JSON.stringify(options))
    }
    const ours = engine('fill')
    const { filled } = await told<{ filled: Filled }>(ours, 'filled')
    say(`${name}: all run after ${(filled.filledMs / 1_000).toFixed(1)} s`)
    double.send({ endsPerSecond: ENDS_PER_SECOND })
    await systemClock.sleep(1_000)
    ours.send(size.forMs)
    const { steady } = await told<{ steady: Steady }>(ours, 'steady')
    say(`${name}: ${steady.ended} ended in ${size.forMs / 1_000} s, ${(steady.cpuShare * 100).toFixed(0)} % of a core`)
    double.send({ endsPerSecond: 0 })
    // What was just started runs before Manor is killed, so that the next finds a cluster that is full: first the last ends are heard.
    await systemClock.sleep(1_000)
    const full = told(ours, 'full')
    ours.send('full')
    await full
    await killed(ours)
    const startedAt = systemClock.now()
    const again = engine('adopt')
    const { adopted } = await told<{ adopted: Adopted }>(again, 'adopted')
    const adoptS = (adopted.adoptedAt - startedAt) / 1_000
    say(`${name}: ${adopted.tasks.length} adopted after ${adoptS.toFixed(1)} s`)
    await killed(again)
    const { arrived, read } = await besidePasses(children, url, at => engine('passes', at), double, size.forMs)
    return [...figuresOf(name, size, filled, steady), ...adoptFigures(name, adoptS, adopted), ...readFigures(name, arrived, read)]
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

/** Adopts all once more, over a way that writes down what came when, and hears of the ends while a scheduler turns without pause. */
const besidePasses = async (
  children: Children,
  url: string,
  engine: (url: string) => ChildProcess,
  double: ChildProcess,
  forMs: number,
): Promise<{ readonly arrived: readonly Arrival[]; readonly read: Read }> => {
  const wire = children.start('wire.ts', url)
  const ours = engine((await told<{ url: string }>(wire, 'url')).url)
  await told(ours, 'ready')
  double.send({ endsPerSecond: ENDS_PER_SECOND })
  await arrivals(wire)
  ours.send(forMs)
  const { read } = await told<{ read: Read }>(ours, 'read')
  const { arrived } = await arrivals(wire)
  double.send({ endsPerSecond: 0 })
  return { arrived, read }
}

/** What went over the wire since this was asked last. */
const arrivals = (wire: ChildProcess): Promise<{ arrived: Arrival[] }> => {
  const answer = told<{ arrived: Arrival[] }>(wire, 'arrived')
  wire.send('arrived')
  return answer
}

const readFigures = (name: string, arrived: readonly Arrival[], { read, heard, passes }: Read): Figure[] => {
  const lengths = passes.map(({ from, to }) => to - from)
  const reader = waitsOf(arrived, read, passes)
  const own = waitsOf(arrived, heard, passes)
  const where = `${name}, a scheduler turning without pause`
  const figure = (what: string, value: number, unit: string): Figure => ({ name: `${where}: ${what}`, value, unit })
  const waits = (what: string, { medianMs, p99Ms, longestMs }: Waits): Figure[] => [
    figure(`from coming to being ${what}, median`, medianMs, 'ms'),
    figure(`from coming to being ${what}, p99`, p99Ms, 'ms'),
    figure(`from coming to being ${what}, longest`, longestMs, 'ms'),
  ]
  const heldMs = lengths.reduce((total, length) => total + length, 0)
  const held = heldMs / ((passes.at(-1)?.to ?? 0) - (passes[0]?.from ?? 0))
  const byChance = (waits: Waits): { readonly name: string; readonly value: number } => ({
    name: 'by chance',
    value: waits.outlastedByChance * 100,
  })
  return [
    figure('updates that came and were read', reader.records, ''),
    figure('passes', passes.length, ''),
    figure('pass, median', median(lengths), 'ms'),
    figure('longest pass', Math.max(0, ...lengths), 'ms'),
    ...waits('read by the reader’s thread', reader),
    beside(`${where}: read while a pass had the engine’s thread`, '%', reader.duringPass * 100, {
      name: 'of the time',
      value: held * 100,
    }),
    against(`${where}: read only after the pass under way`, '%', reader.outlasted * 100, byChance(reader), {
      ratio: 1,
      plus: chancePlus(reader),
    }),
    ...waits('handled by the engine’s thread', own),
    beside(`${where}: handled only after the pass under way`, '%', own.outlasted * 100, byChance(own)),
  ]
}

/** In points of a per cent. */
const chancePlus = ({ outlastedByChance: share, records }: Waits): number =>
  Math.ceil(GOAL_DEVIATIONS * Math.sqrt((share * (1 - share)) / Math.max(1, records)) * 1_000) / 10

const figuresOf = (name: string, { tasks, forMs }: DoubleSize, filled: Filled, steady: Steady): Figure[] => {
  const figure = (what: string, value: number, unit: string): Figure => ({ name: `${name}: ${what}`, value, unit })
  const enough = ENDS_PER_SECOND * (forMs / 1_000) * 0.9
  return [
    figure('launched a second until all run', tasks / (filled.filledMs / 1_000), '/s'),
    figure('offer to launch while filling, p99', filled.offerToLaunchP99, 'ms'),
    figure('submit to running while filling, median', filled.submitToRunningP50, 'ms'),
    {
      ...figure('ended and replaced a second', steady.ended / (forMs / 1_000), '/s'),
      goal: `>= ${enough / (forMs / 1_000)} /s`,
      met: steady.ended >= enough,
    },
    figure('offer to launch, p99', steady.offerToLaunchP99, 'ms'),
    within(`${name}: a task’s end to its being heard, p99`, 'ms', steady.endToHeardP99, GOAL_HEARD_MS),
    figure('longest pass that gave places', steady.longestPassMs, 'ms'),
    figure('processor', steady.cpuShare * 100, '% of a core'),
    figure('resident', steady.residentMb, 'MB'),
  ]
}

const adoptFigures = (name: string, adoptS: number, { cpuMs, engineMs }: Adopted): Figure[] => [
  within(`${name}: all adopted after kill -9, from the start of the process`, 's', adoptS, GOAL_ADOPT_S),
  { name: `${name}: of it since the engine was opened`, value: engineMs / 1_000, unit: 's' },
  { name: `${name}: processor until then`, value: cpuMs / 1_000, unit: 's' },
]
