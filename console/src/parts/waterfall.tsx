/** The phases of an agent's life as a small waterfall. */
import { useComputed } from '@preact/signals'
import type { AgentView } from '../../../src/api/contract.ts'
import { now } from '../lib/clock.ts'
import { formatDuration, percentOf } from '../lib/format.ts'
import { type Span, spansOf, totalOf } from '../lib/spans.ts'

const describe = (spans: readonly Span[]): string => spans.map(({ phase, ms }) => `${phase} ${formatDuration(ms)}`).join(', ')

/** The full width stands for the whole life so far, so that what dominates is seen at once; the figures are in its tooltip. */
export const Waterfall = ({ agent }: { readonly agent: AgentView }) => {
  const spans = useComputed(() => spansOf(agent, now.value)).value
  const total = totalOf(spans)
  return (
    <span class="waterfall" role="img" aria-label={describe(spans)} title={describe(spans)}>
      {spans.map(({ phase, ms }) => (
        <i key={phase} class={`of-${phase}`} style={{ width: `${percentOf(ms, total)}%` }} />
      ))}
    </span>
  )
}

export const WaterfallLegend = () => (
  <p class="legend">
    {(['queued', 'placed', 'launching', 'online', 'busy'] as const).map(phase => (
      <span key={phase}>
        <span class="waterfall" aria-hidden="true">
          <i class={`of-${phase}`} />
        </span>
        {phase}
      </span>
    ))}
  </p>
)
