import type { Invariant } from './invariant.ts'

export const oneWriter: Invariant = {
  name: 'one-writer',
  claim:
    'Never do two processes of one controller, or of one agent, run at the same time: they would write to one home, or take two builds.',
  watch: (world, violated) => ({
    begins: run => {
      const running = [...(world.engine.liveOf.get(run.workload.labels.noun) ?? [])].filter(({ process }) => process !== undefined)
      if (running.length > 1) violated(`${running.map(({ id, machine }) => `${id} on ${machine?.id ?? 'no host'}`).join(' and ')} run.`)
    },
  }),
}
