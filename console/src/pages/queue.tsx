/** Everything that waits, the longest first, and why. */
import type { QueueItemView } from '../../../src/api/contract.ts'
import { waiting } from '../data/fleet.ts'
import { matches, parseFilter } from '../lib/filter.ts'
import { counted, formatCount } from '../lib/format.ts'
import { query, setQuery } from '../lib/history.ts'
import { pathOf } from '../lib/routes.ts'
import { Empty } from '../parts/empty.tsx'
import { FilterBox } from '../parts/filter-box.tsx'
import { queueColumns, queueRowHeight, reasonOf } from '../parts/queue-columns.tsx'
import { Table } from '../parts/table.tsx'

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
