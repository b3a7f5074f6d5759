/** One agent: how long each phase took, why it is as it is, its log. */
import type { AgentView, ExplanationView } from '../../../src/api/contract.ts'
import { type Answer, get } from '../data/api.ts'
import { agents } from '../data/fleet.ts'
import { now } from '../lib/clock.ts'
import { formatCores, formatCount, formatDuration, formatMemory } from '../lib/format.ts'
import { pathOf } from '../lib/routes.ts'
import { spansOf } from '../lib/spans.ts'
import { useFetched } from '../lib/use-fetched.ts'
import { taskOf } from '../parts/agent-columns.tsx'
import { Copy } from '../parts/copy.tsx'
import { ProblemNote } from '../parts/empty.tsx'
import { Explanation } from '../parts/explanation.tsx'
import { AgentPhaseLabel, hasAgentFailed } from '../parts/glyph.tsx'
import { LogTail } from '../parts/log-tail.tsx'
import { Elapsed } from '../parts/time.tsx'
import { Waterfall } from '../parts/waterfall.tsx'

export const AgentPage = ({ id }: { readonly id: string }) => {
  const live = agents.watch(id)
  const path = `/agents/${encodeURIComponent(id)}`
  const key = `${id} ${live?.phase ?? ''}`
  const fetched = useFetched<AgentView>(
    () => (live ? Promise.resolve<Answer<AgentView>>({ ok: true, value: live }) : get<AgentView>(path)),
    key,
  )
  const explanation = useFetched(() => get<ExplanationView>(`${path}/explanation`), key)
  const agent = live ?? (fetched.value?.ok ? fetched.value.value : undefined)
  if (!agent)
    return (
      <div class="page is-narrow">
        <h1>{id}</h1>
        {fetched.value && !fetched.value.ok ? <ProblemNote problem={fetched.value.problem} /> : <div class="loading-bar" />}
      </div>
    )
  return (
    <div class="page is-narrow">
      <div class="page-head">
        <div class="title-line">
          <h1>{taskOf(agent)}</h1>
          <span class="soft">
            <AgentPhaseLabel phase={agent.phase} failed={hasAgentFailed(agent)} /> for <Elapsed from={agent.phaseSince} />
          </span>
        </div>
      </div>
      <div class="columns">
        <div>
          <PhaseTimes agent={agent} />
          <Explanation answer={explanation.value} reason={agent.reason} command={`./manor agent explain ${agent.id}`} />
          <LogTail path={`${path}/log`} command={`./manor agent logs ${agent.id}`} />
        </div>
        <aside class="panel" aria-label="Facts">
          <dl class="facts">
            <dt>Agent</dt>
            <dd>
              <span class="mono">{agent.id}</span> <Copy text={agent.id} what="the agent's name" />
            </dd>
            <dt>Controller</dt>
            <dd>
              <a href={pathOf.controller(agent.controller)}>{agent.controller}</a>
            </dd>
            <dt>Tenant</dt>
            <dd>{agent.tenant}</dd>
            <dt>Template</dt>
            <dd>
              <a href={`${pathOf.templates}?q=${agent.template}`}>{agent.template}</a>
            </dd>
            <dt>Label</dt>
            <dd>{agent.label === '' ? 'none' : agent.label}</dd>
            <dt>Attempt</dt>
            <dd>{formatCount(agent.attempt)}</dd>
            <dt>Host</dt>
            <dd>{agent.host ?? 'no place yet'}</dd>
            <dt>Promised</dt>
            <dd>
              {formatCores(agent.resources.cpu)}, {formatMemory(agent.resources.memoryMb)}
            </dd>
            {agent.memoryMb !== undefined && (
              <>
                <dt>Uses</dt>
                <dd>
                  {formatMemory(agent.memoryMb)}
                  {agent.peakMemoryMb === undefined ? '' : `, ${formatMemory(agent.peakMemoryMb)} at most`}
                </dd>
              </>
            )}
            {agent.build && (
              <>
                <dt>Build</dt>
                <dd>
                  {agent.build.job} #{agent.build.number} {agent.build.result ?? 'runs'}
                </dd>
              </>
            )}
          </dl>
        </aside>
      </div>
    </div>
  )
}

const PhaseTimes = ({ agent }: { readonly agent: AgentView }) => (
  <section class="section" aria-label="Time in each phase">
    <Waterfall agent={agent} />
    <p class="legend">
      {spansOf(agent, now.value).map(({ phase, ms }) => (
        <span key={phase}>
          <span class="waterfall" aria-hidden="true">
            <i class={`of-${phase}`} />
          </span>
          {phase} {formatDuration(ms)}
        </span>
      ))}
    </p>
  </section>
)
