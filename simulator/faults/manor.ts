import type { Random } from '../../src/runtime/index.ts'
import { between, happens } from '../kernel/chance.ts'
import type { World } from '../world/world.ts'
import type { Fault } from './fault.ts'

/** Most calls to the outside that Manor may still make before it is killed: a controller's start has about 20. */
const MOST_CROSSINGS = 60
/** Where it makes none, it is killed after so long anyway. */
const AT_LATEST_MS = 10_000
/** Most microtasks that may still run: more than any chain of them between two calls. */
const MOST_MICROTASKS = 40

export const manorKilledInACall: Fault = {
  name: 'manor-killed-in-a-call',
  sentence: 'Manor is killed (kill -9) just before or after one of its calls to the engine, the disk, a home or a controller takes effect.',
  rates: { mild: 0.1, hard: 1 },
  begin: (world, random) => {
    const crossings = between(random, 1, MOST_CROSSINGS)
    const restarts = world.manorRestarts
    world.killManorAfter(crossings)
    world.kernel.clock.after(AT_LATEST_MS, () => {
      if (world.manorRestarts === restarts) world.killManor(between(random, 500, 30_000))
    })
    return `at the ${crossings}th call from now, within ${AT_LATEST_MS} ms`
  },
}

export const manorKilled: Fault = {
  name: 'manor-killed',
  sentence: 'Manor is killed (kill -9) between any two steps of its program.',
  rates: { mild: 0.1, hard: 0.5 },
  begin: (world, random) => {
    const microtasks = between(random, 0, MOST_MICROTASKS)
    const downMs = between(random, 500, happens(random, 0.1) ? 600_000 : 30_000)
    void (async () => {
      for (let i = 0; i < microtasks; i++) await Promise.resolve()
      world.killManor(downMs)
    })()
    return `after ${microtasks} microtasks, away for ${downMs} ms`
  },
}

export const powerLost: Fault = {
  name: 'power-lost',
  sentence: "Manor's machine loses its power: what was committed without being forced to the disk may be gone.",
  rates: { mild: 0.01, hard: 0.1 },
  begin: (world, random) => `${cutPower(world, random)} commits are gone`,
}

/** Manor's machine is off for a while. Returns how many commits are gone. */
export const cutPower = (world: World, random: Random): number => {
  world.killManor(between(random, 20_000, 120_000))
  world.powerLostAt = world.now
  return world.durable.losePower(random.next() * random.next())
}
