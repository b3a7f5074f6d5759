/**
 * Reads the lists, then follows /api/v1/changes. The browser's EventSource reconnects and resumes by itself; where it gives up (an answer
 * other than 200) a new one is opened after a growing pause, from the last id seen. `reset` reads the lists anew.
 */
import { batch, effect, signal } from '@preact/signals'
import type {
  AgentView,
  Change,
  ControllerView,
  EventView,
  HostView,
  MeView,
  Problem,
  QueueItemView,
  StatusView,
  TemplateView,
  TenantView,
} from '../../../src/api/contract.ts'
import { after, learnServerTime } from '../lib/clock.ts'
import { type Answer, get, signedOut } from './api.ts'
import { changeBuffer, mergeEvents } from './change-buffer.ts'
import * as fleet from './fleet.ts'

export type Connection =
  | { readonly state: 'loading' }
  | { readonly state: 'live' }
  | { readonly state: 'lost'; readonly since: number }
  | { readonly state: 'failed'; readonly problem: Problem }

export const connection = signal<Connection>({ state: 'loading' })

/** The most that the API gives at once. */
const MAX_AGENTS = 10_000
const FIRST_EVENTS = 200
/** How often tables and sums follow the rows. */
const SETTLE_MS = 250
/** A hidden page draws no frames; it still applies what came, this often. */
const HIDDEN_FLUSH_MS = 2_000
const FIRST_RETRY_MS = 1_000
const MAX_RETRY_MS = 15_000

const buffer = changeBuffer()
let cancelFlush: (() => void) | undefined
let isSettling = false
let source: EventSource | undefined
let lastId: string | undefined
let retryMs = FIRST_RETRY_MS

const flush = (): void => {
  cancelFlush = undefined
  const { changes, events } = buffer.take()
  fleet.applyChanges(changes, events)
  if (isSettling) return
  isSettling = true
  after(SETTLE_MS, () => {
    isSettling = false
    fleet.settleAll()
  })
}

const scheduleFlush = (): void => {
  if (cancelFlush) return
  if (document.visibilityState === 'hidden') cancelFlush = after(HIDDEN_FLUSH_MS, flush)
  else {
    const frame = requestAnimationFrame(flush)
    cancelFlush = () => cancelAnimationFrame(frame)
  }
}

const keyed = <T extends { readonly id: string }>(rows: readonly T[]): [string, T][] => rows.map(row => [row.id, row])

/**
 * The first list gives the cursor, so that nothing that happens while the others are read is missed: changes carry whole views and may
 * safely be applied again.
 */
const load = async (): Promise<Problem | undefined> => {
  const first = await get<ControllerView[]>('/controllers')
  if (!first.ok) return first.problem
  const [agents, queue, hosts, tenants, templates, events, status, me] = await Promise.all([
    get<AgentView[]>(`/agents?live=true&limit=${MAX_AGENTS}`),
    get<QueueItemView[]>('/queue'),
    get<HostView[]>('/hosts'),
    get<TenantView[]>('/tenants'),
    get<TemplateView[]>('/templates'),
    get<EventView[]>(`/events?newestFirst=true&limit=${FIRST_EVENTS}`),
    get<StatusView>('/status'),
    get<MeView>('/me'),
  ])
  // A narrow token may not read everything: what is refused stays empty, and its page says so by being empty.
  const rows = <T>(answer: Answer<T[]>): T[] => (answer.ok ? answer.value : [])
  for (const answer of [agents, queue, hosts, tenants, templates, events, status, me])
    if (!answer.ok && answer.problem.status !== 403) return answer.problem
  batch(() => {
    fleet.controllers.replaceAll(keyed(first.value))
    fleet.agents.replaceAll(keyed(rows(agents)))
    fleet.queues.replaceAll(fleet.byController(rows(queue)))
    fleet.hosts.replaceAll(keyed(rows(hosts)))
    fleet.tenants.replaceAll(keyed(rows(tenants)))
    fleet.templates.replaceAll(keyed(rows(templates)))
    fleet.events.value = mergeEvents([], rows(events))
    if (status.ok) {
      fleet.status.value = status.value
      learnServerTime(status.value.now)
    }
    if (me.ok) fleet.me.value = me.value
  })
  lastId = first.cursor
  return undefined
}

const parse = <T>(event: Event): T | undefined => {
  if (!(event instanceof MessageEvent)) return undefined
  lastId = event.lastEventId === '' ? lastId : event.lastEventId
  return JSON.parse(event.data) as T
}

const follow = (): void => {
  source?.close()
  const opened = new EventSource(`/api/v1/changes${lastId === undefined ? '' : `?after=${encodeURIComponent(lastId)}`}`)
  source = opened
  opened.addEventListener('open', () => {
    retryMs = FIRST_RETRY_MS
    connection.value = { state: 'live' }
  })
  opened.addEventListener('change', event => {
    const change = parse<Change>(event)
    if (change) buffer.add(change)
    scheduleFlush()
  })
  opened.addEventListener('event', event => {
    const news = parse<EventView>(event)
    if (news) buffer.addEvent(news)
    scheduleFlush()
  })
  opened.addEventListener('reset', () => {
    opened.close()
    buffer.clear()
    void connect()
  })
  opened.addEventListener('error', () => {
    if (connection.value.state !== 'lost') connection.value = { state: 'lost', since: Date.now() }
    if (opened.readyState === EventSource.CLOSED && source === opened) retryLater()
  })
}

/** The stream was refused. Asking who we are tells a lost session from a lost server. */
const retryLater = (): void => {
  source?.close()
  after(retryMs, () => {
    retryMs = Math.min(MAX_RETRY_MS, retryMs * 2)
    void get<MeView>('/me').then(answer => {
      if (signedOut.value) return
      if (answer.ok) follow()
      else retryLater()
    })
  })
}

/** Reads everything and follows; where that fails, says so and tries again by itself. */
export const connect = async (): Promise<void> => {
  const problem = await load()
  if (signedOut.value) return
  if (problem === undefined) return follow()
  if (fleet.status.peek() === undefined) connection.value = { state: 'failed', problem }
  after(retryMs, () => void connect())
  retryMs = Math.min(MAX_RETRY_MS, retryMs * 2)
}

/** A session that ended stops the stream; what is on the screen is no longer true. */
effect(() => {
  if (signedOut.value) source?.close()
})
