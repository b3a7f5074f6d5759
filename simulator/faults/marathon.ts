import { integer } from '../../src/runtime/index.ts'
import { happens, pick } from '../kernel/chance.ts'
import { startSurplusTask } from '../world/surplus-task.ts'
import type { Fault } from './fault.ts'

export const marathonTwoTasks: Fault = {
  name: 'marathon-two-tasks',
  sentence:
    'A Marathon comes out of a change that it refused with a task of a controller more than it should have; or it ends the one that runs and leaves two in its place.',
  rates: { mild: 0.05, hard: 0.3 },
  begin: (world, random) => {
    // The other shapes have no orchestrator between Manor and the hosts that starts anything of itself.
    if (world.engine.shape !== 'own-placement') return undefined
    const program = pick(random, [...world.programs.values()])
    if (program === undefined || program.run.process === undefined) return undefined
    const { run } = program
    const isReplaced = happens(random, 0.25)
    if (isReplaced) program.terminate()
    const tasks = isReplaced ? ['b', 'c'] : ['b']
    const begun = tasks.flatMap(letter => {
      const task = `${run.id}.${integer(random, 1_000_000)}-${letter}`
      const machine = startSurplusTask(world, run, random, task)
      return machine === undefined ? [] : [`${task} on ${machine.id}`]
    })
    return begun.length === 0 ? undefined : `${begun.join(' and ')} ${isReplaced ? 'in the place of' : 'beside'} ${run.id}`
  },
}
