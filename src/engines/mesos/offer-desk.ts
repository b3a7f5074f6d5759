import type { HostId, Milliseconds, TenantId, Timestamp, WorkloadId } from '../../model/index.ts'
import type { Clock } from '../../runtime/index.ts'
import { EngineError, type OfferListener, type OfferSource, type OfferUse } from '../engine.ts'
import { hostOffer, ResourcePool } from './resources.ts'
import type { Call, MesosOffer, TaskInfo } from './wire.ts'

/**
 * How long offers are kept for a workload that was given a place: a controller's program and home may have to be made first. Held offers are
 * counted as ours by Mesos and keep others from them, so no longer.
 */
const HOLD_MS = 60_000
/** How long the first workload of a batch waits for the others of its host and pass: they are submitted side by side, within milliseconds. */
const GATHER_MS = 100
/** Longest refusal: nothing revives what was refused while there is still work that waits, so a long one starves it. */
const MAX_REFUSE_MS = 30_000
/** An offer that nobody asked for; a REVIVE ends this refusal. */
const UNWANTED_REFUSE_MS = 60_000
/** One of another role where offers of its host are out already. */
const OTHER_ROLE_REFUSE_MS = 1_000

export type OfferDeskOptions = {
  readonly clock: Clock
  readonly revocable: boolean
  readonly tenantOf: (role: string) => TenantId | undefined
  /** Sends a call without waiting for its end; failures are the connection's business. */
  readonly send: (call: Call) => void
  /** Sends and waits until the leader has taken it on. */
  readonly ask: (call: Call) => Promise<unknown>
  /** Roles whose offers are wanted changed. */
  readonly onWanted: (tenants: ReadonlySet<TenantId>) => void
}

type Standing = { readonly offer: MesosOffer; readonly role: string; readonly tenant: TenantId | undefined; readonly at: Timestamp }

/** Offers of one host and role that were taken for the workloads of one pass; one ACCEPT uses them all. */
type Batch = {
  readonly offers: readonly MesosOffer[]
  readonly role: string
  readonly host: HostId
  readonly pool: ResourcePool
  readonly waiting: Set<WorkloadId>
  readonly tasks: TaskInfo[]
  cancelTimer: () => void
  /** Settled by the ACCEPT. */
  readonly launched: { readonly promise: Promise<void>; resolve(): void; reject(cause: unknown): void }
  void: boolean
}

export type Claim = {
  readonly host: HostId
  readonly role: string
  readonly hostname: string
  readonly ports: readonly number[]
  readonly pool: ResourcePool
  /** Puts the task with the others of its batch. Resolves when the leader has taken it on. */
  launch(task: TaskInfo): Promise<void>
  /** The workload is not launched after all. */
  release(): void
}

/** The engine's offers: those that stand, those taken for workloads, and whether more are wanted. */
export class OfferDesk implements OfferSource {
  readonly #options: OfferDeskOptions
  readonly #standing = new Map<string, Standing>()
  readonly #claims = new Map<WorkloadId, { readonly batch: Batch; readonly use: OfferUse }>()
  readonly #batches = new Set<Batch>()
  #listener: OfferListener | undefined
  #wanted: ReadonlySet<TenantId> = new Set()
  #declines: { ids: string[]; refuseMs: number }[] = []

  constructor(options: OfferDeskOptions) {
    this.#options = options
  }

  get wanted(): ReadonlySet<TenantId> {
    return this.#wanted
  }

  /** Offers that are held: standing or taken. */
  get held(): number {
    return this.#standing.size + [...this.#batches].reduce((total, { offers }) => total + offers.length, 0)
  }

  // ---- for whoever follows

  follow(listener: OfferListener): () => void {
    this.#listener = listener
    const standing = [...this.#standing.values()].map(({ offer, tenant, at }) => hostOffer(offer, tenant, this.#options.revocable, at))
    if (standing.length > 0) listener.offered(standing)
    return () => {
      if (this.#listener === listener) this.#listener = undefined
    }
  }

  decline(offers: readonly string[], refuseMs: Milliseconds): void {
    const known = offers.filter(id => this.#standing.delete(id))
    this.#decline(known, Math.min(refuseMs, MAX_REFUSE_MS))
  }

  assign(uses: readonly OfferUse[]): void {
    const groups = new Map<string, OfferUse[]>()
    for (const use of uses) groups.set(use.host, [...(groups.get(use.host) ?? []), use])
    for (const group of groups.values()) this.#assignHost(group)
  }

  want(tenants: ReadonlySet<TenantId>): void {
    if (tenants.size === this.#wanted.size && [...tenants].every(tenant => this.#wanted.has(tenant))) return
    this.#wanted = new Set(tenants)
    this.#options.onWanted(this.#wanted)
  }

  // ---- for the engine

  /** Offers of the stream, after the check that their hosts may be used. */
  offered(offers: readonly MesosOffer[], isUsable: (offer: MesosOffer) => boolean): void {
    const now = this.#options.clock.now()
    const kept: Standing[] = []
    for (const offer of offers) {
      const role = offer.allocation_info?.role ?? '*'
      const tenant = this.#options.tenantOf(role)
      const id = offer.id.value
      // An offer may have been on its way when offers stopped being wanted.
      if (tenant === undefined || !this.#wanted.has(tenant) || !isUsable(offer)) this.#decline([id], UNWANTED_REFUSE_MS)
      else if (this.#isOutToOther(offer.agent_id.value, role)) this.#decline([id], OTHER_ROLE_REFUSE_MS)
      else {
        const standing = { offer, role, tenant, at: now }
        this.#standing.set(id, standing)
        kept.push(standing)
      }
    }
    if (kept.length > 0) this.#listener?.offered(kept.map(one => hostOffer(one.offer, one.tenant, this.#options.revocable, one.at)))
  }

  /** The leader took an offer back. */
  rescinded(id: string): void {
    if (this.#standing.delete(id)) this.#listener?.gone([id])
    for (const batch of this.#batches) if (batch.offers.some(offer => offer.id.value === id)) this.#void(batch)
  }

  /** The connection is gone, and all offers with it. */
  lost(): void {
    const ids = [...this.#standing.keys()]
    this.#standing.clear()
    if (ids.length > 0) this.#listener?.gone(ids)
    for (const batch of this.#batches) this.#void(batch)
    this.#declines = []
  }

  /** Gives back all standing offers of a host that must not be used any more. */
  refuseHost(host: string): void {
    const ids = [...this.#standing].filter(([, { offer }]) => offer.agent_id.value === host).map(([id]) => id)
    for (const id of ids) this.#standing.delete(id)
    if (ids.length > 0) this.#listener?.gone(ids)
    this.#decline(ids, UNWANTED_REFUSE_MS)
  }

  claim(workload: WorkloadId): Claim | undefined {
    const found = this.#claims.get(workload)
    if (found === undefined || found.batch.void) return undefined
    const { batch, use } = found
    return {
      host: batch.host,
      role: batch.role,
      hostname: batch.offers[0]?.hostname ?? batch.host,
      ports: use.ports,
      pool: batch.pool,
      launch: task => this.#launch(workload, batch, task),
      release: () => this.#release(workload, batch),
    }
  }

  /** The scheduler sums all offers of a host, and those of two roles cannot be used together: one role a host at a time. */
  #isOutToOther(agent: string, role: string): boolean {
    for (const one of this.#standing.values()) if (one.offer.agent_id.value === agent && one.role !== role) return true
    return false
  }

  #assignHost(uses: readonly OfferUse[]): void {
    const [first] = uses
    if (first === undefined) return
    const taken: Standing[] = []
    for (const id of new Set(uses.flatMap(({ offers }) => offers))) {
      const standing = this.#standing.get(id)
      if (standing === undefined || standing.offer.agent_id.value !== first.host) continue
      if (taken[0] !== undefined && taken[0].role !== standing.role) continue
      this.#standing.delete(id)
      taken.push(standing)
    }
    const [one] = taken
    // Without offers there is no claim, and the submit says that another place is needed.
    if (one === undefined) return
    const offers = taken.map(({ offer }) => offer)
    const batch: Batch = {
      offers,
      role: one.role,
      host: first.host,
      pool: new ResourcePool(offers, this.#options.revocable),
      waiting: new Set(uses.map(({ workload }) => workload)),
      tasks: [],
      cancelTimer: () => undefined,
      launched: promiseOf(),
      void: false,
    }
    batch.cancelTimer = this.#options.clock.after(HOLD_MS, () => this.#flush(batch))
    this.#batches.add(batch)
    for (const use of uses) this.#claims.set(use.workload, { batch, use })
  }

  #launch(workload: WorkloadId, batch: Batch, task: TaskInfo): Promise<void> {
    if (batch.void) return Promise.reject(offersGone(workload))
    this.#claims.delete(workload)
    batch.waiting.delete(workload)
    batch.tasks.push(task)
    if (batch.waiting.size === 0) this.#flush(batch)
    else if (batch.tasks.length === 1) {
      batch.cancelTimer()
      batch.cancelTimer = this.#options.clock.after(GATHER_MS, () => this.#flush(batch))
    }
    return batch.launched.promise
  }

  #release(workload: WorkloadId, batch: Batch): void {
    this.#claims.delete(workload)
    batch.waiting.delete(workload)
    if (batch.waiting.size === 0 && !batch.void) this.#flush(batch)
  }

  /** Uses the offers for what was submitted, and gives back the rest of them in the same call. Whoever comes later needs another place. */
  #flush(batch: Batch): void {
    if (batch.void) return
    this.#drop(batch)
    const offerIds = batch.offers.map(({ id }) => id)
    if (batch.tasks.length === 0) {
      this.#decline(
        offerIds.map(({ value }) => value),
        0,
      )
      batch.launched.resolve()
      return
    }
    this.#options
      .ask({
        type: 'ACCEPT',
        accept: {
          offer_ids: offerIds,
          operations: [{ type: 'LAUNCH', launch: { task_infos: batch.tasks } }],
          // What the tasks leave comes back with the next allocation.
          filters: { refuse_seconds: 0 },
        },
      })
      .then(() => batch.launched.resolve(), batch.launched.reject)
  }

  #void(batch: Batch): void {
    this.#drop(batch)
    batch.launched.reject(offersGone())
  }

  #drop(batch: Batch): void {
    batch.void = true
    batch.cancelTimer()
    this.#batches.delete(batch)
    for (const workload of batch.waiting) this.#claims.delete(workload)
  }

  /** Gathers what is declined in one turn of the loop, by refusal. */
  #decline(ids: readonly string[], refuseMs: Milliseconds): void {
    if (ids.length === 0) return
    if (this.#declines.length === 0) queueMicrotask(() => this.#sendDeclines())
    const same = this.#declines.find(one => one.refuseMs === refuseMs)
    if (same === undefined) this.#declines.push({ ids: [...ids], refuseMs })
    else same.ids.push(...ids)
  }

  #sendDeclines(): void {
    const declines = this.#declines
    this.#declines = []
    for (const { ids, refuseMs } of declines)
      this.#options.send({
        type: 'DECLINE',
        decline: { offer_ids: ids.map(value => ({ value })), filters: { refuse_seconds: refuseMs / 1_000 } },
      })
  }
}

/** What a submit rejects with where its offers are gone before they were used: nothing was launched, and the workload needs another place. */
export const offersGone = (workload?: WorkloadId): EngineError =>
  new EngineError(
    { code: 'no-capacity', message: `${workload ?? 'The workload'} has no offer any more: it was taken back, or used up without it.` },
    true,
    { placeIsGone: true },
  )

const promiseOf = (): Batch['launched'] => {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  // Nobody may be waiting when it is rejected.
  promise.catch(() => undefined)
  return { promise, resolve: () => resolve(), reject }
}
