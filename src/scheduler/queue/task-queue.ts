import type { ControllerId, TenantId } from '../../model/index.ts'
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
  /** What the picker worked out about it. */
  shape: Shape | undefined
  /** Why a pass left it over, and the number of that pass. */
  left: LeftWaiting | undefined
  leftInPass: number
}
export type LeftWaiting = { readonly task: string; readonly cause: Cause }

/** Waiting tasks of one controller, in the order in which they are to be placed. */
export type Lane = {
  readonly controller: ControllerId
  readonly account: AccountRef
  waiting: Waiting[]
  /** The turn at which it was served last; 0 where that is not known. */
  served: number
  /** How far this pass has come, and what orders it among its tenant's lanes. */
  next: number
  priority: number
  key: number
}
/**
 * Waiting tasks of one tenant. What orders it belongs to the pass at hand (Turns), and is kept here so that a pass over thousands of tenants
 * allocates nothing for them.
 */
export type TenantQueue = {
  readonly tenant: TenantId
  readonly account: AccountRef
  readonly lanes: Map<ControllerId, Lane>
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
  /** By whom, at which turn; the one that was served longest ago first. */
  readonly #served = new Map<string, number>()
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
    const waiting: Waiting = { task, shape: undefined, left: undefined, leftInPass: 0 }
    this.#byId.set(task.id, waiting)
    const lane = this.#laneFor(task)
    lane.waiting.splice(placeIn(lane.waiting, task), 0, waiting)
  }

  /** Takes a task out; false where it does not wait. */
  remove(id: string): boolean {
    return this.removeAll([id]) === 1
  }

  /** Takes tasks out, each lane once; gives how many waited. */
  removeAll(ids: Iterable<string>): number {
    const lanes = new Map<Lane, Set<Waiting>>()
    let count = 0
    for (const id of ids) {
      const waiting = this.#byId.get(id)
      const lane = waiting && this.#laneOf(waiting.task)
      if (waiting === undefined || lane === undefined) continue
      count++
      this.#byId.delete(id)
      lanes.set(lane, (lanes.get(lane) ?? new Set()).add(waiting))
    }
    for (const [lane, gone] of lanes) {
      const [first] = gone
      lane.waiting = lane.waiting.filter(one => !gone.has(one))
      if (lane.waiting.length === 0 && first !== undefined) this.#dropLane(first.task)
    }
    return count
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
    this.#turn++
    for (const key of [tenantKey(tier, tenant), controllerKey(tier, tenant, controller)]) {
      this.#served.delete(key)
      this.#served.set(key, this.#turn)
    }
    for (const key of this.#served.keys()) {
      if (this.#served.size <= MAX_SERVED) break
      this.#served.delete(key)
    }
    const queue = this.#tiers.get(tier)?.get(tenant)
    if (queue === undefined) return
    queue.served = this.#turn
    const lane = queue.lanes.get(controller)
    if (lane !== undefined) lane.served = this.#turn
  }

  tenants(tier: Tier): Iterable<TenantQueue> {
    return this.#tiers.get(tier)?.values() ?? []
  }

  /** The task's lane, made where it is its first. */
  #laneFor({ tier, tenant, controller }: Task): Lane {
    const tenants = this.#tiers.get(tier) ?? new Map<TenantId, TenantQueue>()
    this.#tiers.set(tier, tenants)
    const queue = tenants.get(tenant) ?? this.#newTenant(tenant, tenantKey(tier, tenant))
    tenants.set(tenant, queue)
    const lane = queue.lanes.get(controller) ?? this.#newLane(controller, controllerKey(tier, tenant, controller))
    queue.lanes.set(controller, lane)
    return lane
  }

  #newTenant(tenant: TenantId, key: string): TenantQueue {
    const served = this.#served.get(key) ?? 0
    return {
      tenant,
      account: { key, account: undefined },
      lanes: new Map(),
      inTurn: new Heap(laneBefore),
      served,
      share: PLAIN_SHARE,
      key: 0,
    }
  }

  #newLane(controller: ControllerId, key: string): Lane {
    const served = this.#served.get(key) ?? 0
    return { controller, account: { key, account: undefined }, waiting: [], served, next: 0, priority: 0, key: 0 }
  }

  #laneOf({ tier, tenant, controller }: Task): Lane | undefined {
    return this.#tiers.get(tier)?.get(tenant)?.lanes.get(controller)
  }

  #dropLane({ tier, tenant, controller }: Task): void {
    const tenants = this.#tiers.get(tier)
    const lanes = tenants?.get(tenant)?.lanes
    lanes?.delete(controller)
    if (lanes?.size === 0) tenants?.delete(tenant)
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
