/**
 * The Mesos engine in a process of its own, for the bench: `node ours.ts OPTIONS`, which are JSON. Modes:
 *
 * - `fill`: launches tasks until so many run and keeps them so; told a number of milliseconds, it says what it used in so long; told `full`,
 *   it says when all run again.
 * - `adopt`: finds those of a process that was killed, says when Mesos has told it of each, and which they are.
 * - `passes`: adopts and keeps them while a scheduler turns without pause; told a number of milliseconds, it says when it read and
 *   heard of what.
 * - `turns`: told a name, starts one task from the wish for an offer on, and ends it; told none, ends its framework. Its records are in a store.
 */
import { performance } from 'node:perf_hooks'
import { beginTerm, frameworkIdsIn, taskRecordsIn } from '../../src/control-plane/engine-records.ts'
import type { MesosEngine } from '../../src/engines/index.ts'
import { systemClock } from '../../src/runtime/index.ts'
import { openSqliteStore } from '../../src/store/index.ts'
import { CRASH_OWNER, fileState } from '../../tests/support/mesos-crash-child.ts'
import { type MesosState, openEngine } from '../../tests/support/mesos-engine.ts'
import { waitFor } from '../../tests/support/wait.ts'
import { quantile } from '../figures.ts'
import { Keeper, type KeeperOptions } from './keeper.ts'
import { ReadTimes } from './read-times.ts'
import { oneTurn } from './turn.ts'

export type OursOptions = {
  readonly url: string
  /** Where framework and tasks are kept. */
  readonly file: string
  readonly mode: 'fill' | 'adopt' | 'passes' | 'turns'
  readonly count: number
  readonly most: KeeperOptions['most']
  readonly until: KeeperOptions['until']
}
export type Filled = {
  readonly filledMs: number
  readonly offerToLaunchP99: number
  readonly submitToRunningP50: number
  readonly cpuMs: number
  readonly residentMb: number
  readonly longestPassMs: number
  /** Tasks that ended, and submits that were refused, though nobody wanted that. */
  readonly ended: number
  readonly refused: number
}
export type Steady = {
  readonly cpuShare: number
  readonly residentMb: number
  readonly offerToLaunchP99: number
  readonly endToHeardP99: number
  readonly longestPassMs: number
  readonly ended: number
}
export type Adopted = {
  readonly adoptedAt: number
  /** From the opening of the engine on: without the start of the process and the loading of its program. */
  readonly engineMs: number
  readonly tasks: readonly string[]
  readonly residentMb: number
  readonly cpuMs: number
}

const FILL_WITHIN_MS = 30 * 60_000
const ADOPT_WITHIN_MS = 5 * 60_000
const signal = new AbortController().signal

const p99 = (values: readonly number[]): number => (values.length === 0 ? 0 : quantile(values, 0.99))
const residentMb = (): number => process.memoryUsage().rss / 1_048_576
const cpuMs = (since?: NodeJS.CpuUsage): number => {
  const { user, system } = process.cpuUsage(since)
  return (user + system) / 1_000
}

const fill = async (engine: MesosEngine, { count, most, until }: OursOptions): Promise<void> => {
  const began = performance.now()
  const keeper = new Keeper({ engine, most, until })
  keeper.add(count)
  const full = (): Promise<true> =>
    waitFor(() => keeper.running >= count, {
      what: `${count} tasks run`,
      withinMs: FILL_WITHIN_MS,
      seen: () => ({ running: keeper.running, ended: keeper.ended, refused: keeper.refused }),
    })
  await full()
  const { launches, runs, longestPassMs, ended, refused } = keeper
  const filled: Filled = {
    filledMs: performance.now() - began,
    offerToLaunchP99: p99(launches),
    submitToRunningP50: quantile(runs, 0.5),
    cpuMs: cpuMs(),
    residentMb: residentMb(),
    longestPassMs,
    ended,
    refused,
  }
  process.send?.({ filled })
  process.on('message', (forMs: number | 'full') => {
    if (forMs === 'full') void full().then(() => process.send?.({ full: true }))
    else void steady(keeper, forMs).then(result => process.send?.({ steady: result }))
  })
}

const steady = async (keeper: Keeper, forMs: number): Promise<Steady> => {
  for (const list of [keeper.launches, keeper.heard]) list.length = 0
  keeper.longestPassMs = 0
  keeper.ended = 0
  const before = process.cpuUsage()
  await systemClock.sleep(forMs)
  return {
    cpuShare: cpuMs(before) / forMs,
    residentMb: residentMb(),
    offerToLaunchP99: p99(keeper.launches),
    endToHeardP99: p99(keeper.heard),
    longestPassMs: keeper.longestPassMs,
    ended: keeper.ended,
  }
}

/** Resolves once as many as are wanted run, as Mesos itself has said since this process subscribed. */
const adopted = async (engine: MesosEngine, count: number, openedAt: number): Promise<Adopted> => {
  const running = async (): Promise<string[]> =>
    (await engine.list(AbortSignal.timeout(60_000))).filter(({ state }) => state === 'running' || state === 'starting').map(({ id }) => id)
  const isThere = async (): Promise<boolean> => {
    const { subscriptions, unanswered } = engine.counts
    return subscriptions > 0 && unanswered === 0 && (await running()).length >= count
  }
  await waitFor(isThere, { what: `${count} tasks are adopted`, withinMs: ADOPT_WITHIN_MS, everyMs: 10, seen: () => engine.counts })
  const adoptedAt = systemClock.now()
  const engineMs = performance.now() - openedAt
  return { adoptedAt, engineMs, tasks: await running(), residentMb: residentMb(), cpuMs: cpuMs() }
}

const passes = async (engine: MesosEngine, { count, most, until }: OursOptions, times: ReadTimes): Promise<void> => {
  const keeper = new Keeper({ engine, most, until })
  // What ended meanwhile, and what was killed before it was launched, is replaced.
  await waitFor(() => engine.counts.subscriptions > 0 && engine.counts.unanswered === 0, { what: 'Mesos has told of all', everyMs: 10 })
  const all = (await engine.list(signal)).filter(({ state }) => state === 'running' || state === 'starting')
  keeper.adopt(all.map(({ id }) => id))
  keeper.add(Math.max(0, count - all.length))
  process.on('message', (forMs: number) => void times.run(keeper, forMs).then(read => process.send?.({ read })))
  process.send?.({ ready: true })
}

const turns = (engine: MesosEngine): void => {
  process.on('message', ({ turn }: { readonly turn?: string }) => {
    if (turn === undefined) void engine.teardown(signal).then(() => process.send?.({ ended: true }))
    else void oneTurn(engine, turn, () => keptMs).then(took => process.send?.({ took }))
  })
  process.send?.({ ready: true })
}

let keptMs = 0
const timed = async <Result>(work: Promise<Result>): Promise<Result> => {
  const began = performance.now()
  const result = await work
  keptMs += performance.now() - began
  return result
}

/** As a Manor keeps them: each before Mesos is told. */
const inStore = async (file: string): Promise<Pick<MesosState, 'frameworkIds' | 'tasks'>> => {
  const store = await openSqliteStore(file, systemClock)
  const tasks = taskRecordsIn(store, await beginTerm(store))
  return {
    frameworkIds: frameworkIdsIn(store),
    tasks: { ...tasks, insert: record => timed(tasks.insert(record)), save: record => timed(tasks.save(record)) },
  }
}

const options = JSON.parse(process.argv[2] ?? '{}') as OursOptions
const alive = setInterval(() => undefined, 2_147_483_647)
process.on('disconnect', () => {
  clearInterval(alive)
  process.exit(0)
})
const openedAt = performance.now()
const state = options.mode === 'turns' ? await inStore(options.file) : fileState(options.file)
const times = new ReadTimes()
const engine = await openEngine(options.url, CRASH_OWNER, state, { usageEveryMs: 3_600_000 })
switch (options.mode) {
  case 'fill':
    await fill(engine, options)
    break
  case 'adopt':
    process.send?.({ adopted: await adopted(engine, options.count, openedAt) })
    break
  case 'passes':
    await passes(engine, options, times)
    break
  case 'turns':
    turns(engine)
    break
  default:
    options.mode satisfies never
}
