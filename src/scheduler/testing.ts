import type { HostId, Resources } from '../model/index.ts'
import { type Amount, amountOf, take } from './resources.ts'
import type { FleetHost, RunningWork, Task } from './types.ts'

/** A host and what is free there, worked out by plain sums: what tests hold the scheduler's columns against. */
export type Place = { readonly host: FleetHost; readonly free: Amount }

export const placesOf = (hosts: readonly FleetHost[], running: readonly RunningWork[]): Place[] => {
  const free = new Map<HostId, Amount>(hosts.map(({ id, capacity }) => [id, amountOf(capacity)]))
  for (const { host, resources } of running) {
    const amount = host === undefined ? undefined : free.get(host)
    if (amount) take(amount, resources)
  }
  const none: Resources = { cpu: 0, memoryMb: 0, diskMb: 0 }
  return hosts.map(host => ({ host, free: free.get(host.id) ?? amountOf(none) }))
}

/** Whether the task may ever run on the host, however full it is. */
export const isEligible = ({ state, role, reservedFor, attributes }: FleetHost, task: Task): boolean =>
  state === 'ready' &&
  (role === 'any' || role === (task.tier === 'controller' ? 'controllers' : 'builds')) &&
  (reservedFor === undefined || reservedFor === task.tenant) &&
  Object.entries(task.constraints).every(([name, value]) => attributes[name] === value)
