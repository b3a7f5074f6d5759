/**
 * The Mesos engine under a cluster's load, on the double of a Mesos whose agents only pretend: tasks are launched until so many run, 25 end a
 * second and are replaced, then Manor is killed and another finds them all. Engine and double are processes of their own, so what the engine uses
 * is its own. Places are given first fit: what a real pass of the scheduler costs is in bench/scheduler.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../src/runtime/index.ts'
import type { Bench, Figure } from '../figures.ts'
import type { Filled, Steady } from './ours.ts'

type Size = { readonly name: string; readonly agents: number; readonly tasks: number; readonly forMs: number }

const FULL: readonly Size[] = [
  { name: '8,000 tasks on 317 agents', agents: 317, tasks: 8_000, forMs: 30_000 },
  { name: '50,000 tasks on 2,000 agents', agents: 2_000, tasks: 50_000, forMs: 30_000 },
]
const QUICK: readonly Size[] = [{ name: '200 tasks on 40 agents', agents: 40, tasks: 200, forMs: 5_000 }]
const ENDS_PER_SECOND = 25
/** Tasks in one call of explicit reconciliation; besides, one call asks for all. */
const RECONCILE_MOST = 1_000
const GOAL_ADOPT_S = 10
const GOAL_HEARD_MS = 100

export const bench: Bench = {
  name: 'mesos',
  about: `Tasks on a double of a Mesos: launched, ${ENDS_PER_SECOND} ends a second, and all found again after kill -9.`,
  run: async ({ quick, say }) => {
    const figures: Figure[] = []
    for (const size of quick ? QUICK : FULL) figures.push(...(await measure(size, say)))
    return figures
  },
}

const measure = async (size: Size, say: (line: string) => void): Promise<Figure[]> => {
  const directory = await mkdtemp(join(tmpdir(), 'manor-mesos-bench-'))
  const children: ChildProcess[] = []
  const start = (program: string, ...words: readonly string[]): ChildProcess => {
    const child = fork(join(import.meta.dirname, program), words, { execArgv: ['--disable-warning=ExperimentalWarning'] })
    children.push(child)
    return child
  }
  try {
    const double = start('double.ts', join(directory, 'double'), String(size.agents), String(size.tasks / size.agents))
    const { url } = await told<{ url: string }>(double, 'url')
    const file = join(directory, 'state')
    const ours = start('ours.ts', url, file, String(size.tasks))
    const { filled } = await told<{ filled: Filled }>(ours, 'filled')
    say(`${size.name}: all run after ${(filled.filledMs / 1_000).toFixed(1)} s`)
    double.send({ endsPerSecond: ENDS_PER_SECOND })
    await systemClock.sleep(1_000)
    ours.send(size.forMs)
    const { steady } = await told<{ steady: Steady }>(ours, 'steady')
    say(`${size.name}: ${steady.ended} ended in ${size.forMs / 1_000} s, ${(steady.cpuShare * 100).toFixed(0)} % of a core`)
    double.send({ endsPerSecond: 0 })
    // What was just started runs before Manor is killed, so that the next finds a cluster that is full.
    await systemClock.sleep(3_000)
    ours.kill('SIGKILL')
    await once(ours, 'exit')
    double.send({ reconciled: Math.ceil(size.tasks / RECONCILE_MOST) + 1 })
    await told(double, 'listening')
    const startedAt = systemClock.now()
    const again = start('ours.ts', url, file, String(size.tasks), 'adopt')
    const [{ adoptedAt }, { reconciledAt }] = await Promise.all([
      told<{ adoptedAt: number }>(again, 'adoptedAt'),
      told<{ reconciledAt: number }>(double, 'reconciledAt'),
    ])
    return figuresOf(size, filled, steady, (Math.max(adoptedAt, reconciledAt) - startedAt) / 1_000)
  } finally {
    for (const child of children) {
      if (child.exitCode !== null || child.signalCode !== null) continue
      child.kill('SIGKILL')
      await once(child, 'exit')
    }
    await rm(directory, { recursive: true, force: true })
  }
}

/** What a child says that has this member. */
const told = <Answer extends object>(child: ChildProcess, member: string): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const onMessage = (message: unknown): void => {
      if (typeof message !== 'object' || message === null || !(member in message)) return
      child.off('message', onMessage)
      child.off('exit', onExit)
      resolve(message as Answer)
    }
    const onExit = (code: number | null): void =>
      reject(new Error(`A process of the bench ended with ${code} before it told of ${member}.`))
    child.on('message', onMessage)
    child.once('exit', onExit)
  })

const figuresOf = ({ name, tasks, forMs }: Size, filled: Filled, steady: Steady, adoptS: number): Figure[] => {
  const figure = (what: string, value: number, unit: string): Figure => ({ name: `${name}: ${what}`, value, unit })
  const within = (what: string, value: number, unit: string, most: number): Figure => ({
    ...figure(what, value, unit),
    goal: `<= ${most} ${unit}`,
    met: value <= most,
  })
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
    within('a task’s end to its being heard, p99', steady.endToHeardP99, 'ms', GOAL_HEARD_MS),
    figure('longest pass that gave places', steady.longestPassMs, 'ms'),
    figure('processor', steady.cpuShare * 100, '% of a core'),
    figure('resident', steady.residentMb, 'MB'),
    within('all found again after kill -9, from the start of the process', adoptS, 's', GOAL_ADOPT_S),
  ]
}
