import type { ControllerId, TenantId } from '../../model/index.ts'
import { controllerKey, tenantKey } from '../fleet/ledger.ts'
import type { Shape } from '../placement/shape.ts'
import type { Task, Tier } from '../types.ts'
import { sharesProblems, type TenantShare } from './shares.ts'
import { taskProblem } from './task-problem.ts'

/**
 * Tenants and controllers whose last turn is remembered: more than live in a fleet; of whoever is forgotten it is as if it was never
 * served.
 */
const MAX_SERVED = 50_000

/** A task that waits, with what the picker worked out about it; kept here, since a map beside the queue costs more than the look it saves. */
export type Waiting = { readonly task: Task; shape: Shape | undefined }

/** Waiting tasks of one controller, in the order in which they are to be placed. */
export type Lane = { readonly controller: ControllerId; readonly key: string; waiting: Waiting[] }
/** The keys are the ledger's: each pass looks every tenant and controller up by them. */
export type TenantQueue = { readonly tenant: TenantId; readonly key: string; readonly lanes: Map<ControllerId, Lane> }

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
    const waiting: Waiting = { task, shape: undefined }
    this.#byId.set(task.id, waiting)
    const tenants = this.#tiers.get(task.tier) ?? new Map<TenantId, TenantQueue>()
    this.#tiers.set(task.tier, tenants)
    const tenant: TenantQueue = tenants.get(task.tenant) ?? {
      tenant: task.tenant,
      key: tenantKey(task.tier, task.tenant),
      lanes: new Map(),
    }
    tenants.set(task.tenant, tenant)
    const lane: Lane = tenant.lanes.get(task.controller) ?? {
      controller: task.controller,
      key: controllerKey(task.tier, task.tenant, task.controller),
      waiting: [],
    }
    tenant.lanes.set(task.controller, lane)
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
  }

  /** The turn at which a tenant, or one of its controllers, was served last; 0 where that is not known. */
  servedAt({ key }: Pick<TenantQueue | Lane, 'key'>): number {
    return this.#served.get(key) ?? 0
  }

  tenants(tier: Tier): Iterable<TenantQueue> {
    return this.#tiers.get(tier)?.values() ?? []
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
