import type { Agent, AgentId, Reason } from '../model/index.ts'
import type { Transaction } from '../store/index.ts'
import { note } from './note.ts'

/**
 * Says that an agent is to end though its item may still need it; its life (life.ts) does the rest. Nothing outside is touched for one that was
 * not launched, so it ends at once. One that has no build yet is ended once its controller has said so, and goes on if it was given one at the
 * last moment. False where it ends or has ended anyway.
 */
export const evict = (tx: Transaction, id: AgentId, why: (agent: Agent) => Omit<Reason, 'since'>): boolean => {
  const agent = tx.get('agent', id)
  if (agent === undefined || agent.phase === 'ended' || agent.phase === 'ending') return false
  const phase = agent.phase === 'queued' || agent.phase === 'placed' ? 'ended' : 'ending'
  const reason = why(agent)
  tx.put('agent', {
    ...agent,
    phase,
    phaseSince: tx.now,
    reason: { ...reason, since: tx.now },
    ...(phase === 'ended' ? { endedAt: tx.now } : {}),
  })
  note(tx, agent, 'phase-changed', `Agent ${agent.id} is ending. ${reason.message}`, { phase, code: reason.code })
  return true
}
