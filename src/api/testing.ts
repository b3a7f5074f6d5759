/**
 * An API over an embedded store that ends with the test, with hand-written doubles of what lies outside. Every JSON answer is held against the
 * schema that its route declares. For tests of this room, of those who use the API, and for writing docs/openapi.json.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { FastifyInstance } from 'fastify'
import type { TSchema } from 'typebox'
import { Value } from 'typebox/value'
import { HookError, type HookService, type protocol } from '../agents/index.ts'
import { createToken, type PersonRole } from '../identity/index.ts'
import {
  type Agent,
  agentId,
  type Controller,
  type ControllerId,
  controllerId,
  type Demand,
  type DemandItem,
  type Host,
  hostId,
  itemId,
  type Kind,
  type Observation,
  type Rows,
  rowId,
  templateId,
  tenantId,
  VOLATILE_KINDS,
} from '../model/index.ts'
import { seededRandom, VirtualClock } from '../runtime/index.ts'
import { openSqliteStore, type Store } from '../store/index.ts'
import { createApi, handlerOf } from './api.ts'
import type { CredentialsView, Problem } from './contract.ts'
import type { ApiPorts, ShutdownRequest } from './ports.ts'

/** A hook service that keeps what it was told. */
export class FakeHook implements HookService {
  readonly heard: { readonly controller: ControllerId; readonly message: unknown }[] = []
  session = 'session-1'

  async hello(controller: ControllerId, hello: protocol.Hello): Promise<protocol.Welcome> {
    if (hello.epoch < 1) throw new HookError('stale-epoch', `Epoch ${hello.epoch} is not the current one.`)
    this.heard.push({ controller, message: hello })
    return { reportIntervalMs: 10_000 }
  }

  async report(controller: ControllerId, report: protocol.Report): Promise<void> {
    if (report.session !== this.session) throw new HookError('unknown-session', 'Say hello again.')
    this.heard.push({ controller, message: report })
  }

  async wanted(
    controller: ControllerId,
    session: string,
    revision: number,
    waitSeconds: number,
    signal: AbortSignal,
  ): Promise<protocol.Wanted> {
    signal.throwIfAborted()
    this.heard.push({ controller, message: { session, revision, waitSeconds } })
    return { revision: revision + 1, quiet: false, nodes: [] }
  }

  async events(controller: ControllerId, batch: protocol.EventBatch): Promise<protocol.EventAck> {
    this.heard.push({ controller, message: batch })
    return { acknowledged: batch.events.at(-1)?.seq ?? 0 }
  }
}

export type LogLine = { readonly level: 'info' | 'error'; readonly fields: Readonly<Record<string, unknown>>; readonly message: string }

export const CONSOLE_HOST = 'manor.localhost:7070'
export const FLEET_HOST = '127.0.0.1:7070'

export class TestApi implements AsyncDisposable {
  readonly app: FastifyInstance
  readonly ports: ApiPorts
  readonly store: Store
  readonly clock: VirtualClock
  readonly hook = new FakeHook()
  readonly lines: LogLine[] = []
  readonly shutdowns: ShutdownRequest[] = []
  readonly observations = new Map<string, Observation>()
  readonly credentials = new Map<string, CredentialsView>()
  /** Answers of the port `logs`, by workload; a missing one never answers. */
  readonly logs = new Map<string, string>()

  #server: Server | undefined

  private constructor(store: Store, clock: VirtualClock, changes: Partial<ApiPorts>) {
    this.store = store
    this.clock = clock
    const note =
      (level: LogLine['level']) =>
      (fields: LogLine['fields'], message: string): void => {
        this.lines.push({ level, fields, message })
      }
    this.ports = {
      store,
      clock,
      random: seededRandom(1),
      log: { info: note('info'), error: note('error') },
      version: '0.0.0',
      owner: 'test-owner',
      engine: 'process',
      isToldOfHosts: false,
      hook: this.hook,
      credentialsOf: id => this.credentials.get(id),
      explain: {
        controller: async id => explanation(`controller ${id}`),
        agent: async id => explanation(`agent ${id}`),
        item: async (controller, item) => (item === 'gone' ? undefined : explanation(`item ${item} of ${controller}`)),
      },
      logs: async workload => this.logs.get(workload) ?? new Promise<string>(() => undefined),
      observer: { get: id => this.observations.get(id), all: () => this.observations.values() },
      urls: () => ({
        publicUrl: `http://${FLEET_HOST}`,
        consoleUrl: `http://${CONSOLE_HOST}`,
        controllerHostUrl: id => `http://${id}.localhost:7070`,
      }),
      consoleHosts: ['manor.localhost'],
      consoleDirectory: '/nonexistent/console',
      shutdown: request => {
        this.shutdowns.push(request)
      },
      ...changes,
    }
    this.app = createApi(this.ports)
    this.app.addHook('preSerialization', async (request, reply, payload) => {
      const schema = schemaOf(request.routeOptions.schema?.response, reply.statusCode)
      if (schema !== undefined) assert.deepEqual([...Value.Errors(schema, payload)], [], `the answer of ${request.method} ${request.url}`)
      return payload
    })
  }

  static async open(changes: Partial<ApiPorts> = {}): Promise<TestApi> {
    const clock = new VirtualClock()
    const api = new TestApi(await openSqliteStore(':memory:', clock), clock, changes)
    await api.put('tenant', { id: tenantId('default'), weight: 1, createdAt: clock.now() })
    await api.app.ready()
    return api
  }

  /** Puts rows with an event that tells of them. */
  put<K extends Kind>(kind: K, ...rows: Rows[K][]): Promise<void> {
    return this.store.transact(tx => {
      for (const row of rows) {
        tx.put(kind, row)
        if (VOLATILE_KINDS.has(kind) || kind === 'secret' || kind === 'setting') continue
        const tenant = 'tenant' in row && row.tenant !== undefined ? { tenant: row.tenant } : {}
        tx.event({
          kind: kind as 'controller',
          subject: rowId(kind, row),
          type: 'put',
          actor: 'test',
          message: 'Put by a test.',
          ...tenant,
        })
      }
    })
  }

  remove(kind: Kind, id: string): Promise<void> {
    return this.store.transact(tx => {
      tx.remove(kind, id)
      tx.event({ kind: kind as 'controller', subject: id, type: 'removed', actor: 'test', message: 'Removed by a test.' })
    })
  }

  /** A token's secret. */
  async token(role: PersonRole, tenant?: string): Promise<string> {
    const request = { name: `${role}${tenant === undefined ? '' : `-of-${tenant}`}`, role, ...(tenant === undefined ? {} : { tenant }) }
    return (await createToken(this.store, this.ports.random, request, 'manor')).secret
  }

  /** `T` is what the answer's body is expected to be; the route's schema has checked that it is what the contract says. */
  async request<T = Problem>(
    method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
    path: string,
    options: { readonly token?: string; readonly body?: unknown; readonly headers?: Readonly<Record<string, string>> } = {},
  ): Promise<Answer<T>> {
    const { token, body, headers } = options
    const response = await this.app.inject({
      method,
      url: path,
      headers: { host: FLEET_HOST, ...(token === undefined ? {} : { authorization: `Bearer ${token}` }), ...headers },
      ...(body === undefined ? {} : { payload: body as object }),
    })
    const isJson = /json/.test(String(response.headers['content-type'] ?? ''))
    return {
      status: response.statusCode,
      headers: response.headers,
      text: response.body,
      body: (isJson && response.body !== '' ? JSON.parse(response.body) : undefined) as T,
    }
  }

  /** Serves the API as the router does, by a server of someone else's; resolves to its port. */
  async listen(): Promise<number> {
    this.#server = createServer(handlerOf(this.app))
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    const address = this.#server.address()
    assert.ok(typeof address === 'object' && address !== null)
    return address.port
  }

  /** Connections that are open. */
  openConnections(): Promise<number> {
    const server = this.#server
    if (server === undefined) return Promise.resolve(0)
    return new Promise((resolve, reject) => server.getConnections((cause, count) => (cause ? reject(cause) : resolve(count))))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.app.close()
    this.#server?.closeAllConnections()
    this.#server?.close()
    await this.store.close()
  }
}

export type Answer<T> = {
  readonly status: number
  readonly headers: Readonly<Record<string, string | number | string[] | undefined>>
  readonly text: string
  readonly body: T
}

const explanation = (subject: string) => ({ subject, state: 'queued', timeline: [] })

/** As route.ts declares it: by status, then by media type. */
const schemaOf = (responses: unknown, status: number): TSchema | undefined => {
  const byStatus = responses as
    | Readonly<Record<string, { readonly content?: Readonly<Record<string, { readonly schema: TSchema }>> }>>
    | undefined
  const response = byStatus?.[status] ?? byStatus?.[`${Math.floor(status / 100)}xx`]
  return Object.values(response?.content ?? {})[0]?.schema
}

export const aController = (name: string, changes: Partial<Controller> = {}): Controller => ({
  id: controllerId(name),
  tenant: tenantId('default'),
  wanted: 'running',
  spec: { memoryMb: 1024, cpu: 1, diskMb: 1024, graceMs: 1000, distribution: 'jenkins' },
  createdAt: 1,
  restartsWanted: 0,
  restartsDone: 0,
  phase: 'ready',
  phaseSince: 2,
  epoch: 1,
  failures: 0,
  ...changes,
})

export const anAgent = (id: string, controller: string, changes: Partial<Agent> = {}): Agent => ({
  id: agentId(id),
  controller: controllerId(controller),
  tenant: tenantId('default'),
  template: templateId('default'),
  item: itemId('1'),
  attempt: 1,
  task: 'app',
  label: 'linux',
  resources: { cpu: 1, memoryMb: 512, diskMb: 100 },
  phase: 'placed',
  phaseSince: 3,
  epoch: 1,
  queuedAt: 3,
  ...changes,
})

export const aHost = (id: string, changes: Partial<Host> = {}): Host => ({
  id: hostId(id),
  engine: 'process',
  role: 'any',
  capacity: { cpu: 8, memoryMb: 16_384, diskMb: 100_000 },
  attributes: {},
  state: 'ready',
  seenAt: 5,
  limits: { memory: true, cpu: true },
  ...changes,
})

export const demandOf = (controller: string, items: readonly string[], changes: Partial<DemandItem> = {}): Demand => ({
  controller: controllerId(controller),
  session: 'session-1',
  items: items.map((id, i) => ({ id: itemId(id), task: 'app', since: 10 + i, ...changes })),
})
