import type { TenantId } from '../../model/index.ts'
import type { Ledger } from '../fleet/ledger.ts'
import { amountOfClaim } from '../fleet/ledger.ts'
import { AMOUNT_NAMES, type Amount, type Amounts, add, amountOf, EPSILON, fits, nothing, take } from '../resources.ts'
import { type Task, TIERS, type Tier } from '../types.ts'
import { unmet } from './shares.ts'
import type { TaskQueue } from './task-queue.ts'

/** Why a task may not be placed whatever room there is. */
export type Refusal =
  | { readonly kind: 'quota'; readonly quota: Amounts; readonly used: Amount }
  /** A limit on the task's group; `limit` undefined where limits are set and the group has none. */
  | { readonly kind: 'group-limit'; readonly group: string; readonly limit: Amounts | undefined; readonly used: Amount }
  /** What is free is held for guarantees of others. */
  | { readonly kind: 'held' }

/** Limits by group; where they are given, a group without one gets nothing. Tasks without a group are not limited. */
export type GroupLimits = ReadonlyMap<string, Amounts>

/**
 * What tenants and groups may still take in this pass: quotas, group limits, and guarantees that are held free. Quotas and limits are read
 * from the ledger each time; what is held is summed once a pass and kept by difference.
 */
export class Allowance {
  readonly #queue: TaskQueue
  readonly #ledger: Ledger
  readonly #limits: GroupLimits | undefined
  /** Undefined where no guarantee is held: then there is nothing to add up. */
  readonly #free: Amount | undefined
  readonly #held = nothing()
  /** Tenants of which an agent that is no larger than its quota was refused for it in this pass. */
  readonly #short = new Set<TenantId>()

  constructor(queue: TaskQueue, ledger: Ledger, limits: GroupLimits | undefined, free: () => Amount) {
    this.#queue = queue
    this.#ledger = ledger
    this.#limits = limits
    let any = false
    for (const tier of TIERS)
      for (const { id, guarantee, guaranteeIsHeld } of queue.shares(tier).values()) {
        if (guarantee === undefined || guaranteeIsHeld !== true) continue
        any = true
        const used = ledger.ofTenant(tier, id)
        for (const name of AMOUNT_NAMES) this.#held[name] += unmet(guarantee, used, name)
      }
    if (any) this.#free = free()
  }

  /** Whether anything but room may stand in the way of what this tenant wants. */
  mayRefuse(tier: Tier, tenant: TenantId): boolean {
    return this.#free !== undefined || this.#limits !== undefined || this.#queue.shares(quotaTier(tier)).get(tenant)?.quota !== undefined
  }

  refusal(task: Task): Refusal | undefined {
    const shares = this.#queue.shares(quotaTier(task.tier))
    const quota = shares.size === 0 ? undefined : shares.get(task.tenant)?.quota
    if (quota !== undefined) {
      const used = this.#usedOfQuota(task)
      // What comes free of a quota that agents wait for is theirs.
      if ((task.tier === 'spare' && this.#short.has(task.tenant)) || !fits(after(used, task), quota)) {
        if (task.tier === 'agent' && fits(amountOfClaim(task), quota)) this.#short.add(task.tenant)
        return { kind: 'quota', quota, used: amountOf(used) }
      }
    }
    if (this.#limits !== undefined && task.group !== undefined) {
      const limit = this.#limits.get(task.group)
      const groupUsed = this.#ledger.ofGroup(task.group)
      if (limit === undefined || !fits(after(groupUsed, task), limit))
        return { kind: 'group-limit', group: task.group, limit, used: amountOf(groupUsed) }
    }
    return this.#free !== undefined && this.#wouldTakeHeld(task, this.#free) ? { kind: 'held' } : undefined
  }

  #usedOfQuota({ tier, tenant }: Task): Readonly<Amount> {
    const own = this.#ledger.ofTenant(tier, tenant)
    if (tier === 'controller') return own
    const both = amountOf(own)
    add(both, this.#ledger.ofTenant(tier === 'spare' ? 'agent' : 'spare', tenant))
    return both
  }

  /** The task was placed and is in the ledger. */
  placed(task: Task): void {
    if (this.#free === undefined) return
    const amount = amountOfClaim(task)
    take(this.#free, amount)
    const guarantee = this.#heldFor(task.tier, task)
    if (guarantee === undefined) return
    const used = this.#ledger.ofTenant(task.tier, task.tenant)
    for (const name of AMOUNT_NAMES) {
      const before = Math.max(0, (guarantee[name] ?? 0) - (used[name] - amount[name]))
      this.#held[name] += unmet(guarantee, used, name) - before
    }
  }

  #wouldTakeHeld(task: Task, free: Amount): boolean {
    const own = this.#heldFor(task.tier, task)
    const used = this.#ledger.ofTenant(task.tier, task.tenant)
    const ask = amountOfClaim(task)
    return AMOUNT_NAMES.some(name => {
      // Its own part may be taken by it.
      const heldForOthers = this.#held[name] - (own === undefined ? 0 : unmet(own, used, name))
      return ask[name] > 0 && heldForOthers > EPSILON && ask[name] > free[name] - heldForOthers + EPSILON
    })
  }

  #heldFor(tier: Tier, { tenant }: Task): Amounts | undefined {
    const share = this.#queue.shares(tier).get(tenant)
    return share?.guaranteeIsHeld === true ? share.guarantee : undefined
  }
}

/**
 * A warm spare takes work when it comes, so what agents and spares have together stays within the quota of agents. Whoever keeps the scheduler
 * ends spares where an agent waits for their part of it.
 */
const quotaTier = (tier: Tier): Tier => (tier === 'spare' ? 'agent' : tier)

const after = (used: Amount, task: Task): Amount => {
  const sum = amountOf(used)
  add(sum, amountOfClaim(task))
  return sum
}
