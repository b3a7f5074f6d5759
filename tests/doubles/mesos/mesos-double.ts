/**
 * A double of Mesos 1.11: masters of which one leads, and agents, as real HTTP servers on loopback. Tasks really run, as processes of this machine,
 * or are only pretended, for clusters larger than a machine. A double and no more: an image is not looked at, limits do not hold, hosts are made
 * up. Read README.md first, then leader.ts.
 */
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { Clock } from '../../../src/runtime/index.ts'
import { Agent } from './agent.ts'
import { playable } from './control.ts'
import { endLeftovers } from './executor.ts'
import { Faults } from './faults.ts'
import { Leader, type LeaderTimes, newLeaderId } from './leader.ts'
import { agentCall, type OperatorAnswer, operatorCall, VERSION } from './operator.ts'
import { type Refusal, readCall, refuseRequest } from './refusals.ts'
import type { Registry } from './state.ts'
import { EventStream } from './stream.ts'
import type { AgentSpec, SchedulerCall } from './wire.ts'

export type MesosDoubleOptions = Partial<LeaderTimes> & {
  readonly clock: Clock
  /** Where sandboxes go; made if missing. What a double that died left running there is ended. */
  readonly directory: string
  readonly agents?: readonly AgentSpec[]
  /** All of them; the first leads first. */
  readonly masters?: number
  /** Of the first master; 0 for a free one. */
  readonly port?: number
  /** Tasks are records without processes: they run until they are told to end. */
  readonly pretends?: boolean
  /** From a launch to the executor's first word. */
  readonly stageMs?: number
  /** Until an update that is not acknowledged is told again, the first time. */
  readonly executorShutdownMs?: number
  readonly retryFirstMs?: number
  readonly credentials?: { readonly principal: string; readonly secret: string }
  readonly region?: string
}

export type MesosDouble = AsyncDisposable & {
  /** Of the masters, the one that leads first. */
  readonly urls: readonly string[]
  readonly leader: Leader
  readonly agents: readonly Agent[]
  readonly faults: Faults
  /** Every scheduler call that came, by type. */
  readonly calls: ReadonlyMap<string, number>
  /** Another master leads, or the same after a restart. Agents come to it after `agentsAfterMs`, so many a second if that is given. */
  changeLeader(options?: { readonly agentsAfterMs?: number; readonly agentsPerSecond?: number; readonly recoveringMs?: number }): void
  /** Nobody leads, until `changeLeader`. */
  depose(): void
  /** Ends all subscriptions' connections: in the middle of a record, or between two. */
  cutStreams(how?: 'within-record' | 'between'): void
  /** Nothing comes any more on the streams that stand, not even heartbeats, and they stand. */
  quieten(): void
  /** The leader forgets which stream is the framework's newest: calls are refused, while the connection stands. */
  staleStreams(): void
  /** Says an ERROR to all frameworks and ends their streams. */
  sayError(message: string): void
  silence(index: number): void
  wake(index: number): void
  /** The process of an agent is started again, its tasks run on. */
  restartAgent(index: number, afterMs?: number): void
  /** Its machine is gone for ever, with all tasks, and comes again as another. */
  rebuildAgent(index: number): void
  addAgent(spec: AgentSpec): void
  /** Ends a task as its executor would tell it. */
  endTask(task: string, exitCode?: number): boolean
}

const DEFAULT_AGENTS: readonly AgentSpec[] = [
  { hostname: 'localhost', cpus: 4, mem: 8_000, disk: 20_000, attributes: { rack: 'r1', storage: 'ebs' } },
]

/** Mesos' own defaults. */
const DEFAULT_TIMES: LeaderTimes = {
  allocationIntervalMs: 1_000,
  heartbeatMs: 15_000,
  agentSilenceMs: 75_000,
  reregisterTimeoutMs: 600_000,
  offerTimeoutMs: undefined,
}
/** From a launch to TASK_STARTING a real agent takes about 0.2 s, most of it for its executor. */
const STAGE_MS = 200

/** Of the ids of agents: kept, as real agents keep theirs, so that a double that is started again knows that what they ran is gone. */
const prefixIn = (directory: string): string => {
  const file = join(directory, 'agents')
  if (!existsSync(file)) writeFileSync(file, randomUUID())
  return readFileSync(file, 'utf8')
}

/** Starts the double. */
export const startMesosDouble = async (options: MesosDoubleOptions): Promise<MesosDouble> => {
  mkdirSync(options.directory, { recursive: true })
  endLeftovers(options.directory)
  const double = new Double(options)
  await double.listen()
  return double
}

class Double implements MesosDouble {
  readonly faults: Faults
  readonly agents: Agent[] = []
  readonly calls = new Map<string, number>()
  leader: Leader
  readonly #options: MesosDoubleOptions
  readonly #times: LeaderTimes
  readonly #registry: Registry = { agents: new Map(), windows: new Map() }
  readonly #servers: Server[] = []
  readonly #agentServer: Server
  /** Index of the server that leads; undefined while nobody does. */
  #leading: number | undefined = 0
  #recoveringUntil = 0
  #agentCount = 0
  readonly #prefix: string

  constructor(options: MesosDoubleOptions) {
    this.#options = options
    this.#prefix = prefixIn(options.directory)
    this.#times = { ...DEFAULT_TIMES, ...options }
    this.faults = new Faults(options.clock)
    for (const spec of options.agents ?? DEFAULT_AGENTS) this.agents.push(this.#newAgent(spec))
    for (let index = 0; index < (options.masters ?? 1); index++)
      this.#servers.push(createServer((request, response) => void this.#serve(index, request, response)))
    this.#agentServer = createServer((request, response) => void this.#serveAgent(request, response))
    this.leader = this.#newLeader(this.#prefix, this.agents)
  }

  async listen(): Promise<void> {
    for (const [index, server] of [...this.#servers, this.#agentServer].entries()) {
      server.listen(index === 0 ? (this.#options.port ?? 0) : 0, '127.0.0.1')
      await once(server, 'listening')
    }
  }

  get urls(): readonly string[] {
    const all = this.#servers.map(server => `http://127.0.0.1:${portOf(server)}`)
    const first = this.#leading ?? 0
    return [...all.slice(first), ...all.slice(0, first)]
  }

  // ---- masters

  #newLeader(id: string, firstAgents: readonly Agent[]): Leader {
    return new Leader(id, {
      ...this.#times,
      clock: this.#options.clock,
      registry: this.#registry,
      faults: this.faults.leader,
      region: this.#options.region,
      masterInfo: master => this.#masterInfo(master),
      firstAgents,
      urlOf: agent => ({
        address: { hostname: 'localhost', ip: '127.0.0.1', port: portOf(this.#agentServer) },
        path: `/${agentPath(agent)}`,
        scheme: 'http',
      }),
    })
  }

  #masterInfo(id: string): unknown {
    const port = portOf(this.#servers[this.#leading ?? 0])
    return {
      address: { hostname: 'localhost', ip: '127.0.0.1', port },
      capabilities: ['AGENT_UPDATE', 'AGENT_DRAINING', 'QUOTA_V2'].map(type => ({ type })),
      hostname: 'localhost',
      id,
      // 127.0.0.1 with its bytes the wrong way round, as the real one has it.
      ip: 16_777_343,
      pid: `master@127.0.0.1:${port}`,
      port,
      version: VERSION,
    }
  }

  depose(): void {
    this.#leading = undefined
    this.leader.close()
    for (const agent of this.agents) agent.follow(undefined)
  }

  changeLeader({ agentsAfterMs = 0, agentsPerSecond, recoveringMs = 0 }: Parameters<MesosDouble['changeLeader']>[0] = {}): void {
    const { clock } = this.#options
    const before = this.#leading ?? -1
    this.depose()
    this.#leading = (before + 1) % this.#servers.length
    this.#recoveringUntil = clock.monotonic() + recoveringMs
    const leader = this.#newLeader(newLeaderId(), [])
    this.leader = leader
    for (const [index, agent] of this.agents.entries()) {
      const spread = agentsPerSecond === undefined ? 0 : (index / agentsPerSecond) * 1_000
      clock.after(Math.max(agentsAfterMs, recoveringMs) + spread, () => {
        if (this.leader === leader && !agent.silent) leader.register(agent)
      })
    }
  }

  cutStreams(how: 'within-record' | 'between' = 'between'): void {
    for (const { stream } of this.leader.frameworks.values())
      if (how === 'between') stream?.destroy()
      else stream?.breakWithin({ type: 'HEARTBEAT' })
  }

  quieten(): void {
    for (const { stream } of this.leader.frameworks.values()) if (stream !== undefined) stream.quiet = true
  }

  staleStreams(): void {
    for (const framework of this.leader.frameworks.values()) framework.streamId = randomUUID()
  }

  sayError(message: string): void {
    for (const { stream } of this.leader.frameworks.values()) stream?.sendLast({ error: { message }, type: 'ERROR' })
  }

  // ---- agents

  #newAgent(spec: AgentSpec): Agent {
    const { clock, directory, pretends = false, stageMs = STAGE_MS, retryFirstMs, executorShutdownMs } = this.#options
    const index = this.#agentCount++
    return new Agent(`${this.#prefix}-S${index}`, index, spec, {
      clock,
      directory,
      pretends,
      stageMs,
      ...(retryFirstMs === undefined ? {} : { retryFirstMs }),
      ...(executorShutdownMs === undefined ? {} : { executorShutdownMs }),
    })
  }

  silence(index: number): void {
    const agent = this.#agent(index)
    agent.silent = true
    this.leader.agentFellSilent(agent.id)
  }

  wake(index: number): void {
    const agent = this.#agent(index)
    agent.silent = false
    this.leader.register(agent)
  }

  restartAgent(index: number, afterMs = 0): void {
    const agent = this.#agent(index)
    this.leader.agentDisconnected(agent.id)
    this.#options.clock.after(afterMs, () => this.leader.register(agent))
  }

  rebuildAgent(index: number): void {
    const agent = this.#agent(index)
    this.silence(index)
    agent.shutdown()
    const fresh = this.#newAgent(agent.spec)
    this.agents[index] = fresh
    this.leader.register(fresh)
  }

  addAgent(spec: AgentSpec): void {
    const agent = this.#newAgent(spec)
    this.agents.push(agent)
    this.leader.register(agent)
  }

  endTask(task: string, exitCode = 0): boolean {
    const state = exitCode === 0 ? 'TASK_FINISHED' : 'TASK_FAILED'
    return this.agents.some(agent => agent.end(task, { state, message: `Command exited with status ${exitCode}` }))
  }

  #agent(index: number): Agent {
    const agent = this.agents[index]
    if (agent === undefined) throw new RangeError(`There is no agent ${index}; there are ${this.agents.length}.`)
    return agent
  }

  // ---- HTTP

  async #serve(index: number, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = new URL(request.url ?? '/', 'http://double').pathname
    const body = await textOf(request)
    if (path.startsWith('/double/')) {
      this.#control(path.slice('/double/'.length), body, response)
      return
    }
    if (path === '/health' || path === '/master/health') {
      if (this.#isHanging('health')) return
      response.writeHead(200, { 'Content-Length': 0 }).end()
      return
    }
    const leads = this.#leading
    if (leads === undefined) {
      refuse(response, { status: 503, text: 'No leader elected' })
      return
    }
    const isRedirect = path === '/redirect' || path === '/master/redirect'
    if (isRedirect || leads !== index) {
      const to = `//localhost:${portOf(this.#servers[leads])}${isRedirect ? '' : `/master${path.replace(/^\/master/, '')}`}`
      response.writeHead(307, { Location: to, 'Content-Length': 0 }).end()
      return
    }
    if (this.#options.clock.monotonic() < this.#recoveringUntil) {
      refuse(response, { status: 503, text: 'Master has not finished recovery' })
      return
    }
    const called = path.replace(/^\/master/, '')
    if (called === '/api/v1/scheduler') await this.#scheduler(request, body, response)
    else if (called === '/api/v1') answer(response, operatorCall(parsed(body), this.#operatorContext()))
    else response.writeHead(404, { 'Content-Length': 0 }).end()
  }

  #operatorContext(): Parameters<typeof operatorCall>[1] {
    return {
      leader: this.leader,
      registry: this.#registry,
      masterInfo: this.#masterInfo(this.leader.id),
      clusterAgents: this.agents,
      pidOf: agent => `${agentPath(agent)}@127.0.0.1:${portOf(this.#agentServer)}`,
    }
  }

  #isHanging(type: string): boolean {
    return this.faults.take(type)?.kind === 'hang'
  }

  async #scheduler(request: IncomingMessage, body: string, response: ServerResponse): Promise<void> {
    const wrong = this.#unauthorized(request) ?? refuseRequest(request.method ?? 'GET', request.headers)
    if (wrong !== undefined) {
      refuse(response, wrong)
      return
    }
    const call = readCall(body)
    if ('status' in call) {
      refuse(response, call)
      return
    }
    this.calls.set(call.type, (this.calls.get(call.type) ?? 0) + 1)
    await this.faults.delay()
    const fault = this.faults.take(call.type)
    if (fault?.kind === 'hang') return
    if (fault?.kind === 'lose') {
      request.socket.destroy()
      return
    }
    if (fault?.kind === 'answer') {
      refuse(response, fault)
      return
    }
    const refusal = call.type === 'SUBSCRIBE' ? this.#subscribe(call, request, response) : this.#call(call, request)
    if (refusal !== undefined) refuse(response, refusal)
    else if (fault?.kind === 'lose-answer') request.socket.destroy()
    else if (call.type !== 'SUBSCRIBE') response.writeHead(call.type === 'UPDATE_FRAMEWORK' ? 200 : 202, { 'Content-Length': 0 }).end()
  }

  #unauthorized(request: IncomingMessage): Refusal | undefined {
    const { credentials } = this.#options
    if (credentials === undefined) return undefined
    const expected = `Basic ${Buffer.from(`${credentials.principal}:${credentials.secret}`).toString('base64')}`
    if (request.headers.authorization === expected) return undefined
    return { status: 401, text: '401 Unauthorized.', headers: { 'WWW-Authenticate': 'Basic realm="mesos-master-scheduler"' } }
  }

  #subscribe(call: SchedulerCall, request: IncomingMessage, response: ServerResponse): Refusal | undefined {
    if (request.headers['mesos-stream-id'] !== undefined)
      return { status: 400, text: "Subscribe calls should not include the 'Mesos-Stream-Id' header" }
    const { principal } = this.#options.credentials ?? {}
    const theirs = call.subscribe?.framework_info?.principal
    if (principal !== undefined && theirs !== undefined && theirs !== principal)
      return {
        status: 400,
        text: `Failed to validate scheduler::Call: Authenticated principal '${principal}' does not match principal '${theirs}' set in \`FrameworkInfo\``,
      }
    const { leader } = this
    const stream: EventStream = new EventStream(randomUUID(), response, this.#options.clock, this.faults.events, () =>
      leader.streamEnded(stream),
    )
    leader.subscribe(call, stream)
    return undefined
  }

  #call(call: SchedulerCall, request: IncomingMessage): Refusal | undefined {
    const id = call.framework_id?.value ?? ''
    const framework = this.leader.frameworks.get(id)
    if (framework === undefined) return { status: 400, text: 'Framework cannot be found' }
    const { principal } = this.#options.credentials ?? {}
    if (principal !== undefined && (framework.info.principal ?? principal) !== principal)
      return { status: 400, text: `Authenticated principal '${principal}' does not match principal of the framework` }
    if (framework.stream === undefined) return { status: 403, text: 'Framework is not subscribed' }
    const streamId = request.headers['mesos-stream-id']
    if (streamId === undefined) return { status: 400, text: "All non-subscribe calls should include the 'Mesos-Stream-Id' header" }
    if (streamId !== framework.streamId)
      return {
        status: 400,
        text: `The stream ID '${String(streamId)}' included in this request didn't match the stream ID currently associated with framework ID ${id}`,
      }
    this.leader.call(framework, call)
    return undefined
  }

  async #serveAgent(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await textOf(request)
    const [, name] = /^\/(slave\(\d+\))\/api\/v1$/.exec(decodeURI(request.url ?? '')) ?? []
    const agent = this.agents.find(each => agentPath(each) === name)
    if (agent === undefined) response.writeHead(404, { 'Content-Length': 0 }).end()
    // A silent one answers nothing, and whoever asks finds out by its own patience.
    else if (!agent.silent) answer(response, agentCall(parsed(body), agent, AGENT_FLAGS))
  }

  /** The control port's way in: `POST /double/NAME` with a JSON list of arguments, of any method that is said to be a fault. */
  #control(name: string, body: string, response: ServerResponse): void {
    const args = parsed(body === '' ? '[]' : body)
    const play = Array.isArray(args) ? playable(this, name, args) : undefined
    play?.()
    answer(response, { status: play === undefined ? 404 : 200, body: { played: name, known: play !== undefined } })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.leader.close()
    for (const agent of this.agents) {
      agent.follow(undefined)
      agent.shutdown()
    }
    for (const server of [...this.#servers, this.#agentServer]) {
      server.closeAllConnections()
      if (server.listening) await new Promise(done => server.close(done))
    }
  }
}

/** What its agents say of how they isolate: not at all. */
const AGENT_FLAGS = { isolation: 'posix/cpu,posix/mem', containerizers: 'mesos', launcher: 'posix' }

const agentPath = (agent: Agent): string => `slave(${agent.index + 1})`

const portOf = (server: Server | undefined): number => (server?.address() as AddressInfo | null)?.port ?? 0

const textOf = async (request: IncomingMessage): Promise<string> => {
  const parts: Buffer[] = []
  for await (const part of request) parts.push(part)
  return Buffer.concat(parts).toString('utf8')
}

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const refuse = (response: ServerResponse, { status, text, headers = {} }: Refusal): void => {
  response
    .writeHead(status, { ...headers, 'Content-Type': 'text/plain; charset=utf-8', 'Content-Length': Buffer.byteLength(text) })
    .end(text)
}

const answer = (response: ServerResponse, { status, body, text }: OperatorAnswer): void => {
  if (text !== undefined) {
    refuse(response, { status, text })
    return
  }
  const bytes = body === undefined ? '' : JSON.stringify(body)
  response
    .writeHead(status, { ...(bytes === '' ? {} : { 'Content-Type': 'application/json' }), 'Content-Length': Buffer.byteLength(bytes) })
    .end(bytes)
}
