/**
 * A control plane that starts over the file that the first argument names, in a process of its own, as after kill -9; the second argument says for
 * how many milliseconds it is watched after it has adopted all. Tells its parent a `Started`. All times begin with the process.
 */
import { performance } from 'node:perf_hooks'
import { composePlane, type Plane } from '../../src/control-plane/compose.ts'
import { distributionOf } from '../../src/controllers/index.ts'
import type { Agent, Controller } from '../../src/model/index.ts'
import { seededRandom, systemClock } from '../../src/runtime/index.ts'
import { createSeal, openSqliteStore, type Store } from '../../src/store/index.ts'
import { waitFor } from '../../tests/support/wait.ts'
import { StillEngine } from './engine.ts'
import { AGENTS, CONTROLLERS, OWNER, observationOf } from './fleet.ts'

export type Started = {
  /** The modules are loaded. */
  readonly loadedMs: number
  /** The file is open and its rows are in memory. */
  readonly openMs: number
  /** The engine's first full list was taken in and the loops run: the API would answer from here on. */
  readonly readyMs: number
  /** Every hook has said hello, reported its builds and been told all of its nodes; and nothing more is to be done. */
  readonly adoptedMs: number
  readonly lost: number
  readonly doubled: number
  readonly touched: readonly string[]
  readonly errors: readonly string[]
  readonly residentMb: number
  /** Processor time from the start of the process until all was adopted: what a busy machine does not change much. */
  readonly cpuMs: number
}

/** The process counts as idle where less than this share of a window was work. */
const IDLE_SHARE = 0.3
const WINDOW_MS = 50
const REPORT_WAIT_SECONDS = 0

const run = async (file: string, watchMs: number): Promise<Started> => {
  const loadedMs = performance.now()
  const store = await openSqliteStore(file, systemClock)
  const openMs = performance.now()
  const controllers = store.list('controller')
  const busy = store.by('agentsByLife', 'live')
  const engine = new StillEngine(systemClock, [...controllers.flatMap(workloadOfController), ...busy.flatMap(workloadOfAgent)])
  const errors: string[] = []
  const plane = planeOver(store, engine, cause => errors.push(cause instanceof Error ? (cause.stack ?? cause.message) : String(cause)))
  await plane.start()
  const readyMs = performance.now()
  await Promise.all(controllers.map(controller => returns(plane, controller, store.by('agentsOfController', controller.id))))
  const adoptedMs = await idleSince()
  const { user, system } = process.cpuUsage()
  const seen = [...plane.observer.all()].length
  if (seen !== CONTROLLERS + AGENTS) errors.push(`${seen} workloads were seen.`)
  await systemClock.sleep(watchMs)
  const phases = store.by('agentsByLife', 'live').filter(({ phase }) => phase === 'busy').length
  const ready = store.list('controller').filter(({ phase }) => phase === 'ready').length
  const result: Started = {
    loadedMs,
    openMs,
    readyMs,
    adoptedMs,
    lost: AGENTS - phases + (CONTROLLERS - ready),
    doubled: engine.touched.filter(call => call.startsWith('submit')).length,
    touched: engine.touched.slice(0, 20),
    errors: errors.slice(0, 20),
    residentMb: process.memoryUsage().rss / 1_048_576,
    cpuMs: (user + system) / 1_000,
  }
  await plane.stop()
  await store.close()
  return result
}

const planeOver = (store: Store, engine: StillEngine, onError: (cause: unknown) => void): Plane => {
  const random = seededRandom(2)
  const unexpected = (what: string) => async (): Promise<never> => {
    throw new Error(`${what} was asked for, and nothing was to be started.`)
  }
  return composePlane({
    store,
    clock: systemClock,
    random,
    seal: createSeal(new Uint8Array(32), random),
    engine,
    programs: { provide: unexpected('A program'), agentJar: unexpected('An agent jar') },
    distribution: distributionOf,
    directories: {
      workDirectory: agent => `/work/${agent}`,
      prepare: unexpected('A work directory'),
      remove: async () => undefined,
      list: async () => store.by('agentsByLife', 'live').map(({ id }) => id),
      sweepJarCaches: async () => undefined,
    },
    homes: { prepare: unexpected('A home'), retire: unexpected('The end of a home') },
    probe: async () => ({ kind: 'ready', version: '2.541.3' }),
    owner: OWNER,
    manorUrl: () => 'http://127.0.0.1:1',
    hook: { script: '', root: '/hook' },
    portRange: [20_000, 29_999],
    onProgress: () => undefined,
    onError: (_subject, cause) => onError(cause),
  })
}

const workloadOfController = ({ id, workload, epoch, host, startedAt = 0 }: Controller) =>
  workload === undefined ? [] : [observationOf(workload, { kind: 'controller', noun: id, epoch }, host, startedAt)]
const workloadOfAgent = ({ id, workload, epoch, host, launchedAt = 0 }: Agent) =>
  workload === undefined ? [] : [observationOf(workload, { kind: 'agent', noun: id, epoch }, host, launchedAt)]

/** A hook finds that Manor is back: says hello, reports its nodes and builds, is told what is wanted, reports that it has that. */
const returns = async (plane: Plane, { id, epoch }: Controller, agents: readonly Agent[]): Promise<void> => {
  const { hook } = plane.broker
  const session = `session-of-${id}`
  const live = agents.filter(({ phase }) => phase === 'busy')
  const nodes = live.map(agent => ({
    name: agent.id,
    online: true,
    used: true,
    ...(agent.build === undefined ? {} : { building: agent.build }),
  }))
  const report = (seq: number, appliedRevision: number) =>
    hook.report(id, {
      session,
      seq,
      at: systemClock.now(),
      items: [],
      itemsLeftOut: 0,
      nodes,
      running: nodes.length,
      quieting: false,
      appliedRevision,
      load: { heapUsedMb: 300, heapMaxMb: 700, threads: 60, gcShare: 0.01, eventsDropped: 0 },
    })
  await hook.hello(id, { session, epoch, distribution: 'jenkins', version: '2.541.3', secured: true })
  // The revision of the Manor before, as a hook has it.
  await report(1, systemClock.now() - 60_000)
  const wanted = await hook.wanted(id, session, 0, REPORT_WAIT_SECONDS, new AbortController().signal)
  const names = new Set(wanted.nodes.map(({ name }) => name))
  if (names.size !== live.length || live.some(agent => !names.has(agent.id))) throw new Error(`${id} was told of other nodes than it has.`)
  await report(2, wanted.revision)
}

/** When the work that the start brought about was over. */
const idleSince = async (): Promise<number> => {
  let before = performance.eventLoopUtilization()
  let from = performance.now()
  return await waitFor(
    () => {
      const window = performance.eventLoopUtilization(before)
      const began = from
      before = performance.eventLoopUtilization()
      from = performance.now()
      return window.active + window.idle > 0 && window.utilization < IDLE_SHARE ? began : undefined
    },
    { what: 'all is adopted and nothing more is to be done', withinMs: 120_000, everyMs: WINDOW_MS },
  )
}

const [, , file = '', watchMs = '0'] = process.argv
// Timers of the Clock do not keep a process alive.
const alive = setInterval(() => undefined, 2_147_483_647)
process.send?.(await run(file, Number(watchMs)))
clearInterval(alive)
process.disconnect?.()
