import {
  type Host,
  type HostId,
  type Milliseconds,
  type Observation,
  type Reason,
  tenantId,
  type Workload,
  type WorkloadId,
} from '../../model/index.ts'
import type { Clock, Random } from '../../runtime/index.ts'
import { type Engine, EngineError, type OfferSource } from '../engine.ts'
import { AgentClient } from './agent-api.ts'
import { Agents } from './agents.ts'
import { choosePorts } from './choose-ports.ts'
import { Connection, type Farewell } from './connection.ts'
import type { LeaderDiscovery } from './discovery.ts'
import { describeFramework, frameworkId } from './framework.ts'
import { Hints } from './hints.ts'
import { type Credentials, MesosHttp, MesosHttpError, type TlsOptions } from './http.ts'
import { Liveness } from './liveness.ts'
import { type Claim, OfferDesk, offersGone } from './offer-desk.ts'
import { OperatorApi } from './operator-api.ts'
import { type Parting, partingError, partingOf } from './parting.ts'
import { type FrameworkIds, NotLeadingError, type TaskRecord, type TaskRecords } from './ports.ts'
import { Roles } from './roles.ts'
import { StreamReader } from './stream-reader.ts'
import { TaskBook } from './task-book.ts'
import { taskIdOf } from './task-id.ts'
import { type ContainerOptions, checkTask, containerizerOf, roleOf, rolePrefixProblem, taskInfo, wantedOf } from './task-info.ts'
import { unlessAborted } from './unless-aborted.ts'
import type { Call, FrameworkInfo, MesosEvent } from './wire.ts'

/** What tasks use is looked up so often; each look is one call to each agent that runs some. */
const USAGE_EVERY_MS = 15_000
/** GET_AGENTS is an answer about all agents: calls that come within this time share one. */
const AGENTS_FRESH_MS = 2_000
/** An inverse offer that was answered comes again after so long while its window stands; that it stops coming is all that tells of its end. */
const ACCEPT_INVERSE_SECONDS = 10
const MAX_LOG_BYTES = 1_048_576

export type MesosEngineOptions = {
  readonly owner: string
  readonly discovery: LeaderDiscovery
  readonly frameworkIds: FrameworkIds
  readonly tasks: TaskRecords
  readonly clock: Clock
  readonly random: Random
  /** Who Mesos runs as what it runs without an image, unless `container.user` says otherwise; needed by Mesos. */
  readonly user: string
  /** Roles are `PREFIX/TENANT`. */
  readonly rolePrefix?: string
  readonly credentials?: Credentials
  readonly tls?: TlsOptions
  readonly container?: ContainerOptions
  /** Offers of other regions, of hosts with GPUs, of room that Mesos may take back: only where asked for. */
  readonly regions?: boolean
  readonly gpus?: boolean
  readonly revocable?: boolean
  readonly usageEveryMs?: Milliseconds
  /**
   * Whether this instance leads, of several over the same records; asked before each subscription. Absent where there is only one. Between
   * subscriptions the records tell: a write that they refuse (NotLeadingError) ends this instance's work too.
   */
  readonly mayLead?: () => Promise<boolean>
  readonly onWarning: (message: string, cause?: unknown) => void
  /** Told once where this instance may do nothing any more: another has taken over, or the framework is dead. */
  readonly onFarewell?: (parting: Parting) => void
}

export type MesosCounts = {
  readonly subscriptions: number
  readonly revives: number
  readonly suppresses: number
  readonly roleUpdates: number
  readonly offersHeld: number
  /** Tasks that Mesos was asked about, as after a subscription, and has not answered for yet: none once all are adopted. */
  readonly unanswered: number
}

export type MesosEngine = Engine & {
  readonly offers: OfferSource
  readonly counts: MesosCounts
  /** Ends the connection. Tasks live on, for the failover timeout. */
  close(): Promise<void>
  /** Ends the framework and all its tasks for ever. */
  teardown(signal: AbortSignal): Promise<void>
}

/** One framework for the whole fleet on a Mesos. Resolves before the leader is found: calls wait for it. */
export const createMesosEngine = async (options: MesosEngineOptions): Promise<MesosEngine> => {
  const problem = rolePrefixProblem(options.rolePrefix ?? DEFAULT_PREFIX)
  if (problem !== undefined) throw new TypeError(problem)
  const engine = new Mesos(options, await frameworkId(options))
  await engine.start()
  return engine
}

const DEFAULT_PREFIX = 'manor'

/**
 * The parts tied together: the contract above, the stream below. It is long because every event and call passes here; what any of them means is
 * in the parts.
 */
class Mesos implements MesosEngine {
  readonly name = 'mesos'
  readonly placement = 'manor'
  readonly volumes = 'service'
  /** Manor is on another machine than most agents. */
  readonly listenAddress = '0.0.0.0'
  readonly #options: MesosEngineOptions
  readonly #framework: string
  readonly #http: MesosHttp
  readonly #reader: StreamReader
  readonly #operator: OperatorApi
  readonly #liveness: Liveness
  readonly #agentClient: AgentClient
  readonly #connection: Connection
  readonly #desk: OfferDesk
  readonly #roles: Roles
  readonly #book: TaskBook
  readonly #agents: Agents
  readonly #hints = new Hints()
  readonly #submits = new Map<WorkloadId, Promise<void>>()
  readonly #closing = new AbortController()
  /** The description of the subscription that is being made. */
  #described: { readonly info: FrameworkInfo; readonly suppressed: readonly string[] } | undefined
  #farewell: Farewell | undefined
  #waitingForLeader = new Set<() => void>()
  #listing: { readonly at: number; readonly done: Promise<void> } | undefined
  #sampling: Promise<void> | undefined

  constructor(options: MesosEngineOptions, framework: string) {
    this.#options = options
    this.#framework = framework
    const { clock, random } = options
    const prefix = options.rolePrefix ?? DEFAULT_PREFIX
    const access = {
      ...(options.credentials === undefined ? {} : { credentials: options.credentials }),
      ...(options.tls === undefined ? {} : { tls: options.tls }),
    }
    this.#http = new MesosHttp({ clock, ...access })
    this.#reader = new StreamReader(access)
    this.#operator = new OperatorApi(this.#http)
    this.#liveness = new Liveness(clock, origin => this.#operator.alive(origin, this.#closing.signal))
    this.#agentClient = new AgentClient(this.#http)
    this.#agents = new Agents(clock)
    this.#connection = new Connection({
      framework,
      http: this.#http,
      reader: this.#reader,
      discovery: options.discovery,
      clock,
      random,
      handler: this.#handler(),
      ...(options.mayLead === undefined ? {} : { mayLead: options.mayLead }),
    })
    const ask = (call: Call): Promise<unknown> => this.#connection.call(call)
    this.#roles = new Roles({
      clock,
      roleOf: tenant => roleOf(prefix, tenant),
      describe: roles => describeFramework(options, framework, roles),
      ask,
      resubscribe: why => this.#connection.resubscribe(why),
    })
    this.#desk = new OfferDesk({
      clock,
      revocable: options.revocable ?? false,
      tenantOf: role => (role.startsWith(`${prefix}/`) ? tenantId(role.slice(prefix.length + 1)) : undefined),
      send: call => this.#send(call),
      ask,
      onWanted: tenants => this.#roles.want(tenants),
    })
    this.#book = new TaskBook({
      owner: options.owner,
      records: options.tasks,
      clock,
      random,
      send: call => this.#send(call),
      lookUp: () => this.#operator.tasks(this.#origin(), this.#framework, this.#closing.signal),
      onChange: observation => this.#hints.tell(observation),
      onFenced: () => this.#connection.stepBack('Another Manor has taken the records of tasks over.'),
      onWarning: options.onWarning,
    })
  }

  get offers(): OfferSource {
    return this.#desk
  }

  get counts(): MesosCounts {
    const { revives, suppresses, updates } = this.#roles.counts
    const { subscriptions } = this.#connection
    return { subscriptions, revives, suppresses, roleUpdates: updates, offersHeld: this.#desk.held, unanswered: this.#book.unanswered }
  }

  async start(): Promise<void> {
    // Before the records are read: what an older instance still hears and writes until the subscription is little then.
    await this.#reader.start()
    try {
      await this.#book.load()
    } catch (cause) {
      await this.#reader.close()
      throw cause
    }
    this.#connection.start()
    this.#sampling = this.#sample()
  }

  async close(): Promise<void> {
    this.#closing.abort(new DOMException('The Mesos engine was closed.', 'AbortError'))
    await this.#connection.close()
    await this.#reader.close()
    this.#book.disconnected()
    this.#roles.disconnected()
    this.#desk.lost()
    await this.#sampling
    await this.#http.close()
  }

  async teardown(signal: AbortSignal): Promise<void> {
    await this.#connected(signal)
    await this.#connection.call({ type: 'TEARDOWN' }, signal)
  }

  // ---- the contract

  async submit(workload: Workload, on: HostId | undefined, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    checkTask(workload, this.#options.owner)
    await this.#answering(signal)
    let running = this.#submits.get(workload.id)
    if (running === undefined) {
      running = this.#submit(workload, on).finally(() => this.#submits.delete(workload.id))
      this.#submits.set(workload.id, running)
    }
    await unlessAborted(this.#whileLeading(running), signal)
  }

  async stop(id: WorkloadId, grace: Milliseconds, signal: AbortSignal): Promise<void> {
    await this.#answering(signal)
    await this.#whileLeading(this.#book.stop(id, grace))
  }

  async remove(id: WorkloadId, signal: AbortSignal): Promise<void> {
    await this.#answering(signal)
    const record = this.#book.get(id)
    if (record === undefined) return
    if (record.step !== 'ended')
      throw new EngineError(
        { code: 'invalid-spec', message: `${id} has not ended.`, mend: 'Stop it, and remove it once it has ended.' },
        true,
      )
    await this.#whileLeading(this.#book.forget(id))
  }

  async list(signal: AbortSignal): Promise<readonly Observation[]> {
    await this.#answering(signal)
    return [...this.#book.all()].map(record => this.#book.observe(record))
  }

  watch(signal: AbortSignal): AsyncIterable<Observation> {
    return this.#hints.watch(signal)
  }

  async hosts(signal: AbortSignal): Promise<readonly Host[]> {
    await this.#answering(signal)
    await unlessAborted(this.#listAgents(), signal)
    const used = new Set([...this.#book.all()].filter(({ step }) => step !== 'ended').map(({ host }) => host))
    return this.#agents.hosts(this.name, host => used.has(host))
  }

  async explain(id: WorkloadId, signal: AbortSignal): Promise<Reason | undefined> {
    await this.#answering(signal)
    const record = this.#book.get(id)
    return record === undefined ? undefined : this.#book.observe(record).reason
  }

  async logs(id: WorkloadId, bytes: number, signal: AbortSignal): Promise<string> {
    await this.#answering(signal)
    const record = this.#book.get(id)
    const api = record && this.#agents.apiOf(record.host)
    if (record === undefined || api === undefined) return ''
    const task = taskIdOf(id, record.attempt)
    return this.#agentClient.output(api, this.#framework, task, Math.min(bytes, MAX_LOG_BYTES), signal)
  }

  /** Whoever does not lead any more says so in the words of its farewell. */
  async #whileLeading(work: Promise<void>): Promise<void> {
    try {
      await work
    } catch (cause) {
      throw cause instanceof NotLeadingError && this.#farewell !== undefined ? partingError(this.#farewell) : cause
    }
  }

  // ---- submitting

  async #submit(workload: Workload, on: HostId | undefined): Promise<void> {
    let known = this.#book.get(workload.id)
    if (known?.step === 'intended') {
      await this.#whetherLaunched(known)
      known = this.#book.get(workload.id)
    }
    const claim = this.#desk.claim(workload.id)
    if (known !== undefined) {
      // Its place is of no use: whoever waits for one is not to wait until it expires.
      claim?.release()
      return
    }
    if (claim === undefined || (on !== undefined && claim.host !== on)) throw offersGone(workload.id)
    await this.#launch(workload, claim)
  }

  async #launch(workload: Workload, claim: Claim): Promise<void> {
    let record: TaskRecord
    let resources: ReturnType<Claim['pool']['take']>
    try {
      const ports = choosePorts(workload, claim)
      resources = claim.pool.take(wantedOf(workload), Object.values(ports))
      if (resources === undefined) throw offersGone(workload.id)
      record = this.#recordOf(workload, claim, ports)
      const there = await this.#book.intend(record)
      // Somebody else has intended it, an older instance of ours; the next submit finds out what became of that.
      if (there !== undefined) throw new EngineError({ code: 'no-capacity', message: `${workload.id} is being launched elsewhere.` }, true)
    } catch (cause) {
      claim.release()
      throw cause
    }
    const { attempt, host, ports } = record
    const task = taskInfo(workload, { task: taskIdOf(workload.id, attempt), host, ports, resources }, this.#options.container ?? {})
    try {
      await claim.launch(task)
    } catch (cause) {
      throw await this.#notLaunched(workload.id, cause)
    }
    this.#book.launched(workload.id)
  }

  #recordOf(workload: Workload, claim: Claim, ports: Readonly<Record<string, number>>): TaskRecord {
    return {
      workload: workload.id,
      attempt: this.#options.clock.now(),
      labels: workload.labels,
      host: claim.host,
      address: claim.hostname,
      ports,
      containerizer: containerizerOf(workload),
      program: workload.command[0] ?? '',
      memoryMb: wantedOf(workload).memoryMb,
      graceMs: workload.graceMs,
      step: 'intended',
      intendedAt: this.#options.clock.now(),
    }
  }

  /** A refusal is a launch that did not happen: the intent is taken back. Where nobody knows, it stays, and Mesos is asked about it. */
  async #notLaunched(id: WorkloadId, cause: unknown): Promise<EngineError> {
    const isRefused = cause instanceof EngineError || (cause instanceof MesosHttpError && cause.status >= 400 && cause.status < 500)
    if (isRefused) await this.#book.forget(id)
    else this.#book.ask(id)
    if (cause instanceof EngineError) return cause
    const message = cause instanceof Error ? cause.message : String(cause)
    return new EngineError({ code: 'no-capacity', message: `${id} could not be launched: ${message}` }, true, {
      cause,
      placeIsGone: isRefused,
    })
  }

  /** An intent that an earlier instance left: resolves once Mesos has said whether anything came of it. */
  async #whetherLaunched({ workload }: TaskRecord): Promise<void> {
    this.#book.ask(workload)
    while (this.#book.get(workload)?.step === 'intended') await this.#book.changed(workload, this.#closing.signal)
  }

  // ---- the connection

  #handler(): ConstructorParameters<typeof Connection>[0]['handler'] {
    return {
      describe: () => {
        this.#described = this.#roles.describe()
        return this.#described
      },
      subscribed: () => {
        this.#desk.lost()
        if (this.#described) this.#roles.subscribed(this.#described.info.roles)
        this.#book.subscribed()
        this.#listing = undefined
        // Where agents answer and how they isolate is needed soon; whoever asks for hosts is told what went wrong.
        this.#listAgents().catch(() => undefined)
        this.#wakeWaiting()
      },
      event: event => this.#event(event),
      answered: origin => this.#liveness.answered(origin),
      disconnected: cause => {
        this.#desk.lost()
        this.#roles.disconnected()
        this.#book.disconnected()
        this.#options.onWarning('The connection to Mesos ended; it is opened again.', cause)
      },
      farewell: farewell => {
        this.#farewell = farewell
        this.#desk.lost()
        this.#roles.disconnected()
        this.#book.disconnected()
        this.#wakeWaiting()
        this.#options.onFarewell?.(partingOf(farewell))
      },
    }
  }

  /** Handed on in memory: nothing here waits, so the stream is read as fast as it comes. */
  #event(event: MesosEvent): void {
    switch (event.type) {
      case 'OFFERS':
        for (const offer of event.offers.offers ?? []) this.#agents.offered(offer)
        this.#desk.offered(event.offers.offers ?? [], ({ agent_id }) => !this.#agents.isDraining(agent_id.value))
        return
      case 'RESCIND':
        this.#desk.rescinded(event.rescind.offer_id.value)
        return
      case 'UPDATE': {
        const { status } = event.update
        if (status.agent_id !== undefined) {
          if (status.state === 'TASK_UNREACHABLE') this.#agents.lost(status.agent_id.value)
          else if (status.source === 'SOURCE_EXECUTOR') this.#agents.heardOf(status.agent_id.value)
        }
        this.#book.update(status)
        return
      }
      case 'FAILURE':
        if (event.failure.agent_id !== undefined && event.failure.executor_id === undefined) {
          this.#agents.lost(event.failure.agent_id.value)
          this.#listing = undefined
        }
        return
      case 'INVERSE_OFFERS':
        for (const inverse of event.inverse_offers.inverse_offers ?? []) {
          this.#agents.inverseOffered(inverse)
          if (inverse.agent_id !== undefined && this.#agents.isDraining(inverse.agent_id.value))
            this.#desk.refuseHost(inverse.agent_id.value)
        }
        this.#send({
          type: 'ACCEPT_INVERSE_OFFERS',
          accept_inverse_offers: {
            inverse_offer_ids: (event.inverse_offers.inverse_offers ?? []).map(({ id }) => id),
            filters: { refuse_seconds: ACCEPT_INVERSE_SECONDS },
          },
        })
        return
      case 'RESCIND_INVERSE_OFFER':
        this.#agents.inverseRescinded(event.rescind_inverse_offer.inverse_offer_id.value)
        return
      case 'SUBSCRIBED':
      case 'ERROR':
      case 'HEARTBEAT':
      case 'OTHER':
        return
      default:
        event satisfies never
    }
  }

  /** Sends without waiting. What is lost with the connection is said again after the next subscription, or was of no use any more. */
  #send(call: Call): void {
    this.#connection.call(call).catch(cause => {
      if (this.#closing.signal.aborted || (cause instanceof MesosHttpError && (cause.status === 403 || cause.status === 0))) return
      this.#options.onWarning(`Mesos did not take a call ${call.type}.`, cause)
    })
  }

  #origin(): string {
    const { origin } = this.#connection
    if (origin === undefined) throw new MesosHttpError(0, 'There is no connection with a Mesos leader.')
    return origin
  }

  /** An answer out of an old memory is none: each call first sees that the leader answers. */
  async #answering(signal: AbortSignal): Promise<void> {
    const origin = await this.#connected(signal)
    try {
      await unlessAborted(this.#liveness.of(origin), signal)
    } catch (cause) {
      signal.throwIfAborted()
      const message = `Mesos does not answer: ${cause instanceof Error ? cause.message : String(cause)}`
      throw new EngineError({ code: 'host-silent', message }, true, { cause })
    }
  }

  async #connected(signal: AbortSignal): Promise<string> {
    for (;;) {
      signal.throwIfAborted()
      if (this.#farewell !== undefined) throw partingError(this.#farewell)
      this.#closing.signal.throwIfAborted()
      const { origin } = this.#connection
      if (origin !== undefined) return origin
      await unlessAborted(
        new Promise<void>(resolve => {
          const done = (): void => {
            this.#waitingForLeader.delete(done)
            signal.removeEventListener('abort', done)
            resolve()
          }
          this.#waitingForLeader.add(done)
          signal.addEventListener('abort', done, { once: true })
        }),
        signal,
      )
    }
  }

  #wakeWaiting(): void {
    // The stream's own state is set after its event is handled.
    queueMicrotask(() => {
      for (const wake of [...this.#waitingForLeader]) wake()
    })
  }

  // ---- agents

  #listAgents(): Promise<void> {
    const now = this.#options.clock.monotonic()
    if (this.#listing !== undefined && now - this.#listing.at < AGENTS_FRESH_MS) return this.#listing.done
    const done = this.#lookAtAgents()
    this.#listing = { at: now, done }
    return done
  }

  async #lookAtAgents(): Promise<void> {
    const { signal } = this.#closing
    try {
      const origin = this.#origin()
      this.#agents.listed(await this.#operator.agents(origin, signal), origin.startsWith('https:') ? 'https' : 'http')
    } catch (cause) {
      // Offers show agents too, where the operator API may not be asked.
      if (!(cause instanceof MesosHttpError) || (cause.status !== 401 && cause.status !== 403)) throw cause
    }
    for (const id of this.#agents.withoutLimits()) {
      const api = this.#agents.apiOf(id)
      if (api === undefined) continue
      // It must not hold up the list; the next one has it.
      this.#agentClient.limits(api, signal).then(
        limits => this.#agents.limitsAre(id, limits),
        () => undefined,
      )
    }
  }

  async #sample(): Promise<void> {
    const { clock, usageEveryMs = USAGE_EVERY_MS } = this.#options
    const { signal } = this.#closing
    while (!signal.aborted) {
      await clock.sleep(usageEveryMs, signal).catch(() => undefined)
      const running = [...this.#book.all()].filter(({ step, silentSince }) => step === 'running' && silentSince === undefined)
      for (const host of new Set(running.map(record => record.host))) {
        const api = this.#agents.apiOf(host)
        if (api === undefined || signal.aborted) continue
        const used = await this.#agentClient.memory(api, this.#framework, signal).catch(() => undefined)
        for (const { workload, attempt, host: on } of running) {
          const memoryMb = on === host ? used?.get(taskIdOf(workload, attempt)) : undefined
          if (memoryMb !== undefined) this.#book.measured(workload, memoryMb)
        }
      }
    }
  }
}
