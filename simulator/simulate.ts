import type { Outcome, Plan, RunProgress } from './contract.ts'
import { scheduleFaults } from './faults/index.ts'
import { startInvariants } from './invariants/index.ts'
import { applyMutation } from './mutations/index.ts'
import { startArrivals } from './world/arrivals.ts'
import { Statistics } from './world/statistics.ts'
import { World } from './world/world.ts'

/** What is linear in the fleet is looked at this often. */
const LOOK_MS = 5_000
/** How often it is asked, once faults are over, whether all is at rest already. */
const REST_POLL_MS = 10_000
/** Least wall time from one word of how far it is to the next. */
const TELL_EVERY_MS = 500

/**
 * Runs a plan from its first to its last virtual millisecond, or to the first claim that does not hold. The same plan gives the same log hash:
 * nothing in it depends on the machine's clock, chance or load, but for the figures of wall time, processor time and memory. `onProgress` is told
 * how far it is, about twice a second.
 */
export const simulate = async (plan: Plan, onProgress?: (progress: RunProgress) => void): Promise<Outcome> => {
  const began = performance.now()
  const cpu = process.cpuUsage()
  const world = new World(plan)
  const statistics = new Statistics(world)
  world.observers.push(statistics)
  const invariants = startInvariants(world, statistics)
  applyMutation(world, plan.mutation)
  scheduleFaults(world)
  startArrivals(world)
  world.startManor()
  const tell = teller(world, statistics, began, onProgress)
  const look = (): void => {
    for (const observer of world.observers) observer.look?.()
    tell()
    world.kernel.clock.after(LOOK_MS, look)
  }
  world.kernel.clock.after(LOOK_MS, look)
  await world.kernel.run(plan.activeMs)
  const activeWallMs = performance.now() - began
  if (!world.kernel.isStopped) await settle(world, plan, invariants.isAtRest)
  const { hash, lines } = world.log.finish()
  const used = process.cpuUsage(cpu)
  return {
    plan,
    logHash: hash,
    log: lines,
    logLines: world.log.count,
    faults: world.faults,
    violations: world.violations,
    virtualMs: world.kernel.elapsedMs,
    wallMs: performance.now() - began,
    activeWallMs,
    cpuMs: (used.user + used.system) / 1_000,
    ...statistics.outcome(),
    peakRssBytes: process.resourceUsage().maxRSS * 1_024,
    store: { bytes: world.durable.bytes, commits: world.durable.commits, rowsWritten: world.durable.rowsWritten },
    manorRestarts: world.manorRestarts,
  }
}

const teller = (world: World, statistics: Statistics, began: number, onProgress: ((progress: RunProgress) => void) | undefined) => {
  let toldAt = began
  return (): void => {
    const now = performance.now()
    if (onProgress === undefined || now - toldAt < TELL_EVERY_MS) return
    toldAt = now
    onProgress({ virtualMs: world.kernel.elapsedMs, wallMs: now - began, running: statistics.running, queued: statistics.waiting.size })
  }
}

/** Faults and jobs are over: within `settleMs` all must be done and clean. */
const settle = async (world: World, plan: Plan, isAtRest: () => boolean): Promise<void> => {
  world.log.add('world: settles')
  world.isSettling = true
  world.mendAll()
  const end = plan.activeMs + plan.settleMs
  for (let at = plan.activeMs; at < end && !world.kernel.isStopped; at += REST_POLL_MS) {
    await world.kernel.run(Math.min(end, at + REST_POLL_MS))
    if (isAtRest()) break
  }
  if (!world.kernel.isStopped) for (const observer of world.observers) observer.atEnd?.()
}
