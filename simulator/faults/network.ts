import { between, happens, pick } from '../kernel/chance.ts'
import type { Fault } from './fault.ts'

export const partition: Fault = {
  name: 'partition',
  sentence: 'Two places do not reach each other: Manor and the engine, Manor and a host, or two hosts.',
  rates: { mild: 0.2, hard: 1 },
  begin: (world, random) => {
    const hosts = world.machines.map(({ id }) => id as string)
    const [from, to] = happens(random, 0.3)
      ? ['manor', 'engine']
      : happens(random, 0.5)
        ? ['manor', pick(random, hosts) ?? 'engine']
        : [pick(random, hosts) ?? 'manor', pick(random, hosts) ?? 'engine']
    if (from === to) return undefined
    const ms = between(random, 500, happens(random, 0.2) ? 600_000 : 60_000)
    world.during(ms, world.network.cut(from, to))
    return `${from} and ${to} for ${ms} ms`
  },
}

export const hintsLost: Fault = {
  name: 'hints-lost',
  sentence: "The engine's hints do not arrive for a while.",
  rates: { mild: 0.2, hard: 0.5 },
  begin: (world, random) => hints(world, between(random, 5_000, 300_000), () => (happens(random, 0.9) ? [] : [0]), 'lost'),
}

export const hintsDisordered: Fault = {
  name: 'hints-disordered',
  sentence: "The engine's hints arrive late, twice and in another order for a while.",
  rates: { mild: 0.2, hard: 0.5 },
  begin: (world, random) =>
    hints(
      world,
      between(random, 5_000, 300_000),
      () => Array.from({ length: between(random, 1, 3) }, () => between(random, 0, 5_000)),
      'late, doubled and out of order',
    ),
}

const hints = (world: Parameters<Fault['begin']>[0], ms: number, delays: () => readonly number[], words: string): string => {
  const before = world.hintDelays
  world.hintDelays = delays
  world.during(ms, () => {
    if (world.hintDelays === delays) world.hintDelays = before
  })
  return `${words} for ${ms} ms`
}
