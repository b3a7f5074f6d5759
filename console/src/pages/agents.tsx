/** Every agent that lives, and those that ended while one looked. */
import { agents } from '../data/fleet.ts'
import { matches, parseFilter } from '../lib/filter.ts'
import { counted } from '../lib/format.ts'
import { query, setQuery } from '../lib/history.ts'
import { pathOf } from '../lib/routes.ts'
import { agentColumns, taskOf } from '../parts/agent-columns.tsx'
import { Empty } from '../parts/empty.tsx'
import { FilterBox } from '../parts/filter-box.tsx'
import { Table } from '../parts/table.tsx'
import { WaterfallLegend } from '../parts/waterfall.tsx'

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
        task: taskOf(agent),
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
