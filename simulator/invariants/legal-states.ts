import type { AgentPhase, ControllerPhase } from '../../src/model/index.ts'
import type { Invariant } from './invariant.ts'

/** The tables of ARCHITECTURE.md, "State machines". */
const CONTROLLER: Readonly<Record<ControllerPhase, readonly ControllerPhase[]>> = {
  pending: ['preparing', 'stopped', 'deleting'],
  preparing: ['starting', 'stopping', 'failed', 'pending'],
  starting: ['ready', 'quieting', 'stopping', 'failed', 'unreachable'],
  ready: ['quieting', 'failed', 'pending', 'unreachable'],
  quieting: ['stopping', 'ready', 'unreachable'],
  stopping: ['stopped', 'pending', 'deleting'],
  stopped: ['pending', 'deleting', 'stopping'],
  failed: ['preparing', 'stopped', 'deleting'],
  unreachable: ['starting', 'stopping', 'failed'],
  deleting: [],
}
const AGENT: Readonly<Record<AgentPhase, readonly AgentPhase[]>> = {
  queued: ['placed', 'launching', 'ended'],
  placed: ['launching', 'queued', 'ended'],
  launching: ['online', 'busy', 'ending', 'ended', 'queued'],
  online: ['busy', 'ending', 'ended'],
  busy: ['ending', 'ended'],
  ending: ['ended', 'busy'],
  ended: [],
}

export const legalStates: Invariant = {
  name: 'legal-states',
  claim: 'Rows move only as the tables of ARCHITECTURE.md say.',
  watch: (world, violated) => {
    const phases = new Map<string, string>()
    return {
      // What was committed in the moment before a death was not told of.
      manorUp: () => {
        phases.clear()
        for (const { id, phase } of world.store?.list('controller') ?? []) phases.set(`controller ${id}`, phase)
        for (const { id, phase } of world.store?.by('agentsByLife', 'live') ?? []) phases.set(`agent ${id}`, phase)
      },
      manorDown: () => phases.clear(),
      event: ({ kind, subject, type, data }) => {
        if (kind !== 'controller' && kind !== 'agent') return
        const key = `${kind} ${subject}`
        if (type === 'created') phases.set(key, kind === 'controller' ? 'pending' : 'queued')
        if (type === 'deleted' || type === 'forgotten') phases.delete(key)
        if (type !== 'phase-changed' || typeof data.phase !== 'string') return
        const before = phases.get(key)
        if (data.phase === 'ended') phases.delete(key)
        else phases.set(key, data.phase)
        if (before === undefined || before === data.phase) return
        const legal: readonly string[] = tableOf(kind)[before] ?? []
        if (!legal.includes(data.phase)) violated(`${key} went from ${before} to ${data.phase}.`)
      },
    }
  },
}

const tableOf = (kind: 'controller' | 'agent'): Readonly<Record<string, readonly string[]>> => (kind === 'controller' ? CONTROLLER : AGENT)
