import type { RequestListener } from 'node:http'
import type { Host, HostId, Milliseconds, Observation, Reason, Workload, WorkloadId } from '../../model/index.ts'
import type { Clock, Random } from '../../runtime/index.ts'
import { type Engine, EngineError } from '../engine.ts'
import { checkWorkload, invalid } from '../process/prepare.ts'
import { Agents, somewhereFree } from './agents.ts'
import { type AppOptions, appIdOf, appOf, identityOf, knowsDisabled, LABELS } from './app.ts'
import { type Credentials, MarathonClient, MarathonRefusal } from './client.ts'
import { Keeper } from './keeper.ts'
import { PerHost, type PerHostService } from './per-host.ts'
import { lockReason, queueReason, refusalSentence } from './reason.ts'
import { type Known, Records } from './records.ts'
import { type SecondTask, type StartAnswer, StartDesk } from './start.ts'
import { checkPlaceholders, markerOf } from './start-script.ts'
import { isActive, type MarathonApp } from './wire.ts'

export type MarathonEngineOptions = {
  /** Whose workloads these are: the id of the store. */
  readonly owner: string
  /** Where the engine keeps what tasks fetch, secrets included; made if missing, closed to others. Not shared between owners. */
  readonly directory: string
  readonly clock: Clock
  readonly random: Random
  readonly marathon: {
    readonly urls: readonly string[]
    readonly credentials?: Credentials
    /** PEM of the certificate authority of Marathon and Mesos; the system's unless told. */
    readonly ca?: string
  }
  /** For Mesos' operator API; nobody's unless told, since what opens Marathon is no business of Mesos. */
  readonly mesosCredentials?: Credentials
  /** Where a task fetches the start of a workload: an address that agents reach, whose requests come to `answerStart`. It ends in the id. */
  readonly startUrl: (id: WorkloadId) => string
  /** The group that all apps lie in; `/manor` unless told. Two Manors on one Marathon need two. */
  readonly group?: string
  readonly constraints?: readonly (readonly string[])[]
  readonly healthPath?: (workload: Workload) => string | undefined
  readonly dockerParameters?: AppOptions['dockerParameters']
  readonly mesosUrl?: string
  /** What holds of limits on the agents; by default that it is not known. */
  readonly limits?: Host['limits']
  /** What is to run once on every agent. */
  readonly perHost?: readonly PerHostService[]
  /** How often everything is looked at, events or none; 5 s unless told. */
  readonly pollMs?: Milliseconds
  readonly onWarning: (sentence: string) => void
  /** A second task of a workload was kept from starting, or ended: once for each. */
  readonly onSecondTask: (second: SecondTask) => void
}

export type MarathonEngine = Engine &
  AsyncDisposable & {
    /** Answers what tasks fetch: to be served under `startUrl`. */
    answerStart(url: URL): StartAnswer
    /** The same as a listener of node:http. */
    readonly startListener: RequestListener
    /** The Mesos below. */
    readonly agents: Agents
    readonly client: MarathonClient
    close(): Promise<void>
  }

const POLL_MS = 5_000
const MAX_LOG_BYTES = 1_048_576
/** From the submit of a new run to the time by which what is left of the last one must be gone; then the caller asks again. */
const CLEAR_MS = 5_000
const CLEAR_POLL_MS = 100
/** Second tasks that were told of: more are never about at a time. */
const MAX_TOLD = 1_000
const UNKNOWN_LIMITS: Host['limits'] = {
  memory: false,
  cpu: false,
  reason: 'Neither Marathon nor Mesos says whether the agents enforce limits: see the isolation flag of the agents.',
}
const GROUP = /^(\/[a-z0-9]([a-z0-9-]*[a-z0-9])?)+$/

/** Opens the engine: no request is made before the first call. Rejects where an option is wrong. */
export const createMarathonEngine = async (options: MarathonEngineOptions): Promise<MarathonEngine> => {
  const { group = '/manor', marathon, owner } = options
  if (!GROUP.test(group)) throw invalid(`"${group}" is no group of Marathon.`, 'Give a path such as /manor.')
  if (marathon.urls.length === 0) throw invalid('No Marathon is given.', 'Give the address of one or more.')
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(owner))
    throw invalid(`The owner "${owner}" cannot be a label.`, 'Use letters, digits and "-".')
  return new Marathon({ ...options, group })
}

class Marathon implements MarathonEngine {
  readonly name = 'marathon'
  readonly placement = 'engine'
  readonly volumes = 'service'
  /** Of the offer that Marathon takes. */
  readonly choosesPorts = true
  /** Manor is on another machine than most agents. */
  readonly listenAddress = '0.0.0.0'
  readonly client: MarathonClient
  readonly agents: Agents
  readonly #options: MarathonEngineOptions & { readonly group: string }
  readonly #records: Records
  readonly #desk: StartDesk
  readonly #keeper: Keeper
  readonly #perHost: PerHost
  readonly #told = new Set<string>()
  #version: string | undefined

  constructor(options: MarathonEngineOptions & { readonly group: string }) {
    const { clock, random, owner, group, onWarning, pollMs = POLL_MS } = options
    this.#options = options
    this.#records = new Records(options.directory)
    this.client = new MarathonClient({ ...options.marathon, clock })
    this.agents = new Agents({
      client: this.client,
      clock,
      limits: options.limits ?? UNKNOWN_LIMITS,
      ...(options.mesosCredentials === undefined ? {} : { credentials: options.mesosCredentials }),
      ...(options.mesosUrl === undefined ? {} : { mesosUrl: options.mesosUrl }),
    })
    this.#keeper = new Keeper({
      owner,
      records: this.#records,
      client: this.client,
      agents: this.agents,
      clock,
      random,
      pollMs,
      onWarning,
      onSecondTask: second => this.#second(second),
    })
    this.#desk = new StartDesk({
      records: this.#records,
      clock,
      onSecond: second => this.#second(second),
      onChange: () => this.#keeper.wake(),
    })
    this.#perHost = new PerHost({
      owner,
      group,
      services: options.perHost ?? [],
      client: this.client,
      agents: this.agents,
      clock,
      pollMs,
      onWarning,
    })
    this.#keeper.start()
    this.#perHost.start()
  }

  answerStart(url: URL): StartAnswer {
    return this.#desk.answer(url)
  }

  readonly startListener: RequestListener = (request, response) => {
    request.resume()
    const { status, headers, body } = this.answerStart(new URL(request.url ?? '/', 'http://start'))
    const bytes = Buffer.from(body)
    // With its length, so that a client knows a cut body for what it is.
    response.writeHead(status, { ...headers, 'content-length': bytes.length }).end(request.method === 'HEAD' ? undefined : bytes)
  }

  async submit(workload: Workload, on: HostId | undefined, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    const app = this.#check(workload, on)
    const known = this.#records.of(workload.id)
    if (known.accepted) return
    const fixed = Object.values(workload.ports).filter(port => port !== 0)
    if (known.record === undefined && fixed.length > 0 && !somewhereFree(await this.agents.list(signal), fixed)) throw portsTaken(fixed)
    const token = this.#token()
    const { record, created } = this.#records.create({ workload, token, app, createdAt: this.#options.clock.now() })
    try {
      await this.#create(record.workload, record.token, app, signal)
    } catch (cause) {
      // What was refused for good leaves nothing; of anything else it may be that it was done.
      if (created && cause instanceof EngineError && cause.reason.code === 'invalid-spec') this.#records.forget(workload.id)
      throw cause
    }
    this.#records.accept(workload.id)
    this.#keeper.wake()
  }

  /** Asked once, of the first Marathon that answers: all of a cluster are of one version but for the time of an upgrade. */
  async #knowsDisabled(id: WorkloadId, signal: AbortSignal): Promise<boolean> {
    try {
      this.#version ??= (await this.client.info(signal)).version
    } catch (cause) {
      throw cause instanceof MarathonRefusal ? refused(id, cause) : cause
    }
    return knowsDisabled(this.#version)
  }

  async #create(workload: Workload, token: string, app: string, signal: AbortSignal): Promise<void> {
    const { group, constraints = [], healthPath, dockerParameters, startUrl } = this.#options
    const definition = appOf(workload, `${startUrl(workload.id)}?token=${token}`, {
      group,
      constraints,
      unreachableDisabled: await this.#knowsDisabled(workload.id, signal),
      ...(healthPath === undefined ? {} : { healthPath }),
      ...(dockerParameters === undefined ? {} : { dockerParameters }),
    })
    const until = this.#options.clock.monotonic() + CLEAR_MS
    for (;;) {
      let conflict: MarathonRefusal
      try {
        await this.client.create(definition, signal)
        return
      } catch (cause) {
        if (!(cause instanceof MarathonRefusal)) throw cause
        if (cause.status !== 409) throw refused(workload.id, cause)
        conflict = cause
      }
      const there = await this.client.app(app, signal)
      // Not there, and yet in somebody's way.
      if (there === undefined && conflict.refusal.deployments !== undefined) throw locked(app, conflict.refusal.deployments, conflict)
      if (there !== undefined) {
        const whose = identityOf(there)
        if (whose?.id === workload.id) return
        if (whose?.labels.owner !== workload.labels.owner)
          throw invalid(`Marathon's app ${app} is not this Manor's.`, 'Give this Manor a group of its own, or remove that app.')
        if (await this.#replace(there, definition, workload, signal)) return
      }
      if (this.#options.clock.monotonic() > until) {
        const holds = (there?.tasks ?? []).some(isActive) ? [] : (there?.deployments ?? [])
        throw holds.length > 0 ? locked(app, holds) : earlierRun(app)
      }
      await this.#options.clock.sleep(CLEAR_POLL_MS, signal)
    }
  }

  /**
   * Puts a new run of a noun into its app, once nothing of the last run is left there. A change of an app that has no instance, no task and no
   * deployment cannot bring up two.
   */
  async #replace(there: MarathonApp, definition: unknown, workload: Workload, signal: AbortSignal): Promise<boolean> {
    const epoch = identityOf(there)?.labels.epoch ?? 0
    if (epoch > workload.labels.epoch)
      throw invalid(`A later run (epoch ${epoch}) of ${workload.labels.noun} is there already.`, 'Submit no run that has been followed.')
    const busy = there.instances > 0 || (there.tasks ?? []).some(isActive) || (there.deployments ?? []).length > 0
    if (busy) {
      this.#keeper.wake()
      return false
    }
    try {
      await this.client.replace(there.id, definition, signal)
      return true
    } catch (cause) {
      if (!(cause instanceof MarathonRefusal)) throw cause
      if (cause.status === 404) return false
      throw cause.status === 409 ? locked(there.id, cause.refusal.deployments ?? [], cause) : refused(workload.id, cause)
    }
  }

  async stop(id: WorkloadId, graceMs: Milliseconds, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    const known = this.#records.of(id)
    const app = await this.#appOf(id, known, signal)
    if (known.end !== undefined || (app === undefined && known.record === undefined)) return
    this.#records.stop(id, { at: this.#options.clock.now(), graceMs })
    if (app !== undefined) await this.#keeper.tend(app, signal)
    this.#keeper.wake()
  }

  async remove(id: WorkloadId, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    const known = this.#records.of(id)
    const app = await this.#appOf(id, known, signal)
    const seen = this.#keeper.observe(id, known, app)
    if (seen !== undefined && seen.state !== 'ended')
      throw new EngineError(
        { code: 'invalid-spec', message: `The workload ${id} has not ended: it cannot be removed.`, mend: 'Stop it first.' },
        true,
      )
    if (app !== undefined)
      await this.client.delete(app.id, signal).catch(cause => {
        if (!(cause instanceof MarathonRefusal) || cause.status !== 404) throw cause
      })
    this.#keeper.forget(id)
  }

  list(signal: AbortSignal): Promise<readonly Observation[]> {
    return this.#keeper.look(signal)
  }

  watch(signal: AbortSignal): AsyncIterable<Observation> {
    return this.#keeper.watch(signal)
  }

  async hosts(signal: AbortSignal): Promise<readonly Host[]> {
    signal.throwIfAborted()
    return this.agents.hosts(signal, this.#options.clock.now())
  }

  async explain(id: WorkloadId, signal: AbortSignal): Promise<Reason | undefined> {
    signal.throwIfAborted()
    const known = this.#records.of(id)
    const app = await this.#appOf(id, known, signal)
    const seen = this.#keeper.observe(id, known, app)
    if (seen === undefined || seen.reason !== undefined || app === undefined || seen.state === 'running') return seen?.reason
    const waits = (await this.client.queue(signal)).find(item => item.app?.id === app.id)
    if (waits !== undefined && seen.state === 'placing') return { ...queueReason(waits), since: Date.parse(waits.since ?? '') || 0 }
    const wait = this.#keeper.lockOf(app.id)
    if (wait !== undefined) return { ...lockReason(wait.deployments, wait.waitedMs), since: wait.since }
    return known.stop === undefined
      ? undefined
      : {
          code: 'killed-by-us',
          message: 'It was asked to stop; Mesos kills it if it has not when its grace is over.',
          since: known.stop.at,
        }
  }

  async logs(id: WorkloadId, bytes: number, signal: AbortSignal): Promise<string> {
    signal.throwIfAborted()
    const known = this.#records.of(id)
    if (known.claim?.host === undefined) {
      await this.#appOf(id, known, signal)
      return ''
    }
    const { task, host } = known.claim
    const wanted = Math.min(Math.max(0, bytes), MAX_LOG_BYTES)
    // What Mesos itself said before the workload's own words is cut, so a little more is read.
    const marker = `${markerOf(task)}\n`
    const text = (await this.agents.output(task, host, wanted + marker.length, signal)).toString('utf8')
    const at = text.indexOf(marker)
    const own = Buffer.from(at < 0 ? text : text.slice(at + marker.length))
    return own.subarray(Math.max(0, own.length - wanted)).toString('utf8')
  }

  async close(): Promise<void> {
    await this.#perHost.close()
    await this.#keeper.close()
    await this.client.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** Refuses what could never run; the path of its app. */
  #check(workload: Workload, on: HostId | undefined): string {
    const { owner, group } = this.#options
    checkWorkload(workload, owner)
    checkPlaceholders(workload)
    for (const [name, port] of Object.entries(workload.ports))
      if (!Number.isInteger(port) || port < 0 || port > 65_535)
        throw invalid(`The port ${name} is ${port}.`, 'Give a number from 1 to 65535, or 0 to have one chosen.')
    if (on !== undefined)
      throw invalid(
        `The workload ${workload.id} is for host ${on}, and Marathon picks the host.`,
        'Leave the host out, and use constraints.',
      )
    return appIdOf(group, workload)
  }

  /** The workload's own app, by its path where that is known and by its label where not. */
  async #appOf(id: WorkloadId, known: Known, signal: AbortSignal): Promise<MarathonApp | undefined> {
    const { owner } = this.#options
    const found =
      known.record === undefined
        ? (await this.client.apps(`${LABELS.owner}==${owner},${LABELS.workload}==${id}`, signal))[0]
        : await this.client.app(known.record.app, signal)
    const whose = found === undefined ? undefined : identityOf(found)
    return whose?.id === id && whose.labels.owner === owner ? found : undefined
  }

  /** Told once for each task: it asks again, and is seen again until it has gone. */
  #second(second: SecondTask): void {
    if (this.#told.has(second.task)) return
    this.#told.add(second.task)
    const [oldest] = this.#told
    if (this.#told.size > MAX_TOLD && oldest !== undefined) this.#told.delete(oldest)
    this.#options.onSecondTask(second)
  }

  /** 128 bits, in hexadecimal digits. */
  #token(): string {
    return Array.from({ length: 16 }, () =>
      Math.floor(this.#options.random.next() * 256)
        .toString(16)
        .padStart(2, '0'),
    ).join('')
  }
}

const portsTaken = (ports: readonly number[]): EngineError =>
  new EngineError(
    {
      code: 'no-capacity',
      message: `No agent has port ${ports.join(' and ')} free.`,
      mend: 'Use a port of the agents’ ranges that nobody has, or 0 to have one chosen.',
    },
    true,
  )

const refused = (id: WorkloadId, cause: MarathonRefusal): EngineError => {
  const said = refusalSentence(cause.status, cause.refusal)
  return cause.status === 422 || cause.status === 400
    ? new EngineError(
        { code: 'invalid-spec', message: `Marathon refused the app of ${id}: ${said}.`, mend: 'Correct what it names.' },
        false,
        { cause },
      )
    : new EngineError(
        { code: 'launch-timeout', message: `Marathon refused the app of ${id}: ${said}.`, mend: 'It is tried again.' },
        true,
        {
          cause,
        },
      )
}

const locked = (app: string, by: readonly { readonly id: string }[], cause?: MarathonRefusal): EngineError =>
  new EngineError(
    {
      code: 'preparing',
      message: `Marathon's deployment ${by.map(({ id }) => id).join(', ') || '?'} holds ${app}.`,
      mend: 'It is tried again when that ends; whoever began it can cancel it in Marathon.',
    },
    true,
    { cause },
  )

const earlierRun = (app: string): EngineError =>
  new EngineError(
    { code: 'preparing', message: `An earlier run of ${app} has not gone yet.`, mend: 'It is being ended; this is tried again.' },
    true,
  )
