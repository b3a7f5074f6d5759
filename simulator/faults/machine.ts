import { between, happens } from '../kernel/chance.ts'
import type { Fault } from './fault.ts'

export const diskFull: Fault = {
  name: 'disk-full',
  sentence: "The disk under Manor's database is full for a while.",
  rates: { mild: 0.05, hard: 0.3 },
  begin: (world, random) => {
    const ms = between(random, 500, 120_000)
    world.disk.full++
    world.during(ms, () => world.disk.full--)
    return `for ${ms} ms`
  },
}

export const writeRefused: Fault = {
  name: 'write-refused',
  sentence: "The disk under Manor's database refuses one write.",
  rates: { mild: 0.5, hard: 2 },
  begin: world => {
    world.disk.refusals++
    return 'the next one'
  },
}

export const diskSlow: Fault = {
  name: 'disk-slow',
  sentence: "The disk under Manor's database takes long for each commit.",
  rates: { mild: 0.1, hard: 0.3 },
  begin: (world, random) => {
    const ms = between(random, 5_000, 120_000)
    const slowMs = between(random, 50, 3_000)
    world.disk.slowMs += slowMs
    world.during(ms, () => {
      world.disk.slowMs -= slowMs
    })
    return `${slowMs} ms for ${ms} ms`
  },
}

/** Most that a clock is set back or forward: as one that had lost an hour of summer time. */
const MOST_STEP_MS = 3_600_000

export const clockSteps: Fault = {
  name: 'clock-steps',
  sentence: "The wall clock of Manor's machine is set forward or back.",
  rates: { mild: 0.05, hard: 0.3 },
  begin: (world, random) => {
    const most = happens(random, 0.7) ? 30_000 : MOST_STEP_MS
    const ms = between(random, -most, most)
    world.manorClockOffsetMs += ms
    world.disturb(SETTLES_MS)
    return `by ${ms} ms`
  },
}

/** Graces that began before a step may take as long as the step. */
const SETTLES_MS = 2 * MOST_STEP_MS
