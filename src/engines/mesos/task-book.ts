import { hostId, type Milliseconds, type Observation, type WorkloadId, type WorkloadLabels } from '../../model/index.ts'
import { type Backoff, backoffDelay, type Clock, type Random } from '../../runtime/index.ts'
import { observationOf, type Usage } from './observation.ts'
import { NotLeadingError, type TaskRecord, type TaskRecords } from './ports.ts'
import { applyStatus, meaningOf } from './status.ts'
import { readTaskId, taskIdOf } from './task-id.ts'
import { type Call, nanoseconds, type TaskStatus } from './wire.ts'

/** A kill may be lost at every step between here and the executor, so it is sent again until the task has ended. */
const KILL_AGAIN_MS = 5_000
/**
 * Docker's executor takes the grace of a task's launch, whatever a KILL says, and none while a kill is under way (Mesos 1.11,
 * src/docker/executor.cpp). What is still there so long after its time is ended with its executor, which an agent does within 5 s more.
 */
const SHUTDOWN_AFTER_MS = 5_000
/** Tasks that did not answer are asked again, slower and slower: an agent that registers again after a fail-over may take ten minutes. */
const RECONCILE_AGAIN: Backoff = { firstMs: 2_000, factor: 2, mostMs: 60_000 }
/** What nobody asked about is found so often, as Mesos' documents advise (docs/reconciliation.md). */
const IMPLICIT_MS = 15 * 60_000
/** Tasks in one RECONCILE: about a hundred bytes each, so that a call stays small. */
const RECONCILE_MOST = 1_000
/** Updates that are remembered as durable, per task: five states, each doubled. */
const REMEMBERED_UPDATES = 10

/** What the leader knows of a task that we do not. */
export type FoundTask = {
  readonly labels: WorkloadLabels | undefined
  readonly agent: string
  readonly ports: Readonly<Record<string, number>>
  readonly containerizer: TaskRecord['containerizer']
  readonly memoryMb: number
}

export type TaskBookOptions = {
  readonly owner: string
  readonly records: TaskRecords
  readonly clock: Clock
  readonly random: Random
  readonly send: (call: Call) => void
  readonly lookUp: () => Promise<ReadonlyMap<string, FoundTask>>
  readonly onChange: (observation: Observation) => void
  /** A record could not be written, since another instance leads. */
  readonly onFenced: () => void
  readonly onWarning: (message: string, cause?: unknown) => void
}

/** All tasks of ours: their records, what Mesos says of them, and what is still to be said to it. */
export class TaskBook {
  readonly #options: TaskBookOptions
  readonly #records = new Map<WorkloadId, TaskRecord>()
  readonly #usage = new Map<WorkloadId, Usage>()
  /** Writes of one record follow each other. */
  readonly #writes = new Map<WorkloadId, Promise<void>>()
  readonly #durable = new Map<WorkloadId, string[]>()
  readonly #waiters = new Map<WorkloadId, Set<() => void>>()
  readonly #unanswered = new Set<WorkloadId>()
  readonly #strangers = new Map<string, TaskStatus>()
  #lookingUp = false
  #rounds = 0
  #connected = false
  #cancelReconcile: () => void = () => undefined
  #cancelImplicit: () => void = () => undefined
  #cancelKills: () => void = () => undefined

  constructor(options: TaskBookOptions) {
    this.#options = options
  }

  async load(): Promise<void> {
    for (const record of await this.#options.records.load()) this.#records.set(record.workload, record)
  }

  /** How many Mesos was asked about and has not answered for yet. */
  get unanswered(): number {
    return this.#unanswered.size
  }

  get(id: WorkloadId): TaskRecord | undefined {
    return this.#records.get(id)
  }

  all(): Iterable<TaskRecord> {
    return this.#records.values()
  }

  observe(record: TaskRecord): Observation {
    return observationOf(record, this.#usage.get(record.workload))
  }

  /** Writes the intent; gives back what was there instead, where somebody was faster. */
  async intend(record: TaskRecord): Promise<TaskRecord | undefined> {
    const there = await this.#fenced(this.#options.records.insert(record))
    this.#put(there ?? record)
    return there
  }

  /** The leader has it: what is known from now on comes from there. */
  launched(id: WorkloadId): void {
    const record = this.#records.get(id)
    if (record?.step === 'intended') this.#put({ ...record, step: 'staging' })
  }

  /** Forgets a record, durably. */
  async forget(id: WorkloadId): Promise<void> {
    const record = this.#records.get(id)
    this.#records.delete(id)
    this.#usage.delete(id)
    this.#durable.delete(id)
    this.#unanswered.delete(id)
    await this.#write(id, () => this.#options.records.delete(id))
    if (record !== undefined) this.#tell(record)
  }

  async stop(id: WorkloadId, graceMs: Milliseconds): Promise<void> {
    const record = this.#records.get(id)
    if (record === undefined || record.step === 'ended') return
    const now = this.#options.clock.now()
    const { askedAt, killAt } = record.stop ?? { askedAt: now, killAt: Number.POSITIVE_INFINITY }
    const stop = { askedAt, killAt: Math.min(killAt, now + graceMs) }
    const isSame = record.stop !== undefined && stop.killAt >= record.stop.killAt
    if (!isSame) {
      this.#put({ ...record, stop })
      await this.#save(id)
    }
    const current = this.#records.get(id)
    if (current !== undefined && current.step !== 'ended') this.#kill(current)
    this.#sendKillsAgain()
  }

  measured(id: WorkloadId, memoryMb: number): void {
    const peak = this.#usage.get(id)?.peakMemoryMb ?? 0
    this.#usage.set(id, { memoryMb, peakMemoryMb: Math.max(peak, memoryMb) })
  }

  /** Resolves at the next change of a record, its end included. */
  changed(id: WorkloadId, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiters = this.#waiters.get(id) ?? new Set()
      this.#waiters.set(id, waiters)
      const done = (): void => {
        waiters.delete(done)
        signal.removeEventListener('abort', onAbort)
        resolve()
      }
      const onAbort = (): void => {
        waiters.delete(done)
        reject(signal.reason)
      }
      waiters.add(done)
      signal.addEventListener('abort', onAbort, { once: true })
    })
  }

  // ---- the connection

  subscribed(): void {
    this.#connected = true
    this.#unanswered.clear()
    for (const record of this.#records.values()) if (record.step !== 'ended') this.#unanswered.add(record.workload)
    this.#rounds = 0
    this.#askUnanswered()
    this.#askForAll()
    this.#sendKillsAgain()
  }

  disconnected(): void {
    this.#connected = false
    this.#cancelReconcile()
    this.#cancelImplicit()
    this.#cancelKills()
  }

  /** Asks about one task at once. */
  ask(id: WorkloadId): void {
    this.#unanswered.add(id)
    this.#rounds = 0
    this.#askUnanswered()
  }

  /** A status of the stream. */
  update(status: TaskStatus): void {
    const { clock } = this.#options
    const named = readTaskId(status.task_id.value)
    const record = named && this.#records.get(named.workload)
    if (record === undefined || record.attempt !== named?.attempt) {
      this.#stranger(status)
      return
    }
    const id = record.workload
    this.#unanswered.delete(id)
    if (status.uuid !== undefined && this.#durable.get(id)?.includes(status.uuid)) {
      this.#acknowledge(status)
      return
    }
    const applied = applyStatus(record, status, clock.now())
    if (applied.kind === 'never-launched') {
      if (record.stop === undefined) {
        this.#background(this.forget(id))
        return
      }
      this.#put({ ...record, step: 'ended', end: { at: clock.now(), state: 'TASK_DROPPED' } })
    } else if (applied.kind === 'changed') this.#put(applied.record)
    if (this.#records.get(id)?.hearsaySince !== undefined) this.#askAgainLater(id)
    if (applied.kind === 'same' && status.uuid === undefined) return
    // Only what is kept is acknowledged: until then the agent tells it again.
    this.#background(
      this.#save(id).then(() => {
        if (status.uuid === undefined) return
        this.#remember(id, status.uuid)
        this.#acknowledge(status)
      }),
    )
  }

  #remember(id: WorkloadId, uuid: string): void {
    const known = this.#durable.get(id) ?? []
    known.push(uuid)
    if (known.length > REMEMBERED_UPDATES) known.shift()
    if (this.#records.has(id)) this.#durable.set(id, known)
  }

  #acknowledge({ agent_id, task_id, uuid }: TaskStatus): void {
    if (agent_id !== undefined && uuid !== undefined && this.#connected)
      this.#options.send({ type: 'ACKNOWLEDGE', acknowledge: { agent_id, task_id, uuid } })
  }

  // ---- tasks without a record

  /** A task that we have no record of: of a store that was lost, or removed since. What has ended is done with. */
  #stranger(status: TaskStatus): void {
    const meaning = meaningOf(status.state)
    if (meaning === 'ended' || meaning === undefined) {
      this.#acknowledge(status)
      return
    }
    if (status.state === 'TASK_UNKNOWN') return
    this.#strangers.set(status.task_id.value, status)
    if (!this.#lookingUp) this.#background(this.#adopt())
  }

  async #adopt(): Promise<void> {
    this.#lookingUp = true
    try {
      const found = await this.#options.lookUp()
      for (const [task, status] of [...this.#strangers]) {
        this.#strangers.delete(task)
        const known = found.get(task)
        // It may have ended meanwhile; if not, the next reconciliation brings it again.
        if (known !== undefined) await this.#adoptOne(task, status, known)
      }
    } finally {
      this.#lookingUp = false
    }
  }

  async #adoptOne(task: string, status: TaskStatus, found: FoundTask): Promise<void> {
    const { owner, clock, onWarning } = this.#options
    const named = readTaskId(task)
    const { labels } = found
    if (labels !== undefined && labels.owner !== owner) {
      onWarning(`The task ${task} in our framework belongs to ${labels.owner}: it is left alone.`)
      return
    }
    if (labels === undefined || named === undefined || this.#records.has(named.workload)) {
      onWarning(`The task ${task} in our framework is nobody's: it is killed.`)
      this.#options.send({ type: 'KILL', kill: { task_id: { value: task }, agent_id: { value: found.agent } } })
      this.#acknowledge(status)
      return
    }
    onWarning(`The task ${task} was not in our records: it is adopted.`)
    await this.intend({
      workload: named.workload,
      attempt: named.attempt,
      labels,
      host: hostId(found.agent),
      ports: found.ports,
      containerizer: found.containerizer,
      program: 'of the task',
      memoryMb: found.memoryMb,
      graceMs: 0,
      step: 'staging',
      intendedAt: clock.now(),
    })
    this.update(status)
  }

  // ---- what is said to Mesos again and again

  #askAgainLater(id: WorkloadId): void {
    const isArmed = this.#unanswered.size > 0
    this.#unanswered.add(id)
    if (isArmed) return
    this.#cancelReconcile()
    this.#rounds = Math.max(1, this.#rounds)
    this.#cancelReconcile = this.#options.clock.after(backoffDelay(RECONCILE_AGAIN, this.#rounds, this.#options.random), () =>
      this.#askUnanswered(),
    )
  }

  #askUnanswered(): void {
    this.#cancelReconcile()
    if (!this.#connected || this.#unanswered.size === 0) return
    const tasks = [...this.#unanswered].flatMap(id => {
      const record = this.#records.get(id)
      return record === undefined ? [] : [{ task_id: { value: taskIdOf(id, record.attempt) }, agent_id: { value: record.host } }]
    })
    for (let at = 0; at < tasks.length; at += RECONCILE_MOST)
      this.#options.send({ type: 'RECONCILE', reconcile: { tasks: tasks.slice(at, at + RECONCILE_MOST) } })
    this.#rounds++
    const delay = backoffDelay(RECONCILE_AGAIN, this.#rounds, this.#options.random)
    this.#cancelReconcile = this.#options.clock.after(delay, () => this.#askUnanswered())
  }

  #askForAll(): void {
    this.#cancelImplicit()
    if (!this.#connected) return
    this.#options.send({ type: 'RECONCILE', reconcile: { tasks: [] } })
    this.#cancelImplicit = this.#options.clock.after(IMPLICIT_MS, () => this.#askForAll())
  }

  #kill({ workload, attempt, host, stop, containerizer }: TaskRecord): void {
    if (stop === undefined || !this.#connected) return
    this.#options.send({
      type: 'KILL',
      kill: {
        task_id: { value: taskIdOf(workload, attempt) },
        agent_id: { value: host },
        // Executors count it from the first kill they got, so it is the whole grace each time and not what is left of it.
        kill_policy: { grace_period: nanoseconds(stop.killAt - stop.askedAt) },
      },
    })
    if (containerizer === 'docker' && this.#options.clock.now() >= stop.killAt + SHUTDOWN_AFTER_MS)
      // The executor of a single task has its id.
      this.#options.send({
        type: 'SHUTDOWN',
        shutdown: { executor_id: { value: taskIdOf(workload, attempt) }, agent_id: { value: host } },
      })
  }

  #sendKillsAgain(): void {
    this.#cancelKills()
    const dying = [...this.#records.values()].filter(({ stop, step }) => stop !== undefined && step !== 'ended')
    if (!this.#connected || dying.length === 0) return
    this.#cancelKills = this.#options.clock.after(KILL_AGAIN_MS, () => {
      for (const record of this.#records.values()) if (record.step !== 'ended') this.#kill(record)
      this.#sendKillsAgain()
    })
  }

  // ---- records

  #put(record: TaskRecord): void {
    this.#records.set(record.workload, record)
    this.#tell(record)
  }

  #tell(record: TaskRecord): void {
    for (const waiter of [...(this.#waiters.get(record.workload) ?? [])]) waiter()
    if (this.#waiters.get(record.workload)?.size === 0) this.#waiters.delete(record.workload)
    this.#options.onChange(this.observe(record))
  }

  /** Keeps the record as it is when its turn comes; several changes that wait are one write. */
  #save(id: WorkloadId): Promise<void> {
    return this.#write(id, async () => {
      const record = this.#records.get(id)
      if (record !== undefined) await this.#options.records.save(record)
    })
  }

  #write(id: WorkloadId, work: () => Promise<void>): Promise<void> {
    const next = this.#fenced((this.#writes.get(id) ?? Promise.resolve()).catch(() => undefined).then(work))
    this.#writes.set(id, next)
    const done = (): void => {
      if (this.#writes.get(id) === next) this.#writes.delete(id)
    }
    next.then(done, done)
    return next
  }

  async #fenced<Result>(work: Promise<Result>): Promise<Result> {
    try {
      return await work
    } catch (cause) {
      if (cause instanceof NotLeadingError) this.#options.onFenced()
      throw cause
    }
  }

  #background(work: Promise<void>): void {
    work.catch(cause => {
      if (cause instanceof NotLeadingError) return
      this.#options.onWarning('A change of a task could not be kept; Mesos tells it again.', cause)
    })
  }
}
