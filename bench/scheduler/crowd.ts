/** Many tenants and much that waits: what a pass costs when little of it can be placed. */
import { controllerId, hostId, tenantId } from '../../src/model/index.ts'
import { integer, seededRandom } from '../../src/runtime/index.ts'
import { DRAIN_RULES, type DrainRules, NO_DRAIN, Scheduler, type Task } from '../../src/scheduler/index.ts'
import { type Figure, median, quantile } from '../figures.ts'

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
/** About what a pass takes, so that the same disturbances hit the loop as a pass. */
const LOOP_TURNS = 3_000_000

export type CrowdTimes = {
  /** Of each pass, in milliseconds, reading what it left over included. */
  readonly passes: readonly number[]
  /** Of a loop of a fixed length, run after each pass: it takes longer only where the machine is busy with something else. */
  readonly loops: readonly number[]
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
  const pass = (): number => {
    const start = performance.now()
    // Of what waits some has always waited for long, so that hosts are emptied for it where the rules say so.
    const { placed, leftOver } = scheduler.pass({ now: count + DRAIN_RULES.afterMs, drain })
    looked += leftOver.length
    const took = performance.now() - start
    for (const { task } of placed) running.push(task)
    return took
  }
  while (scheduler.queue.size < waiting) {
    for (let at = scheduler.queue.size; at < waiting; at++) add()
    pass()
  }
  const times: number[] = []
  const loops: number[] = []
  for (let at = 0; at < passes + WARM_UP_PASSES; at++) {
    for (let change = 0; change < changes; change++) scheduler.end(takeAny(running, integer(random, running.length)))
    while (scheduler.queue.size < waiting) add()
    const took = pass()
    const loop = timeLoop()
    if (at < WARM_UP_PASSES) continue
    times.push(took)
    loops.push(loop)
  }
  if (looked === 0) throw new Error('Nothing was left over, so nothing was measured.')
  return { passes: times, loops }
}

const takeAny = (all: string[], at: number): string => {
  const taken = all[at] ?? ''
  const last = all.pop()
  if (last !== undefined && at < all.length) all[at] = last
  return taken
}

const timeLoop = (): number => {
  const start = performance.now()
  let sum = 0
  for (let at = 0; at < LOOP_TURNS; at++) sum = (sum * 31 + at) | 0
  if (sum === 1) throw new Error('The sum is there so that the loop is not left out.')
  return performance.now() - start
}

export const measureCrowd = (quick: boolean): Figure[] => {
  const name = '2,000 tenants, 10,000 tasks waiting, 10,000 hosts'
  const passes = quick ? QUICK_PASSES : PASSES
  const { passes: times, loops } = timeCrowd(CROWD, passes)
  const drained = timeCrowd(CROWD, passes, DRAIN_RULES).passes
  const p99 = quantile(times, 0.99)
  return [
    { name: `${name}: p99 of a pass`, value: p99, unit: 'ms', goal: `<= ${GOAL_MS}`, met: p99 <= GOAL_MS },
    { name: `${name}: median of a pass`, value: median(times), unit: 'ms' },
    { name: `${name}: shortest pass`, value: Math.min(...times), unit: 'ms' },
    { name: `${name}, hosts emptied for who waits long: p99`, value: quantile(drained, 0.99), unit: 'ms' },
    { name: `${name}, hosts emptied for who waits long: median`, value: median(drained), unit: 'ms' },
    { name: 'a fixed loop after each of these passes: shortest', value: Math.min(...loops), unit: 'ms' },
    { name: 'a fixed loop after each of these passes: p99', value: quantile(loops, 0.99), unit: 'ms' },
  ]
}
