/** Many tenants and much that waits: what a pass costs when little of it can be placed. */
import { controllerId, hostId, tenantId } from '../../src/model/index.ts'
import { integer, seededRandom } from '../../src/runtime/index.ts'
import { DRAIN_RULES, type DrainRules, NO_DRAIN, Scheduler, type Task } from '../../src/scheduler/index.ts'
import { type Figure, median, quantile, within } from '../figures.ts'

export type Crowd = {
  readonly hosts: number
  readonly tenants: number
  readonly waiting: number
  /** Templates of the whole fleet: what tells tasks apart. */
  readonly shapes: number
  /** Works that end, and tasks that come, between two passes. */
  readonly changes: number
}
export const CROWD: Crowd = { hosts: 10_000, tenants: 2_000, waiting: 10_000, shapes: 40, changes: 200 }

const PASSES = 300
const QUICK_PASSES = 60
const WARM_UP_PASSES = 20
const GOAL_MS = 20
export type CrowdTimes = {
  /** Of each pass, in milliseconds, reading what it left over included. */
  readonly passes: readonly number[]
  /** Processor time of each, of all threads together (collection of garbage has its own): what it would take on a machine of its own, or less. */
  readonly processor: readonly number[]
}

/** Fills a fleet until as much waits as is wanted; then, pass by pass, some of it ends and as much is asked for anew. */
export const timeCrowd = (
  { hosts, tenants, waiting, shapes, changes }: Crowd,
  passes: number,
  drain: DrainRules = NO_DRAIN,
): CrowdTimes => {
  const random = seededRandom(4)
  const scheduler = new Scheduler()
  const capacity = { cpu: 8, memoryMb: 32_768, diskMb: 200_000 }
  for (let at = 0; at < hosts; at++)
    scheduler.fleet.putHost({ id: hostId(`host-${String(at).padStart(5, '0')}`), role: 'any', state: 'ready', attributes: {}, capacity })
  let count = 0
  const add = (): void => {
    const shape = integer(random, shapes)
    const tenant = integer(random, tenants)
    const task: Task = {
      id: `task-${count}`,
      tier: 'agent',
      tenant: tenantId(`tenant-${tenant}`),
      controller: controllerId(`controller-${tenant}`),
      resources: { cpu: 1 + (shape % 4), memoryMb: 1024 * (2 + (shape % 10)) + 16 * Math.floor(shape / 40), diskMb: 1000 },
      constraints: {},
      readyAt: count++,
    }
    scheduler.queue.add(task)
  }
  const running: string[] = []
  let looked = 0
  const times: number[] = []
  const processor: number[] = []
  const pass = (): void => {
    const used = process.cpuUsage()
    const start = performance.now()
    // Of what waits some has always waited for long, so that hosts are emptied for it where the rules say so.
    const { placed, leftOver } = scheduler.pass({ now: count + DRAIN_RULES.afterMs, drain })
    looked += leftOver.length
    times.push(performance.now() - start)
    const { user, system } = process.cpuUsage(used)
    processor.push((user + system) / 1000)
    for (const { task } of placed) running.push(task)
  }
  while (scheduler.queue.size < waiting) {
    for (let at = scheduler.queue.size; at < waiting; at++) add()
    pass()
  }
  for (let at = 0; at < passes + WARM_UP_PASSES; at++) {
    for (let change = 0; change < changes; change++) scheduler.end(takeAny(running, integer(random, running.length)))
    while (scheduler.queue.size < waiting) add()
    pass()
  }
  if (looked === 0) throw new Error('Nothing was left over, so nothing was measured.')
  return { passes: times.slice(-passes), processor: processor.slice(-passes) }
}

const takeAny = (all: string[], at: number): string => {
  const taken = all[at] ?? ''
  const last = all.pop()
  if (last !== undefined && at < all.length) all[at] = last
  return taken
}

export const measureCrowd = (quick: boolean): Figure[] => {
  const passes = quick ? QUICK_PASSES : PASSES
  return [
    ...figuresOf('2,000 tenants, 10,000 tasks waiting, 10,000 hosts', timeCrowd(CROWD, passes)),
    ...figuresOf('the same, with hosts emptied for who waits long', timeCrowd(CROWD, passes, DRAIN_RULES)),
  ]
}

const figuresOf = (name: string, { passes, processor }: CrowdTimes): Figure[] => {
  return [
    within(`${name}: p99 of a pass by the clock`, 'ms', quantile(passes, 0.99), GOAL_MS),
    within(`${name}: p99 of a pass, processor time`, 'ms', quantile(processor, 0.99), GOAL_MS),
    { name: `${name}: median of a pass by the clock`, unit: 'ms', value: median(passes) },
    { name: `${name}: median of a pass, processor time`, unit: 'ms', value: median(processor) },
    { name: `${name}: shortest pass`, unit: 'ms', value: Math.min(...passes) },
  ]
}
