import {
  type Agent,
  type ControllerPhase,
  HOUR,
  MINUTE,
  type Observation,
  SECOND,
  type Timestamp,
  type WorkloadId,
} from '../model/index.ts'
import { ReconcileLoop } from '../runtime/index.ts'
import { EVENTS_SETTING } from './build-events.ts'
import { AGENT_GRACE_MS, workloadOfAgent } from './launch.ts'
import { note } from './note.ts'
import type { AgentsPorts } from './ports.ts'

/** Ended agents that are remembered; older ones are in the events alone. */
export const ENDED_KEPT = 2_000
/** Ended workloads whose log is kept, and for how long: a log of 1 MiB each at most, for whoever asks why an agent died. */
export const LOGS_KEPT = 100
const LOGS_KEPT_MS = HOUR
/** A workload without a live agent is only ended after this long: its row may be about to be seen. */
export const ORPHAN_GRACE_MS = 20 * SECOND
/** And one without a row after this long, while a controller that may have it has not been heard: it may run a build there. */
const UNHEARD_GRACE_MS = 10 * MINUTE
const RESYNC_MS = 10 * SECOND
/** From one sweep to the next: each lists everything, so many ends share one. */
const SPACING_MS = SECOND
/**
 * Between two looks at everything that there is a sweep looks at what was noted to have ended. A look costs about 0.5 us for each workload and each
 * directory: with this distance that is a four-thousandth of the time, up to the most that is let pass.
 */
const LOOK_SPACING_PER_WORKLOAD_MS = 4
const LOOK_SPACING_MOST_MS = 30 * SECOND
/** Traces that are taken away at the same time: a fleet of 50,000 jobs ends 150 a second, and each is a call of the engine. */
const REMOVED_AT_ONCE = 16
/** Most rows that are forgotten in one transaction; in a busy fleet they wait until there are as many, since finding the oldest sorts all. */
const FORGET_BATCH = 200

/** Phases in which its program may run, by a row that may have lost its last moments. */
const MAY_HAVE_BUILDS: ReadonlySet<ControllerPhase> = new Set<ControllerPhase>([
  'preparing',
  'starting',
  'ready',
  'quieting',
  'unreachable',
])

/**
 * Takes away what ended agents leave behind. What was noted to have ended goes first; now and then all that is there is compared with the rows, so
 * nothing that was missed stays.
 */
export class Sweeper {
  readonly #ports: AgentsPorts
  readonly #loop: ReconcileLoop
  /** By the monotonic clock. */
  readonly #orphanSince = new Map<WorkloadId, number>()
  /** Workloads that may be left: noted to have ended, or found by the last look at everything. */
  readonly #noted = new Set<WorkloadId>()
  #sweptAt = Number.NEGATIVE_INFINITY
  #lookAt = Number.NEGATIVE_INFINITY
  #cancelWake: (() => void) | undefined

  constructor(ports: AgentsPorts) {
    this.#ports = ports
    this.#loop = new ReconcileLoop({
      name: 'sweep',
      clock: ports.clock,
      random: ports.random,
      concurrency: 1,
      resyncMs: RESYNC_MS,
      keys: () => ['all'],
      reconcile: async (_key, signal) => {
        this.#sweptAt = ports.clock.monotonic()
        const isLook = this.#sweptAt >= this.#lookAt
        await this.#sweepWorkloads(isLook, signal)
        if (isLook) await this.#sweepDirectories(signal)
        await this.#forgetOld(isLook)
        return this.#orphanSince.size > 0 ? SECOND : undefined
      },
      onError: (_key, cause) => ports.onError('sweep', cause),
    })
  }

  start(): void {
    this.#loop.start()
  }

  stop(): Promise<void> {
    this.#cancelWake?.()
    return this.#loop.stop()
  }

  /** This ended, or is there though it should have: it is swept within `SPACING_MS`. */
  note(id: WorkloadId): void {
    this.#noted.add(id)
    this.#wake()
  }

  #wake(): void {
    if (this.#cancelWake !== undefined) return
    const { clock } = this.#ports
    this.#cancelWake = clock.after(Math.max(0, this.#sweptAt + SPACING_MS - clock.monotonic()), () => {
      this.#cancelWake = undefined
      this.#loop.wake('all')
    })
  }

  /** What is there without a live agent, of all or of what was noted. Of all it is one look-up for each that is there. */
  #left(ofAll: boolean): Left[] {
    const { observer } = this.#ports
    const left: Left[] = []
    if (ofAll) {
      let count = 0
      this.#noted.clear()
      for (const observation of observer.all()) {
        count++
        const one = this.#leftOf(observation)
        if (one === undefined) continue
        this.#noted.add(observation.id)
        left.push(one)
      }
      this.#lookAt = this.#sweptAt + Math.min(LOOK_SPACING_MOST_MS, LOOK_SPACING_PER_WORKLOAD_MS * count)
      return left
    }
    for (const id of this.#noted) {
      const observation = observer.get(id)
      const one = observation && this.#leftOf(observation)
      if (one === undefined) this.#noted.delete(id)
      else left.push(one)
    }
    return left
  }

  #leftOf(observation: Observation): Left | undefined {
    const { kind, owner, noun } = observation.labels
    if (kind !== 'agent' || owner !== this.#ports.owner) return undefined
    const agent = this.#ports.store.get('agent', noun)
    return agent === undefined || agent.phase === 'ended' ? { observation, agent } : undefined
  }

  async #sweepWorkloads(isLook: boolean, signal: AbortSignal): Promise<void> {
    const { engine, observer, store, clock } = this.#ports
    // Nothing is ended that a list from before our last row shows.
    await observer.current()
    const now = clock.now()
    const left = this.#left(isLook)
    const orphans = left.filter(({ observation }) => observation.state !== 'ended')
    const known = new Set(orphans.map(({ observation }) => observation.id))
    for (const id of this.#orphanSince.keys()) if (!known.has(id)) this.#orphanSince.delete(id)
    // A power cut may have taken the row of an agent that runs a build: its controller says so, and the build goes on.
    const building = new Set<string>(
      orphans.length === 0 ? [] : store.list('presence').flatMap(({ nodes }) => nodes.flatMap(node => (node.building ? [node.name] : []))),
    )
    // A Manor that has just begun may not have heard of it yet.
    const isUnheard =
      orphans.some(({ agent }) => agent === undefined) &&
      store.list('controller').some(({ id, phase }) => MAY_HAVE_BUILDS.has(phase) && store.get('demand', id) === undefined)
    const monotonic = clock.monotonic()
    for (const { observation, agent } of orphans) {
      const since = this.#orphanSince.get(observation.id) ?? monotonic
      this.#orphanSince.set(observation.id, since)
      const graceMs = isUnheard && agent === undefined ? UNHEARD_GRACE_MS : ORPHAN_GRACE_MS
      if (monotonic - since >= graceMs && !building.has(observation.labels.noun)) await engine.stop(observation.id, AGENT_GRACE_MS, signal)
    }
    const over = ended(left, now)
    for (let i = 0; i < over.length; i += REMOVED_AT_ONCE)
      await Promise.all(over.slice(i, i + REMOVED_AT_ONCE).map(({ id }) => engine.remove(id, signal)))
  }

  async #sweepDirectories(signal: AbortSignal): Promise<void> {
    const { directories, store, observer } = this.#ports
    for (const id of await directories.list(signal)) {
      const agent = store.get('agent', id)
      if (agent !== undefined && agent.phase !== 'ended') continue
      const { state = 'ended' } = observer.get(workloadOfAgent({ id })) ?? {}
      if (state === 'ended') await directories.remove(id, signal)
    }
    await directories.sweepJarCaches((id, createdAt) => store.get('controller', id)?.createdAt === createdAt, signal)
  }

  async #forgetOld(isLook: boolean): Promise<void> {
    const { store } = this.#ports
    if (!isLook && store.by('agentsByLife', 'ended').length < ENDED_KEPT + FORGET_BATCH) return
    const ended = store.by('agentsByLife', 'ended')
    const old = ended.length > ENDED_KEPT ? byAge(ended).slice(ENDED_KEPT) : []
    // Their attempts are still counted.
    const isWanted = ({ controller, item }: Agent): boolean => store.get('demand', controller)?.items.some(({ id }) => id === item) ?? false
    const forgotten = old.filter(agent => !isWanted(agent))
    const settings = store
      .list('setting')
      .filter(({ id }) => id.startsWith(EVENTS_SETTING) && store.get('controller', id.slice(EVENTS_SETTING.length)) === undefined)
    if (forgotten.length === 0 && settings.length === 0) return
    await store.transact(tx => {
      for (const { id } of settings) tx.remove('setting', id)
    })
    // Oldest first, and in pieces, so that the database is not held for long.
    for (let left = forgotten.length; left > 0; left -= FORGET_BATCH)
      await store.transact(tx => {
        for (const agent of forgotten.slice(Math.max(0, left - FORGET_BATCH), left)) {
          tx.remove('agent', agent.id)
          note(tx, agent, 'forgotten', `Agent ${agent.id} ended long ago and is in the events alone now.`, {})
        }
      })
  }
}

/** What is there of an agent that has ended, or is not remembered. */
type Left = { readonly observation: Observation; readonly agent: Agent | undefined }

const byAge = (agents: readonly Agent[]): Agent[] => [...agents].sort((a, b) => (b.endedAt ?? 0) - (a.endedAt ?? 0))

/** Ended workloads whose traces can go: those of agents that are forgotten, and all but the newest for a while. */
const ended = (left: readonly Left[], now: Timestamp): readonly Observation[] => {
  const over = left.filter(({ observation }) => observation.state === 'ended')
  const isFresh = (agent: Agent | undefined): agent is Agent => agent !== undefined && now - (agent.endedAt ?? 0) < LOGS_KEPT_MS
  const fresh = over.map(({ agent }) => agent).filter(isFresh)
  // Mostly nothing is to go, and then nothing is sorted.
  if (fresh.length === over.length && over.length <= LOGS_KEPT) return []
  const kept = new Set(byAge(fresh).slice(0, LOGS_KEPT))
  return over.filter(({ agent }) => agent === undefined || !kept.has(agent)).map(({ observation }) => observation)
}
