import type { ControllerId, TenantId, Timestamp } from '../../model/index.ts'
import { type AccountRef, controllerKey, tenantKey } from '../fleet/ledger.ts'
import type { Cause } from '../pass/pass.ts'
import type { Shape } from '../placement/shape.ts'
import type { Task, Tier } from '../types.ts'
import { Heap } from './heap.ts'
import { sharesProblems, type TenantShare } from './shares.ts'
import { taskProblem } from './task-problem.ts'

/**
 * Tenants and controllers whose last turn is remembered: more than live in a fleet; of whoever is forgotten it is as if it was never
 * served.
 */
const MAX_SERVED = 50_000

/**
 * A task that waits, with what is known about it from pass to pass; kept here, since a map beside the queue costs more than the look it
 * saves.
 */
export type Waiting = {
  readonly task: Task
  readonly lane: Lane
  /** What the picker worked out about it. */
  shape: Shape | undefined
  /** Why a pass left it over, and the number of that pass. */
  left: LeftWaiting | undefined
  leftInPass: number
  /** Something was given a place in a turn after its own, while there was no room for it. */
  overtaken: boolean
  /** It was taken off the queue. */
  gone: boolean
}
export type LeftWaiting = { readonly task: string; readonly cause: Cause }

/** Waiting tasks of one controller, in the order in which they are to be placed. */
export type Lane = {
  readonly tenant: TenantQueue
  readonly controller: ControllerId
  readonly account: AccountRef
  readonly waiting: Waiting[]
  /** The turn at which it was served last; 0 where that is not known. */
  served: number
  /** Of the first that waits; and since when whatever waits longest does. Kept so that a pass does not look at lanes whose turn never comes. */
  firstReadyAt: Timestamp
  firstPriority: number
  oldest: Timestamp
  /** How far this pass has come, and what orders it among its tenant's lanes. */
  next: number
  priority: number
  key: number
  /** Where a pass found room for nothing of it, what that pass said, at which time; undefined once something comes, goes or is seen to. */
  hopeless: { readonly left: readonly LeftWaiting[]; readonly now: Timestamp } | undefined
  /** The pass that said so last. */
  hopelessInPass: number
}
/**
 * Waiting tasks of one tenant. What orders it belongs to the pass at hand (Turns), and is kept here so that a pass over thousands of tenants
 * allocates nothing for them.
 */
export type TenantQueue = {
  readonly tier: Tier
  readonly tenant: TenantId
  readonly account: AccountRef
  readonly lanes: Map<ControllerId, Lane>
  /** The same, for a walk over them. */
  all: readonly Lane[]
  /** The lanes that have something ready in this pass. */
  readonly inTurn: Heap<Lane>
  served: number
  share: Pick<TenantShare, 'weight' | 'guarantee'>
  key: number
}

/**
 * What waits, by tier, tenant and controller, kept sorted from pass to pass. Adding costs log2 of a controller's tasks plus moving those
 * behind; it holds whatever is added, so whoever adds bounds it.
 */
export class TaskQueue {
  readonly #tiers = new Map<Tier, Map<TenantId, TenantQueue>>()
  readonly #byId = new Map<string, Waiting>()
  readonly #shares = new Map<Tier, ReadonlyMap<TenantId, TenantShare>>()
  /** By whom that wants nothing now, at which turn; the one that left the queue longest ago first. */
  readonly #served = new Map<string, number>()
  /** Whose shape nobody worked out yet. */
  readonly #unshaped = new Set<Waiting>()
  #turn = 0

  get size(): number {
    return this.#byId.size
  }

  get(id: string): Task | undefined {
    return this.#byId.get(id)?.task
  }

  waiting(id: string): Waiting | undefined {
    return this.#byId.get(id)
  }

  *tasks(): IterableIterator<Task> {
    for (const { task } of this.#byId.values()) yield task
  }

  /** Throws a RangeError where a task of this id waits already, or asks for what is no amount. */
  add(task: Task): void {
    const problem = taskProblem(task)
    if (problem !== undefined) throw new RangeError(problem)
    if (this.#byId.has(task.id)) throw new RangeError(`${task.id} waits already; remove it before it is added again.`)
    const lane = this.#laneFor(task)
    const waiting: Waiting = { task, lane, shape: undefined, left: undefined, leftInPass: 0, overtaken: false, gone: false }
    this.#byId.set(task.id, waiting)
    this.#unshaped.add(waiting)
    lane.waiting.splice(placeIn(lane.waiting, task), 0, waiting)
    noteFirst(lane)
    lane.oldest = Math.min(lane.oldest, task.readyAt)
  }

  /** Takes a task out; false where it does not wait. */
  remove(id: string): boolean {
    return this.removeAll([id]) === 1
  }

  /** Takes tasks out, each lane once; gives how many waited. */
  removeAll(ids: Iterable<string>): number {
    const lanes = new Set<Lane>()
    let count = 0
    for (const id of ids) {
      const waiting = this.#byId.get(id)
      if (waiting === undefined) continue
      count++
      this.#byId.delete(id)
      waiting.gone = true
      this.#unshaped.delete(waiting)
      if (waiting.shape !== undefined) waiting.shape.waiting--
      lanes.add(waiting.lane)
    }
    for (const lane of lanes) {
      dropGone(lane.waiting)
      if (lane.waiting.length === 0) this.#dropLane(lane)
      noteFirst(lane)
      lane.oldest = lane.waiting.reduce((oldest, { task }) => Math.min(oldest, task.readyAt), Number.POSITIVE_INFINITY)
    }
    return count
  }

  /** Those that came since this was asked last. */
  takeUnshaped(): Waiting[] {
    const unshaped = [...this.#unshaped]
    this.#unshaped.clear()
    return unshaped
  }

  everyWaiting(): IterableIterator<Waiting> {
    return this.#byId.values()
  }

  /** Why the pass of this number left the task over; undefined where it did not. */
  causeIn(pass: number, id: string): Cause | undefined {
    const waiting = this.#byId.get(id)
    if (waiting?.left === undefined) return undefined
    const told = waiting.leftInPass === pass || waiting.lane.hopelessInPass === pass
    return told ? waiting.left.cause : undefined
  }

  /** Takes effect with the next pass. Throws a RangeError that names what is wrong and its mend. */
  setShares(tier: Tier, shares: readonly TenantShare[]): void {
    const [problem] = sharesProblems(shares)
    if (problem !== undefined) throw new RangeError(problem)
    this.#shares.set(tier, new Map(shares.map(share => [share.id, share])))
  }

  shares(tier: Tier): ReadonlyMap<TenantId, TenantShare> {
    return this.#shares.get(tier) ?? NO_SHARES
  }

  /** Counts a turn that was used. Among equal shares whoever was served longest ago goes first, so that none always comes last. */
  noteServed(tier: Tier, tenant: TenantId, controller: ControllerId): void {
    const queue = this.#tiers.get(tier)?.get(tenant)
    const lane = queue?.lanes.get(controller)
    this.#turn++
    if (queue === undefined) this.#remember(tenantKey(tier, tenant), this.#turn)
    else queue.served = this.#turn
    if (lane === undefined) this.#remember(controllerKey(tier, tenant, controller), this.#turn)
    else lane.served = this.#turn
  }

  /** Calls back, since an iterator over thousands allocates for each. */
  eachTenant(tier: Tier, look: (tenant: TenantQueue) => void): void {
    this.#tiers.get(tier)?.forEach(look)
  }

  /** The task's lane, made where it is its first. */
  #laneFor({ tier, tenant: id, controller }: Task): Lane {
    const tenants = this.#tiers.get(tier) ?? new Map<TenantId, TenantQueue>()
    this.#tiers.set(tier, tenants)
    const tenant = tenants.get(id) ?? this.#newTenant(id, tier)
    tenants.set(id, tenant)
    return tenant.lanes.get(controller) ?? this.#newLane(tenant, controller)
  }

  #newTenant(tenant: TenantId, tier: Tier): TenantQueue {
    const key = tenantKey(tier, tenant)
    return {
      tier,
      tenant,
      account: { key, account: undefined },
      lanes: new Map(),
      all: [],
      inTurn: new Heap(laneBefore),
      served: this.#served.get(key) ?? 0,
      share: PLAIN_SHARE,
      key: 0,
    }
  }

  #newLane(tenant: TenantQueue, controller: ControllerId): Lane {
    const key = controllerKey(tenant.tier, tenant.tenant, controller)
    const lane: Lane = {
      tenant,
      controller,
      account: { key, account: undefined },
      waiting: [],
      served: this.#served.get(key) ?? 0,
      firstReadyAt: 0,
      firstPriority: 0,
      oldest: Number.POSITIVE_INFINITY,
      next: 0,
      priority: 0,
      key: 0,
      hopeless: undefined,
      hopelessInPass: 0,
    }
    tenant.lanes.set(controller, lane)
    tenant.all = [...tenant.lanes.values()]
    return lane
  }

  #dropLane({ tenant, controller, account, served }: Lane): void {
    tenant.lanes.delete(controller)
    tenant.all = [...tenant.lanes.values()]
    this.#remember(account.key, served)
    if (tenant.lanes.size > 0) return
    this.#tiers.get(tenant.tier)?.delete(tenant.tenant)
    this.#remember(tenant.account.key, tenant.served)
  }

  #remember(key: string, served: number): void {
    if (served === 0) return
    this.#served.delete(key)
    this.#served.set(key, served)
    for (const oldest of this.#served.keys()) {
      if (this.#served.size <= MAX_SERVED) break
      this.#served.delete(oldest)
    }
  }
}

/** Of a tenant that nothing was said about. */
export const PLAIN_SHARE = { weight: 1 } as const

/** By priority, then by share, then by who was served longest ago. */
const laneBefore = (a: Lane, b: Lane): boolean => {
  if (a.priority !== b.priority) return a.priority > b.priority
  if (a.key !== b.key) return a.key < b.key
  return a.served === b.served ? a.controller < b.controller : a.served < b.served
}

/** In place: an array that was left behind keeps what it holds alive until the next full collection. */
const dropGone = (waiting: Waiting[]): void => {
  let kept = 0
  for (const one of waiting) if (!one.gone) waiting[kept++] = one
  waiting.length = kept
}

const noteFirst = (lane: Lane): void => {
  const [first] = lane.waiting
  lane.firstReadyAt = first?.task.readyAt ?? Number.POSITIVE_INFINITY
  lane.firstPriority = first?.task.priority ?? 0
  lane.hopeless = undefined
}

const NO_SHARES: ReadonlyMap<TenantId, TenantShare> = new Map()

/** By priority, then by since when it waits, then by id, so that the same tasks stand in the same order however they came. */
const before = (a: Task, b: Task): boolean => {
  const priority = (b.priority ?? 0) - (a.priority ?? 0)
  if (priority !== 0) return priority < 0
  return a.readyAt === b.readyAt ? a.id < b.id : a.readyAt < b.readyAt
}

const placeIn = (all: readonly Waiting[], task: Task): number => {
  let low = 0
  let high = all.length
  while (low < high) {
    const middle = (low + high) >> 1
    const other = all[middle]?.task
    if (other !== undefined && before(other, task)) low = middle + 1
    else high = middle
  }
  return low
}
