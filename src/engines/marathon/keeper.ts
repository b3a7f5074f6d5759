import type { Observation, WorkloadId } from '../../model/index.ts'
import { type Clock, deadline, type Random } from '../../runtime/index.ts'
import { type Agents, toMebibytes } from './agents.ts'
import { identityOf, LABELS } from './app.ts'
import { type MarathonClient, MarathonRefusal } from './client.ts'
import { decide, type Step, type Surplus } from './decide.ts'
import { followEvents } from './events.ts'
import { observationOf } from './observe.ts'
import type { Known, Records } from './records.ts'
import type { SecondTask } from './start.ts'
import type { Deployment, MarathonApp } from './wire.ts'

/**
 * Looks at all our apps again and again, and does for each the one thing that is to be done (`decide.ts`): ends a second task, takes the
 * instance of what has ended or was stopped away. Events wake it early. Whoever lists looks by itself; both keep the ends that they find.
 */
export type KeeperOptions = {
  readonly owner: string
  readonly records: Records
  readonly client: MarathonClient
  readonly agents: Agents
  readonly clock: Clock
  readonly random: Random
  readonly pollMs: number
  readonly onWarning: (sentence: string) => void
  readonly onSecondTask: (second: SecondTask) => void
}

/** Between two looks that events ask for: a deployment sends ten events in a few milliseconds. */
const GATHER_MS = 50
/** How long one look with all it leads to may take before it is given up. */
const TURN_MS = 60_000
/** Hints that a watcher has not taken yet; of more, the oldest go: it lists anyway. */
const MAX_HINTS = 10_000
/** How often memory is asked for: for people's eyes, and as a witness of an end. In turns of the loop while it is younger than a poll. */
const MEMORY_EVERY_MS = 10_000
/** Agents asked for memory at a time. */
const MEMORY_PARALLEL = 8

type Memory = { readonly memoryMb: number; readonly peakMemoryMb: number }
type Lock = { readonly deployments: readonly Deployment[]; readonly startedAt: number; readonly since: number }

export class Keeper {
  readonly #options: KeeperOptions
  readonly #end = new AbortController()
  readonly #memory = new Map<WorkloadId, Memory>()
  readonly #locks = new Map<string, Lock>()
  /** Apps for which something is being done. */
  readonly #acting = new Set<string>()
  readonly #watchers = new Set<(observation: Observation) => void>()
  #before = new Map<WorkloadId, string>()
  #memoryAt = Number.NEGATIVE_INFINITY
  #wake = Promise.withResolvers<void>()
  #loops: Promise<unknown>[] = []
  #failing = false

  constructor(options: KeeperOptions) {
    this.#options = options
  }

  start(): void {
    const { client, clock, random } = this.#options
    const events = followEvents(
      {
        client,
        clock,
        random,
        onEvent: () => this.wake(),
        onOpen: () => this.wake(),
        // Looks go on without events, only later: no reason to disturb anybody.
        onError: () => undefined,
      },
      this.#end.signal,
    )
    this.#loops = [events, this.#run()]
  }

  /** Brings the next look forward. */
  wake(): void {
    this.#wake.resolve()
  }

  async close(): Promise<void> {
    this.#end.abort(new DOMException('The Marathon engine was closed.', 'AbortError'))
    this.wake()
    await Promise.allSettled(this.#loops)
  }

  /** Looks at everything. Ends that are seen for the first time are kept, and watchers told of what changed. */
  async look(signal: AbortSignal): Promise<readonly Observation[]> {
    signal.throwIfAborted()
    const { observations } = await this.#see(signal)
    return observations
  }

  /** What one workload is, of an app that was just read. The known must have been read before it. */
  observe(id: WorkloadId, known: Known, app: MarathonApp | undefined): Observation | undefined {
    const labels = known.record?.workload.labels ?? (app === undefined ? undefined : identityOf(app)?.labels)
    if (labels === undefined) return known.end
    const memory = this.#memory.get(id)
    const now = this.#options.clock.now()
    const seen = observationOf({ id, labels, known, app, ...(memory === undefined ? {} : { memory }) }, now)
    if (seen?.state !== 'ended' || known.end !== undefined) return seen
    return this.#options.records.end(id, seen)
  }

  /** Does for one app what is to be done now. */
  async tend(app: MarathonApp, signal: AbortSignal): Promise<void> {
    const id = identityOf(app)?.id
    if (id === undefined) return
    const deployments = await this.#options.client.deployments(signal)
    await this.#act(id, app, deployments, this.#ourApps(), signal)
  }

  #ourApps(): ReadonlySet<string> {
    return new Set([...this.#options.records.all().values()].flatMap(({ record }) => (record === undefined ? [] : [record.app])))
  }

  forget(id: WorkloadId): void {
    this.#options.records.forget(id)
    this.#memory.delete(id)
  }

  lockOf(app: string): { readonly deployments: readonly Deployment[]; readonly waitedMs: number; readonly since: number } | undefined {
    const lock = this.#locks.get(app)
    return lock && { deployments: lock.deployments, waitedMs: this.#options.clock.monotonic() - lock.startedAt, since: lock.since }
  }

  async *watch(signal: AbortSignal): AsyncGenerator<Observation> {
    const hints: Observation[] = []
    let more = Promise.withResolvers<void>()
    const tell = (observation: Observation): void => {
      if (hints.length >= MAX_HINTS) hints.shift()
      hints.push(observation)
      more.resolve()
    }
    const until = AbortSignal.any([signal, this.#end.signal])
    const onAbort = (): void => more.resolve()
    until.addEventListener('abort', onAbort, { once: true })
    this.#watchers.add(tell)
    try {
      while (!until.aborted) {
        const next = hints.shift()
        if (next !== undefined) {
          yield next
          continue
        }
        more = Promise.withResolvers()
        if (!until.aborted) await more.promise
      }
    } finally {
      this.#watchers.delete(tell)
      until.removeEventListener('abort', onAbort)
    }
  }

  async #run(): Promise<void> {
    const { clock, pollMs, onWarning } = this.#options
    const { signal } = this.#end
    while (!signal.aborted) {
      this.#wake = Promise.withResolvers()
      const limit = deadline(clock, TURN_MS, signal)
      try {
        await this.#turn(limit.signal)
        this.#failing = false
      } catch (cause) {
        // Once for each time that it begins to fail.
        if (!signal.aborted && !this.#failing)
          onWarning(`Marathon could not be looked at: ${cause instanceof Error ? cause.message : String(cause)}`)
        this.#failing = true
      } finally {
        limit.done()
      }
      const rest = new AbortController()
      await Promise.race([this.#wake.promise, clock.sleep(pollMs, rest.signal).catch(() => undefined)])
      rest.abort()
      if (!signal.aborted) await clock.sleep(Math.min(GATHER_MS, pollMs), signal).catch(() => undefined)
    }
  }

  async #turn(signal: AbortSignal): Promise<void> {
    const { apps } = await this.#see(signal)
    const deployments = apps.some(app => app.instances > 0 || (app.deployments ?? []).length > 0)
      ? await this.#options.client.deployments(signal)
      : []
    const ours = this.#ourApps()
    for (const app of apps) {
      const id = identityOf(app)?.id
      if (id !== undefined) await this.#act(id, app, deployments, ours, signal)
    }
    await this.#weigh(apps, signal)
  }

  async #see(signal: AbortSignal): Promise<{ readonly apps: readonly MarathonApp[]; readonly observations: readonly Observation[] }> {
    const { records, client, owner } = this.#options
    // Before Marathon is asked: see observationOf.
    const known = records.all()
    const apps = await client.apps(`${LABELS.owner}==${owner}`, signal)
    const byWorkload = new Map<WorkloadId, MarathonApp>()
    for (const app of apps) {
      const id = identityOf(app)?.id
      if (id !== undefined) byWorkload.set(id, app)
    }
    const observations: Observation[] = []
    for (const id of new Set([...known.keys(), ...byWorkload.keys()])) {
      const app = byWorkload.get(id)
      const one = known.get(id) ?? { accepted: false }
      // Found with our label: it was taken on, whatever we were told.
      if (app !== undefined && one.record !== undefined && !one.accepted) records.accept(id)
      const seen = this.observe(id, one, app)
      if (seen !== undefined) observations.push(seen)
    }
    this.#tell(observations)
    return { apps, observations }
  }

  #tell(observations: readonly Observation[]): void {
    const now = new Map<WorkloadId, string>()
    for (const observation of observations) {
      const { memoryMb: _now, peakMemoryMb: _peak, ...rest } = observation
      const text = JSON.stringify(rest)
      now.set(observation.id, text)
      if (this.#before.get(observation.id) !== text) for (const tell of this.#watchers) tell(observation)
    }
    this.#before = now
  }

  /**
   * Does for one app what is to be done. Nothing is sent on the strength of an old look: it is read again right before, since the one that led
   * here may be from before another change of ours, or of somebody else.
   */
  async #act(id: WorkloadId, app: MarathonApp, all: readonly Deployment[], ours: ReadonlySet<string>, signal: AbortSignal): Promise<void> {
    const { records, client } = this.#options
    if (this.#acting.has(app.id) || this.#decide(app, records.of(id), all, ours).kind === 'nothing') return
    this.#acting.add(app.id)
    try {
      const [now, deployments] = await Promise.all([client.app(app.id, signal), client.deployments(signal)])
      if (now === undefined || identityOf(now)?.id !== id) return
      await this.#carryOut(id, now, this.#decide(now, records.of(id), deployments, ours), signal)
    } finally {
      this.#acting.delete(app.id)
    }
  }

  #decide(app: MarathonApp, known: Known, all: readonly Deployment[], ours: ReadonlySet<string>): Step {
    const deployments = all.filter(({ affectedApps = [] }) => affectedApps.includes(app.id))
    const lockedMs = this.lockOf(app.id)?.waitedMs ?? 0
    const ended = known.end !== undefined || known.exit !== undefined
    const step = decide({ app, known, ended, deployments, lockedMs, isOurs: one => one === app.id || ours.has(one) })
    if (step.kind !== 'wait') this.#locks.delete(app.id)
    return step
  }

  async #carryOut(id: WorkloadId, app: MarathonApp, step: Step, signal: AbortSignal): Promise<void> {
    const { client, clock } = this.#options
    switch (step.kind) {
      case 'nothing':
        return
      case 'wait': {
        const lock = this.#locks.get(app.id)
        this.#locks.set(app.id, {
          deployments: step.deployments,
          startedAt: lock?.startedAt ?? clock.monotonic(),
          since: lock?.since ?? clock.now(),
        })
        return
      }
      case 'scale-to-zero':
        await passOver(client.change(app.id, { instances: 0 }, step.force, signal), [404, 409])
        if (step.surplus !== undefined) this.#tellSurplus(id, app, step.surplus)
        return
      case 'end-task':
        await passOver(client.endTask(app.id, step.surplus.task.id, signal), [404])
        this.#tellSurplus(id, app, step.surplus)
    }
  }

  #tellSurplus(workload: WorkloadId, app: MarathonApp, { task, kept, cause }: Surplus): void {
    const noun = identityOf(app)?.labels.noun ?? workload
    this.#options.onSecondTask({ workload, noun, task: task.id, holder: kept.id, why: cause })
  }

  /** Asks the agents of our tasks what these hold. Whoever does not answer is passed over: nothing hangs on it. */
  async #weigh(apps: readonly MarathonApp[], signal: AbortSignal): Promise<void> {
    const { clock, agents, pollMs } = this.#options
    if (clock.monotonic() - this.#memoryAt < Math.min(MEMORY_EVERY_MS, pollMs)) return
    this.#memoryAt = clock.monotonic()
    const tasks = new Map<string, WorkloadId>()
    const hosts = new Set<string>()
    for (const app of apps) {
      const id = identityOf(app)?.id
      for (const task of app.tasks ?? []) {
        if (id === undefined || task.state !== 'TASK_RUNNING') continue
        tasks.set(task.id, id)
        if (task.host !== undefined) hosts.add(task.host)
      }
    }
    if (tasks.size === 0) return
    const mine = (await agents.list(signal).catch(() => [])).filter(agent => agent.active && hosts.has(agent.agent_info.hostname))
    for (let at = 0; at < mine.length; at += MEMORY_PARALLEL) {
      const answers = await Promise.allSettled(mine.slice(at, at + MEMORY_PARALLEL).map(agent => agents.memoryOn(agent, signal)))
      for (const answer of answers) if (answer.status === 'fulfilled') this.#note(answer.value, tasks)
    }
  }

  #note(memory: ReadonlyMap<string, number>, tasks: ReadonlyMap<string, WorkloadId>): void {
    for (const [task, bytes] of memory) {
      const id = tasks.get(task)
      if (id === undefined) continue
      const memoryMb = toMebibytes(bytes)
      this.#memory.set(id, { memoryMb, peakMemoryMb: Math.max(memoryMb, this.#memory.get(id)?.peakMemoryMb ?? 0) })
    }
  }
}

/** Lets an answer pass that says that somebody was quicker: the next look shows what is so. */
const passOver = async (work: Promise<unknown>, statuses: readonly number[]): Promise<void> => {
  try {
    await work
  } catch (cause) {
    if (!(cause instanceof MarathonRefusal) || !statuses.includes(cause.status)) throw cause
  }
}
