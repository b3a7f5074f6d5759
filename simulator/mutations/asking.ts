import type { Engine } from '../../src/engines/index.ts'
import type { Observation } from '../../src/model/index.ts'
import type { World } from '../world/world.ts'
import type { Mutation } from './mutation.ts'

const alterEngine = (world: World, alter: (engine: Engine) => Partial<Engine>): void => {
  world.alterPorts = ports => ({ ...ports, engine: { ...ports.engine, ...alter(ports.engine) } })
}

export const submitNotIdempotent: Mutation = {
  name: 'submit-not-idempotent',
  sentence: 'The engine is asked without an idempotency key: a second submit of a workload starts a second one.',
  apply: world => {
    world.engine.forgetsIds = true
  },
}

export const secondTaskLetIn: Mutation = {
  name: 'second-task-let-in',
  sentence: 'Every task that an engine starts for a controller is given its start: the first one does not keep the others out.',
  apply: world => {
    world.engine.door.letsEverybodyIn = true
  },
}

export const silenceIsDeath: Mutation = {
  name: 'silence-is-death',
  sentence: 'What a silent host runs is taken for gone.',
  apply: world =>
    alterEngine(world, engine => ({ list: async signal => (await engine.list(signal)).filter(({ state }) => state !== 'unknown') })),
}

/** How old a list is believed. */
const STALE_MS = 60_000

export const staleList: Mutation = {
  name: 'stale-list',
  sentence: 'A list is believed that was begun up to a minute before the question.',
  apply: world => {
    let last: readonly Observation[] = []
    let at = Number.NEGATIVE_INFINITY
    alterEngine(world, engine => ({
      list: async signal => {
        if (world.now - at > STALE_MS) {
          at = world.now
          last = await engine.list(signal)
        }
        return last
      },
    }))
  },
}

export const hostsBelievedLarger: Mutation = {
  name: 'hosts-believed-larger',
  sentence: 'A host is taken to have half as much again as it has.',
  apply: world =>
    alterEngine(world, engine => ({
      hosts: async signal =>
        (await engine.hosts(signal)).map(host => ({
          ...host,
          capacity: { cpu: host.capacity.cpu * 1.5, memoryMb: host.capacity.memoryMb * 1.5, diskMb: host.capacity.diskMb * 1.5 },
        })),
    })),
}

export const tracesLeft: Mutation = {
  name: 'traces-left',
  sentence: 'What has ended is never forgotten by its engine.',
  apply: world => alterEngine(world, () => ({ remove: async () => undefined })),
}

export const directoriesLeft: Mutation = {
  name: 'directories-left',
  sentence: "An agent's directory is left on its host.",
  apply: world => {
    world.alterPorts = ports => ({ ...ports, directories: { ...ports.directories, remove: async () => undefined } })
  },
}

/** Between two sweeps. */
const SWEEP_MS = 1_000

export const sweepWithoutGrace: Mutation = {
  name: 'sweep-without-grace',
  sentence: 'Whatever agent ends is stopped at once, without asking its controller whether it was given a build.',
  apply: world => {
    const sweep = (): void => {
      const { manor } = world
      if (manor)
        for (const { id, phase } of manor.store.by('agentsByLife', 'live'))
          if (phase === 'ending' || phase === 'launching') void world.sweep(`agent.${id}`)
      world.kernel.clock.after(SWEEP_MS, sweep)
    }
    world.kernel.clock.after(SWEEP_MS, sweep)
  },
}
