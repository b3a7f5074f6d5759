/** Which controllers the wall shows, and in which groups. Pure; one pass over the fleet. */
import type { ControllerView } from '../../../src/api/contract.ts'
import { matches, type Term } from './filter.ts'
import type { ControllerPhase } from './phases.ts'

export type WallGroup = { readonly tenant: string; readonly ids: readonly string[] }

export const controllerMatches = (controller: ControllerView, terms: readonly Term[], phases: ReadonlySet<ControllerPhase>): boolean =>
  (phases.size === 0 || phases.has(controller.phase)) &&
  matches(terms, {
    name: controller.id,
    tenant: controller.tenant,
    phase: controller.phase,
    host: controller.host,
    version: controller.version,
    reason: controller.reason?.message,
  })

/** Groups in the order of their names; ungrouped, one group with an empty name. Squares are in the order of their names. */
export const groupControllers = (controllers: readonly ControllerView[], byTenant: boolean): readonly WallGroup[] => {
  const sorted = controllers.toSorted((a, b) => (a.id < b.id ? -1 : 1))
  if (!byTenant) return sorted.length === 0 ? [] : [{ tenant: '', ids: sorted.map(({ id }) => id) }]
  return [...Map.groupBy(sorted, ({ tenant }) => tenant)]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([tenant, members]) => ({ tenant, ids: members.map(({ id }) => id) }))
}

/** Keeps the arrays of `before` that did not change, so that groups whose members are the same are not rendered again. */
export const keepUnchanged = (before: readonly WallGroup[], after: readonly WallGroup[]): readonly WallGroup[] => {
  const known = new Map(before.map(group => [group.tenant, group]))
  const kept = after.map(group => {
    const old = known.get(group.tenant)
    return old && old.ids.length === group.ids.length && old.ids.every((id, index) => id === group.ids[index]) ? old : group
  })
  return kept.length === before.length && kept.every((group, index) => group === before[index]) ? before : kept
}
