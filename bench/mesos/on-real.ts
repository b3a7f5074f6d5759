/**
 * The engine on a real Mesos: hundreds of real agents in a few processes of this machine, which start real tasks. First single starts in turn with
 * bare calls by hand, on the empty cluster; then it is filled, held, and found again after kill -9. Agents, tasks and what is measured share the
 * machine's cores, so what the clock tells of starts is mostly the agents' own work; what the engine itself used is told beside it.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { systemClock } from '../../src/runtime/index.ts'
import { processesBelow, type RunningMesos, startMesos } from '../../tests/support/mesos.ts'
import { ByHand } from './by-hand.ts'
import { Children, killed, told } from './child.ts'
import type { Adopted, Filled, OursOptions, Steady } from './ours.ts'
import type { Turn } from './turn.ts'

export type RealSize = {
  readonly agents: number
  /** Agents of one process share what it may open and its memory. */
  readonly agentsPerProcess: number
  readonly tasks: number
  /** Launched and not running yet, at most. */
  readonly starting: number
  readonly turns: number
  readonly forMs: number
}

export type Real = {
  readonly registeredMs: number
  readonly leaderMb: number
  readonly agentsMb: number
  readonly ours: readonly Turn[]
  readonly byHand: readonly Turn[]
  /** Rounds of the leader's allocations, in milliseconds. */
  readonly roundsMs: readonly number[]
  readonly filled: Filled
  readonly steady: Steady
  /** From the start of the process; the engine's part of it is in `adopted`. */
  readonly adoptMs: number
  readonly adopted: Adopted
  /** By Mesos' own account: the workload of every task that there ever was, running ones before the kill and after the adoption. */
  readonly everStarted: readonly string[]
  readonly runningBefore: readonly string[]
  readonly runningAfter: readonly string[]
  /** Executors and commands on this machine, while all ran. */
  readonly processes: number
  /** What still ran of the tasks after everything was taken down. */
  readonly left: number
}

const CPUS_OF_AN_AGENT = 32
const ROUNDS = 4
/** Mesos' own defaults. Agents that are lost after two seconds, as the tests want them, are lost and found all the time on a busy machine. */
const PINGS = { MESOS_AGENT_PING_TIMEOUT: '15secs', MESOS_MAX_AGENT_PING_TIMEOUTS: '5' }
const SETTLED_WITHIN_MS = 30_000

export const runOnReal = async (size: RealSize, say: (line: string) => void): Promise<Real> => {
  let directory = ''
  const measured = await (async () => {
    const began = systemClock.monotonic()
    await using mesos = await startMesos({
      agents: size.agents,
      agentsPerProcess: size.agentsPerProcess,
      resources: `cpus:${CPUS_OF_AN_AGENT};mem:${CPUS_OF_AN_AGENT * 512};disk:10000;ports:[31000-31999]`,
      // Mesos' default: offers come once a second.
      allocationInterval: '1secs',
      leaderFlags: PINGS,
    })
    directory = mesos.directory
    const registeredMs = systemClock.monotonic() - began
    const memory = { leaderMb: await residentMb(mesos.leader.pid), agentsMb: await sum(mesos.agents.map(({ pid }) => residentMb(pid))) }
    say(`real: ${size.agents} agents are registered after ${(registeredMs / 1_000).toFixed(1)} s`)
    await using children = new Children()
    const turns = await inTurn(children, mesos, size, say)
    return { registeredMs, ...memory, ...turns, ...(await fillAndKill(children, mesos, size, say)) }
  })()
  return { ...measured, left: (await processesBelow(directory)).length }
}

const engine = (children: Children, mesos: RunningMesos, size: RealSize, mode: OursOptions['mode']) => {
  const options: OursOptions = {
    url: mesos.url,
    file: join(mesos.directory, mode === 'turns' ? 'turns' : 'state'),
    mode,
    count: size.tasks,
    most: size.starting,
    until: 'running',
  }
  return children.start('ours.ts', JSON.stringify(options))
}

/** Turns of each side that are not counted: a Manor runs for weeks, and programs that have just begun are still being compiled. */
const WARM_TURNS = 5

/**
 * Single starts on the empty cluster, one of ours and one by hand after the other, the first of the two in turn, each once nothing of the one before
 * is left: an agent that still clears up is slower. Ours are kept in Manor's own store before a launch or an acknowledgement goes out;
 * by hand nothing is kept.
 */
const inTurn = async (
  children: Children,
  mesos: RunningMesos,
  size: RealSize,
  say: (line: string) => void,
): Promise<Pick<Real, 'ours' | 'byHand' | 'roundsMs'>> => {
  const child = engine(children, mesos, size, 'turns')
  await told(child, 'ready')
  const hand = await ByHand.open(mesos.url)
  const ours: Turn[] = []
  const byHand: Turn[] = []
  const oursTakes = async (at: number): Promise<void> => {
    const took = told<{ took: Turn }>(child, 'took')
    child.send({ turn: `turn-${at}` })
    ours.push((await took).took)
    await settledProcesses(mesos, 0)
  }
  const handTakes = async (at: number): Promise<void> => {
    byHand.push(await hand.turn(`by-hand-${at}`))
    await settledProcesses(mesos, 0)
  }
  for (let at = 0; at < WARM_TURNS + size.turns; at++)
    for (const takes of at % 2 === 0 ? [oursTakes, handTakes] : [handTakes, oursTakes]) await takes(at)
  const roundsMs = await hand.rounds(ROUNDS)
  await hand.close()
  const ended = told(child, 'ended')
  child.send({ end: true })
  await ended
  await killed(child)
  say(`real: ${size.turns} single starts, and as many by hand`)
  return { ours: ours.slice(WARM_TURNS), byHand: byHand.slice(WARM_TURNS), roundsMs }
}

const fillAndKill = async (children: Children, mesos: RunningMesos, size: RealSize, say: (line: string) => void) => {
  const ours = engine(children, mesos, size, 'fill')
  const { filled } = await told<{ filled: Filled }>(ours, 'filled')
  say(`real: ${size.tasks} tasks run after ${(filled.filledMs / 1_000).toFixed(1)} s`)
  const processes = await settledProcesses(mesos, 2 * size.tasks)
  ours.send(size.forMs)
  const { steady } = await told<{ steady: Steady }>(ours, 'steady')
  const runningBefore = (await tasksOf(mesos)).running
  await killed(ours)
  const startedAt = systemClock.now()
  const again = engine(children, mesos, size, 'adopt')
  const { adopted } = await told<{ adopted: Adopted }>(again, 'adopted')
  const adoptMs = adopted.adoptedAt - startedAt
  say(`real: ${adopted.tasks.length} tasks are adopted after ${(adoptMs / 1_000).toFixed(1)} s`)
  const { ever: everStarted, running: runningAfter } = await tasksOf(mesos)
  return { filled, processes, steady, adoptMs, adopted, everStarted, runningBefore, runningAfter }
}

/** A task is said to run while its shell still starts small programs: waits until there are so many, and gives what was seen last. */
const settledProcesses = async (mesos: RunningMesos, expected: number): Promise<number> => {
  const limit = systemClock.monotonic() + SETTLED_WITHIN_MS
  for (;;) {
    const { length } = await processesBelow(mesos.directory)
    if (length === expected || systemClock.monotonic() > limit) return length
    await systemClock.sleep(200)
  }
}

type Listed = { readonly name: string; readonly framework_id: { readonly value: string }; readonly state: string }
type Answer = {
  readonly get_tasks: {
    readonly tasks?: readonly Listed[]
    readonly completed_tasks?: readonly Listed[]
    readonly unreachable_tasks?: readonly Listed[]
    readonly orphan_tasks?: readonly Listed[]
  }
}

/** All tasks of the bench's filling that the leader knows or remembers, those of single starts excepted. */
const tasksOf = async (mesos: RunningMesos): Promise<{ readonly ever: readonly string[]; readonly running: readonly string[] }> => {
  const { get_tasks: told } = (await mesos.operator({ type: 'GET_TASKS' })) as Answer
  const all = [...(told.tasks ?? []), ...(told.completed_tasks ?? []), ...(told.unreachable_tasks ?? []), ...(told.orphan_tasks ?? [])]
  const ours = all.filter(({ name }) => name.startsWith('b-'))
  return { ever: ours.map(({ name }) => name), running: ours.filter(({ state }) => state === 'TASK_RUNNING').map(({ name }) => name) }
}

const sum = async (all: readonly Promise<number>[]): Promise<number> => (await Promise.all(all)).reduce((total, one) => total + one, 0)

const residentMb = async (pid: number): Promise<number> =>
  Number(/VmRSS:\s+(\d+) kB/.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1_024
