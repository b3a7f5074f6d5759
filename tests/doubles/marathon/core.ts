/**
 * What a Marathon 1.11 remembers and does: apps, instances, deployments, the launch queue. Driven by `pump`, which is called on a clock; tasks
 * are real processes (runner.ts) on hosts that are made up (cluster.ts).
 *
 * Held against the recordings in tests/fixtures/marathon-1.11, the two tasks of a one-instance app after a refused change included.
 */
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import type { Clock } from '../../../src/runtime/index.ts'
import { type Agent, agentOf, fitOn, type Holding, type HostSpec, REJECT_REASONS, type RejectReason } from './cluster.ts'
import { type Definition, definitionOf, type Json, Refused } from './definition.ts'
import { HealthChecker } from './health.ts'
import { type RunningTask, runTask } from './runner.ts'

export type Condition =
  | 'Scheduled'
  | 'Provisioned'
  | 'Starting'
  | 'Running'
  | 'Killing'
  | 'Unreachable'
  | 'Finished'
  | 'Failed'
  | 'Killed'
  | 'Error'
  | 'Gone'

const TASK_STATES: Readonly<Record<Condition, string>> = {
  Scheduled: 'TASK_STAGING',
  Provisioned: 'TASK_STAGING',
  Starting: 'TASK_STARTING',
  Running: 'TASK_RUNNING',
  Killing: 'TASK_KILLING',
  Unreachable: 'TASK_UNREACHABLE',
  Finished: 'TASK_FINISHED',
  Failed: 'TASK_FAILED',
  Killed: 'TASK_KILLED',
  Error: 'TASK_ERROR',
  Gone: 'TASK_GONE',
}
const TERMINAL: ReadonlySet<Condition> = new Set(['Finished', 'Failed', 'Killed', 'Error', 'Gone'])

export type Instance = {
  readonly id: string
  readonly app: string
  readonly definition: Definition
  readonly version: string
  incarnation: number
  condition: Condition
  /** Whether Marathon wants it; of one that it does not, nothing is started again. */
  wanted: boolean
  agent: Agent | undefined
  ports: readonly number[]
  stagedAt: number | undefined
  startedAt: number | undefined
  unreachableSince: number | undefined
  replaced: boolean
  healthy: boolean | undefined
  run: RunningTask | undefined
  killAsked: boolean
}

export type AppState = {
  readonly id: string
  json: Json
  lastScalingAt: string
  lastConfigChangeAt: string
  readonly versions: Map<string, Json>
  lastTaskFailure: Json | undefined
  delayMs: number
  delayUntil: number
}

export type Action = {
  readonly action: 'StartApplication' | 'ScaleApplication' | 'RestartApplication' | 'StopApplication'
  readonly app: string
}

export type DeploymentState = {
  readonly id: string
  readonly version: string
  readonly steps: readonly (readonly Action[])[]
  readonly apps: readonly string[]
  readonly previous: ReadonlyMap<string, Json | undefined>
  /** Never goes on: a fault. */
  readonly stuck: boolean
  current: number
  told: boolean
  /** Changes that were refused while it ran: each brings up one task too many. */
  extra: number
}

type QueueCounters = {
  since: number
  processed: number
  unused: number
  lastUnusedAt: number | undefined
  lastUsedAt: number | undefined
  last: Map<RejectReason, { declined: number; processed: number }>
  attempt: Map<RejectReason, { declined: number; processed: number }>
  offers: { readonly agent: Agent; readonly reason: RejectReason; readonly at: number }[]
}

export type CoreOptions = {
  readonly clock: Clock
  readonly directory: string
  readonly hosts: readonly HostSpec[]
  readonly offerIntervalMs: number
  /** From the launch of a task to its process. */
  readonly stageMs: number
  /** How often the number of instances is set right where no deployment does it: 5 minutes on a real one. */
  readonly scaleCheckMs: number
  readonly emit: (type: string, data: Json) => void
  /** Numbers from 0 to below 1, for ports. */
  readonly chance: () => number
}

export class Core {
  readonly apps = new Map<string, AppState>()
  readonly instances = new Map<string, Instance>()
  readonly deployments = new Map<string, DeploymentState>()
  readonly agents: Agent[]
  readonly frameworkId: string
  readonly #options: CoreOptions
  readonly #queue = new Map<string, QueueCounters>()
  readonly #byApp = new Map<string, Set<Instance>>()
  readonly #health: HealthChecker
  readonly #cluster = randomUUID()
  #nextOffer = 0
  #nextScaleCheck: number
  #lastVersion = 0
  #agentCount = 0
  #closed = false

  constructor(options: CoreOptions) {
    this.#options = options
    this.frameworkId = `${this.#cluster}-0000`
    this.agents = []
    for (const host of options.hosts) this.addHost(host)
    this.#nextScaleCheck = options.clock.now() + options.scaleCheckMs
    this.#health = new HealthChecker(options.clock, (instance, healthy) => this.#healthChanged(instance, healthy))
  }

  addHost(spec: HostSpec): void {
    this.agents.push(agentOf(spec, `${this.#cluster}-S${this.#agentCount}`, this.#agentCount))
    this.#agentCount++
  }

  // --- what there is -------------------------------------------------------------------------------------------------------------------

  instancesOf(app: string): Instance[] {
    return [...(this.#byApp.get(app) ?? [])]
  }

  locksOf(apps: readonly string[]): DeploymentState[] {
    return [...this.deployments.values()].filter(deployment => deployment.apps.some(app => apps.includes(app)))
  }

  taskId({ id, incarnation }: Instance): string {
    return `${id}._app.${Math.max(1, incarnation)}`
  }

  taskState({ condition }: Instance): string {
    return TASK_STATES[condition]
  }

  queueOf(app: string): { readonly counters: QueueCounters; readonly count: number } | undefined {
    const waiting = this.instancesOf(app).filter(isWaiting)
    return waiting.length === 0 ? undefined : { counters: this.#countersOf(app), count: waiting.length }
  }

  /** Strictly growing, as Marathon's versions are. */
  newVersion(): string {
    this.#lastVersion = Math.max(this.#lastVersion + 1, this.#options.clock.now())
    return new Date(this.#lastVersion).toISOString()
  }

  // --- changes -------------------------------------------------------------------------------------------------------------------------

  /** Refuses a change of a locked app. As in a real Marathon, that refusal is not without effect on a restart that is under way. */
  claim(apps: readonly string[], force: boolean, restarts: boolean): void {
    const locks = this.locksOf(apps)
    if (locks.length === 0) return
    if (force) {
      for (const lock of locks) this.cancel(lock)
      return
    }
    if (restarts)
      for (const lock of locks) if (!lock.stuck && lock.steps.flat().some(({ action }) => action === 'RestartApplication')) lock.extra = 1
    const message =
      "App is locked by one or more deployments. Override with the option '?force=true'. View details at '/v2/deployments/<DEPLOYMENT_ID>'."
    this.#options.emit('deployment_failed', { id: randomUUID(), reason: message })
    throw new Refused(409, { message, deployments: locks.map(({ id }) => ({ id })) })
  }

  cancel(deployment: DeploymentState): void {
    this.deployments.delete(deployment.id)
    this.#options.emit('deployment_failed', { id: deployment.id, plan: planOf(deployment), reason: 'The upgrade has been cancelled' })
  }

  deploy(
    steps: readonly (readonly Action[])[],
    version: string,
    previous: ReadonlyMap<string, Json | undefined>,
    stuck = false,
  ): DeploymentState {
    const apps = [...new Set(steps.flat().map(({ app }) => app))]
    const deployment: DeploymentState = { id: randomUUID(), version, steps, apps, previous, stuck, current: 0, told: false, extra: 0 }
    this.deployments.set(deployment.id, deployment)
    return deployment
  }

  put(id: string, json: Json, version: string, onlyScale: boolean): void {
    const there = this.apps.get(id)
    if (there === undefined) {
      this.apps.set(id, {
        id,
        json,
        lastScalingAt: version,
        lastConfigChangeAt: version,
        versions: new Map([[version, json]]),
        lastTaskFailure: undefined,
        delayMs: 0,
        delayUntil: 0,
      })
      return
    }
    there.json = json
    there.lastScalingAt = version
    if (!onlyScale) {
      there.lastConfigChangeAt = version
      there.delayMs = 0
      there.delayUntil = 0
    }
    there.versions.set(version, json)
  }

  removeApp(id: string): void {
    this.apps.delete(id)
    this.#queue.delete(id)
  }

  resetDelay(app: AppState): void {
    app.delayMs = 0
    app.delayUntil = 0
  }

  /** Ends instances; what is started in their place is the business of whoever asked, or of the next pump. */
  kill(instance: Instance): void {
    instance.wanted = false
    if (isWaiting(instance) || (TERMINAL.has(instance.condition) && instance.run === undefined)) {
      this.#drop(instance)
      return
    }
    instance.killAsked = true
    // A message to a host that is silent does not arrive.
    if (instance.condition === 'Unreachable' || instance.agent?.connected === false) return
    if (instance.condition === 'Killing') return
    if (instance.run === undefined) {
      this.#terminal(instance, 'Killed', 'Task killed before it was launched')
      return
    }
    this.#status(instance, 'Killing', '')
    instance.run.kill(instance.definition.graceSeconds * 1000)
  }

  #drop(instance: Instance): void {
    this.instances.delete(instance.id)
    const others = this.#byApp.get(instance.app)
    others?.delete(instance)
    if (others?.size === 0) this.#byApp.delete(instance.app)
  }

  /** Forgets an instance that does not answer (`wipe=true`). */
  expunge(instance: Instance): void {
    this.#drop(instance)
  }

  // --- hosts that go and come ----------------------------------------------------------------------------------------------------------

  loseHost(hostname: string): void {
    for (const agent of this.agents) {
      if (agent.hostname !== hostname) continue
      agent.connected = false
      for (const instance of this.instances.values()) {
        if (instance.agent !== agent || isWaiting(instance) || TERMINAL.has(instance.condition)) continue
        instance.unreachableSince = this.#options.clock.now()
        this.#status(instance, 'Unreachable', 'Agent is partitioned away')
      }
    }
  }

  restoreHost(hostname: string): void {
    for (const agent of this.agents) {
      if (agent.hostname !== hostname) continue
      agent.connected = true
      for (const instance of this.instances.values()) {
        if (instance.agent !== agent || instance.condition !== 'Unreachable') continue
        instance.unreachableSince = undefined
        this.#status(instance, 'Running', '')
        if (instance.killAsked) this.kill(instance)
      }
    }
  }

  /** Ends a task behind Marathon's back: it launches it anew, maybe on another host and certainly on other ports. */
  crash(app: string): void {
    for (const instance of this.instancesOf(app)) instance.run?.killNow()
  }

  // --- time ----------------------------------------------------------------------------------------------------------------------------

  pump(): void {
    if (this.#closed) return
    const now = this.#options.clock.now()
    for (const deployment of [...this.deployments.values()]) this.#advance(deployment)
    this.#watchUnreachable(now)
    if (now >= this.#nextScaleCheck) {
      this.#nextScaleCheck = now + this.#options.scaleCheckMs
      for (const app of this.apps.values()) if (this.locksOf([app.id]).length === 0) this.#scale(app)
    }
    if (now >= this.#nextOffer) {
      this.#nextOffer = now + this.#options.offerIntervalMs
      this.#offer(now)
    }
  }

  close(): void {
    this.#closed = true
    this.#health.close()
    for (const instance of this.instances.values()) instance.run?.killNow()
  }

  #advance(deployment: DeploymentState): void {
    if (deployment.stuck) return
    const actions = deployment.steps[deployment.current] ?? []
    const step = { actions }
    if (!deployment.told) {
      deployment.told = true
      this.#options.emit('deployment_info', { plan: planOf(deployment), currentStep: step })
    }
    if (!actions.every(action => this.#carryOut(action, deployment))) return
    this.#options.emit('deployment_step_success', { plan: planOf(deployment), currentStep: step })
    deployment.current++
    deployment.told = false
    if (deployment.current < deployment.steps.length) {
      this.#advance(deployment)
      return
    }
    this.deployments.delete(deployment.id)
    this.#options.emit('deployment_success', { id: deployment.id, plan: planOf(deployment) })
  }

  /** Takes an action as far as it goes now; whether it is done. */
  #carryOut({ action, app: id }: Action, deployment: DeploymentState): boolean {
    const app = this.apps.get(id)
    const all = this.instancesOf(id)
    if (action === 'StartApplication') return true
    if (action === 'StopApplication' || app === undefined) {
      for (const instance of all) if (instance.wanted || !instance.killAsked) this.kill(instance)
      return this.instancesOf(id).length === 0
    }
    const definition = definitionOf(app.json)
    if (action === 'ScaleApplication') {
      this.#scale(app)
      const left = this.instancesOf(id)
      return left.filter(isUp).length === definition.instances && left.every(({ wanted }) => wanted)
    }
    return this.#restart(app, definition, deployment)
  }

  #restart(app: AppState, definition: Definition, deployment: DeploymentState): boolean {
    const isStale = (instance: Instance): boolean => instance.version < deployment.version
    const all = this.instancesOf(app.id)
    const old = all.filter(isStale)
    const fresh = all.filter(instance => !isStale(instance) && instance.wanted)
    const keepUp = Math.ceil(definition.instances * definition.minimumHealthCapacity)
    let up = [...old.filter(({ wanted }) => wanted), ...fresh].filter(isUp).length
    for (const instance of old.filter(({ wanted }) => wanted)) {
      if (isUp(instance) && up <= keepUp && definition.instances > 0) continue
      if (isUp(instance)) up--
      this.kill(instance)
    }
    const most = definition.instances + Math.floor(definition.instances * definition.maximumOverCapacity)
    let room = Math.min(most - this.instancesOf(app.id).length, definition.instances - fresh.length)
    if (room > 0 || (fresh.length > 0 && deployment.extra > 0)) {
      // Seen 9 times of 9: a change that was refused while the old task was being ended leaves one more to be started.
      room = Math.max(0, room) + deployment.extra
      deployment.extra = 0
    }
    for (let count = 0; count < room; count++) this.#schedule(app)
    const left = this.instancesOf(app.id)
    return left.filter(instance => !isStale(instance) && isUp(instance)).length >= definition.instances && !left.some(isStale)
  }

  /** Makes the number of instances right. */
  #scale(app: AppState): void {
    const { instances } = definitionOf(app.json)
    const active = this.instancesOf(app.id).filter(instance => instance.wanted && !instance.replaced)
    for (let count = active.length; count < instances; count++) this.#schedule(app)
    // Those that hold nothing go first, then those that are out of reach, then the youngest.
    const rank = ({ condition, stagedAt }: Instance): number =>
      condition === 'Unreachable' ? Number.MAX_SAFE_INTEGER - 1 : (stagedAt ?? Number.MAX_SAFE_INTEGER)
    const ranked = active.toSorted((a, b) => rank(b) - rank(a))
    for (const instance of ranked.slice(0, Math.max(0, active.length - instances))) this.kill(instance)
  }

  #schedule(app: AppState): void {
    const instance: Instance = {
      id: `${app.id.slice(1).replaceAll('/', '_')}.instance-${randomUUID()}`,
      app: app.id,
      definition: definitionOf(app.json),
      version: String(app.json.version),
      incarnation: 0,
      condition: 'Scheduled',
      wanted: true,
      agent: undefined,
      ports: [],
      stagedAt: undefined,
      startedAt: undefined,
      unreachableSince: undefined,
      replaced: false,
      healthy: undefined,
      run: undefined,
      killAsked: false,
    }
    this.instances.set(instance.id, instance)
    this.#byApp.set(app.id, (this.#byApp.get(app.id) ?? new Set()).add(instance))
    this.#instanceChanged(instance)
  }

  #watchUnreachable(now: number): void {
    for (const instance of [...this.instances.values()]) {
      if (instance.unreachableSince === undefined) continue
      const silentMs = now - instance.unreachableSince
      const { inactiveAfterSeconds, expungeAfterSeconds } = instance.definition
      if (inactiveAfterSeconds !== undefined && silentMs >= inactiveAfterSeconds * 1000 && !instance.replaced) {
        instance.replaced = true
        const app = this.apps.get(instance.app)
        if (app !== undefined && this.locksOf([app.id]).length === 0) this.#scale(app)
      }
      if (expungeAfterSeconds !== undefined && silentMs >= expungeAfterSeconds * 1000) {
        instance.wanted = false
        instance.killAsked = true
      }
    }
  }

  // --- offers and launches -------------------------------------------------------------------------------------------------------------

  #countersOf(app: string): QueueCounters {
    const there = this.#queue.get(app)
    if (there !== undefined) return there
    const fresh: QueueCounters = {
      since: this.#options.clock.now(),
      processed: 0,
      unused: 0,
      lastUnusedAt: undefined,
      lastUsedAt: undefined,
      last: new Map(),
      attempt: new Map(),
      offers: [],
    }
    this.#queue.set(app, fresh)
    return fresh
  }

  #holdings(): Holding[] {
    return [...this.instances.values()].flatMap(({ agent, app, definition, ports, condition }) =>
      agent === undefined || TERMINAL.has(condition) ? [] : [{ agent: agent.id, app, cpus: definition.cpus, mem: definition.mem, ports }],
    )
  }

  /** Ports that tasks hold on an agent, as Mesos tells them. */
  portsHeld(agent: Agent): number[] {
    return this.#holdings().flatMap(holding => (holding.agent === agent.id ? holding.ports : []))
  }

  #offer(now: number): void {
    const held = this.#holdings()
    for (const instance of [...this.instances.values()]) {
      if (!isWaiting(instance) || !instance.wanted) continue
      const app = this.apps.get(instance.app)
      if (app === undefined || now < app.delayUntil) continue
      this.#match(instance, now, held)
    }
  }

  #match(instance: Instance, now: number, held: Holding[]): void {
    const counters = this.#countersOf(instance.app)
    counters.last.clear()
    counters.offers = []
    for (const agent of this.agents.filter(({ connected }) => connected)) {
      const fit = fitOn(agent, this.agents, instance.definition, held, this.#options.chance)
      counters.processed++
      const rejected = 'reject' in fit ? REJECT_REASONS.indexOf(fit.reject) : REJECT_REASONS.length
      for (const counts of [counters.last, counters.attempt])
        REJECT_REASONS.slice(0, rejected + 1).forEach((reason, index) => {
          const count = counts.get(reason) ?? { declined: 0, processed: 0 }
          counts.set(reason, { declined: count.declined + Number(index === rejected), processed: count.processed + 1 })
        })
      if ('ports' in fit) {
        counters.lastUsedAt = now
        held.push({ agent: agent.id, app: instance.app, cpus: instance.definition.cpus, mem: instance.definition.mem, ports: fit.ports })
        this.#launch(instance, agent, fit.ports, now)
        return
      }
      counters.unused++
      counters.lastUnusedAt = now
      counters.offers.push({ agent, reason: fit.reject, at: now })
    }
  }

  #launch(instance: Instance, agent: Agent, ports: readonly number[], now: number): void {
    instance.incarnation++
    instance.agent = agent
    instance.ports = ports
    instance.stagedAt = now
    instance.startedAt = undefined
    instance.condition = 'Provisioned'
    this.#instanceChanged(instance)
    const { incarnation } = instance
    this.#options.clock.after(this.#options.stageMs, () => {
      if (this.#closed || instance.incarnation !== incarnation || instance.condition !== 'Provisioned') return
      this.#begin(instance)
    })
  }

  sandboxOf(task: string): string {
    return join(this.#options.directory, 'sandboxes', task)
  }

  #begin(instance: Instance): void {
    const { definition, ports, agent } = instance
    const task = this.taskId(instance)
    const sandbox = this.sandboxOf(task)
    this.#status(instance, 'Starting', '')
    instance.run = runTask(
      {
        task,
        sandbox,
        command: definition.args ?? ['/bin/sh', '-c', definition.cmd ?? 'true'],
        docker: definition.docker,
        env: {
          HOST: agent?.hostname ?? '',
          MESOS_TASK_ID: task,
          MESOS_SANDBOX: sandbox,
          MARATHON_APP_ID: instance.app,
          MARATHON_APP_VERSION: instance.version,
          MARATHON_APP_RESOURCE_CPUS: String(definition.cpus),
          MARATHON_APP_RESOURCE_MEM: String(definition.mem),
          ...(ports.length === 0 ? {} : { PORT: String(ports[0]), PORTS: ports.join(',') }),
          ...Object.fromEntries(ports.map((port, index) => [`PORT${index}`, String(port)])),
          ...Object.fromEntries(
            definition.ports.flatMap(({ name }, index) =>
              name === undefined ? [] : [[`PORT_${name.toUpperCase()}`, String(ports[index])]],
            ),
          ),
          ...definition.env,
        },
        onRunning: () => {
          if (instance.condition !== 'Starting') return
          instance.startedAt = this.#options.clock.now()
          this.#status(instance, 'Running', '')
          this.#health.watch(instance)
        },
        onEnd: (status, signal) => this.#ended(instance, status, signal),
      },
      this.#options.clock,
    )
    // It was asked to go while it was being made.
    if (instance.killAsked) this.kill(instance)
  }

  #ended(instance: Instance, status: number, signal: string | undefined): void {
    instance.run = undefined
    if (this.#closed) return
    const how = instance.definition.docker ? 'Container' : 'Command'
    const words = signal === 'SIGKILL' ? 'Killed' : signal === 'SIGTERM' ? 'Terminated' : signal
    const message =
      signal !== undefined && how === 'Command' ? `Command terminated with signal ${words}` : `${how} exited with status ${status}`
    if (instance.killAsked) this.#terminal(instance, 'Killed', message)
    else this.#terminal(instance, status === 0 ? 'Finished' : 'Failed', message)
  }

  #terminal(instance: Instance, condition: Condition, message: string): void {
    this.#health.forget(instance)
    this.#status(instance, condition, message)
    const app = this.apps.get(instance.app)
    if (app !== undefined && (condition === 'Failed' || condition === 'Error' || condition === 'Gone'))
      app.lastTaskFailure = {
        appId: app.id,
        host: instance.agent?.hostname ?? '',
        message,
        state: TASK_STATES[condition],
        taskId: this.taskId(instance),
        timestamp: new Date(this.#options.clock.now()).toISOString(),
        version: instance.version,
        slaveId: instance.agent?.id ?? '',
      }
    if (!instance.wanted) {
      this.#drop(instance)
      if (app !== undefined && this.locksOf([app.id]).length === 0) {
        const active = this.instancesOf(app.id).filter(({ wanted }) => wanted).length
        for (let count = active; count < definitionOf(app.json).instances; count++) this.#schedule(app)
      }
      return
    }
    if (app === undefined) return
    const { backoffSeconds, backoffFactor, maxLaunchDelaySeconds } = instance.definition
    app.delayMs = Math.min(maxLaunchDelaySeconds * 1000, app.delayMs === 0 ? backoffSeconds * 1000 : app.delayMs * backoffFactor)
    app.delayUntil = this.#options.clock.now() + app.delayMs
    this.#countersOf(app.id).since = this.#options.clock.now()
  }

  // --- what is told --------------------------------------------------------------------------------------------------------------------

  #status(instance: Instance, condition: Condition, message: string): void {
    instance.condition = condition
    this.#options.emit('status_update_event', {
      slaveId: instance.agent?.id ?? '',
      taskId: this.taskId(instance),
      taskStatus: TASK_STATES[condition],
      message,
      appId: instance.app,
      host: instance.agent?.hostname ?? '',
      ipAddresses: [{ ipAddress: '127.0.0.1', protocol: 'IPv4' }],
      ports: instance.ports,
      version: instance.version,
    })
    this.#instanceChanged(instance)
  }

  #instanceChanged(instance: Instance): void {
    this.#options.emit('instance_changed_event', {
      instanceId: instance.id,
      condition: instance.condition,
      runSpecId: instance.app,
      agentId: instance.agent?.id ?? null,
      host: instance.agent?.hostname ?? null,
      runSpecVersion: instance.version,
    })
  }

  #healthChanged(instance: Instance, healthy: boolean): void {
    const first = instance.healthy !== healthy
    instance.healthy = healthy
    if (!first) return
    this.#options.emit('instance_health_changed_event', {
      instanceId: instance.id,
      runSpecId: instance.app,
      healthy,
      runSpecVersion: instance.version,
    })
    this.#options.emit('health_status_changed_event', {
      appId: instance.app,
      instanceId: instance.id,
      version: instance.version,
      alive: healthy,
    })
  }
}

/** Whether it waits for an offer: never launched, or ended while it is wanted. */
export const isWaiting = ({ condition, wanted, run }: Instance): boolean =>
  condition === 'Scheduled' || (wanted && TERMINAL.has(condition) && run === undefined)

/** Whether a deployment may count it: it runs, and is healthy where that is asked. */
const isUp = ({ condition, definition, healthy }: Instance): boolean =>
  condition === 'Running' && (definition.healthChecks.length === 0 || healthy === true)

export const planOf = ({ id, steps, version }: DeploymentState): Json => ({ id, steps: steps.map(actions => ({ actions })), version })
