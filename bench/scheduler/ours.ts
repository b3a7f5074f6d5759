/**
 * Our scheduler on the bench's workload, in a process of its own like Fenzo. Arguments and output are FenzoBench.java's. Timed is what a
 * caller does for each batch: adding it to the queue, the pass, and taking what found no place off again.
 */
import { readFile } from 'node:fs/promises'
import { controllerId, hostId, tenantId } from '../../src/model/index.ts'
import { binPacking, NO_DRAIN, Scheduler, type Task } from '../../src/scheduler/index.ts'
import { median, quantile } from '../figures.ts'
import { BATCH, MEMORY_MB_PER_CORE, type OurOutcome, type Row } from './workload.ts'

const taskOf = (cores: number, at: number): Task => ({
  id: `task-${at}`,
  tier: 'agent',
  tenant: tenantId('bench'),
  controller: controllerId('bench'),
  resources: { cpu: cores, memoryMb: cores * MEMORY_MB_PER_CORE, diskMb: 1 },
  constraints: {},
  readyAt: 0,
})

const run = (sizes: readonly number[], { hosts, cores, goodEnough, passes }: Row): OurOutcome => {
  const scheduler = new Scheduler({ fitness: binPacking('cpu'), goodEnough })
  const capacity = { cpu: cores, memoryMb: cores * MEMORY_MB_PER_CORE, diskMb: 1000 }
  for (let at = 0; at < hosts; at++)
    scheduler.fleet.putHost({ id: hostId(`host-${String(at).padStart(6, '0')}`), role: 'any', state: 'ready', attributes: {}, capacity })
  let waiting = sizes.map(taskOf)
  let left: Task[] = []
  let next = 0
  let placed = 0
  const times: number[] = []
  while (times.length < passes) {
    if (next >= waiting.length) {
      if (left.length === 0 || left.length === waiting.length) break
      waiting = left
      left = []
      next = 0
    }
    const batch = waiting.slice(next, next + BATCH)
    next += batch.length
    const start = performance.now()
    for (const task of batch) scheduler.queue.add(task)
    const result = scheduler.pass({ now: 0, drain: NO_DRAIN })
    scheduler.queue.removeAll(result.leftOver.map(({ task }) => task))
    times.push(performance.now() - start)
    placed += result.placed.length
    if (result.leftOver.length === 0) continue
    const failed = new Set(result.leftOver.map(({ task }) => task))
    left.push(...batch.filter(({ id }) => failed.has(id)))
  }
  globalThis.gc?.()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return {
    placed,
    milliseconds: times.reduce((sum, one) => sum + one, 0),
    p99Ms: quantile(times, 0.99),
    firstMs: times[0] ?? 0,
    medianMs: median(times),
    full: scheduler.fleet.ledger.ofTenant('agent', tenantId('bench')).cpu / (hosts * cores),
    heapMb: (heapUsed + arrayBuffers) / 1_048_576,
    peakMb: process.resourceUsage().maxRSS / 1024,
    passes: times.length,
  }
}

const [file = '', hosts = '', cores = '', goodEnough = '', , passes = ''] = process.argv.slice(2)
const sizes = (await readFile(file, 'utf8')).split('\n').map(Number)
const row = { hosts: Number(hosts), cores: Number(cores), goodEnough: Number(goodEnough), passes: Number(passes) }
// As long a warm-up as Fenzo gets.
run(sizes.slice(0, 40 * BATCH), { ...row, hosts: 200, passes: 60 })
process.stdout.write(`${JSON.stringify(run(sizes, row))}\n`)
