/** Everything about one controller, and what may be asked of it now. */
import { useSignal } from '@preact/signals'
import type { AgentView, BuildView, ControllerView, EventView, Problem } from '../../../src/api/contract.ts'
import type { ControllerAction } from '../../../src/model/index.ts'
import { ACTION_LABEL, act } from '../data/actions.ts'
import { get } from '../data/api.ts'
import { mergeEvents } from '../data/change-buffer.ts'
import { connection } from '../data/connection.ts'
import { agents, controllers, events, may, queues } from '../data/fleet.ts'
import { PHASE_MEANING } from '../lib/phases.ts'
import { pathOf } from '../lib/routes.ts'
import { useFetched } from '../lib/use-fetched.ts'
import { BuildsTable } from '../parts/builds-table.tsx'
import { ControllerFacts, ControllerResources } from '../parts/controller-facts.tsx'
import { Copy } from '../parts/copy.tsx'
import { askToDelete } from '../parts/delete-dialog.tsx'
import { Empty, ProblemNote } from '../parts/empty.tsx'
import { Glyph } from '../parts/glyph.tsx'
import { LogTail } from '../parts/log-tail.tsx'
import { ReasonNote } from '../parts/reason.tsx'
import { Table } from '../parts/table.tsx'
import { Elapsed, Until } from '../parts/time.tsx'
import { Timeline } from '../parts/timeline.tsx'
import { agentColumns } from './agents.tsx'
import { queueColumns, queueRowHeight } from './queue.tsx'

const SHOWN_WAITING = 6
const SHOWN_BUILDS = 12
/** Live ones first, then the latest that ended. */
const SHOWN_AGENTS = 12
const SHOWN_EVENTS = 40

export const ControllerPage = ({ name }: { readonly name: string }) => {
  const controller = controllers.watch(name)
  if (controller) return <KnownController controller={controller} />
  if (connection.value.state === 'loading')
    return (
      <div class="page centered">
        <div class="loading-bar" />
      </div>
    )
  return (
    <div class="page centered">
      <Empty isPage title={`There is no controller named ${name}`} command={`./manor controller create ${name}`}>
        <p>It may have been deleted; its events are kept.</p>
        <div class="buttons">
          <a class="button is-main" href={`${pathOf.newController}?name=${encodeURIComponent(name)}`}>
            Create it
          </a>
          <a class="button" href={`${pathOf.events}?q=${encodeURIComponent(name)}`}>
            Its events
          </a>
        </div>
      </Empty>
    </div>
  )
}

const KnownController = ({ controller }: { readonly controller: ControllerView }) => {
  const isBad = controller.phase === 'failed' || controller.phase === 'unreachable'
  return (
    <div class="page is-narrow">
      <div class="page-head">
        <div class="title-line">
          <Glyph phase={controller.phase} running={controller.running} />
          <h1>{controller.id}</h1>
          <span class="soft" aria-live="polite">
            {controller.phase}: {PHASE_MEANING[controller.phase]}
          </span>
          <span class="faint">
            for <Elapsed from={controller.phaseSince} />
          </span>
        </div>
        <Actions controller={controller} />
      </div>
      {controller.reason && <ReasonNote reason={controller.reason} isBad={isBad} />}
      {controller.nextTryAt !== undefined && (
        <p class="soft">
          Failed {controller.failures === 1 ? 'once' : `${controller.failures} times in a row`}; the next try is{' '}
          <Until at={controller.nextTryAt} />. Start tries now.
        </p>
      )}
      <div class="columns">
        <div>
          <WaitingItems name={controller.id} />
          <Builds controller={controller} />
          <ItsAgents name={controller.id} />
          <LogTail
            path={`/controllers/${encodeURIComponent(controller.id)}/log`}
            command={`./manor controller logs ${controller.id} --follow`}
          />
        </div>
        <div>
          <ControllerResources controller={controller} />
          <ControllerFacts controller={controller} />
          <ItsEvents name={controller.id} />
        </div>
      </div>
    </div>
  )
}

/** The one that most likely comes next stands out; the one that cannot be taken back looks like it. */
const buttonKind = ({ phase }: ControllerView, action: ControllerAction): string => {
  if (action === 'delete') return ' is-danger'
  return action === 'start' && (phase === 'stopped' || phase === 'failed') ? ' is-main' : ''
}

const Actions = ({ controller }: { readonly controller: ControllerView }) => {
  const isAsking = useSignal(false)
  const problem = useSignal<Problem | undefined>(undefined)
  const run = async (action: ControllerAction): Promise<void> => {
    if (action === 'delete') return askToDelete(controller.id)
    isAsking.value = true
    const answer = await act(controller.id, action)
    isAsking.value = false
    problem.value = answer.ok ? undefined : answer.problem
  }
  return (
    <div class="buttons">
      <a class={`button${controller.phase === 'ready' ? ' is-main' : ''}`} href={controller.hostUrl} target="_blank" rel="noopener">
        Open
      </a>
      <Copy text={controller.hostUrl} what="its address" />
      {may('controller:write') ? (
        controller.actions.map(action => (
          <button
            key={action}
            type="button"
            class={`button${buttonKind(controller, action)}`}
            disabled={isAsking.value}
            onClick={() => void run(action)}
          >
            {ACTION_LABEL[action]}
          </button>
        ))
      ) : (
        <span class="faint">Your role may look, not act.</span>
      )}
      {problem.value && <ProblemNote problem={problem.value} />}
    </div>
  )
}

const WaitingItems = ({ name }: { readonly name: string }) => {
  const items = (queues.watch(name) ?? []).toSorted((a, b) => a.since - b.since)
  return (
    <section class="section">
      <header>
        <h2>Waiting</h2>
        {items.length > SHOWN_WAITING && <a href={`${pathOf.queue}?q=${encodeURIComponent(`controller:${name}`)}`}>All {items.length}</a>}
      </header>
      <Table
        label="Its queue"
        isShort
        rows={items.slice(0, SHOWN_WAITING)}
        rowKey={item => item.id}
        columns={queueColumns(false)}
        rowHeight={queueRowHeight()}
        href={item => pathOf.queueItem(item.controller, item.item)}
        empty={
          <div class="empty">
            <p>Nothing waits in its queue.</p>
          </div>
        }
      />
    </section>
  )
}

const Builds = ({ controller }: { readonly controller: ControllerView }) => {
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

const ItsAgents = ({ name }: { readonly name: string }) => {
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

const ItsEvents = ({ name }: { readonly name: string }) => {
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
