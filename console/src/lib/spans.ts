/** How long an agent spent in each phase, for the waterfall. Pure. */
import type { AgentView } from '../../../src/api/contract.ts'

export type Span = { readonly phase: 'queued' | 'placed' | 'launching' | 'online' | 'busy'; readonly ms: number }

/**
 * Phases that the agent reached, each until the next reached one; the last until its end or `now`. A phase that was skipped
 * (a warm spare is never placed) has no span.
 */
export const spansOf = (agent: AgentView, now: number): readonly Span[] => {
  const marks = [
    { phase: 'queued', at: agent.queuedAt },
    { phase: 'placed', at: agent.placedAt },
    { phase: 'launching', at: agent.launchedAt },
    { phase: 'online', at: agent.onlineAt },
    { phase: 'busy', at: agent.busyAt },
  ] as const
  const reached = marks.flatMap(({ phase, at }) => (at === undefined ? [] : [{ phase, at }]))
  const end = agent.endedAt ?? now
  return reached.map(({ phase, at }, index) => ({ phase, ms: Math.max(0, (reached[index + 1]?.at ?? end) - at) }))
}

export const totalOf = (spans: readonly Span[]): number => spans.reduce((sum, { ms }) => sum + ms, 0)
