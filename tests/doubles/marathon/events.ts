/** The stream of events, to whoever is attached, with what can go wrong with it. */
import type { ServerResponse } from 'node:http'
import type { Clock } from '../../../src/runtime/index.ts'
import type { Json } from './definition.ts'

/** A real one sends an empty line this often. */
const KEEP_ALIVE_MS = 10_000

type Listener = { readonly response: ServerResponse; readonly types: ReadonlySet<string> }

export class EventStreams {
  readonly #clock: Clock
  readonly #listeners = new Set<Listener>()
  #cancelKeepAlive: () => void
  /** Faults: events that never arrive, that arrive in another order, that stop while the connection stays. */
  lost = false
  reordered = false
  #held: string[] = []

  constructor(clock: Clock) {
    this.#clock = clock
    const beat = (): (() => void) =>
      clock.after(KEEP_ALIVE_MS, () => {
        if (!this.lost) for (const { response } of this.#listeners) response.write('\r\n')
        this.#cancelKeepAlive = beat()
      })
    this.#cancelKeepAlive = beat()
  }

  get count(): number {
    return this.#listeners.size
  }

  attach(response: ServerResponse, types: readonly string[], from: string, headers: Readonly<Record<string, string>>): void {
    response.writeHead(200, { ...headers, 'content-type': 'text/event-stream;charset=utf-8', connection: 'close' })
    const listener = { response, types: new Set(types) }
    this.#listeners.add(listener)
    response.on('close', () => this.#listeners.delete(listener))
    response.flushHeaders()
    this.#send(listener, 'event_stream_attached', { remoteAddress: from })
  }

  emit(type: string, data: Json): void {
    if (this.lost) return
    for (const listener of this.#listeners) this.#send(listener, type, data)
  }

  #send({ response, types }: Listener, type: string, data: Json): void {
    if (types.size > 0 && !types.has(type)) return
    const event = { ...data, eventType: type, timestamp: new Date(this.#clock.now()).toISOString() }
    const text = `event: ${type}\r\ndata: ${JSON.stringify(event)}\r\n\r\n`
    if (!this.reordered) {
      response.write(text)
      return
    }
    this.#held.push(text)
    if (this.#held.length < 3) return
    for (const held of this.#held.toReversed()) response.write(held)
    this.#held = []
  }

  /** As after a leader stepped down, or for a consumer that is too slow: the connection just ends. */
  cut(): void {
    for (const { response } of this.#listeners) response.destroy()
    this.#listeners.clear()
  }

  close(): void {
    this.#cancelKeepAlive()
    this.cut()
  }
}
