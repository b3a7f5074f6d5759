import type { Response } from 'undici'
import { backoffDelay, type Clock, deadline, type Random } from '../../runtime/index.ts'
import type { MarathonClient } from './client.ts'

/**
 * Marathon's stream of events (server-sent, WHATWG HTML 9.2), as what it is: a hint that a look is due. It has no order, no replay and no
 * promise of a sign of life; a standby of 1.8 or later does not pass it on; a slow reader is cut off. So it is followed at the leader, begun
 * anew when it ends or is silent, and each beginning calls for a look at everything.
 */
export type ServerEvent = { readonly event: string; readonly data: string }

/** Longest line that is kept. An event carries a whole deployment plan; ours name a few apps. */
const MAX_LINE = 1_048_576

/** Reads bytes as they come, cut anywhere, into events. Lines end in LF, CR or CRLF; a character may be cut in two. */
export class EventParser {
  readonly #decoder = new TextDecoder('utf-8')
  #rest = ''
  #event = ''
  #data: string[] = []
  #overlong = false

  push(chunk: Uint8Array): ServerEvent[] {
    const events: ServerEvent[] = []
    this.#rest += this.#decoder.decode(chunk, { stream: true })
    for (;;) {
      const end = this.#rest.search(/\r\n|\n|\r(?!$)/)
      if (end < 0) break
      const line = this.#rest.slice(0, end)
      this.#rest = this.#rest.slice(end + (this.#rest.startsWith('\r\n', end) ? 2 : 1))
      if (this.#overlong) this.#overlong = false
      else this.#line(line, events)
    }
    if (this.#rest.length > MAX_LINE) {
      this.#rest = ''
      this.#overlong = true
    }
    return events
  }

  #line(line: string, events: ServerEvent[]): void {
    if (line === '') {
      if (this.#data.length > 0) events.push({ event: this.#event || 'message', data: this.#data.join('\n') })
      this.#event = ''
      this.#data = []
      return
    }
    const colon = line.indexOf(':')
    if (colon === 0) return
    const field = colon < 0 ? line : line.slice(0, colon)
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '')
    if (field === 'event') this.#event = value
    if (field === 'data') this.#data.push(value)
  }
}

/** Events that change what a look shows. Marathon 1.3.7 and later filter them; an older one sends all. */
export const EVENT_TYPES = [
  'status_update_event',
  'instance_changed_event',
  'unknown_instance_terminated_event',
  'deployment_success',
  'deployment_failed',
  'app_terminated_event',
] as const

export type FollowOptions = {
  readonly client: MarathonClient
  readonly clock: Clock
  readonly random: Random
  /** Marathon 1.11 sends an empty line every 10 s; an older one may say nothing for as long as nothing happens. */
  readonly idleMs?: number
  readonly onEvent: (event: ServerEvent) => void
  /** The stream stands: what happened before it is to be looked up. */
  readonly onOpen: () => void
  readonly onError: (cause: unknown) => void
}

const IDLE_MS = 60_000
const OPEN_MS = 10_000
const BACKOFF = { firstMs: 200, factor: 2, mostMs: 15_000 }

/** Follows the leader's events until the signal aborts. Never rejects. */
export const followEvents = async (options: FollowOptions, signal: AbortSignal): Promise<void> => {
  let failures = 0
  while (!signal.aborted) {
    try {
      await followOnce(options, signal, () => {
        failures = 0
        options.onOpen()
      })
    } catch (cause) {
      if (!signal.aborted) options.onError(cause)
    }
    failures++
    await options.clock.sleep(backoffDelay(BACKOFF, failures, options.random), signal).catch(() => undefined)
  }
}

const followOnce = async (options: FollowOptions, signal: AbortSignal, onOpen: () => void): Promise<void> => {
  const { client, clock, idleMs = IDLE_MS, onEvent } = options
  const giveUp = new AbortController()
  const until = AbortSignal.any([signal, giveUp.signal])
  const query = EVENT_TYPES.map(type => `event_type=${type}`).join('&')
  const opening = deadline(clock, OPEN_MS, signal)
  let cancelIdle = (): void => undefined
  try {
    const here = new URL(client.url('/'))
    const leader = await client.leader(opening.signal)
    opening.signal.addEventListener('abort', () => giveUp.abort(opening.signal.reason), { once: true })
    const open = (base: string): Promise<Response> =>
      client.open(`${base}/v2/events?${query}`, 'GET', undefined, until, { accept: 'text/event-stream' })
    // Where the leader's own address is not reached from here, whoever we ask may pass it on: it is the leader itself, or older than 1.8.
    const response = await open(`${here.protocol}//${leader}`).catch(() => {
      until.throwIfAborted()
      return open(client.url(''))
    })
    opening.done()
    if (!response.ok || response.body === null) {
      await response.body?.cancel()
      throw new Error(`Marathon answered /v2/events with status ${response.status}.`)
    }
    const watch = (): void => {
      cancelIdle()
      cancelIdle = clock.after(idleMs, () =>
        giveUp.abort(new DOMException(`No event and no sign of life for ${idleMs} ms.`, 'TimeoutError')),
      )
    }
    watch()
    onOpen()
    const parser = new EventParser()
    for await (const chunk of response.body) {
      watch()
      for (const event of parser.push(chunk)) onEvent(event)
    }
  } finally {
    opening.done()
    cancelIdle()
    giveUp.abort()
  }
}
