import { type Controller, type ControllerId, type Demand, type DemandItem, itemId, type Presence } from '../model/index.ts'
import type { Clock } from '../runtime/index.ts'
import type { Store, Transaction } from '../store/index.ts'
import { keepEvents } from './build-events.ts'
import { HookError, type HookService } from './hook-service.ts'
import { type EventBatch, MAX_WANTED_WAIT_SECONDS, type Report, ReportItem, reportIntervalOf, type Wanted } from './protocol.ts'
import type { WantedBook } from './wanted.ts'

type Waiter = { readonly session: string; readonly revision: number; done(): void }

/** What the hooks of all controllers are told and tell. Rows of demand and presence are levels in memory; builds and events are kept. */
export class Hooks implements HookService {
  readonly #store: Store
  readonly #clock: Clock
  readonly #book: WantedBook
  /** At most one for each controller: a new poll ends the one before. */
  readonly #waiters = new Map<ControllerId, Waiter>()

  constructor(store: Store, clock: Clock, book: WantedBook) {
    this.#store = store
    this.#clock = clock
    this.#book = book
  }

  async hello(id: ControllerId, hello: Parameters<HookService['hello']>[1]): Promise<{ reportIntervalMs: number }> {
    const reportIntervalMs = reportIntervalOf(this.#store.list('controller').length)
    await this.#store.transact(tx => {
      const { epoch } = known(tx, id)
      if (hello.epoch !== epoch)
        throw new HookError(
          'stale-epoch',
          `Epoch ${hello.epoch} of controller ${id} is not the current one (${epoch}): this run is to end.`,
        )
      const before = tx.get('presence', id)
      const isSame = before?.session === hello.session
      if (isSame && before.problem === hello.problem && before.reportIntervalMs === reportIntervalMs) return
      if (!isSame) tx.remove('demand', id)
      tx.put('presence', {
        ...(isSame
          ? before
          : { ...NOTHING_TOLD, controller: id, session: hello.session, reportedAt: tx.now, heardAt: this.#clock.monotonic() }),
        epoch: hello.epoch,
        reportIntervalMs,
        version: hello.version,
        ...(hello.problem === undefined ? {} : { problem: hello.problem }),
      })
    })
    this.wake(id)
    return { reportIntervalMs }
  }

  report(id: ControllerId, report: Report): Promise<void> {
    return this.#store.transact(tx => {
      const presence = current(tx, id, report.session)
      const before = tx.get('demand', id)
      if (before?.session === report.session && report.seq <= presence.seq) return
      tx.put('presence', presenceOf(presence, report, tx.now, this.#clock.monotonic()))
      // Most reports are word of life: nothing in the queue has changed.
      if (before?.session !== report.session || !isSameQueue(before.items, report.items)) tx.put('demand', demandOf(id, report, before))
    })
  }

  async wanted(id: ControllerId, session: string, revision: number, waitSeconds: number, signal: AbortSignal): Promise<Wanted> {
    current(this.#store, id, session)
    const now = this.#book.current(id)
    if (now.revision !== revision || signal.aborted) return now
    await this.#wait(id, session, revision, Math.min(waitSeconds, MAX_WANTED_WAIT_SECONDS) * 1_000, signal)
    current(this.#store, id, session)
    return this.#book.current(id)
  }

  async events(id: ControllerId, batch: EventBatch): Promise<{ acknowledged: number }> {
    return this.#store.transact(tx => {
      current(tx, id, batch.session)
      return { acknowledged: keepEvents(tx, known(tx, id), batch) }
    })
  }

  /** Answers the controller's waiting poll where it would learn something new. */
  wake(id: ControllerId): void {
    const waiter = this.#waiters.get(id)
    if (waiter === undefined) return
    if (this.#store.get('presence', id)?.session !== waiter.session || this.#book.current(id).revision !== waiter.revision) waiter.done()
  }

  /** Answers every waiting poll; for a Manor that ends. */
  stop(): void {
    for (const waiter of [...this.#waiters.values()]) waiter.done()
  }

  #wait(id: ControllerId, session: string, revision: number, waitMs: number, signal: AbortSignal): Promise<void> {
    this.#waiters.get(id)?.done()
    return new Promise(resolve => {
      const waiter: Waiter = {
        session,
        revision,
        done: () => {
          cancel()
          signal.removeEventListener('abort', waiter.done)
          if (this.#waiters.get(id) === waiter) this.#waiters.delete(id)
          resolve()
        },
      }
      const cancel = this.#clock.after(waitMs, waiter.done)
      signal.addEventListener('abort', waiter.done, { once: true })
      this.#waiters.set(id, waiter)
    })
  }
}

const NOTHING_TOLD = {
  seq: 0,
  running: 0,
  quieting: false,
  appliedRevision: 0,
  nodes: [],
  load: { heapUsedMb: 0, heapMaxMb: 0, threads: 0, gcShare: 0, eventsDropped: 0 },
} as const

const known = (store: Pick<Transaction, 'get'>, id: ControllerId): Controller => {
  const controller = store.get('controller', id)
  if (controller === undefined) throw new HookError('unknown-controller', `There is no controller named ${id}: this run is to end.`)
  return controller
}

/** The presence of the session that said hello last, for the current run. */
const current = (store: Pick<Transaction, 'get'>, id: ControllerId, session: string): Presence => {
  const { epoch } = known(store, id)
  const presence = store.get('presence', id)
  if (presence?.session !== session || presence.epoch !== epoch)
    throw new HookError('unknown-session', `Session ${session} of controller ${id} is not the one that said hello last: say hello again.`)
  return presence
}

const presenceOf = (before: Presence, report: Report, now: number, heardAt: number): Presence => ({
  ...before,
  seq: report.seq,
  reportedAt: now,
  heardAt,
  running: report.running,
  quieting: report.quieting,
  appliedRevision: report.appliedRevision,
  // The same list for as long as it says the same: who has looked at it need not look again.
  nodes: isSameNodes(before.nodes, report.nodes) ? before.nodes : report.nodes,
  load: report.load,
})

const isSameNodes = (before: Presence['nodes'], now: Report['nodes']): boolean =>
  before.length === now.length && now.every((node, i) => isSameNode(before[i], node))

/** All that is told of a node; hooks.test.ts holds it against the protocol's own fields. */
const isSameNode = (a: Presence['nodes'][number] | undefined, b: Report['nodes'][number]): boolean =>
  a?.name === b.name &&
  a.online === b.online &&
  a.used === b.used &&
  a.awaited === b.awaited &&
  a.problem === b.problem &&
  a.building?.job === b.building?.job &&
  a.building?.number === b.building?.number

const isSameQueue = (before: readonly DemandItem[], now: Report['items']): boolean =>
  before.length === now.length && now.every((item, i) => ITEM_FIELDS.every(field => item[field] === before[i]?.[field]))
/** All that is told of an item; what Manor has decided about it is not among it. */
const ITEM_FIELDS = Object.keys(ReportItem.properties) as (keyof Report['items'][number])[]

/** An item that was there already keeps what was decided about it. */
const demandOf = (id: ControllerId, report: Report, before: Demand | undefined): Demand => {
  const reasons = new Map(before?.items.map(item => [item.id, item.reason]))
  const items = report.items.map((item): DemandItem => {
    const reason = reasons.get(itemId(item.id))
    return { ...item, id: itemId(item.id), ...(reason === undefined ? {} : { reason }) }
  })
  return { controller: id, session: report.session, items }
}
