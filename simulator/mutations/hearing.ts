import type { Mutation } from './mutation.ts'

export const epochCheckForgotten: Mutation = {
  name: 'epoch-check-forgotten',
  sentence: "A hook's epoch is not compared with the current run's.",
  apply: world => {
    world.alterHook = hook => ({
      ...hook,
      hello: (id, hello) => hook.hello(id, { ...hello, epoch: world.store?.get('controller', id)?.epoch ?? hello.epoch }),
    })
  },
}

export const busyLooksIdle: Mutation = {
  name: 'busy-looks-idle',
  sentence: 'What a report says of builds that run is overlooked.',
  apply: world => {
    world.alterHook = hook => ({
      ...hook,
      report: (id, report) =>
        hook.report(id, { ...report, running: 0, nodes: report.nodes.map(({ building: _build, ...node }) => ({ ...node, used: false })) }),
      events: async (_id, batch) => ({ acknowledged: batch.events.at(-1)?.seq ?? 0 }),
    })
  },
}

/** By how much it is wrong. */
const FACTOR = 60

export const minutesPassAsSeconds: Mutation = {
  name: 'minutes-pass-as-seconds',
  sentence: 'Lengths of time are a sixtieth of what they should be: every grace is over too soon.',
  apply: world => {
    const offset = (): number => world.kernel.elapsedMs * (FACTOR - 1)
    world.clockError = offset
  },
}
