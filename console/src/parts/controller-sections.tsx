/** What a controller's page lists: what waits, its builds, its agents, its events. Each is short and leads to the page that has it all. */
import type { AgentView, BuildView, ControllerView, EventView } from '../../../src/api/contract.ts'
import { get } from '../data/api.ts'
import { mergeEvents } from '../data/change-buffer.ts'
import { agents, events, queues } from '../data/fleet.ts'
import { pathOf } from '../lib/routes.ts'
import { useFetched } from '../lib/use-fetched.ts'
import { agentColumns } from './agent-columns.tsx'
import { BuildsTable } from './builds-table.tsx'
import { ProblemNote } from './empty.tsx'
import { queueColumns, queueRowHeight } from './queue-columns.tsx'
import { ShortList } from './short-list.tsx'
import { Table } from './table.tsx'
import { Timeline } from './timeline.tsx'

const SHOWN_WAITING = 6
const SHOWN_BUILDS = 12
/** Live ones first, then the latest that ended. */
const SHOWN_AGENTS = 12
const SHOWN_EVENTS = 40

export const WaitingItems = ({ name }: { readonly name: string }) => {
  const items = (queues.watch(name) ?? []).toSorted((a, b) => a.since - b.since)
  return (
    <ShortList
      title="Waiting"
      label="Its queue"
      most={SHOWN_WAITING}
      all={`${pathOf.queue}?q=${encodeURIComponent(`controller:${name}`)}`}
      rows={items}
      rowKey={item => item.id}
      columns={queueColumns(false)}
      rowHeight={queueRowHeight()}
      href={item => pathOf.queueItem(item.controller, item.item)}
      empty="Nothing waits in its queue."
    />
  )
}

export const Builds = ({ controller }: { readonly controller: ControllerView }) => {
  const path = `/controllers/${encodeURIComponent(controller.id)}/builds?limit=${SHOWN_BUILDS}`
  // Builds are not in the stream as rows; their beginnings and ends are events, and each asks anew.
  const newest = events.value.find(
    ({ kind, data, subject }) => kind === 'build' && (data.controller === controller.id || subject.startsWith(`${controller.id}/`)),
  )
  const answer = useFetched(() => get<BuildView[]>(path), `${path} ${newest?.seq ?? 0} ${controller.running}`)
  return (
    <section class="section">
      <header>
        <h2>Builds</h2>
        {controller.running > 0 && <span class="faint">{controller.running} running</span>}
      </header>
      <BuildsTable answer={answer.value} />
    </section>
  )
}

export const ItsAgents = ({ name }: { readonly name: string }) => {
  const live = agents.all.value.filter(agent => agent.controller === name && agent.phase !== 'ended')
  const history = useFetched(
    () => get<AgentView[]>(`/agents?controller=${encodeURIComponent(name)}&live=false&limit=${SHOWN_AGENTS}`),
    `${name} ${live.length}`,
  )
  const ended = history.value?.ok ? history.value.value.filter(agent => agent.phase === 'ended') : []
  return (
    <section class="section">
      <header>
        <h2>Agents</h2>
        <a href={`${pathOf.agents}?q=${encodeURIComponent(`controller:${name}`)}`}>On the agents page</a>
      </header>
      <Table
        label="Its agents"
        isShort
        rows={[...live, ...ended].slice(0, SHOWN_AGENTS)}
        rowKey={agent => agent.id}
        columns={agentColumns(false)}
        href={agent => pathOf.agent(agent.id)}
        empty={
          <div class="empty">
            <p>No agent so far. One is started for each build whose label a template carries.</p>
          </div>
        }
      />
    </section>
  )
}

export const ItsEvents = ({ name }: { readonly name: string }) => {
  const answer = useFetched(
    () => get<EventView[]>(`/events?kind=controller&subject=${encodeURIComponent(name)}&newestFirst=true&limit=${SHOWN_EVENTS}`),
    name,
  )
  const live = events.value.filter(({ kind, subject }) => kind === 'controller' && subject === name)
  const all = mergeEvents(live, answer.value?.ok ? answer.value.value : []).slice(0, SHOWN_EVENTS)
  return (
    <section class="section">
      <header>
        <h2>Events</h2>
        <a href={`${pathOf.events}?q=${encodeURIComponent(name)}`}>All</a>
      </header>
      {answer.value && !answer.value.ok ? (
        <ProblemNote problem={answer.value.problem} />
      ) : (
        <Timeline
          moments={all.map(event => ({
            key: event.seq,
            at: event.at,
            message: event.message,
            by: event.actor === 'manor' ? undefined : event.actor,
          }))}
        />
      )}
    </section>
  )
}
