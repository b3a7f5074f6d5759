import type { Timestamp } from '../../model/index.ts'
import type { Ledger } from '../fleet/ledger.ts'
import type { Amount } from '../resources.ts'
import type { Tier } from '../types.ts'
import { Heap } from './heap.ts'
import { type TenantShare, turnKey } from './shares.ts'
import type { Lane, TaskQueue, TenantQueue, Waiting } from './task-queue.ts'

type LaneTurn = { readonly lane: Lane; next: number; priority: number; key: number; served: number }
type TenantTurn = {
  readonly queue: TenantQueue
  readonly share: Pick<TenantShare, 'weight' | 'guarantee'>
  readonly lanes: Heap<LaneTurn>
  key: number
  served: number
}

/**
 * Whose turn it is in one tier: the tenant that has least of its guarantee, then the one with the smallest dominant share for its weight;
 * within it whatever has the highest priority, then the controller with the smallest dominant share, then whoever waits longest. Equals
 * take turns: whoever was served longest ago is first. Work of this tier alone counts, so a tenant with a large controller is not starved
 * of agents.
 *
 * Cost: setting up is linear in tenants and controllers that wait; a turn costs log2 of each, and nothing while the same tenant stays
 * first.
 */
export class Turns {
  readonly #tenants = new Heap<TenantTurn>(tenantBefore)
  readonly #queue: TaskQueue
  readonly #tier: Tier
  readonly #ledger: Ledger
  readonly #total: Amount
  readonly #now: Timestamp
  #given = false

  constructor(queue: TaskQueue, tier: Tier, ledger: Ledger, total: Amount, now: Timestamp) {
    this.#queue = queue
    this.#tier = tier
    this.#ledger = ledger
    this.#total = total
    this.#now = now
    const shares = queue.shares(tier)
    for (const tenantQueue of queue.tenants(tier)) {
      const turn: TenantTurn = {
        queue: tenantQueue,
        share: shares.get(tenantQueue.tenant) ?? PLAIN,
        lanes: new Heap(laneBefore),
        key: 0,
        served: queue.servedAt(tenantQueue),
      }
      for (const lane of tenantQueue.lanes.values()) {
        const served = queue.servedAt(lane)
        const laneTurn = { lane, next: 0, priority: 0, key: this.#laneKey(lane), served }
        if (this.#headOf(laneTurn) !== undefined) turn.lanes.push(laneTurn)
      }
      if (turn.lanes.top() === undefined) continue
      turn.key = this.#tenantKey(turn)
      this.#tenants.push(turn)
    }
  }

  /**
   * The next task in turn, taken out; undefined once none is ready. `lastWasPlaced` tells whether the one before was, and is in the ledger:
   * where not, nobody's share has changed.
   */
  next(lastWasPlaced: boolean): Waiting | undefined {
    if (this.#given) this.#settle(lastWasPlaced)
    const turn = this.#tenants.top()?.lanes.top()
    this.#given = turn !== undefined
    return turn === undefined ? undefined : this.#headOf(turn)
  }

  /** Moves the lane and tenant whose task was given last to where they belong now. */
  #settle(sharesChanged: boolean): void {
    const tenant = this.#tenants.top()
    const turn = tenant?.lanes.top()
    if (tenant === undefined || turn === undefined) return
    turn.next++
    if (sharesChanged) {
      this.#queue.noteServed(this.#tier, tenant.queue.tenant, turn.lane.controller)
      tenant.served = this.#queue.servedAt(tenant.queue)
      turn.served = this.#queue.servedAt(turn.lane)
    }
    if (this.#headOf(turn) === undefined) tenant.lanes.pop()
    else {
      if (sharesChanged) turn.key = this.#laneKey(turn.lane)
      tenant.lanes.sinkTop()
    }
    if (tenant.lanes.top() === undefined) this.#tenants.pop()
    else {
      if (!sharesChanged) return
      tenant.key = this.#tenantKey(tenant)
      this.#tenants.sinkTop()
    }
  }

  /** The lane's first task that is ready, those before it passed over. */
  #headOf(turn: LaneTurn): Waiting | undefined {
    const { waiting } = turn.lane
    for (let one = waiting[turn.next]; one !== undefined; one = waiting[turn.next]) {
      if (one.task.readyAt <= this.#now) {
        turn.priority = one.task.priority ?? 0
        return one
      }
      turn.next++
    }
    return undefined
  }

  #tenantKey({ queue, share }: TenantTurn): number {
    return turnKey(share, this.#ledger.ofKey(queue.key), this.#total)
  }

  #laneKey({ key }: Lane): number {
    return turnKey(PLAIN, this.#ledger.ofKey(key), this.#total)
  }
}

const PLAIN = { weight: 1 } as const

const tenantBefore = (a: TenantTurn, b: TenantTurn): boolean => {
  if (a.key !== b.key) return a.key < b.key
  return a.served === b.served ? a.queue.tenant < b.queue.tenant : a.served < b.served
}

const laneBefore = (a: LaneTurn, b: LaneTurn): boolean => {
  if (a.priority !== b.priority) return a.priority > b.priority
  if (a.key !== b.key) return a.key < b.key
  return a.served === b.served ? a.lane.controller < b.lane.controller : a.served < b.served
}
