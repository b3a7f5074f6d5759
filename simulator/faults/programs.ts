import type { Random } from '../../src/runtime/index.ts'
import { between, happens, pick } from '../kernel/chance.ts'
import type { ControllerProgram } from '../world/controller-program.ts'
import type { World } from '../world/world.ts'
import type { Fault } from './fault.ts'

const anyController = (world: World, random: Random): ControllerProgram | undefined => pick(random, [...world.programs.values()])

export const controllerKilled: Fault = {
  name: 'controller-killed',
  sentence: "A controller's process is killed, by the kernel for its memory or by its own.",
  rates: { mild: 0.2, hard: 0.7 },
  begin: (world, random) => {
    const program = anyController(world, random)
    if (program === undefined) return undefined
    const oom = happens(random, 0.3)
    const { run } = program
    program.kill()
    world.engine.exit(run, { code: 137, oom })
    return `${run.id}${oom ? ', out of memory' : ''}`
  },
}

export const controllerHangs: Fault = {
  name: 'controller-hangs',
  sentence: 'A controller answers nothing for a while, as in a long collection, and takes no signal.',
  rates: { mild: 0.2, hard: 0.5 },
  begin: (world, random) => {
    const program = anyController(world, random)
    if (program === undefined) return undefined
    const ms = between(random, 2_000, happens(random, 0.2) ? 600_000 : 60_000)
    program.isHung = true
    world.during(ms, () => {
      program.isHung = false
    })
    return `${program.run.id} for ${ms} ms`
  },
}

export const controllerRestartsInside: Fault = {
  name: 'controller-restarts-inside',
  sentence: 'Somebody restarts a controller from its own pages.',
  rates: { mild: 0.05, hard: 0.2 },
  begin: (world, random) => {
    const program = anyController(world, random)
    if (program === undefined || !program.answers) return undefined
    program.restartInside()
    return program.run.id
  },
}

export const endedRunSpeaks: Fault = {
  name: 'ended-run-speaks',
  sentence: 'The greeting of a run of a controller that has ended arrives late, when another is the current one.',
  rates: { mild: 0.1, hard: 0.5 },
  begin: (world, random) => {
    const program = pick(random, [...world.endedPrograms.values()])
    if (program === undefined) return undefined
    world.ghostSpeaks(program)
    return program.run.id
  },
}

export const agentKilled: Fault = {
  name: 'agent-killed',
  sentence: "An agent's process is killed.",
  rates: { mild: 0.5, hard: 2 },
  begin: (world, random) => {
    const agent = pick(random, [...world.agents.values()])
    if (agent === undefined) return undefined
    const { run } = agent
    agent.kill()
    world.engine.exit(run, { code: 137, oom: happens(random, 0.2) })
    return run.id
  },
}

export const templateBroken: Fault = {
  name: 'template-broken',
  sentence: 'Every agent of one template fails for a while: it ends at once, or never connects.',
  rates: { mild: 0.05, hard: 0.2 },
  begin: (world, random) => {
    const team = pick(random, world.plan.teams)
    const mix = team && pick(random, team.jobs)
    if (team === undefined || mix === undefined) return undefined
    const label = `${team.name}-${mix.name}`
    const how = happens(random, 0.5) ? 'exits' : 'never-connects'
    const ms = between(random, 30_000, 1_200_000)
    world.sabotage.set(label, how)
    world.during(ms, () => world.sabotage.delete(label))
    return `${label} ${how} for ${ms} ms`
  },
}
