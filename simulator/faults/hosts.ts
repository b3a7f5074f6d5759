import type { Random } from '../../src/runtime/index.ts'
import { between, happens, pick } from '../kernel/chance.ts'
import type { Machine } from '../world/machines.ts'
import type { World } from '../world/world.ts'
import type { Fault } from './fault.ts'

const anyUp = (world: World, random: Random): Machine | undefined =>
  pick(
    random,
    world.machines.filter(({ state }) => state === 'up'),
  )

/** The machine goes; either it is started again empty, or its engine learns that it never comes back and a new one takes its place later. */
const kill = (world: World, random: Random, machine: Machine): string => {
  const backMs = between(random, 60_000, 1_200_000)
  world.engine.machineDied(machine)
  world.during(backMs, () => world.hostBack(machine))
  if (happens(random, 0.5)) return `${machine.id}, back empty after ${backMs} ms`
  const knownMs = between(random, 20_000, 120_000)
  world.kernel.clock.after(Math.min(knownMs, backMs), () => world.declareLost(machine))
  return `${machine.id}, known to be lost after ${knownMs} ms, back after ${backMs} ms`
}

export const hostDies: Fault = {
  name: 'host-dies',
  sentence: 'A host loses its power with all that runs on it.',
  rates: { mild: 0.05, hard: 0.4 },
  begin: (world, random) => {
    const machine = anyUp(world, random)
    return machine && kill(world, random, machine)
  },
}

export const zoneDies: Fault = {
  name: 'zone-dies',
  sentence: 'All hosts of one failure domain lose their power at once.',
  rates: { mild: 0, hard: 0.03 },
  begin: (world, random) => {
    const domain = anyUp(world, random)?.failureDomain
    const all = world.machines.filter(({ state, failureDomain }) => state === 'up' && failureDomain === domain)
    return all.length === 0 ? undefined : all.map(machine => kill(world, random, machine)).join('; ')
  },
}

export const hostSilent: Fault = {
  name: 'host-silent',
  sentence: 'A host goes on working and reaches nobody, then is back with its work.',
  rates: { mild: 0.1, hard: 0.5 },
  begin: (world, random) => {
    const machine = anyUp(world, random)
    if (machine === undefined) return undefined
    const ms = between(random, 2_000, happens(random, 0.3) ? 1_200_000 : 90_000)
    const mend = world.network.cut(machine.id)
    world.engine.machineSilent(machine)
    world.during(ms, () => {
      mend()
      if (machine.state === 'silent') world.hostBack(machine)
    })
    return `${machine.id} for ${ms} ms`
  },
}
