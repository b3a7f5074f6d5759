/**
 * An agent: what it has, the tasks it runs, and the updates of each task that wait for their acknowledgement. It outlives leaders and is told by
 * the one that leads which of them that is. Updates of one task are told one at a time, each again and again until it is acknowledged.
 */
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import type { Clock } from '../../../src/runtime/index.ts'
import { type Ending, type Execution, pretend, runProcess } from './executor.ts'
import { refuseContainer } from './refusals.ts'
import { portRange, scalar } from './room.ts'
import { type AgentSpec, type Attribute, type FrameworkInfo, isTerminal, type Resource, type Status, type Task } from './wire.ts'

/** Mesos 1.11, src/slave/constants.hpp STATUS_UPDATE_RETRY_INTERVAL_MIN and _MAX. */
const RETRY_FIRST_MS = 10_000
const RETRY_MOST_MS = 600_000
/** Mesos 1.11: the command executor's own, where neither task nor kill names one. */
const DEFAULT_GRACE_MS = 3_000
const EXECUTOR_SHUTDOWN_MS = 5_000

export type Update = { readonly framework: string; readonly status: Status; readonly latest: string }

/** Who leads, as an agent sees it. */
export type Upstream = { update(agent: Agent, update: Update): void }

export type AgentTask = {
  readonly framework: string
  readonly info: FrameworkInfo
  readonly task: Task
  /** What the executor said last. */
  state: string
  pid: number | undefined
  readonly container: string
  execution: (Execution & { end?(ending: Ending): void }) | undefined
  readonly pending: Status[]
  retryMs: number
  cancelRetry: () => void
  killed: boolean
}

export type AgentOptions = {
  readonly clock: Clock
  readonly directory: string
  /** Its tasks are records without processes. */
  readonly pretends: boolean
  /** From a launch to the executor's first word. */
  readonly stageMs: number
  readonly retryFirstMs?: number
  /** `--executor_shutdown_grace_period`. */
  readonly executorShutdownMs?: number
}

export class Agent {
  readonly id: string
  readonly index: number
  readonly spec: Required<Pick<AgentSpec, 'hostname'>> & AgentSpec
  readonly total: readonly Resource[]
  readonly attributes: readonly Attribute[]
  readonly tasks = new Map<string, AgentTask>()
  readonly registeredAt: number
  readonly #options: AgentOptions
  #upstream: Upstream | undefined
  /** Neither answers nor tells anything: its machine has stopped, or the network is cut. */
  silent = false

  constructor(id: string, index: number, spec: AgentSpec, options: AgentOptions) {
    this.id = id
    this.index = index
    this.spec = { hostname: 'localhost', ...spec }
    this.#options = options
    this.registeredAt = options.clock.now()
    const [first, last] = spec.ports ?? [31_000, 31_999]
    this.total = [
      portRange(first, last),
      scalar('cpus', spec.cpus ?? 4),
      scalar('mem', spec.mem ?? 8_000),
      scalar('disk', spec.disk ?? 20_000),
      ...(spec.gpus === undefined ? [] : [scalar('gpus', spec.gpus)]),
      ...(spec.revocableCpus === undefined ? [] : [{ ...scalar('cpus', spec.revocableCpus), revocable: {} }]),
    ]
    this.attributes = Object.entries(spec.attributes ?? {}).map(([name, value]) => ({ name, text: { value }, type: 'TEXT' }))
  }

  sandboxOf(framework: string, task: string): string {
    return join(this.#options.directory, this.id, framework, task)
  }

  /** A leader has taken it in: what is not acknowledged is told to it. */
  follow(upstream: Upstream | undefined): void {
    this.#upstream = upstream
    if (upstream !== undefined) this.resume()
  }

  /** Tells all that waits again, as after a fail-over of the framework. */
  resume(framework?: string): void {
    for (const task of this.tasks.values()) {
      if (framework !== undefined && task.framework !== framework) continue
      task.retryMs = this.#options.retryFirstMs ?? RETRY_FIRST_MS
      this.#forward(task)
    }
  }

  // ---- what the leader sends

  launch(framework: string, info: FrameworkInfo, task: Task): void {
    const entry: AgentTask = {
      framework,
      info,
      task,
      state: 'TASK_STAGING',
      pid: undefined,
      container: randomUUID(),
      execution: undefined,
      pending: [],
      retryMs: this.#options.retryFirstMs ?? RETRY_FIRST_MS,
      cancelRetry: () => undefined,
      killed: false,
    }
    this.tasks.set(keyOf(framework, task.task_id.value), entry)
    this.#options.clock.after(this.#options.stageMs, () => this.#start(entry))
  }

  kill(framework: string, id: string, graceMs: number | undefined): void {
    const entry = this.tasks.get(keyOf(framework, id))
    if (entry === undefined || isTerminal(entry.state)) return
    const grace = (isDocker(entry.task) ? dockerGraceOf(entry.task) : (graceMs ?? graceOf(entry.task))) ?? DEFAULT_GRACE_MS
    if (entry.execution === undefined) {
      const reason = 'REASON_TASK_KILLED_DURING_LAUNCH'
      this.#tell(entry, 'TASK_KILLED', { source: 'SOURCE_AGENT', reason, message: 'Killed before delivery to the executor' })
      return
    }
    if (!entry.killed && hasCapability(entry.info, 'TASK_KILLING_STATE')) this.#tell(entry, 'TASK_KILLING')
    entry.killed = true
    entry.execution.kill(grace)
  }

  /** The executor of a single task has its id; one that does not end by itself is ended. */
  shutdownExecutor(framework: string, id: string): void {
    const entry = this.tasks.get(keyOf(framework, id))
    if (entry?.execution === undefined || isTerminal(entry.state)) return
    this.#options.clock.after(this.#options.executorShutdownMs ?? EXECUTOR_SHUTDOWN_MS, () => {
      if (isTerminal(entry.state)) return
      entry.execution?.destroy()
      this.#tell(entry, 'TASK_FAILED', { source: 'SOURCE_AGENT', reason: 'REASON_EXECUTOR_TERMINATED', message: 'Executor terminated' })
    })
  }

  acknowledge(framework: string, id: string, uuid: string): void {
    const key = keyOf(framework, id)
    const entry = this.tasks.get(key)
    if (entry?.pending[0]?.uuid !== uuid) return
    const [done] = entry.pending.splice(0, 1)
    entry.cancelRetry()
    entry.retryMs = this.#options.retryFirstMs ?? RETRY_FIRST_MS
    if (done !== undefined && isTerminal(done.state)) this.tasks.delete(key)
    else this.#forward(entry)
  }

  /** The framework is gone, and all that it runs with it. */
  shutdown(framework?: string): void {
    for (const [key, entry] of this.tasks) {
      if (framework !== undefined && entry.framework !== framework) continue
      entry.cancelRetry()
      entry.execution?.destroy()
      this.tasks.delete(key)
    }
  }

  // ---- faults

  /** Ends a task as its executor would say it; of a process, it is ended first. */
  end(id: string, ending: Ending): boolean {
    const entry = [...this.tasks.values()].find(({ task }) => task.task_id.value === id)
    if (entry === undefined || isTerminal(entry.state)) return false
    entry.execution?.destroy()
    this.#tell(entry, ending.state, { message: ending.message })
    return true
  }

  /** Says what waits for its acknowledgement, or the last word if nothing does, once more, or with another state. */
  repeat(id: string, change: Partial<Status> = {}): void {
    const entry = [...this.tasks.values()].find(({ task }) => task.task_id.value === id)
    const status = entry?.pending[0] ?? (entry === undefined ? undefined : this.#statusOf(entry, entry.state, {}))
    if (entry !== undefined && status !== undefined)
      this.#upstream?.update(this, { framework: entry.framework, status: { ...status, ...change }, latest: entry.state })
  }

  // ---- executors

  #start(entry: AgentTask): void {
    if (isTerminal(entry.state) || !this.tasks.has(keyOf(entry.framework, entry.task.task_id.value))) return
    const { clock, pretends } = this.#options
    const refusal = refuseContainer(entry.task)
    this.#tell(entry, 'TASK_STARTING')
    if (refusal !== undefined) {
      this.#tell(entry, 'TASK_FAILED', { message: `Failed to create docker run options: ${refusal}` })
      return
    }
    const run = pretends ? pretend : runProcess
    entry.execution = run({
      task: entry.task,
      sandbox: this.sandboxOf(entry.framework, entry.task.task_id.value),
      clock,
      onRunning: pid => {
        entry.pid = pid
        if (!entry.killed) this.#tell(entry, 'TASK_RUNNING', isDocker(entry.task) ? { data: INSPECTED } : {})
      },
      onEnd: ({ state, message }) => this.#tell(entry, state, { message }),
    })
  }

  #tell(entry: AgentTask, state: string, more: Partial<Status> = {}): void {
    if (isTerminal(entry.state)) return
    entry.state = state
    entry.pending.push(this.#statusOf(entry, state, { uuid: uuidBase64(), ...more }))
    if (entry.pending.length === 1) this.#forward(entry)
  }

  #statusOf(entry: AgentTask, state: string, more: Partial<Status>): Status {
    return {
      agent_id: { value: this.id },
      container_status: containerStatus(entry),
      executor_id: entry.task.task_id,
      source: 'SOURCE_EXECUTOR',
      state,
      task_id: entry.task.task_id,
      timestamp: this.#options.clock.now() / 1_000,
      ...more,
    }
  }

  #forward(entry: AgentTask): void {
    entry.cancelRetry()
    const [status] = entry.pending
    if (status === undefined) return
    if (!this.silent) this.#upstream?.update(this, { framework: entry.framework, status, latest: entry.state })
    const wait = entry.retryMs
    entry.retryMs = Math.min(wait * 2, RETRY_MOST_MS)
    entry.cancelRetry = this.#options.clock.after(wait, () => this.#forward(entry))
  }
}

export const keyOf = (framework: string, task: string): string => `${framework}\0${task}`

export const hasCapability = ({ capabilities = [] }: FrameworkInfo, type: string): boolean => capabilities.some(one => one.type === type)

export const containerStatus = ({ container, pid, task }: Pick<AgentTask, 'container' | 'pid' | 'task'>): unknown => ({
  container_id: { value: container },
  // Real executors have a process of their own, before the task's; Docker's does not tell it.
  ...(isDocker(task) ? {} : { executor_pid: pid ?? process.pid }),
  network_infos: [{ ip_addresses: [{ ip_address: '127.0.0.1', protocol: 'IPv4' }] }],
})

const isDocker = ({ container }: Task): boolean => container?.type === 'DOCKER'

/** What Docker says of a container, which a real agent sends along: about as long. */
const INSPECTED = Buffer.from(JSON.stringify([{ Id: 'of a double', Args: Array.from({ length: 800 }, () => 'padding') }])).toString(
  'base64',
)

/** Docker's executor knows the grace of the launch alone, and `docker stop` counts whole seconds. */
const dockerGraceOf = (task: Task): number | undefined => {
  const grace = graceOf(task)
  return grace === undefined ? undefined : Math.floor(grace / 1_000) * 1_000
}

const graceOf = ({ kill_policy: policy }: Task): number | undefined => {
  const nanoseconds = policy?.grace_period?.nanoseconds
  return nanoseconds === undefined ? undefined : nanoseconds / 1_000_000
}

export const uuidBase64 = (): string => Buffer.from(randomUUID().replaceAll('-', ''), 'hex').toString('base64')
