/**
 * A double of Marathon 1.11 with a Mesos below it: real HTTP servers on loopback, apps whose commands really run as processes of this machine,
 * hosts that are made up. A double, and no more: it has no ZooKeeper, no roles, no volumes and no pods. What it answers is held against
 * exchanges with a real one (tests/fixtures/marathon-1.11). Read README.md first, then core.ts.
 */
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { createServer, request as httpRequest, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Clock } from '../../../src/runtime/index.ts'
import { Api } from './api.ts'
import type { HostSpec } from './cluster.ts'
import { Core } from './core.ts'
import { parseBody } from './definition.ts'
import { EventStreams } from './events.ts'
import { Faults } from './faults.ts'
import { operatorCall } from './operator.ts'

export type MarathonDoubleOptions = {
  readonly clock: Clock
  /** Where sandboxes go; made if missing. */
  readonly directory: string
  readonly hosts?: readonly HostSpec[]
  /** Of the Marathon that leads first; 0 for a free one. */
  readonly port?: number
  /** Marathons beside the one that leads; they pass requests on. */
  readonly standbys?: number
  readonly offerIntervalMs?: number
  readonly stageMs?: number
  readonly scaleCheckMs?: number
  readonly tickMs?: number
  readonly credentials?: { readonly user: string; readonly password: string }
  readonly strict?: boolean
  readonly chance?: () => number
}

export type MarathonDouble = AsyncDisposable & {
  /** The leader first. */
  readonly urls: readonly string[]
  readonly mesosUrl: string
  readonly core: Core
  readonly events: EventStreams
  readonly faults: Faults
  /** Every request that came, `METHOD path?query`, oldest first. */
  readonly requests: readonly string[]
}

const DEFAULT_HOSTS: readonly HostSpec[] = [
  { hostname: 'localhost', cpus: 4, mem: 8_000, ports: [31_000, 31_999], attributes: { rack: 'r1', storage: 'ebs' } },
]
/** Requests remembered for tests. */
const MAX_REQUESTS = 100_000

export const createMarathonDouble = async (options: MarathonDoubleOptions): Promise<MarathonDouble> => {
  const double = new Double(options)
  await double.listen()
  return double
}

class Double implements MarathonDouble {
  readonly core: Core
  readonly events: EventStreams
  readonly faults: Faults
  readonly requests: string[] = []
  readonly #options: MarathonDoubleOptions
  readonly #api: Api
  readonly #servers: Server[] = []
  readonly #mesos: Server
  #leader = 0
  #cancelTick = (): void => undefined

  constructor(options: MarathonDoubleOptions) {
    const { clock, directory, hosts = DEFAULT_HOSTS, offerIntervalMs = 1_000, stageMs = 200, scaleCheckMs = 300_000 } = options
    mkdirSync(directory, { recursive: true })
    this.#options = options
    this.events = new EventStreams(clock)
    const emit: EventStreams['emit'] = (type, data) => this.events.emit(type, data)
    this.core = new Core({ clock, directory, hosts, offerIntervalMs, stageMs, scaleCheckMs, emit, chance: options.chance ?? Math.random })
    this.faults = new Faults(this.core, this.events, () => this.#abdicate())
    this.#api = new Api({
      core: this.core,
      clock,
      emit,
      strict: options.strict ?? true,
      leader: () => this.#address(this.#leader),
      mesosUrl: () => this.mesosUrl,
      abdicate: () => this.#abdicate(),
    })
    for (let index = 0; index <= (options.standbys ?? 0); index++)
      this.#servers.push(createServer((request, response) => void this.#serve(index, request, response)))
    this.#mesos = createServer((request, response) => void this.#serveMesos(request, response))
  }

  async listen(): Promise<void> {
    for (const [index, server] of this.#servers.entries()) {
      server.listen(index === 0 ? (this.#options.port ?? 0) : 0, '127.0.0.1')
      await once(server, 'listening')
    }
    this.#mesos.listen(0, '127.0.0.1')
    await once(this.#mesos, 'listening')
    const tick = (): void => {
      this.core.pump()
      this.#cancelTick = this.#options.clock.after(this.#options.tickMs ?? 50, tick)
    }
    tick()
  }

  get urls(): readonly string[] {
    const all = this.#servers.map((_, index) => `http://${this.#address(index)}`)
    return [...all.slice(this.#leader), ...all.slice(0, this.#leader)]
  }

  get mesosUrl(): string {
    return `http://127.0.0.1:${portOf(this.#mesos)}`
  }

  #address(index: number): string {
    return `127.0.0.1:${portOf(this.#servers[index])}`
  }

  #abdicate(): void {
    this.events.cut()
    this.#leader = (this.#leader + 1) % this.#servers.length
  }

  async #serve(index: number, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://double')
    if (this.requests.length < MAX_REQUESTS) this.requests.push(`${request.method} ${request.url}`)
    const body = await textOf(request)
    if (url.pathname.startsWith('/double/')) {
      this.#control(url, body, response)
      return
    }
    if (!(await this.faults.before(request.method ?? 'GET', url.pathname, response))) return
    const headers = { 'x-marathon-leader': `http://${this.#address(this.#leader)}`, 'cache-control': 'no-cache, no-store, must-revalidate' }
    if (!this.#mayEnter(request)) {
      send(response, 401, { message: 'Unauthorized' }, { ...headers, 'www-authenticate': 'Basic realm="Mesosphere"' })
      return
    }
    if (url.pathname === '/v2/events') {
      // A standby of 1.8 and later does not pass the stream on.
      if (index !== this.#leader) send(response, 404, { message: 'HTTP 404 Not Found' }, headers)
      else this.events.attach(response, url.searchParams.getAll('event_type'), request.socket.remoteAddress ?? '', headers)
      return
    }
    if (index !== this.#leader) {
      this.#proxy(index, request, body, response)
      return
    }
    const wrong = this.#options.strict === false ? undefined : wrongContentType(request)
    if (wrong !== undefined) {
      send(response, 415, { message: wrong }, headers)
      return
    }
    const answer = this.#api.answer({
      method: request.method ?? 'GET',
      path: decodeURI(url.pathname).replace(/(?<=.)\/+$/, ''),
      query: url.searchParams,
      body,
      from: request.socket.remoteAddress ?? '',
    })
    this.core.pump()
    if (this.faults.losesAnswer(request.method ?? 'GET', url.pathname)) {
      request.socket.destroy()
      return
    }
    send(response, answer.status, answer.body, { ...headers, ...answer.headers })
  }

  #mayEnter(request: IncomingMessage): boolean {
    const { credentials } = this.#options
    if (credentials === undefined) return true
    return request.headers.authorization === `Basic ${Buffer.from(`${credentials.user}:${credentials.password}`).toString('base64')}`
  }

  #proxy(index: number, request: IncomingMessage, body: string, response: ServerResponse): void {
    const { method, url: path, headers } = request
    const { host: _host, connection: _connection, 'content-length': _length, ...rest } = headers
    const onward = httpRequest(
      {
        host: '127.0.0.1',
        port: portOf(this.#servers[this.#leader]),
        method,
        path,
        headers: { ...rest, 'content-length': Buffer.byteLength(body) },
      },
      answer => {
        response.writeHead(answer.statusCode ?? 502, { ...answer.headers, 'x-marathon-via': `1.1 ${this.#address(index)}` })
        answer.pipe(response)
      },
    )
    onward.on('error', () => send(response, 502, { message: 'Connection to leader refused.' }, {}))
    onward.end(body)
  }

  /** The control port's way in: `POST /double/FAULT` with the arguments as a JSON list. */
  #control(url: URL, body: string, response: ServerResponse): void {
    const name = url.pathname.slice('/double/'.length)
    const args: unknown = body === '' ? [] : JSON.parse(body)
    const done = Array.isArray(args) && this.faults.play(name, args.map(String))
    send(response, done ? 200 : 404, { played: name, known: done }, {})
  }

  async #serveMesos(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await textOf(request)
    if (!(await this.faults.before(request.method ?? 'GET', '/mesos', response))) return
    const [, name] = /^\/(agent\(\d+\))\/api\/v1$/.exec(decodeURI(request.url ?? '')) ?? []
    const known = name !== undefined || request.url === '/api/v1'
    const answer = known ? operatorCall(this.core, name, `127.0.0.1:${portOf(this.#mesos)}`, parseBody(body)) : { status: 404 }
    send(response, answer.status, answer.body, {})
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#cancelTick()
    this.faults.restore()
    this.events.close()
    this.core.close()
    for (const server of [...this.#servers, this.#mesos]) {
      server.closeAllConnections()
      if (server.listening) await new Promise(done => server.close(done))
    }
  }
}

const portOf = (server: Server | undefined): number => (server?.address() as AddressInfo | null)?.port ?? 0

const textOf = async (request: IncomingMessage): Promise<string> => {
  const parts: Buffer[] = []
  for await (const part of request) parts.push(part)
  return Buffer.concat(parts).toString('utf8')
}

/** Where a body comes without saying what it is, a real Marathon answers 415. */
const wrongContentType = (request: IncomingMessage): string | undefined =>
  (request.method === 'POST' || request.method === 'PUT' || request.method === 'PATCH') &&
  !(request.headers['content-type'] ?? '').startsWith('application/json')
    ? 'HTTP 415 Unsupported Media Type'
    : undefined

const send = (response: ServerResponse, status: number, body: unknown, headers: Readonly<Record<string, string>>): void => {
  if (response.destroyed || response.headersSent) return
  const bytes = body === undefined ? Buffer.alloc(0) : Buffer.from(JSON.stringify(body))
  response.writeHead(status, status === 422 ? '' : undefined, {
    ...headers,
    ...(bytes.length === 0 ? {} : { 'content-type': 'application/json' }),
    'content-length': bytes.length,
  })
  response.end(bytes)
}
