import type { Timestamp } from '../../model/index.ts'
import type { Ledger } from '../fleet/ledger.ts'
import type { Amount } from '../resources.ts'
import type { Tier } from '../types.ts'
import { Heap } from './heap.ts'
import { turnKey } from './shares.ts'
import { type Lane, PLAIN_SHARE, type TaskQueue, type TenantQueue, type Waiting } from './task-queue.ts'

/**
 * Whose turn it is in one tier: the tenant that has least of its guarantee, then the one with the smallest dominant share for its weight;
 * within it whatever has the highest priority, then the controller with the smallest dominant share, then whoever waits longest. Equals
 * take turns: whoever was served longest ago is first. Work of this tier alone counts, so a tenant with a large controller is not starved
 * of agents. One at a time for a queue: it keeps its place in the queue's own records.
 *
 * Cost: setting up is linear in tenants and controllers that wait; a turn costs log2 of each, and a step while the same tenant stays first,
 * as it does as long as nothing of it is placed.
 */
export class Turns {
  readonly #tenants = new Heap<TenantQueue>(tenantBefore)
  readonly #queue: TaskQueue
  readonly #tier: Tier
  readonly #ledger: Ledger
  readonly #total: Amount
  readonly #now: Timestamp
  #given: Waiting | undefined
  #oldest = Number.POSITIVE_INFINITY

  constructor(queue: TaskQueue, tier: Tier, ledger: Ledger, total: Amount, now: Timestamp) {
    this.#queue = queue
    this.#tier = tier
    this.#ledger = ledger
    this.#total = total
    this.#now = now
    const shares = queue.shares(tier)
    queue.eachTenant(tier, tenant => {
      const { inTurn, all } = tenant
      inTurn.clear()
      for (const lane of all) {
        lane.next = 0
        if (lane.firstReadyAt <= now) lane.priority = lane.firstPriority
        else if (this.#headOf(lane) === undefined) continue
        if (lane.oldest < this.#oldest) this.#oldest = lane.oldest
        // A key orders a tenant's lanes alone; most have one.
        lane.key = all.length === 1 ? 0 : this.#laneKey(lane)
        inTurn.push(lane)
      }
      if (inTurn.size === 0) return
      tenant.share = shares.size === 0 ? PLAIN_SHARE : (shares.get(tenant.tenant) ?? PLAIN_SHARE)
      tenant.key = this.#tenantKey(tenant)
      this.#tenants.push(tenant)
    })
  }

  /**
   * The next task in turn, taken out; undefined once none is ready. `lastWasPlaced` tells whether the one before was, and is in the ledger:
   * where not, nobody's share has changed.
   */
  next(lastWasPlaced: boolean): Waiting | undefined {
    if (this.#given !== undefined) this.#settle(lastWasPlaced)
    const lane = this.#tenants.top()?.inTurn.top()
    this.#given = lane === undefined ? undefined : this.#headOf(lane)
    return this.#given
  }

  /** Since when whatever is ready and waits longest does. */
  get oldest(): Timestamp {
    return this.#oldest
  }

  /** Those whose turn did not come yet, from each lane's `next` on, in no order; for a pass that has nothing more to give. */
  rest(): Heap<TenantQueue> {
    if (this.#given !== undefined) this.#settle(false)
    this.#given = undefined
    return this.#tenants
  }

  /** Moves the lane and tenant whose task was given last to where they belong now. */
  #settle(sharesChanged: boolean): void {
    const tenant = this.#tenants.top()
    const lane = tenant?.inTurn.top()
    if (tenant === undefined || lane === undefined) return
    lane.next++
    const { inTurn } = tenant
    if (sharesChanged) this.#queue.noteServed(this.#tier, tenant.tenant, lane.controller)
    if (this.#headOf(lane) === undefined) inTurn.pop()
    else if (inTurn.size > 1) {
      if (sharesChanged) lane.key = this.#laneKey(lane)
      inTurn.sinkTop()
    }
    if (inTurn.size === 0) this.#tenants.pop()
    else if (sharesChanged) {
      tenant.key = this.#tenantKey(tenant)
      this.#tenants.sinkTop()
    }
  }

  /** The lane's first task that is ready, those before it passed over. */
  #headOf(lane: Lane): Waiting | undefined {
    const { waiting } = lane
    for (let one = waiting[lane.next]; one !== undefined; one = waiting[lane.next]) {
      if (one.task.readyAt <= this.#now) {
        lane.priority = one.task.priority ?? 0
        return one
      }
      lane.next++
    }
    return undefined
  }

  #tenantKey({ account, share }: TenantQueue): number {
    return turnKey(share, this.#ledger.of(account), this.#total)
  }

  #laneKey({ account }: Lane): number {
    return turnKey(PLAIN_SHARE, this.#ledger.of(account), this.#total)
  }
}

const tenantBefore = (a: TenantQueue, b: TenantQueue): boolean => {
  if (a.key !== b.key) return a.key < b.key
  return a.served === b.served ? a.tenant < b.tenant : a.served < b.served
}
