import { type ControllerAction, controllerId } from '../../src/model/index.ts'
import type { Random } from '../../src/runtime/index.ts'
import { between, happens, pick } from '../kernel/chance.ts'
import { controllerName, templatesOf } from '../world/seed-rows.ts'
import type { World } from '../world/world.ts'
import type { Fault } from './fault.ts'
import { cutPower } from './manor.ts'

/** One of the controllers that the plan has: those stay. */
const anyOfPlan = (world: World, random: Random): string | undefined => {
  const team = pick(random, world.plan.teams)
  return team && controllerName(team, between(random, 0, team.controllers - 1))
}

const act = (world: World, name: string, action: ControllerAction): void => world.people.act(controllerId(name), action)

export const personRestarts: Fault = {
  name: 'person-restarts',
  sentence: 'A person restarts a controller.',
  rates: { mild: 0.2, hard: 0.5 },
  begin: (world, random) => {
    const name = anyOfPlan(world, random)
    if (name) act(world, name, 'restart')
    return name
  },
}

export const personStops: Fault = {
  name: 'person-stops',
  sentence: 'A person stops a controller and starts it again later.',
  rates: { mild: 0.1, hard: 0.3 },
  begin: (world, random) => {
    const name = anyOfPlan(world, random)
    if (name === undefined) return undefined
    const ms = between(random, 100, 900_000)
    act(world, name, 'stop')
    // Asked until it is so: the first answer may be that it cannot be started in this phase, or none.
    const start = (): void => {
      const row = world.store?.get('controller', name)
      if (row?.wanted === 'running') return
      act(world, name, 'start')
      world.kernel.clock.after(ASKS_AGAIN_MS, start)
    }
    world.kernel.clock.after(ms, start)
    return `${name} for ${ms} ms`
  },
}

const ASKS_AGAIN_MS = 10_000

export const personTries: Fault = {
  name: 'person-tries',
  sentence: 'A person makes a controller, and deletes it later.',
  rates: { mild: 0.1, hard: 0.3 },
  begin: (world, random) => {
    const team = pick(random, world.plan.teams)
    if (team === undefined) return undefined
    // Few names, so that one is made again after it was deleted.
    const name = `${team.name}-try${between(random, 1, 3)}`
    const ms = between(random, 100, 600_000)
    world.people.create(name, team.name, 1_024)
    const remove = (): void => {
      const row = world.store?.get('controller', name)
      if (world.store !== undefined && (row === undefined || row.wanted === 'deleted')) return
      act(world, name, 'delete')
      world.kernel.clock.after(ASKS_AGAIN_MS, remove)
    }
    world.kernel.clock.after(ms, remove)
    return `${name} for ${ms} ms`
  },
}

export const personChangesTemplate: Fault = {
  name: 'person-changes-template',
  sentence: 'A person gives the agents of a template more or less memory.',
  rates: { mild: 0.1, hard: 0.3 },
  begin: (world, random) => {
    const team = pick(random, world.plan.teams)
    const template = team && pick(random, templatesOf(team))
    if (template === undefined) return undefined
    const memoryMb = between(random, 512, 2_048)
    world.people.apply({ ...template, resources: { ...template.resources, memoryMb } })
    return `${template.id} to ${memoryMb} MB`
  },
}

/** Longest from an answer to the death: whoever answers before a write has it behind him by then. */
const SOON_MS = 4_000

export const manorDiesOnAnAnswer: Fault = {
  name: 'manor-dies-on-an-answer',
  sentence:
    'A person is told that a controller restarts or a template is changed, and Manor is killed or its machine loses its power in the same moment or soon after.',
  rates: { mild: 0.1, hard: 0.5 },
  begin: (world, random) => {
    const ms = happens(random, 0.5) ? 0 : between(random, 0, SOON_MS)
    const asksFor = happens(random, 0.5) ? personRestarts : personChangesTemplate
    const isCut = happens(random, 0.3)
    world.people.onTold = () =>
      world.kernel.clock.after(ms, () => (isCut ? cutPower(world, random) : world.killManor(between(random, 500, 20_000))))
    const detail = asksFor.begin(world, random)
    return detail && `${asksFor.name} ${detail}, ${isCut ? 'no power' : 'killed'} ${ms} ms after the answer`
  },
}
