import type { Host, HostId, Resources } from '../model/index.ts'
import { type Amount, amountOf, fits, take } from './resources.ts'
import type { RunningWork, Task } from './types.ts'

/** A host as one call sees it: what was free when the call began, and what is free now. */
export type Place = { readonly host: Host; readonly atStart: Resources; readonly free: Amount }

export const placesOf = (hosts: readonly Host[], running: readonly RunningWork[]): Place[] => {
  const free = new Map<HostId, Amount>(hosts.map(({ id, capacity }) => [id, amountOf(capacity)]))
  for (const { host, resources } of running) {
    const amount = host === undefined ? undefined : free.get(host)
    if (amount) take(amount, resources)
  }
  return [...hosts]
    .sort((a, b) => (a.id < b.id ? -1 : 1))
    .map(host => {
      const amount = free.get(host.id) ?? amountOf(host.capacity)
      return { host, atStart: amountOf(amount), free: amount }
    })
}

/** Whether the task may ever run on the host, however full it is. */
export const isEligible = ({ state, role, reservedFor, attributes }: Host, task: Task): boolean =>
  state === 'ready' &&
  (role === 'any' || role === (task.tier === 'controller' ? 'controllers' : 'builds')) &&
  (reservedFor === undefined || reservedFor === task.tenant) &&
  Object.entries(task.constraints).every(([name, value]) => attributes[name] === value)

/**
 * How well the task fills the host, 0 to 1: the mean use of cpu and memory afterwards, as Fenzo's cpuMemBinPacker has it. Full hosts fill up
 * first, so that empty ones stay free for large tasks and can be given back. A host that only this tenant or tier may use comes before one
 * that others need.
 */
export const fitness = ({ host, free }: Place, task: Task): number => {
  const use = (name: 'cpu' | 'memoryMb'): number =>
    host.capacity[name] > 0 ? (host.capacity[name] - free[name] + task.resources[name]) / host.capacity[name] : 1
  const special = (host.reservedFor === undefined ? 0 : 2) + (host.role === 'any' ? 0 : 1)
  return (use('cpu') + use('memoryMb')) / 2 + special
}

/** The fittest place that has room, or undefined. Linear in the places. */
export const choose = (places: readonly Place[], task: Task): Place | undefined => {
  let best: Place | undefined
  let most = Number.NEGATIVE_INFINITY
  for (const place of places) {
    if (!fits(task.resources, place.free) || !isEligible(place.host, task)) continue
    const value = fitness(place, task)
    if (value > most) {
      best = place
      most = value
    }
  }
  return best
}
