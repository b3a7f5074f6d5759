import {
  type Agent,
  addResources,
  type Controller,
  type ControllerId,
  type Demand,
  type HostId,
  holdsPlace,
  NO_RESOURCES,
  type Resources,
  shareOfHost,
  type TenantId,
} from '../model/index.ts'

export type HostTally = { readonly controllers: Resources; readonly agents: Resources }
export type TenantTally = { readonly controllers: number; readonly used: Resources; readonly queued: number }

/** Sums over the fleet, made in one pass over everything that lives: a host's or a tenant's alone would cost as much. */
export type Tally = {
  readonly hosts: ReadonlyMap<HostId, HostTally>
  readonly tenants: ReadonlyMap<TenantId, TenantTally>
  /** Agents that have not ended, by controller. */
  readonly agents: ReadonlyMap<ControllerId, number>
}

const NO_HOST: HostTally = { controllers: NO_RESOURCES, agents: NO_RESOURCES }
const NO_TENANT: TenantTally = { controllers: 0, used: NO_RESOURCES, queued: 0 }

/** `agents` are the live ones. Linear in all three. */
export const tallyOf = (controllers: readonly Controller[], agents: readonly Agent[], demands: readonly Demand[]): Tally => {
  const hosts = new Map<HostId, HostTally>()
  const tenants = new Map<TenantId, TenantTally>()
  const agentCounts = new Map<ControllerId, number>()
  const tenantOf = new Map<ControllerId, TenantId>()

  for (const { id, tenant, host, phase, spec } of controllers) {
    tenantOf.set(id, tenant)
    const before = tenants.get(tenant) ?? NO_TENANT
    tenants.set(tenant, { ...before, controllers: before.controllers + 1 })
    if (host === undefined || !holdsPlace(phase)) continue
    const at = hosts.get(host) ?? NO_HOST
    hosts.set(host, { ...at, controllers: addResources(at.controllers, shareOfHost(spec)) })
  }
  for (const { controller, tenant, host, phase, resources } of agents) {
    if (phase === 'ended') continue
    agentCounts.set(controller, (agentCounts.get(controller) ?? 0) + 1)
    if (phase === 'queued') continue
    const before = tenants.get(tenant) ?? NO_TENANT
    tenants.set(tenant, { ...before, used: addResources(before.used, resources) })
    if (host === undefined) continue
    const at = hosts.get(host) ?? NO_HOST
    hosts.set(host, { ...at, agents: addResources(at.agents, resources) })
  }
  for (const { controller, items } of demands) {
    const tenant = tenantOf.get(controller)
    if (tenant === undefined) continue
    const before = tenants.get(tenant) ?? NO_TENANT
    tenants.set(tenant, { ...before, queued: before.queued + items.length })
  }
  return { hosts, tenants, agents: agentCounts }
}
