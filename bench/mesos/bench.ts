/** The Mesos engine under a cluster's load: on a real Mesos, and on a double where what is wanted is more than one machine can run. */

import { mesosProblem } from '../../tests/support/mesos-parts.ts'
import { against, type Bench, beside, type Figure, median, none, within } from '../figures.ts'
import { type DoubleSize, measureOnDouble } from './on-double.ts'
import { type Real, type RealSize, runOnReal } from './on-real.ts'
import type { Turn } from './turn.ts'

const REAL: RealSize = { agents: 317, agentsPerProcess: 80, tasks: 8_000, starting: 80, turns: 80, forMs: 10_000 }
export const QUICK_REAL: RealSize = { agents: 40, agentsPerProcess: 40, tasks: 200, starting: 40, turns: 20, forMs: 3_000 }
const DOUBLE: readonly DoubleSize[] = [
  { agents: 317, tasks: 8_000, forMs: 30_000 },
  { agents: 2_000, tasks: 50_000, forMs: 30_000 },
]
const QUICK_DOUBLE: readonly DoubleSize[] = [{ agents: 40, tasks: 200, forMs: 5_000 }]
const GOAL_START = 1.1
const GOAL_ADOPT_S = 10

export const bench: Bench = {
  name: 'mesos',
  about:
    'Tasks on a real Mesos and on a double of one: single starts beside bare calls, a full cluster, and all found again after kill -9.',
  run: async ({ quick, say }) => {
    const figures: Figure[] = []
    const problem = mesosProblem()
    if (problem === undefined) figures.push(...realFigures(quick ? QUICK_REAL : REAL, await runOnReal(quick ? QUICK_REAL : REAL, say)))
    else say(problem)
    for (const size of quick ? QUICK_DOUBLE : DOUBLE) figures.push(...(await measureOnDouble(size, say)))
    return figures
  },
}

const realFigures = ({ agents, tasks }: RealSize, real: Real): Figure[] => {
  const name = `real, ${tasks} tasks on ${agents} agents`
  const figure = (what: string, value: number, unit: string): Figure => ({ name: `${name}: ${what}`, value, unit })
  const ours = (of: keyof Turn): number => median(real.ours.map(turn => turn[of]))
  const byHand = (of: keyof Turn): { readonly name: string; readonly value: number } => ({
    name: 'by hand',
    value: median(real.byHand.map(turn => turn[of])),
  })
  const { filled, steady } = real
  const adoptS = real.adoptMs / 1_000
  return [
    against(`${name}: one start, from submit to running, median`, 'ms', ours('runningMs'), byHand('runningMs'), { ratio: GOAL_START }),
    beside(`${name}: of it until the leader has taken the launch on, median`, 'ms', ours('takenMs'), byHand('takenMs')),
    figure('of it until its records were kept, median', ours('keptMs'), 'ms'),
    beside(`${name}: before it, from the wish for an offer to the first, median`, 'ms', ours('offerMs'), byHand('offerMs')),
    figure('the same while offers come already, the whole round, median', median(real.roundsMs), 'ms'),
    figure('all agents registered', real.registeredMs / 1_000, 's'),
    figure('resident: leader', real.leaderMb, 'MB'),
    figure('resident: agents', real.agentsMb, 'MB'),
    figure('launched a second until all run', tasks / (filled.filledMs / 1_000), '/s'),
    figure('offer to launch while filling, p99', filled.offerToLaunchP99, 'ms'),
    figure('submit to running while filling, median', filled.submitToRunningP50, 'ms'),
    figure('processor of ours for a launch', filled.cpuMs / tasks, 'ms'),
    figure('resident once all run', filled.residentMb, 'MB'),
    figure('processor while all run', steady.cpuShare * 100, '% of a core'),
    within(`${name}: all adopted after kill -9, from the start of the process`, 's', adoptS, GOAL_ADOPT_S),
    figure('of it since the engine was opened', real.adopted.engineMs / 1_000, 's'),
    figure('processor until then', real.adopted.cpuMs / 1_000, 's'),
    figure('resident after the adoption', real.adopted.residentMb, 'MB'),
    none(`${name}: tasks that ended or were refused`, filled.ended + filled.refused),
    none(`${name}: started twice`, real.everStarted.length - new Set(real.everStarted).size),
    none(`${name}: lost by the kill`, new Set(real.runningBefore).difference(new Set(real.adopted.tasks)).size),
    none(`${name}: left on the machine`, real.left),
  ]
}
