/** What happened: followed live, or held still to be read. */
import { useSignal } from '@preact/signals'
import type { EventView } from '../../../src/api/contract.ts'
import { get } from '../data/api.ts'
import { mergeEvents } from '../data/change-buffer.ts'
import { events } from '../data/fleet.ts'
import { matches, parseFilter } from '../lib/filter.ts'
import { counted, formatCount } from '../lib/format.ts'
import { query, setQuery } from '../lib/history.ts'
import { pathOf } from '../lib/routes.ts'
import { isNarrow } from '../lib/viewport.ts'
import { Empty } from '../parts/empty.tsx'
import { FilterBox } from '../parts/filter-box.tsx'
import { type Column, Table } from '../parts/table.tsx'
import { ClockTime } from '../parts/time.tsx'
import { toast } from '../parts/toasts.tsx'

const OLDER_AT_ONCE = 500
/** On a phone a sentence takes two lines. */
const NARROW_ROW_HEIGHT = 48
const KINDS: readonly EventView['kind'][] = ['controller', 'agent', 'build', 'demand', 'host', 'template', 'tenant', 'token', 'manor']

/** Where an event's subject has a page of its own. */
const subjectPath = ({ kind, subject }: EventView): string | undefined => {
  if (kind === 'controller') return pathOf.controller(subject)
  return kind === 'agent' ? pathOf.agent(subject) : undefined
}

const Subject = ({ event }: { readonly event: EventView }) => {
  const path = subjectPath(event)
  return path === undefined ? <span>{event.subject}</span> : <a href={path}>{event.subject}</a>
}

const COLUMNS: readonly Column<EventView>[] = [
  { key: 'at', title: 'Time', width: '84px', cell: event => <ClockTime at={event.at} /> },
  {
    key: 'message',
    title: 'What happened',
    cell: event => (
      <span class="two-lines">
        <span class="wraps" title={event.message}>
          {event.message}
        </span>
      </span>
    ),
  },
  { key: 'subject', title: 'Subject', width: '20%', className: 'hide-medium', cell: event => <Subject event={event} /> },
  { key: 'type', title: 'Type', width: '150px', className: 'hide-wide', cell: event => event.type },
  { key: 'actor', title: 'By', width: '140px', className: 'hide-wide', cell: event => event.actor },
]

export const EventsPage = () => {
  /** While it is held still, what was known at that moment. */
  const held = useSignal<readonly EventView[] | undefined>(undefined)
  const kind = query.value.get('kind') ?? ''
  const terms = parseFilter(query.value.get('q') ?? '')
  const known = held.value ?? events.value
  const rows = known.filter(
    event =>
      (kind === '' || event.kind === kind) &&
      matches(terms, { subject: event.subject, message: event.message, type: event.type, actor: event.actor, tenant: event.tenant }),
  )
  const news = held.value === undefined ? 0 : events.value.length - held.value.length
  const loadOlder = async (): Promise<void> => {
    const oldest = events.value.at(-1)?.seq
    const answer = await get<EventView[]>(
      `/events?newestFirst=true&limit=${OLDER_AT_ONCE}${oldest === undefined ? '' : `&after=${oldest}`}`,
    )
    if (!answer.ok) return toast(answer.problem.detail, true)
    const before = events.value.length
    events.value = mergeEvents(events.value, answer.value)
    if (held.value) held.value = mergeEvents(held.value, answer.value)
    if (events.value.length === before)
      toast(answer.value.length === 0 ? 'There are no older events.' : 'This page holds as many as it can; "./manor event list" reads on.')
  }
  return (
    <div class="page is-full">
      <div class="page-head">
        <h1>Events</h1>
        <span class="soft">{counted(rows.length, 'event')}</span>
        <label class="check">
          <input
            type="checkbox"
            checked={held.value === undefined}
            onChange={change => {
              held.value = change.currentTarget.checked ? undefined : events.value
            }}
          />
          Follow{news > 0 && <span class="faint"> {formatCount(news)} new</span>}
        </label>
        <button type="button" class="button is-small" onClick={() => void loadOlder()}>
          Load older
        </button>
        <select
          aria-label="Kind of event"
          class="kind-select"
          value={kind}
          onChange={change => setQuery({ kind: change.currentTarget.value })}
        >
          <option value="">every kind</option>
          {KINDS.map(each => (
            <option key={each} value={each}>
              {each}
            </option>
          ))}
        </select>
        <FilterBox label="Filter events" placeholder="Filter: words, type:, actor:" />
      </div>
      <Table
        label="Events"
        rows={rows}
        rowKey={event => String(event.seq)}
        {...(isNarrow.value ? { rowHeight: NARROW_ROW_HEIGHT } : {})}
        columns={COLUMNS}
        empty={
          known.length === 0 ? (
            <Empty title="Nothing happened yet" command="./manor event list --follow">
              <p>Every change that Manor or a person makes is written down, and shows here as it happens.</p>
            </Empty>
          ) : (
            <Empty title="No event matches">
              <p>
                The newest {formatCount(known.length)} are looked through. <code>type:created</code> and <code>actor:</code> look in one
                place.
              </p>
            </Empty>
          )
        }
      />
    </div>
  )
}
