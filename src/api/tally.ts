import {
  type Agent,
  addResources,
  type Controller,
  type ControllerId,
  type Demand,
  type Host,
  type HostId,
  holdsPlace,
  NO_RESOURCES,
  type Resources,
  shareOfHost,
  type Tenant,
  type TenantId,
} from '../model/index.ts'
import { type Promises, promisesOf } from '../tenants/index.ts'

export type HostTally = { readonly controllers: Resources; readonly agents: Resources }
export type TenantTally = {
  readonly controllers: number
  readonly usedByControllers: Resources
  readonly usedByAgents: Resources
  readonly queued: number
  /** Agents without a place yet. */
  readonly waiting: { readonly agents: number; readonly resources: Resources }
}

/** Sums over the fleet, made in one pass over everything that lives: a host's or a tenant's alone would cost as much. */
export type Tally = {
  readonly hosts: ReadonlyMap<HostId, HostTally>
  readonly tenants: ReadonlyMap<TenantId, TenantTally>
  /** Agents that have not ended, by controller. */
  readonly agents: ReadonlyMap<ControllerId, number>
  /** What all hosts have, and what of it is guaranteed. */
  readonly promises: Promises
}
/** The rows that are summed; `agents` are the live ones. */
export type Tallied = {
  readonly controllers?: readonly Controller[]
  readonly agents?: readonly Agent[]
  readonly demands?: readonly Demand[]
  readonly hosts?: readonly Host[]
  readonly tenants?: readonly Tenant[]
}

const NO_HOST: HostTally = { controllers: NO_RESOURCES, agents: NO_RESOURCES }
export const NO_TENANT: TenantTally = {
  controllers: 0,
  usedByControllers: NO_RESOURCES,
  usedByAgents: NO_RESOURCES,
  queued: 0,
  waiting: { agents: 0, resources: NO_RESOURCES },
}

/** Linear in all of them. */
export const tallyOf = (rows: Tallied): Tally => {
  const { controllers = [], agents = [], demands = [] } = rows
  const hosts = new Map<HostId, HostTally>()
  const tenants = new Map<TenantId, TenantTally>()
  const agentCounts = new Map<ControllerId, number>()
  const tenantOf = new Map<ControllerId, TenantId>()

  for (const { id, tenant, host, phase, spec } of controllers) {
    tenantOf.set(id, tenant)
    const before = tenants.get(tenant) ?? NO_TENANT
    const promised = holdsPlace(phase) ? shareOfHost(spec) : NO_RESOURCES
    const usedByControllers = addResources(before.usedByControllers, promised)
    tenants.set(tenant, { ...before, controllers: before.controllers + 1, usedByControllers })
    if (host === undefined || !holdsPlace(phase)) continue
    const at = hosts.get(host) ?? NO_HOST
    hosts.set(host, { ...at, controllers: addResources(at.controllers, promised) })
  }
  for (const { controller, tenant, host, phase, resources } of agents) {
    if (phase === 'ended') continue
    agentCounts.set(controller, (agentCounts.get(controller) ?? 0) + 1)
    const before = tenants.get(tenant) ?? NO_TENANT
    if (phase === 'queued') {
      const waiting = { agents: before.waiting.agents + 1, resources: addResources(before.waiting.resources, resources) }
      tenants.set(tenant, { ...before, waiting })
      continue
    }
    tenants.set(tenant, { ...before, usedByAgents: addResources(before.usedByAgents, resources) })
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
  return { hosts, tenants, agents: agentCounts, promises: promisesOf(rows.tenants ?? [], rows.hosts ?? []) }
}
