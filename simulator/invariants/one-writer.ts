import type { Invariant } from './invariant.ts'

export const oneWriter: Invariant = {
  name: 'one-writer',
  claim: 'Never do two runs of one controller run at the same time: they would write to one home.',
  watch: (world, violated) => ({
    begins: run => {
      if (run.workload.labels.kind !== 'controller') return
      const running = [...(world.engine.liveOf.get(run.workload.labels.noun) ?? [])].filter(({ process }) => process !== undefined)
      if (running.length > 1) violated(`${running.map(({ id, machine }) => `${id} on ${machine?.id ?? 'no host'}`).join(' and ')} run.`)
    },
  }),
}
