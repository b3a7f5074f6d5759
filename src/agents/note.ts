import type { Agent } from '../model/index.ts'
import type { Transaction } from '../store/index.ts'

/** Writes down what became of an agent. */
export const note = (tx: Transaction, agent: Agent, type: string, message: string, data: Readonly<Record<string, string | number>>): void =>
  tx.event({
    kind: 'agent',
    subject: agent.id,
    tenant: agent.tenant,
    type,
    actor: 'manor',
    message,
    data: { ...data, controller: agent.controller },
  })
