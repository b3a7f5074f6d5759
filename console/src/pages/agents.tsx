/** Every agent that lives, and those that ended while one looked. */
import type { AgentView, ExplanationView } from '../../../src/api/contract.ts'
import { type Answer, get } from '../data/api.ts'
import { agents } from '../data/fleet.ts'
import { now } from '../lib/clock.ts'
import { matches, parseFilter } from '../lib/filter.ts'
import { counted, formatCores, formatCount, formatDuration, formatMemory } from '../lib/format.ts'
import { query, setQuery } from '../lib/history.ts'
import { pathOf } from '../lib/routes.ts'
import { spansOf } from '../lib/spans.ts'
import { useFetched } from '../lib/use-fetched.ts'
import { Copy } from '../parts/copy.tsx'
import { Empty, ProblemNote } from '../parts/empty.tsx'
import { Explanation } from '../parts/explanation.tsx'
import { FilterBox } from '../parts/filter-box.tsx'
import { AgentPhaseLabel, hasAgentFailed } from '../parts/glyph.tsx'
import { LogTail } from '../parts/log-tail.tsx'
import { type Column, Table } from '../parts/table.tsx'
import { Age, Elapsed } from '../parts/time.tsx'
import { Waterfall, WaterfallLegend } from '../parts/waterfall.tsx'

export const agentColumns = (withController: boolean): readonly Column<AgentView>[] => [
  {
    key: 'task',
    title: 'Build',
    cell: agent => <span title={agent.id}>{agent.task}</span>,
    compare: (a, b) => a.task.localeCompare(b.task),
  },
  {
    key: 'phase',
    title: 'Phase',
    width: '106px',
    cell: agent => <AgentPhaseLabel phase={agent.phase} failed={hasAgentFailed(agent)} />,
    compare: (a, b) => a.phase.localeCompare(b.phase),
  },
  {
    key: 'since',
    title: 'For',
    width: '70px',
    className: 'hide-narrow number',
    cell: agent => <Age at={agent.phaseSince} />,
    compare: (a, b) => b.phaseSince - a.phaseSince,
  },
  { key: 'waterfall', title: 'Queued to now', width: '18%', className: 'hide-narrow', cell: agent => <Waterfall agent={agent} /> },
  ...(withController
    ? [
        {
          key: 'controller',
          title: 'Controller',
          width: '15%',
          className: 'hide-medium',
          cell: (agent: AgentView) => <a href={pathOf.controller(agent.controller)}>{agent.controller}</a>,
          compare: (a: AgentView, b: AgentView) => a.controller.localeCompare(b.controller),
        },
      ]
    : []),
  {
    key: 'template',
    title: 'Template',
    width: '10%',
    className: 'hide-wide',
    cell: agent => agent.template,
    compare: (a, b) => a.template.localeCompare(b.template),
  },
  {
    key: 'host',
    title: 'Host',
    width: '9%',
    className: 'hide-wide',
    cell: agent => agent.host ?? '',
    compare: (a, b) => (a.host ?? '').localeCompare(b.host ?? ''),
  },
  {
    key: 'memory',
    title: 'Memory',
    width: '142px',
    className: 'number hide-wide',
    cell: agent =>
      agent.memoryMb === undefined
        ? formatMemory(agent.resources.memoryMb)
        : `${formatMemory(agent.memoryMb)} of ${formatMemory(agent.resources.memoryMb)}`,
    compare: (a, b) => (a.memoryMb ?? 0) - (b.memoryMb ?? 0),
  },
]

const COLUMNS = agentColumns(true)

export const AgentsPage = () => {
  const showsEnded = query.value.get('ended') === 'yes'
  const terms = parseFilter(query.value.get('q') ?? '')
  const all = agents.all.value
  const rows = all.filter(
    agent =>
      (showsEnded || agent.phase !== 'ended') &&
      matches(terms, {
        id: agent.id,
        task: agent.task,
        phase: agent.phase,
        controller: agent.controller,
        tenant: agent.tenant,
        template: agent.template,
        label: agent.label,
        host: agent.host,
        reason: agent.reason?.message,
      }),
  )
  return (
    <div class="page is-full">
      <div class="page-head">
        <h1>Agents</h1>
        <span class="soft">{counted(rows.length, 'agent')}</span>
        <label class="check">
          <input type="checkbox" checked={showsEnded} onChange={event => setQuery({ ended: event.currentTarget.checked ? 'yes' : '' })} />
          Those that just ended
        </label>
        <WaterfallLegend />
        <FilterBox label="Filter agents" placeholder="Filter: task, host:, phase:" />
      </div>
      <Table
        label="Agents"
        rows={rows}
        rowKey={agent => agent.id}
        columns={COLUMNS}
        href={agent => pathOf.agent(agent.id)}
        empty={
          all.length === 0 ? (
            <Empty title="No agent runs" command="./manor template list">
              <p>
                An agent is started for one build and is gone after it. Queue a build whose label a template carries, and its agent shows
                here within a second.
              </p>
            </Empty>
          ) : (
            <Empty title="No agent matches">
              <p>
                <code>phase:busy</code>, <code>host:</code>, <code>template:</code> and <code>controller:</code> look in one place; other
                words look in all of them.
              </p>
            </Empty>
          )
        }
      />
    </div>
  )
}

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
          <h1>{agent.task}</h1>
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
