import {
  addResources,
  floorOf,
  type Host,
  NO_RESOURCES,
  type Resources,
  type SomeResources,
  type Tenant,
  type TenantPolicy,
} from '../model/index.ts'

export const RESOURCES = ['cpu', 'memoryMb', 'diskMb'] as const satisfies readonly (keyof Resources)[]
type ResourceName = (typeof RESOURCES)[number]

/** Sums of fractional cores are not exact; a difference smaller than this is none. */
const EPSILON = 1e-6
/** A weight is relative: a team that weighs a million times another has all of it. Larger ones would only be lost in the sums. */
const MAX_WEIGHT = 1_000_000
/** More than any fleet has, and small enough that sums over all tenants stay exact. */
const MOST: Readonly<Record<ResourceName, number>> = { cpu: 1_000_000, memoryMb: 2 ** 40, diskMb: 2 ** 40 }
const UNIT: Readonly<Record<ResourceName, string>> = { cpu: 'cores', memoryMb: 'MB of memory', diskMb: 'MB of disk' }

const round = (value: number): number => Math.round(value * 100) / 100
const words = (name: ResourceName, value: number): string =>
  name === 'cpu' && round(value) === 1 ? '1 core' : `${round(value)} ${UNIT[name]}`

/** An amount is set, `null` takes it away, and what is not named stays (RFC 7396, JSON merge patch). */
export type AmountsChange = { readonly [Name in ResourceName]?: number | null }
export type TenantChange = {
  readonly weight?: number
  readonly quota?: AmountsChange | null
  readonly guarantee?: AmountsChange | null
  readonly policy?: TenantPolicy | null
}

/** What is wrong, by the API's field; the sentence begins with the field and says the mend. */
export type Problem = { readonly field: string; readonly message: string }

/** What all hosts have together; undefined where none is known yet. Hosts that take no work now still have it. */
export const capacityOf = (hosts: readonly Pick<Host, 'capacity'>[]): Resources | undefined =>
  hosts.length === 0 ? undefined : hosts.reduce((sum, { capacity }) => addResources(sum, capacity), NO_RESOURCES)

/** What is promised to all tenants, beside what there is. */
export type Promises = { readonly guaranteed: Resources; readonly capacity: Resources | undefined }

export const promisesOf = (tenants: readonly Pick<Tenant, 'guarantee'>[], hosts: readonly Pick<Host, 'capacity'>[]): Promises => ({
  guaranteed: tenants.reduce((sum, { guarantee }) => (guarantee === undefined ? sum : addResources(sum, floorOf(guarantee))), NO_RESOURCES),
  capacity: capacityOf(hosts),
})

/** The row as the change makes it. What is left empty is gone, and a guarantee of nothing is none. */
export const applyChange = (tenant: Tenant, { weight, quota, guarantee, policy }: TenantChange): Tenant => {
  const { quota: oldQuota, guarantee: oldGuarantee, policy: oldPolicy, ...rest } = tenant
  const newQuota = amountsAfter(oldQuota, quota)
  const newGuarantee = withoutNothing(amountsAfter(oldGuarantee, guarantee))
  const newPolicy = policy === undefined ? oldPolicy : policy
  return {
    ...rest,
    weight: weight ?? tenant.weight,
    ...(newQuota === undefined ? {} : { quota: newQuota }),
    ...(newGuarantee === undefined ? {} : { guarantee: newGuarantee }),
    ...(newPolicy?.preemptible === true ? { policy: newPolicy } : {}),
  }
}

const amountsAfter = (before: SomeResources | undefined, change: AmountsChange | null | undefined): SomeResources | undefined => {
  if (change === undefined) return before
  if (change === null) return undefined
  return someOf(name => {
    const value = change[name] === undefined ? before?.[name] : (change[name] ?? undefined)
    return value === undefined || name === 'cpu' ? value : Math.round(value)
  })
}

const withoutNothing = (amounts: SomeResources | undefined): SomeResources | undefined =>
  amounts && someOf(name => (amounts[name] === 0 ? undefined : amounts[name]))

const someOf = (amount: (name: ResourceName) => number | undefined): SomeResources | undefined => {
  const named = RESOURCES.map(name => [name, amount(name)] as const).filter(([, value]) => value !== undefined)
  return named.length === 0 ? undefined : Object.fromEntries(named)
}

/**
 * The first thing that is wrong with what a tenant would become, or undefined. `before` is what it was (undefined: it is new); `others` are
 * all other tenants. A guarantee is held against the hosts only where it grows: hosts that went away make no change of a weight wrong. Where
 * no host is known yet nothing is held against them; `promiseNotes` says so.
 *
 * The same rules as the scheduler's `sharesProblems`, by field and with the mend of who typed it; check.test.ts holds the two together.
 */
export const problemOf = (
  after: Tenant,
  {
    before,
    others,
    hosts,
  }: { readonly before?: Tenant | undefined; readonly others: readonly Tenant[]; readonly hosts: readonly Pick<Host, 'capacity'>[] },
): Problem | undefined => {
  const { weight, quota, guarantee } = after
  if (!(weight > 0 && weight <= MAX_WEIGHT))
    return problem('weight', `is ${weight}: give a number larger than 0, such as 2 or 0.5, and at most ${MAX_WEIGHT}.`)
  return (
    rangeProblem('quota', quota) ??
    rangeProblem('guarantee', guarantee) ??
    aboveQuota(after, before) ??
    aboveHosts(after, before, promisesOf(others, hosts))
  )
}

const problem = (field: string, what: string): Problem => ({ field, message: `${field} ${what}` })

const rangeProblem = (field: 'quota' | 'guarantee', amounts: SomeResources | undefined): Problem | undefined => {
  for (const name of RESOURCES) {
    const value = amounts?.[name]
    if (value !== undefined && !(value >= 0 && value <= MOST[name]))
      return problem(`${field}.${name}`, `is ${value}: give 0 to ${MOST[name]} ${UNIT[name]}.`)
  }
  return undefined
}

/** Told of the one of the two that was changed. */
const aboveQuota = ({ quota, guarantee }: Tenant, before: Tenant | undefined): Problem | undefined => {
  for (const name of RESOURCES) {
    const most = quota?.[name]
    const sure = guarantee?.[name]
    if (most === undefined || sure === undefined || sure <= most + EPSILON) continue
    return before?.guarantee?.[name] === sure
      ? problem(`quota.${name}`, `is ${most}: below its guarantee of ${words(name, sure)}. Give at least ${sure}, or lower the guarantee.`)
      : problem(`guarantee.${name}`, `is ${sure}: above its quota of ${words(name, most)}. Give at most ${most}, or raise the quota.`)
  }
  return undefined
}

const aboveHosts = ({ guarantee }: Tenant, before: Tenant | undefined, { guaranteed, capacity }: Promises): Problem | undefined => {
  for (const name of RESOURCES) {
    const sure = guarantee?.[name]
    if (capacity === undefined || sure === undefined || sure <= (before?.guarantee?.[name] ?? 0)) continue
    const left = capacity[name] - guaranteed[name]
    if (sure <= left + EPSILON) continue
    const rest = round(Math.max(0, left))
    const others = guaranteed[name] > 0 ? `, and ${round(guaranteed[name])} of that are guaranteed to other tenants` : ''
    return problem(
      `guarantee.${name}`,
      `is ${sure}: the hosts have ${words(name, capacity[name])} together${others}. Give at most ${rest}, or add hosts.`,
    )
  }
  return undefined
}

/**
 * What of a tenant's guarantee cannot be counted on now, in sentences for a person; empty where all is well. It names no other tenant's
 * amounts, so that it may be shown to this one.
 */
export const promiseNotes = ({ guarantee }: Pick<Tenant, 'guarantee'>, { guaranteed, capacity }: Promises): string[] => {
  if (guarantee === undefined) return []
  if (capacity === undefined) return ['No host is known yet, so nothing says whether the hosts have what is guaranteed.']
  const short = RESOURCES.filter(name => (guarantee[name] ?? 0) > 0 && guaranteed[name] > capacity[name] + EPSILON)
  return short.map(
    name =>
      `The guarantees of all tenants together are more than the ${words(name, capacity[name])} that the hosts have: guarantee less or add hosts.`,
  )
}
