/**
 * From an item that becomes buildable to the call that starts its agent, with 2,000 controllers that report and 200 items a second: the whole
 * control plane on the real clock and a database file, spoken to as hooks do (HookService), over an engine in memory. There is no opponent that
 * does this part alone: peers begin with a Jenkins that asks for agents by itself, once every few seconds. So the goal is a time.
 */
import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay, performance } from 'node:perf_hooks'
import { agentId } from '../../src/model/index.ts'
import { integer, seededRandom, systemClock } from '../../src/runtime/index.ts'
import { type Bench, type Figure, median, quantile, within } from '../figures.ts'
import { BenchHook } from './hooks.ts'
import { type BenchPlane, openPlane } from './plane.ts'

const CONTROLLERS = 2_000
const ITEMS_PER_SECOND = 200
const BUILD_MS = 2_000
const WARM_UP_MS = 6_000
const SETTLE_MS = 20_000
const GOAL_MS = 50
const SEED = 4_711
/** Hooks say hello in groups, as those of a fleet do that is started. */
const HELLO_GROUP = 100

export const bench: Bench = {
  name: 'broker',
  about: `From an item that becomes buildable to its agent's start: ${CONTROLLERS} controllers report, ${ITEMS_PER_SECOND} items a second, an engine in memory.`,
  run: async ({ quick, say }) => {
    const directory = await mkdtemp(join(tmpdir(), 'manor-broker-bench-'))
    const world = await openPlane(join(directory, 'manor.db'), CONTROLLERS, seededRandom(SEED))
    try {
      return await measure(world, quick ? 10_000 : 60_000, say)
    } finally {
      await world.plane.stop()
      await world.store.close()
      await rm(directory, { recursive: true, force: true })
    }
  },
}

const measure = async (world: BenchPlane, forMs: number, say: (line: string) => void): Promise<Figure[]> => {
  const { plane, engine, controllers, store, errors } = world
  const buildableAt = new Map<string, number>()
  const delays: number[] = []
  let isMeasuring = false
  engine.onSubmit = ({ labels }) => {
    const agent = store.get('agent', agentId(labels.noun))
    const hook = agent && hooks.get(agent.controller)
    if (agent === undefined || hook === undefined) return
    const since = buildableAt.get(`${agent.controller}/${agent.item}`)
    if (since !== undefined && isMeasuring) delays.push(performance.now() - since)
    buildableAt.delete(`${agent.controller}/${agent.item}`)
    hook.connectSoon(labels.noun)
  }
  await plane.start()
  const hooks = new Map(
    controllers.map(({ id, epoch }) => [id as string, new BenchHook(id, epoch, plane.broker.hook, systemClock, BUILD_MS)]),
  )
  const all = [...hooks.values()]
  for (let from = 0; from < all.length; from += HELLO_GROUP)
    await Promise.all(all.slice(from, from + HELLO_GROUP).map(hook => hook.start()))
  const random = seededRandom(SEED)
  for (const hook of all) hook.beat(integer(random, 10_000))
  say(`${all.length} hooks have said hello`)
  const flow = startFlow(dueAt => {
    const hook = all[integer(random, all.length)]
    if (hook === undefined) return
    buildableAt.set(`${hook.id}/${hook.enqueue()}`, dueAt)
  })
  await systemClock.sleep(WARM_UP_MS)
  isMeasuring = true
  const loop = monitorEventLoopDelay({ resolution: 5 })
  loop.enable()
  const cpuBefore = process.cpuUsage()
  const waitedBefore = waitedForCoreMs()
  const began = performance.now()
  await systemClock.sleep(forMs)
  const tookMs = performance.now() - began
  const { user, system } = process.cpuUsage(cpuBefore)
  const waitedAfter = waitedForCoreMs()
  isMeasuring = false
  loop.disable()
  flow.stop()
  const measured = delays.length
  await settled(() => all.every(({ waiting }) => waiting === 0))
  for (const hook of all) hook.stop()
  // Calls that are on their way come back before the store is closed.
  await systemClock.sleep(1_000)
  const unserved = all.reduce((sum, { waiting }) => sum + waiting, 0)
  if (errors.length > 0) say(`errors: ${errors.length}, the first: ${String(errors[0])}`)
  return [
    { name: 'buildable to engine call, median', value: median(delays), unit: 'ms' },
    within('buildable to engine call, p99', 'ms', quantile(delays, 0.99), GOAL_MS),
    { name: 'buildable to engine call, longest', value: Math.max(...delays), unit: 'ms' },
    { name: 'agents started', value: (1_000 * measured) / tookMs, unit: '1/s' },
    { name: 'items left without an agent', value: unserved, unit: 'items', goal: '0', met: unserved === 0 && errors.length === 0 },
    { name: 'cpu, the hooks that play along included', value: (100 * (user + system)) / 1_000 / tookMs, unit: '% of a core' },
    ...(waitedBefore === undefined || waitedAfter === undefined
      ? []
      : [{ name: 'ready to run, but others had the cores', value: (100 * (waitedAfter - waitedBefore)) / tookMs, unit: '% of the time' }]),
    { name: 'event loop held up, p99', value: loop.percentile(99) / 1e6, unit: 'ms' },
    { name: 'memory, resident', value: process.memoryUsage.rss() / 1_048_576, unit: 'MB' },
  ]
}

/**
 * Items at their pace, each counted from when it was due: controllers are programs of their own, so a Manor that is held up does not hold
 * up their queues, and what waits for it meanwhile has waited.
 */
const startFlow = (enqueue: (dueAt: number) => void): { stop(): void } => {
  const began = performance.now()
  let made = 0
  const timer = setInterval(() => {
    const due = ((performance.now() - began) / 1_000) * ITEMS_PER_SECOND
    for (; made < due; made++) enqueue(began + (1_000 * made) / ITEMS_PER_SECOND)
  }, 5)
  return { stop: () => clearInterval(timer) }
}

/**
 * How long the main thread has waited for a core since it began (Linux: Documentation/scheduler/sched-stats.rst, nanoseconds); undefined where
 * that is not told. Where others have the cores, times of this bench are theirs as well.
 */
const waitedForCoreMs = (): number | undefined => {
  if (!existsSync(SCHEDSTAT)) return undefined
  return Number(readFileSync(SCHEDSTAT, 'utf8').split(' ')[1]) / 1e6
}

const SCHEDSTAT = '/proc/self/schedstat'

const settled = async (holds: () => boolean): Promise<void> => {
  for (let waited = 0; waited < SETTLE_MS && !holds(); waited += 100) await systemClock.sleep(100)
}
