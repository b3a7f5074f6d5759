/** Many tenants and much that waits: what a pass costs when little of it can be placed. */
import { controllerId, hostId, tenantId } from '../../src/model/index.ts'
import { integer, seededRandom } from '../../src/runtime/index.ts'
import { NO_DRAIN, Scheduler, type Task } from '../../src/scheduler/index.ts'
import { type Figure, median, quantile } from '../figures.ts'

const HOSTS = 10_000
const TENANTS = 2_000
const WAITING = 10_000
/** Templates of the whole fleet: what tells tasks apart. */
const SHAPES = 40
const CHANGES_PER_PASS = 200
const PASSES = 300
const QUICK_PASSES = 60
const WARM_UP_PASSES = 20
const GOAL_MS = 20

export const measureCrowd = (quick: boolean): Figure[] => {
  const random = seededRandom(4)
  const scheduler = new Scheduler()
  for (let at = 0; at < HOSTS; at++) {
    const capacity = { cpu: 8, memoryMb: 32_768, diskMb: 200_000 }
    scheduler.fleet.putHost({ id: hostId(`host-${String(at).padStart(5, '0')}`), role: 'any', state: 'ready', attributes: {}, capacity })
  }
  let count = 0
  const add = (): void => {
    const shape = integer(random, SHAPES)
    const tenant = integer(random, TENANTS)
    const task: Task = {
      id: `task-${count}`,
      tier: 'agent',
      tenant: tenantId(`tenant-${tenant}`),
      controller: controllerId(`controller-${tenant}`),
      resources: { cpu: 1 + (shape % 4), memoryMb: 1024 * (2 + (shape % 10)), diskMb: 1000 },
      constraints: {},
      readyAt: count++,
    }
    scheduler.queue.add(task)
  }
  const running: string[] = []
  /** Milliseconds by the clock. */
  const pass = (): number => {
    const start = performance.now()
    const { placed } = scheduler.pass({ now: Number.POSITIVE_INFINITY, drain: NO_DRAIN })
    const took = performance.now() - start
    running.push(...placed.map(({ task }) => task))
    return took
  }
  // Fills the fleet, until as much waits as is wanted.
  while (scheduler.queue.size < WAITING) {
    for (let at = scheduler.queue.size; at < WAITING; at++) add()
    pass()
  }
  const times: number[] = []
  for (let at = 0; at < (quick ? QUICK_PASSES : PASSES) + WARM_UP_PASSES; at++) {
    for (let change = 0; change < CHANGES_PER_PASS; change++) {
      const [ended] = running.splice(integer(random, running.length), 1)
      if (ended !== undefined) scheduler.end(ended)
    }
    while (scheduler.queue.size < WAITING) add()
    const took = pass()
    if (at >= WARM_UP_PASSES) times.push(took)
  }
  const p99 = quantile(times, 0.99)
  const name = '2,000 tenants, 10,000 tasks waiting, 10,000 hosts'
  return [
    { name: `${name}: p99 of a pass`, value: p99, unit: 'ms', goal: `<= ${GOAL_MS}`, met: p99 <= GOAL_MS },
    { name: `${name}: median of a pass`, value: median(times), unit: 'ms' },
  ]
}
