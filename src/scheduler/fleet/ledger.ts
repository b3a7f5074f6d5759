import type { TenantId } from '../../model/index.ts'
import { type Amount, add, nothing, take } from '../resources.ts'
import type { Claim, Tier } from '../types.ts'

/** What is used, and by how many works. */
type Account = { readonly used: Amount; works: number }
/** A key with the account it was last found to name: for those who ask thousands of times a pass, a look-up by name being most of the cost. */
export type AccountRef = { readonly key: string; account: Account | undefined }

/**
 * Who uses how much: per tier and tenant, per controller of a tenant, and per group. Counted from work that runs or was placed, wherever it
 * is; there are no tokens that could leak. An account is dropped with its last work, so rounding does not add up and names do not pile up.
 */
export class Ledger {
  readonly #accounts = new Map<string, Account>()

  add(claim: Claim): void {
    const amount = amountOfClaim(claim)
    for (const key of keysOf(claim)) {
      let account = this.#accounts.get(key)
      if (account === undefined) {
        account = { used: nothing(), works: 0 }
        this.#accounts.set(key, account)
      }
      add(account.used, amount)
      account.works++
    }
  }

  remove(claim: Claim): void {
    const amount = amountOfClaim(claim)
    for (const key of keysOf(claim)) {
      const account = this.#accounts.get(key)
      if (account === undefined) continue
      take(account.used, amount)
      account.works--
      if (account.works === 0) this.#accounts.delete(key)
    }
  }

  ofTenant(tier: Tier, tenant: TenantId): Readonly<Amount> {
    return this.#accounts.get(tenantKey(tier, tenant))?.used ?? NOTHING
  }

  /** Of whatever account a key of this file names. An account is dropped with its last work and never used again, so a live one is the one. */
  of(ref: AccountRef): Readonly<Amount> {
    if (ref.account === undefined || ref.account.works === 0) ref.account = this.#accounts.get(ref.key)
    return ref.account?.used ?? NOTHING
  }

  ofGroup(group: string): Readonly<Amount> {
    return this.#accounts.get(groupKey(group))?.used ?? NOTHING
  }
}

const NOTHING: Readonly<Amount> = Object.freeze(nothing())

// Tenants and controllers are DNS labels, so a slash cannot be in them.
export const tenantKey = (tier: Tier, tenant: string): string => `${tier}/${tenant}`
export const controllerKey = (tier: Tier, tenant: string, controller: string): string => `${tier}/${tenant}/${controller}`
const groupKey = (group: string): string => `group/${group}`

const keysOf = ({ tier, tenant, controller, group }: Claim): string[] => {
  const keys = [tenantKey(tier, tenant), controllerKey(tier, tenant, controller)]
  if (group !== undefined) keys.push(groupKey(group))
  return keys
}

export const amountOfClaim = ({ resources, networkMbps = 0 }: Claim): Amount => ({
  cpu: resources.cpu,
  memoryMb: resources.memoryMb,
  diskMb: resources.diskMb,
  networkMbps,
})
