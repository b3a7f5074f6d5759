/**
 * Reads the lists, then follows /api/v1/changes. The browser's EventSource reconnects and resumes by itself; where it gives up (an answer
 * other than 200) a new one is opened after a growing pause, from the last id seen. `reset` reads the lists anew.
 *
 * A hidden page closes its stream and resumes when it is shown: a browser keeps six connections to one host over HTTP/1.1, and a seventh tab
 * would wait for ever.
 */
import { effect, signal } from '@preact/signals'
import type { Change, EventView, MeView, Problem } from '../../../src/api/contract.ts'
import { after, now } from '../lib/clock.ts'
import { get, signedOut } from './api.ts'
import { changeBuffer } from './change-buffer.ts'
import { applyChanges, settleAll } from './fleet.ts'
import { loadFleet } from './load-fleet.ts'

export type Connection =
  | { readonly state: 'loading' }
  | { readonly state: 'live' }
  | { readonly state: 'lost'; readonly since: number }
  | { readonly state: 'failed'; readonly problem: Problem }

export const connection = signal<Connection>({ state: 'loading' })

/** How often tables and sums follow the rows. */
const SETTLE_MS = 250
const FIRST_RETRY_MS = 1_000
const MAX_RETRY_MS = 15_000

const buffer = changeBuffer()
let isFlushing = false
let isSettling = false
let source: EventSource | undefined
/** Where to go on; set once the lists were read. */
let cursor: string | undefined
let isLoaded = false
let retryMs = FIRST_RETRY_MS
let cancelRetry: (() => void) | undefined
/** Grows with each reading of the lists, so that one which was overtaken does not go on. */
let reading = 0

const isHidden = (): boolean => document.visibilityState === 'hidden'

/** Applies what came once a frame; sums and tables follow a little later. */
const scheduleFlush = (): void => {
  if (isFlushing) return
  isFlushing = true
  requestAnimationFrame(() => {
    isFlushing = false
    const { changes, events } = buffer.take()
    applyChanges(changes, events)
    if (isSettling) return
    isSettling = true
    after(SETTLE_MS, () => {
      isSettling = false
      settleAll()
    })
  })
}

/** Also where the first stream is refused: what the lists said can be shown, and is said to be of then. */
const lose = (): void => {
  if (connection.value.state !== 'lost') connection.value = { state: 'lost', since: now.peek() }
}

const retryLater = (retry: () => Promise<void>): void => {
  cancelRetry?.()
  cancelRetry = after(retryMs, () => void retry())
  retryMs = Math.min(MAX_RETRY_MS, retryMs * 2)
}

const parse = <T>(event: Event): T | undefined => {
  if (!(event instanceof MessageEvent)) return undefined
  if (event.lastEventId !== '') cursor = event.lastEventId
  return JSON.parse(event.data) as T
}

const follow = (): void => {
  source?.close()
  if (isHidden()) return
  const opened = new EventSource(`/api/v1/changes${cursor === undefined ? '' : `?after=${encodeURIComponent(cursor)}`}`)
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
    lose()
    if (opened.readyState === EventSource.CLOSED) retryLater(askThenFollow)
  })
}

/** The stream was refused. Asking who we are tells a lost session from a lost server. */
const askThenFollow = async (): Promise<void> => {
  const answer = await get<MeView>('/me')
  if (signedOut.value) return
  if (answer.ok) follow()
  else retryLater(askThenFollow)
}

/** Reads everything and follows; where that fails, says so and tries again by itself. */
export const connect = async (): Promise<void> => {
  cancelRetry?.()
  const mine = ++reading
  const answer = await loadFleet()
  if (signedOut.value || mine !== reading) return
  if (answer.ok) {
    isLoaded = true
    cursor = answer.cursor
    return follow()
  }
  if (isLoaded) lose()
  else connection.value = { state: 'failed', problem: answer.problem }
  retryLater(connect)
}

/** Keeps the stream to the pages that are looked at, and to sessions that hold. Call once. */
export const startConnection = (): void => {
  document.addEventListener('visibilitychange', () => {
    if (!isLoaded || signedOut.value) return
    if (isHidden()) source?.close()
    else follow()
  })
  effect(() => {
    if (signedOut.value) source?.close()
  })
  void connect()
}
