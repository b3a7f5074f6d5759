import type { AgentPhase } from '../../src/model/index.ts'
import type { Invariant } from './invariant.ts'

const UNUSED: ReadonlySet<AgentPhase> = new Set<AgentPhase>(['queued', 'placed', 'launching', 'online'])

export const oneAgentPerItem: Invariant = {
  name: 'one-agent-per-item',
  claim: 'No item of a queue has two agents that could take it.',
  watch: (world, violated) => ({
    change: ({ kind, id }) => {
      if (kind !== 'agent') return
      const agent = world.store?.get('agent', id)
      if (agent?.item === undefined || !UNUSED.has(agent.phase)) return
      const rivals = world.store?.by('agentsOfItem', `${agent.controller}/${agent.item}`).filter(({ phase }) => UNUSED.has(phase)) ?? []
      if (rivals.length > 1)
        violated(`Item ${agent.item} of ${agent.controller}: ${rivals.map(one => `${one.id} is ${one.phase}`).join(', ')}.`)
    },
  }),
}

export const namesAreNew: Invariant = {
  name: 'names-are-new',
  claim: "No agent's name is used twice: its secret is a function of it.",
  watch: (_world, violated) => {
    const used = new Set<string>()
    return {
      event: ({ kind, type, subject }) => {
        if (kind !== 'agent' || type !== 'created') return
        if (used.has(subject)) violated(`${subject} was made a second time.`)
        used.add(subject)
      },
    }
  },
}
