/** The shape of a state; always beside its word, so it is hidden from screen readers. */
import type { AgentView, ControllerView } from '../../../src/api/contract.ts'
import type { ControllerPhase } from '../lib/phases.ts'

export const glyphClass = (phase: ControllerPhase, running = 0): string =>
  `glyph is-${phase}${running > 0 && (phase === 'ready' || phase === 'quieting') ? ' is-building' : ''}`

export const Glyph = ({ phase, running = 0 }: { readonly phase: ControllerPhase; readonly running?: number }) => (
  <span class={glyphClass(phase, running)} aria-hidden="true" />
)

export const ControllerPhaseLabel = ({ controller }: { readonly controller: ControllerView }) => (
  <span class="with-glyph">
    <Glyph phase={controller.phase} running={controller.running} />
    {controller.phase}
  </span>
)

/** An agent that ended without a build that passed or failed has failed itself. */
export const hasAgentFailed = (agent: AgentView): boolean =>
  agent.phase === 'ended' && agent.build === undefined && agent.reason !== undefined

export const AgentPhaseLabel = ({ phase, failed = false }: { readonly phase: AgentView['phase']; readonly failed?: boolean }) => (
  <span class="with-glyph">
    <span class={`dot is-${failed ? 'failure' : phase}`} aria-hidden="true" />
    {phase}
  </span>
)
