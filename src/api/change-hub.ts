import { type Principal, stillStands } from '../identity/index.ts'
import type { Event, Kind, Rows } from '../model/index.ts'
import { nameSuffix } from '../runtime/index.ts'
import type { FeedEntry } from '../store/index.ts'
import { Journal } from './journal.ts'
import type { ApiPorts } from './ports.ts'
import type { Projection } from './projection.ts'
import { EVERY_VIEW, EVERYONE, type RowChange, type Touched, touchedBy } from './touched.ts'
import { ViewSource } from './view-source.ts'
import { eventView } from './views.ts'

/** Least time between two tellings of a view that is derived or told anew every few seconds: 4 a second are enough for the eye. */
export const SOON_MS = 250
/** The same for every view of a kind at once: with 2,000 tenants that is a megabyte for each client, and hosts' free disk changes all the time. */
export const EVERY_VIEW_MS = 2_000
/** Proxies cut a connection that is still for 30 to 60 s. */
export const HEARTBEAT_MS = 15_000
/** Most that may wait for one slow client before it is cut; it comes back with its cursor, or starts over. */
export const MAX_CLIENT_BUFFER_BYTES = 4 * 1_048_576
/** Most clients at a time: each view is made once for all of them, yet written once for each. */
export const MAX_CLIENTS = 500
/** Views that a client which comes back is told one by one; beyond it, reading the lists anew is cheaper for both. */
export const MAX_REPLAY = 2_000
const BOOT_LENGTH = 8

/** Where a client's frames go. */
export interface Sink {
  write(frame: string): void
  /** Bytes that were written and have not left yet. */
  readonly bufferedBytes: number
  end(): void
}

type Client = { readonly principal: Principal; readonly sink: Sink }
type Pending = Touched & { readonly since: number; readonly dueAt: number }
type HubPorts = Pick<ApiPorts, 'store' | 'clock' | 'random' | 'log'>

/**
 * Tells every open stream what changed (contract.ts, server-sent changes).
 *
 * A view is a level: what is sent is what it is when it is sent, so several changes may become one telling, and a telling may come twice.
 * A cursor that was sent stands for everything up to it, that which still waits left out: whoever resumes from it misses nothing.
 * An event may therefore come again after a resume; its `seq` tells.
 *
 * Cost: one view and one JSON for each told change, whatever the number of clients; one write for each client that may see it. Sums over the
 * fleet (hosts, tenants) are made at most once a flush.
 */
export class ChangeHub {
  /** New with each start: a cursor of an earlier one says nothing about this one's feed. */
  readonly boot: string
  readonly #ports: HubPorts
  readonly #source: ViewSource
  readonly #journal: Journal
  /** The rows as they were before the next change, of the kinds whose change touches what they were before. */
  readonly #rows = new Map<string, Rows[Kind]>()
  readonly #clients = new Set<Client>()
  readonly #pending = new Map<string, Pending>()
  #outbox: { readonly event: Event; readonly cursor: number }[] = []
  /** When a view was told last, of those that were told within their pause. */
  readonly #toldAt = new Map<string, number>()
  #flushAt = Number.POSITIVE_INFINITY
  #cancelFlush: () => void = () => undefined
  #cancelHeartbeat: () => void = () => undefined
  readonly #unsubscribe: () => void

  constructor(ports: HubPorts, projection: Projection) {
    this.#ports = ports
    this.boot = nameSuffix(ports.random, BOOT_LENGTH)
    this.#source = new ViewSource(ports.store, projection)
    this.#journal = new Journal(ports.store.feed.cursor)
    for (const kind of REMEMBERED) for (const row of ports.store.list(kind)) this.#rows.set(keyOf(kind, row.id), row)
    this.#unsubscribe = ports.store.feed.subscribe(entries => this.#hear(entries))
  }

  /** The cursor of what can be read now, for lists. */
  get cursor(): string {
    return `${this.boot}:${this.#ports.store.feed.cursor}`
  }

  get isFull(): boolean {
    return this.#clients.size >= MAX_CLIENTS
  }

  /** Tells `sink` what came after `after` (a cursor; undefined: from now on), then what comes. Returns what ends it. */
  open(principal: Principal, after: string | undefined, sink: Sink): () => void {
    const client: Client = { principal, sink }
    this.#clients.add(client)
    if (this.#clients.size === 1) this.#beat()
    if (after !== undefined && !this.#replay(client, after)) this.#send(client, frame('reset', this.#safeCursor(), {}))
    // An id without data starts nothing at the client, and it knows from where to resume though nothing has happened yet.
    else this.#send(client, `id: ${this.#safeCursor()}\n\n`)
    return () => this.#drop(client)
  }

  close(): void {
    this.#unsubscribe()
    for (const client of this.#clients) this.#cut(client)
  }

  /** Runs inside the store's commit: notes what was touched, and leaves the work to a timer. */
  #hear(entries: readonly FeedEntry[]): void {
    const now = this.#ports.clock.monotonic()
    for (const entry of entries) {
      if ('event' in entry) {
        this.#journal.add(entry.cursor, [], entry.event)
        if (this.#clients.size > 0) this.#outbox.push(entry)
        continue
      }
      const { kind, id, row, cursor } = entry.change
      const touched = touchedBy(this.#changeOf(kind, id, row), controller => this.#tenantOf(controller))
      this.#journal.add(cursor, touched)
      if (kind === 'token') this.#cutStale()
      if (this.#clients.size > 0) for (const each of touched) this.#mark(each, cursor, now)
    }
    this.#schedule()
  }

  #changeOf(kind: Kind, id: string, after: Rows[Kind] | undefined): RowChange {
    const key = keyOf(kind, id)
    const before = this.#rows.get(key)
    if (after === undefined) this.#rows.delete(key)
    else if ((REMEMBERED as readonly Kind[]).includes(kind)) this.#rows.set(key, after)
    // The feed's rows are of the entry's kind; the types do not say so.
    return { kind, id, before, after } as RowChange
  }

  #tenantOf(controller: string) {
    return this.#ports.store.get('controller', controller)?.tenant
  }

  #mark(touched: Touched, cursor: number, now: number): void {
    const key = keyOf(touched.kind, touched.id)
    const known = this.#pending.get(key)
    const dueAt = touched.urgent ? now : Math.max(now, (this.#toldAt.get(key) ?? Number.NEGATIVE_INFINITY) + pauseOf(touched.id))
    this.#pending.set(key, {
      ...touched,
      audience: known ? [...new Set([...known.audience, ...touched.audience])] : touched.audience,
      since: known?.since ?? cursor,
      dueAt: Math.min(dueAt, known?.dueAt ?? dueAt),
    })
  }

  #schedule(): void {
    let dueAt = this.#outbox.length > 0 ? this.#ports.clock.monotonic() : Number.POSITIVE_INFINITY
    for (const pending of this.#pending.values()) dueAt = Math.min(dueAt, pending.dueAt)
    if (dueAt >= this.#flushAt) return
    this.#cancelFlush()
    this.#flushAt = dueAt
    this.#cancelFlush = this.#ports.clock.after(Math.max(0, dueAt - this.#ports.clock.monotonic()), () => this.#flush())
  }

  #flush(): void {
    this.#flushAt = Number.POSITIVE_INFINITY
    const now = this.#ports.clock.monotonic()
    const due: Pending[] = []
    for (const [key, pending] of this.#pending) {
      if (pending.dueAt > now) continue
      due.push(pending)
      this.#pending.delete(key)
      this.#toldAt.set(key, now)
    }
    for (const [key, at] of this.#toldAt) if (now - at >= EVERY_VIEW_MS) this.#toldAt.delete(key)
    const events = this.#outbox
    this.#outbox = []
    try {
      this.#tell(
        [...this.#clients],
        due,
        events.map(({ event }) => event),
      )
    } catch (cause) {
      // A view that cannot be made is a bug. Clients start over with the lists instead of missing a change silently.
      this.#ports.log.error({ err: cause }, 'The change stream could not make a view; all streams were cut.')
      for (const client of this.#clients) this.#cut(client)
    }
    this.#schedule()
  }

  #tell(clients: readonly Client[], touched: readonly Touched[], events: readonly Event[]): void {
    if (clients.length === 0) return
    const cursor = this.#safeCursor()
    const read = this.#source.begin()
    for (const each of this.#spelledOut(touched)) {
      const { view, audience } = read(each.kind, each.id)
      const shown = frame('change', cursor, { kind: each.kind, id: each.id, view })
      for (const client of clients) {
        if (mayHear(client, audience)) this.#send(client, shown)
        else if (mayHear(client, each.audience)) this.#send(client, frame('change', cursor, { kind: each.kind, id: each.id, view: null }))
      }
    }
    for (const event of events) {
      const shown = frame('event', cursor, eventView(event))
      for (const client of clients) if (mayHear(client, event.tenant === undefined ? [] : [event.tenant])) this.#send(client, shown)
    }
  }

  /** Every view of a kind, where that is what was touched, by name. Only tenants are told so; another kind would need its rows listed here. */
  #spelledOut(touched: readonly Touched[]): readonly Touched[] {
    if (!touched.some(({ id }) => id === EVERY_VIEW)) return touched
    const named = touched.filter(({ id }) => id !== EVERY_VIEW)
    const known = new Set(named.map(({ kind, id }) => keyOf(kind, id)))
    const others = this.#ports.store.list('tenant').filter(({ id }) => !known.has(keyOf('tenant', id)))
    return [...named, ...others.map(({ id }): Touched => ({ kind: 'tenant', id, urgent: false, audience: [id] }))]
  }

  /** False where what came since is no longer known, or is more than is worth telling one by one. */
  #replay(client: Client, after: string): boolean {
    const [boot, digits] = after.split(':')
    const missed = boot === this.boot && digits !== undefined && /^\d+$/.test(digits) ? this.#journal.after(Number(digits)) : undefined
    if (missed === undefined || missed.touched.length > MAX_REPLAY || missed.events.length > MAX_REPLAY) return false
    this.#tell([client], missed.touched, missed.events)
    return true
  }

  /** The newest cursor up to which nothing waits to be told. */
  #safeCursor(): string {
    let cursor = this.#ports.store.feed.cursor
    for (const { since } of this.#pending.values()) cursor = Math.min(cursor, since - 1)
    for (const { cursor: waiting } of this.#outbox) cursor = Math.min(cursor, waiting - 1)
    return `${this.boot}:${cursor}`
  }

  #send(client: Client, text: string): void {
    if (!this.#clients.has(client)) return
    client.sink.write(text)
    if (client.sink.bufferedBytes > MAX_CLIENT_BUFFER_BYTES) this.#cut(client)
  }

  #beat(): void {
    this.#cancelHeartbeat = this.#ports.clock.after(HEARTBEAT_MS, () => {
      this.#cutStale()
      for (const client of this.#clients) this.#send(client, ': still here\n\n')
      if (this.#clients.size > 0) this.#beat()
    })
  }

  /** Whoever's token is gone hears nothing more. */
  #cutStale(): void {
    const { store, clock } = this.#ports
    for (const client of this.#clients) if (!stillStands(store, clock.now(), client.principal)) this.#cut(client)
  }

  #cut(client: Client): void {
    this.#drop(client)
    client.sink.end()
  }

  #drop(client: Client): void {
    if (!this.#clients.delete(client) || this.#clients.size > 0) return
    this.#cancelHeartbeat()
    this.#cancelFlush()
    this.#flushAt = Number.POSITIVE_INFINITY
    this.#pending.clear()
    this.#outbox = []
    this.#toldAt.clear()
  }
}

const REMEMBERED = ['controller', 'agent', 'template', 'host', 'tenant'] as const satisfies readonly Kind[]

const pauseOf = (id: string): number => (id === EVERY_VIEW ? EVERY_VIEW_MS : SOON_MS)

const keyOf = (kind: string, id: string): string => `${kind}/${id}`

const mayHear = ({ principal: { tenant } }: Client, audience: readonly string[]): boolean =>
  tenant === undefined || audience.includes(tenant) || audience.includes(EVERYONE)

const frame = (name: 'change' | 'event' | 'reset', cursor: string, data: object): string =>
  `id: ${cursor}\nevent: ${name}\ndata: ${JSON.stringify(data)}\n\n`
