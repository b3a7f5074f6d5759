/** How tenants share the fleet, as lengths of bars and as words. Pure. */
import type { HostView, ResourcesView, SomeResourcesView, TenantView } from '../../../src/api/contract.ts'
import { addResources, NO_RESOURCES } from '../../../src/model/index.ts'
import { formatCores, formatMemory } from './format.ts'

export type ResourceName = keyof ResourcesView
export const RESOURCE_NAMES = ['cpu', 'memoryMb', 'diskMb'] as const satisfies readonly ResourceName[]
export const RESOURCE_WORD: Readonly<Record<ResourceName, string>> = { cpu: 'Cores', memoryMb: 'Memory', diskMb: 'Disk' }

export const formatAmount = (name: ResourceName, value: number): string => (name === 'cpu' ? formatCores(value) : formatMemory(value))

/** `4 cores, 8 GB, 100 GB disk`: what is named, in one line. */
export const amountWords = (amounts: SomeResourcesView): string =>
  RESOURCE_NAMES.flatMap(name => {
    const value = amounts[name]
    return value === undefined ? [] : [`${formatAmount(name, value)}${name === 'diskMb' ? ' disk' : ''}`]
  }).join(', ')

export const capacityOf = (hosts: readonly HostView[]): ResourcesView =>
  hosts.reduce((sum, { capacity }) => addResources(sum, capacity), NO_RESOURCES)

/**
 * What a whole bar stands for, the same for all that are compared: the most that any of them has, wants or is bound to. A bound beyond what
 * the hosts have does not stretch it. Where nobody has or wants anything it is all that there is.
 */
export const wholeOf = (tenants: readonly TenantView[], capacity: ResourcesView, name: ResourceName): number => {
  let had = 0
  let bound = 0
  for (const { usedByAgents, waiting, quota, guarantee } of tenants) {
    had = Math.max(had, usedByAgents[name] + waiting.resources[name])
    bound = Math.max(bound, quota?.[name] ?? 0, guarantee?.[name] ?? 0)
  }
  const whole = Math.max(had, capacity[name] > 0 ? Math.min(bound, capacity[name]) : bound)
  return whole > 0 ? whole : capacity[name]
}

/** The same for one tenant's own page: up to its quota, or all that there is. */
export const ownWholeOf = (tenant: TenantView, capacity: ResourcesView, name: ResourceName): number => {
  const most = tenant.quota?.[name]
  const bound = most !== undefined && (capacity[name] === 0 || most < capacity[name]) ? most : capacity[name]
  return Math.max(bound, tenant.usedByAgents[name] + tenant.waiting.resources[name], tenant.guarantee?.[name] ?? 0)
}

/** `3.2 cores used, 1 core waited for, 2 cores guaranteed, at most 8 cores`. */
export const shareSentence = ({ usedByAgents, waiting, guarantee, quota }: TenantView, name: ResourceName): string => {
  const waits = waiting.resources[name]
  const sure = guarantee?.[name]
  const most = quota?.[name]
  return [
    `${formatAmount(name, usedByAgents[name])} used`,
    ...(waits > 0 ? [`${formatAmount(name, waits)} waited for`] : []),
    ...(sure === undefined ? [] : [`${formatAmount(name, sure)} guaranteed`]),
    most === undefined ? 'no cap' : `at most ${formatAmount(name, most)}`,
  ].join(', ')
}

/** `19 %`, `0.4 %`. */
export const formatShare = (share: number): string => {
  const percent = share * 100
  return `${percent > 0 && percent < 10 ? percent.toFixed(1).replace(/\.0$/, '') : Math.round(percent)} %`
}

/** Disk is not what teams run out of: it is shown where it is bounded, used or waited for. */
export const isShown = ({ quota, guarantee, usedByAgents, waiting }: TenantView, name: ResourceName): boolean =>
  name !== 'diskMb' ||
  quota?.diskMb !== undefined ||
  guarantee?.diskMb !== undefined ||
  usedByAgents.diskMb > 0 ||
  waiting.resources.diskMb > 0
