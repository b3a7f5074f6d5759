import { controllerId, type HostId, hostId, type Resources, tenantId } from '../model/index.ts'
import { type Amount, amountOf, take } from './resources.ts'
import type { Scheduler } from './scheduler.ts'
import type { FleetHost, Offer, RunningWork, Task } from './types.ts'

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

/** A host of 4 cpu, 4 GB and 100 GB, but for what is said. */
export const hostOf = (id: string, change: Partial<FleetHost> = {}): FleetHost => ({
  id: hostId(id),
  role: 'any',
  capacity: sizeOf(4),
  attributes: {},
  state: 'ready',
  ...change,
})

/** An agent of 1 cpu and 1 GB, ready at 0, but for what is said. */
export const taskOf = (id: string, change: Partial<Task> = {}): Task => ({
  id,
  tier: 'agent',
  tenant: tenantId('t'),
  controller: controllerId('c'),
  resources: sizeOf(1),
  constraints: {},
  readyAt: 0,
  ...change,
})

/** So many of them, named after the first. */
export const tasksOf = (count: number, name: string, change: Partial<Task> = {}): Task[] =>
  Array.from({ length: count }, (_, at) => taskOf(`${name}${at}`, change))

export const workOf = (id: string, host: string, change: Partial<RunningWork> = {}): RunningWork => ({
  id,
  tier: 'agent',
  tenant: tenantId('t'),
  controller: controllerId('c'),
  resources: sizeOf(1),
  host: hostId(host),
  ...change,
})

export const offerOf = (offer: string, host: string, change: Partial<Offer> = {}): Offer => ({
  offer,
  id: hostId(host),
  role: 'any',
  attributes: {},
  resources: sizeOf(4),
  offeredAt: 0,
  ...change,
})

/** Cores with a gigabyte and 25 GB of disk each. */
export const sizeOf = (cpu: number): Resources => ({ cpu, memoryMb: cpu * 1024, diskMb: cpu * 25_000 })

/** Adds the tasks, runs a pass at `now`, and gives where each went. */
export const place = (scheduler: Scheduler, tasks: readonly Task[], now = 0): Record<string, string> => {
  for (const task of tasks) scheduler.queue.add(task)
  return Object.fromEntries(scheduler.pass({ now }).placed.map(({ task, host }) => [task, host]))
}

/** How many tasks went to each host. */
export const tally = (places: Readonly<Record<string, string>>): Record<string, number> => {
  const counts: Record<string, number> = {}
  for (const host of Object.values(places)) counts[host] = (counts[host] ?? 0) + 1
  return counts
}
