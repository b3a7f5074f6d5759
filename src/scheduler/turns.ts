import type { ControllerId, Resources, Tenant, TenantId } from '../model/index.ts'
import { type Amount, add, dominantShare, fits, nothing } from './resources.ts'
import type { RunningWork, Task } from './types.ts'

type ControllerTurn = { readonly id: ControllerId; readonly used: Amount; readonly waiting: Task[]; next: number }
type TenantTurn = {
  readonly id: TenantId
  readonly weight: number
  readonly quota: Resources | undefined
  readonly used: Amount
  readonly controllers: Map<ControllerId, ControllerTurn>
}

/**
 * Whose turn it is: the tenant with the smallest dominant share for its weight, within it the controller with the smallest dominant share,
 * within that whoever waits longest. Work of the tier at hand counts alone, so a tenant with a large controller is not starved of agents.
 *
 * A turn costs a look at each tenant and at each controller of one tenant: tens to a few thousand, against thousands of hosts' fitness.
 */
export class Turns {
  readonly #tenants = new Map<TenantId, TenantTurn>()
  readonly #total: Resources

  constructor(tasks: readonly Task[], running: readonly RunningWork[], tenants: readonly Tenant[], total: Resources) {
    this.#total = total
    const known = new Map(tenants.map(tenant => [tenant.id, tenant]))
    for (const task of [...tasks].sort(byReadiness)) this.#controller(known, task.tenant, task.controller).waiting.push(task)
    for (const work of running) {
      // A tenant that waits for nothing takes no turn.
      const tenant = this.#tenants.get(work.tenant)
      if (tenant === undefined) continue
      add(tenant.used, work.resources)
      const controller = tenant.controllers.get(work.controller)
      if (controller) add(controller.used, work.resources)
    }
  }

  /** The next task in turn, taken out. Undefined once none waits. */
  next(): Task | undefined {
    const tenant = least([...this.#tenants.values()].filter(waits), ({ used, weight }) => dominantShare(used, this.#total) / weight)
    if (tenant === undefined) return undefined
    const controller = least([...tenant.controllers.values()].filter(left), ({ used }) => dominantShare(used, this.#total))
    return controller?.waiting[controller.next++]
  }

  /** How much of the tenant's quota would be exceeded by the task, or undefined where it would not. */
  overQuota(task: Task): { readonly quota: Resources; readonly used: Resources } | undefined {
    const tenant = this.#tenants.get(task.tenant)
    if (tenant?.quota === undefined) return undefined
    const after = { ...tenant.used }
    add(after, task.resources)
    return fits(after, tenant.quota) ? undefined : { quota: tenant.quota, used: tenant.used }
  }

  /** The task was given a place: its tenant and controller use more from now on. */
  placed(task: Task): void {
    const tenant = this.#tenants.get(task.tenant)
    const controller = tenant?.controllers.get(task.controller)
    if (tenant) add(tenant.used, task.resources)
    if (controller) add(controller.used, task.resources)
  }

  #controller(known: ReadonlyMap<TenantId, Tenant>, tenantId: TenantId, id: ControllerId): ControllerTurn {
    let tenant = this.#tenants.get(tenantId)
    if (tenant === undefined) {
      const { weight = 1, quota } = known.get(tenantId) ?? {}
      tenant = { id: tenantId, weight: Math.max(weight, Number.MIN_VALUE), quota, used: nothing(), controllers: new Map() }
      this.#tenants.set(tenantId, tenant)
    }
    let controller = tenant.controllers.get(id)
    if (controller === undefined) {
      controller = { id, used: nothing(), waiting: [], next: 0 }
      tenant.controllers.set(id, controller)
    }
    return controller
  }
}

const left = ({ next, waiting }: ControllerTurn): boolean => next < waiting.length
const waits = ({ controllers }: TenantTurn): boolean => {
  for (const controller of controllers.values()) if (left(controller)) return true
  return false
}

/** By when they became ready, then by id, so that the same input gives the same answer whatever its order. */
const byReadiness = (a: Task, b: Task): number => a.readyAt - b.readyAt || (a.id < b.id ? -1 : 1)

const least = <T extends { readonly id: string }>(all: readonly T[], measure: (one: T) => number): T | undefined => {
  let found: T | undefined
  let smallest = Number.POSITIVE_INFINITY
  for (const one of all) {
    const value = measure(one)
    if (found === undefined || value < smallest || (value === smallest && one.id < found.id)) {
      found = one
      smallest = value
    }
  }
  return found
}
