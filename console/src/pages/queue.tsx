/** Everything that waits, the longest first, and why. */
import type { ExplanationView, QueueItemView } from '../../../src/api/contract.ts'
import { get } from '../data/api.ts'
import { queues, waiting } from '../data/fleet.ts'
import { matches, parseFilter } from '../lib/filter.ts'
import { counted, formatCount } from '../lib/format.ts'
import { query, setQuery } from '../lib/history.ts'
import { pathOf } from '../lib/routes.ts'
import { useFetched } from '../lib/use-fetched.ts'
import { isNarrow } from '../lib/viewport.ts'
import { Empty } from '../parts/empty.tsx'
import { Explanation } from '../parts/explanation.tsx'
import { FilterBox } from '../parts/filter-box.tsx'
import { AgentPhaseLabel } from '../parts/glyph.tsx'
import { type Column, Table } from '../parts/table.tsx'
import { Age, Elapsed } from '../parts/time.tsx'

/** One line for the build and one for its reason; on a phone a reason takes two. */
export const queueRowHeight = (): number => (isNarrow.value ? 70 : 52)

export const reasonOf = (item: QueueItemView): string =>
  item.reason?.message ?? item.why ?? 'Manor has not looked at it yet: it does so within a second of hearing of it.'

export const queueColumns = (withController: boolean): readonly Column<QueueItemView>[] => [
  {
    key: 'task',
    title: 'Build and why it waits',
    cell: item => (
      <span class="two-lines">
        <span>
          {item.task} {item.label !== undefined && <span class="tag">{item.label}</span>}
        </span>
        <span class="reason" title={reasonOf(item)}>
          {reasonOf(item)}
        </span>
      </span>
    ),
  },
  ...(withController
    ? [
        {
          key: 'controller',
          title: 'Controller',
          width: '19%',
          className: 'hide-narrow',
          cell: (item: QueueItemView) => <a href={pathOf.controller(item.controller)}>{item.controller}</a>,
          compare: (a: QueueItemView, b: QueueItemView) => a.controller.localeCompare(b.controller),
        },
      ]
    : []),
  {
    key: 'agent',
    title: 'Agent',
    width: '118px',
    className: 'hide-narrow',
    cell: item =>
      item.agent !== undefined && item.agentPhase !== undefined ? (
        <a href={pathOf.agent(item.agent)}>
          <AgentPhaseLabel phase={item.agentPhase} />
        </a>
      ) : (
        <span class="faint">none yet</span>
      ),
    compare: (a, b) => (a.agentPhase ?? '').localeCompare(b.agentPhase ?? ''),
  },
  {
    key: 'age',
    title: 'Waiting',
    width: '76px',
    className: 'number',
    cell: item => <Age at={item.since} />,
    compare: (a, b) => b.since - a.since,
  },
]

const COLUMNS = queueColumns(true)

export const QueuePage = () => {
  const terms = parseFilter(query.value.get('q') ?? '')
  const all = waiting.value
  const rows = all.filter(item =>
    matches(terms, {
      controller: item.controller,
      tenant: item.tenant,
      task: item.task,
      label: item.label,
      reason: reasonOf(item),
      code: item.reason?.code ?? 'unexplained',
      agent: item.agentPhase ?? 'none',
    }),
  )
  return (
    <div class="page is-full has-chips">
      <div class="page-head">
        <h1>Queue</h1>
        <span class="soft">
          {rows.length === all.length ? counted(all.length, 'item') : `${rows.length} of ${counted(all.length, 'item')}`}
        </span>
        <FilterBox label="Filter the queue" placeholder="Filter: task, label:, code:" />
      </div>
      <ReasonChips items={all} />
      <Table
        label="Queue"
        rows={rows}
        rowKey={item => item.id}
        columns={COLUMNS}
        rowHeight={queueRowHeight()}
        href={item => pathOf.queueItem(item.controller, item.item)}
        empty={
          all.length === 0 ? (
            <Empty title="Nothing waits" command="./manor agent list">
              <p>
                Every build that was asked for has an agent. An item shows here from the moment a controller queues it, with the reason why
                it waits.
              </p>
            </Empty>
          ) : (
            <Empty title="No item matches">
              <p>
                Words match tasks, controllers, labels and reasons; <code>code:no-template</code> finds items that no template fits.
              </p>
            </Empty>
          )
        }
      />
    </div>
  )
}

/** What holds most items up, at a look; pressed, only those. */
const ReasonChips = ({ items }: { readonly items: readonly QueueItemView[] }) => {
  const counts = [...Map.groupBy(items, ({ reason }) => reason?.code ?? 'unexplained')].map(([code, group]) => ({
    code,
    count: group.length,
  }))
  const filter = query.value.get('q') ?? ''
  return (
    <fieldset class="chips" aria-label="Reasons">
      {counts
        .toSorted((a, b) => b.count - a.count)
        .map(({ code, count }) => (
          <button
            key={code}
            type="button"
            class="chip"
            aria-pressed={filter === `code:${code}`}
            onClick={() => setQuery({ q: filter === `code:${code}` ? '' : `code:${code}` })}
          >
            {code.replaceAll('-', ' ')} <b>{formatCount(count)}</b>
          </button>
        ))}
    </fieldset>
  )
}

export const QueueItemPage = ({ controller, item }: { readonly controller: string; readonly item: string }) => {
  const live = queues.watch(controller)?.find(candidate => candidate.item === item)
  const path = `/queue/${encodeURIComponent(controller)}/${encodeURIComponent(item)}/explanation`
  const answer = useFetched(() => get<ExplanationView>(path), `${path} ${live?.reason?.since ?? ''} ${live?.agentPhase ?? ''}`)
  return (
    <div class="page is-narrow">
      <div class="page-head">
        <h1>{live?.task ?? `Item ${item}`}</h1>
        <span class="soft">
          {live ? (
            <>
              waits for <Elapsed from={live.since} />
            </>
          ) : (
            'waits no longer'
          )}
        </span>
      </div>
      <dl class="facts">
        <dt>Controller</dt>
        <dd>
          <a href={pathOf.controller(controller)}>{controller}</a>
        </dd>
        {live?.label !== undefined && (
          <>
            <dt>Label</dt>
            <dd>{live.label}</dd>
          </>
        )}
        {live?.agent !== undefined && (
          <>
            <dt>Agent</dt>
            <dd>
              <a href={pathOf.agent(live.agent)}>{live.agent}</a> {live.agentPhase && <AgentPhaseLabel phase={live.agentPhase} />}
            </dd>
          </>
        )}
        {live?.why !== undefined && (
          <>
            <dt>In the controller's words</dt>
            <dd>{live.why}</dd>
          </>
        )}
      </dl>
      <Explanation answer={answer.value} reason={live?.reason} command={`./manor agent explain ${controller}/${item}`} />
    </div>
  )
}
