import type { Random } from '../../src/runtime/index.ts'
import type { Spread } from '../contract.ts'
import { draw, pick } from '../kernel/chance.ts'
import type { Run } from './engine.ts'
import { add, fitsInto, type Machine } from './machines.ts'
import type { World } from './world.ts'

/** From Marathon's offer to a task that runs, its image pulled or not (facts: fixtures/marathon-1.11, 2 to 5 s). */
const START: Spread = { median: 2_500, p95: 9_000 }
/** How a task asks for its start, and how often before it gives up (src/engines/marathon/bootstrap.ts). */
const ASK_EVERY_MS = 2_000
const ASKS = 90

/**
 * A task more of a run than there should be, on a machine that has room for it. It asks to be let in as every task of a Marathon does, and is
 * no writer before it is. Returns the machine, or undefined where none has room.
 */
export const startSurplusTask = (world: World, run: Run, random: Random, task: string): Machine | undefined => {
  const machine = pick(
    random,
    world.machines.filter(
      ({ state, promised, group }) => state === 'up' && group.role !== 'builds' && fitsInto(run.needs, promised, group.capacity),
    ),
  )
  if (machine === undefined) return undefined
  machine.promised = add(machine.promised, run.needs)
  void live(world, run, machine, machine.boots, task, draw(random, START))
  return machine
}

const live = async (world: World, run: Run, machine: Machine, boot: number, task: string, startMs: number): Promise<void> => {
  const { clock } = world.kernel
  const leave = (why: string): void => {
    machine.promised = add(machine.promised, run.needs, -1)
    world.log.add(`engine: task ${task} on ${machine.id} has ended: ${why}`)
  }
  await clock.sleep(startMs)
  for (let asked = 0; asked < ASKS; asked++) {
    if (machine.boots !== boot) return leave('its host has lost its power')
    if (world.manor !== undefined && world.network.reaches(machine.id, 'manor')) {
      const why = world.engine.door.refusal(run.workload, task, machine.id)
      if (why !== undefined) return leave(why)
      return letIn(world, run, machine, task)
    }
    await clock.sleep(ASK_EVERY_MS)
  }
  leave('it did not reach Manor')
}

/** Only where the door does not do what it is there for: a second writer. */
const letIn = (world: World, run: Run, machine: Machine, task: string): void => {
  world.log.add(`engine: task ${task} on ${machine.id} was let in`)
  const second: Run = { ...run, machine, boot: machine.boots, state: 'running', gone: false, process: undefined, stopAsked: false }
  const { noun } = run.workload.labels
  world.engine.liveOf.set(noun, (world.engine.liveOf.get(noun) ?? new Set<Run>()).add(second))
  second.process = world.begin(second)
  world.begins(second)
}
