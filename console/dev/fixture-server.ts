/**
 * Speaks enough of /api/v1 to develop and test the console where no Manor runs: a seeded fleet, the lists, the stream with resume, the requests
 * that the console makes, the built pages under the policy that Manor sends. It decides nothing: what changes, a test says or `--live` does.
 *
 *   node console/dev/fixture-server.ts [--port 4400] [--small | --empty] [--still]      then: npx vite console
 */
import { readFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import type { Change, ControllerView, EventView, HostView, TenantView } from '../../src/api/contract.ts'
import { CONSOLE_POLICY } from '../../src/api/pages.ts'
import { CONTROLLER_ACTIONS, type ControllerAction, legalActions, nameProblem, type Tenant, tenantId } from '../../src/model/index.ts'
import { type Clock, type Random, seededRandom, systemClock } from '../../src/runtime/index.ts'
import { applyChange, problemOf } from '../../src/tenants/check.ts'
import { applyTo, problem, type Reply, read } from './fixture-answers.ts'
import { controllerIn, type Fleet, type FleetSize, FULL_SIZE, newTenantView, SMALL_SIZE, seedFleet } from './seeded-fleet.ts'
import { stirOnce } from './stir.ts'

export type FixtureOptions = {
  readonly clock: Clock
  readonly random: Random
  readonly size: FleetSize
  readonly port?: number
  /** Directory of the built console; without it only the API is served. */
  readonly dist?: string
}

/** Changes that a client which was away may resume over; older ones are a `reset`. */
const KEPT_MESSAGES = 5_000
const LIVE_EVERY_MS = 250
const MEDIA: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
}

type Message = { readonly id: number; readonly name: 'change' | 'event' | 'reset'; readonly data: unknown }

/** The running server and the strings that a test pulls. */
export type FixtureServer = {
  readonly url: string
  readonly fleet: Fleet
  /** Requests that changed something, oldest first, as `METHOD path body`. */
  readonly requests: string[]
  change(change: Change): void
  event(event: Omit<EventView, 'seq' | 'at'>): void
  /** How many are open. */
  streams(): number
  /** Tells all clients to read the lists anew. */
  reset(): void
  /** Cuts all streams; `refuse` keeps new ones away until it is called with false. */
  dropStreams(refuse: boolean): void
  signOut(): void
  /** Makes the next action be refused as one that came too late. */
  refuseNextAction(): void
  /** Changes something a few times a second until the server stops. */
  live(): void
  stop(): Promise<void>
}

export const startFixtureServer = async (options: FixtureOptions): Promise<FixtureServer> => {
  const { clock, random, size } = options
  const fleet = seedFleet(random, clock.now(), size)
  const messages: Message[] = []
  const streams = new Set<ServerResponse>()
  const requests: string[] = []
  const stopping = new AbortController()
  let cursor = 1
  let isSignedOut = false
  let isRefusing = false
  let refusesAction = false

  const write = (stream: ServerResponse, { id, name, data }: Message): void => {
    stream.write(`id: ${id}\nevent: ${name}\ndata: ${JSON.stringify(data)}\n\n`)
  }
  const publish = (name: Message['name'], data: unknown): void => {
    const message = { id: ++cursor, name, data }
    messages.push(message)
    if (messages.length > KEPT_MESSAGES) messages.shift()
    for (const stream of streams) write(stream, message)
  }
  const change = (each: Change): void => {
    applyTo(fleet, each)
    publish('change', each)
  }
  const event = (news: Omit<EventView, 'seq' | 'at'>): void => {
    const full = { ...news, seq: (fleet.events.at(-1)?.seq ?? 0) + 1, at: clock.now() }
    fleet.events.push(full)
    publish('event', full)
  }

  const openStream = (request: IncomingMessage, response: ServerResponse, after: string | null): void => {
    const from = Number(request.headers['last-event-id'] ?? after ?? cursor)
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
    response.write('retry: 200\n\n')
    const oldest = messages[0]?.id ?? cursor
    if (from + 1 < oldest && from < cursor) write(response, { id: cursor, name: 'reset', data: {} })
    else for (const message of messages) if (message.id > from) write(response, message)
    streams.add(response)
    response.on('close', () => streams.delete(response))
  }

  const act = (name: string, action: ControllerAction | undefined): Reply => {
    const controller = fleet.controllers.get(name)
    if (!controller) return problem(404, 'not-found', `There is no controller named ${name}.`, { field: 'name' })
    if (action === undefined || refusesAction || !controller.actions.includes(action)) {
      refusesAction = false
      const allowed = controller.actions
      return problem(
        409,
        'illegal-action',
        `Controller ${name} is ${controller.phase} and cannot do this now; allowed: ${allowed.join(', ')}.`,
        { field: 'action', allowed },
      )
    }
    const phase = ({ start: 'starting', restart: 'quieting', stop: 'quieting', delete: 'deleting' } as const)[action]
    const view: ControllerView = {
      ...controller,
      phase,
      phaseSince: clock.now(),
      actions: [...legalActions(phase)],
      revision: controller.revision + 1,
    }
    change({ kind: 'controller', id: name, view })
    event({
      kind: 'controller',
      subject: name,
      tenant: controller.tenant,
      type: `${action}-requested`,
      actor: 'user:ada',
      message: `${action} of ${name} was asked for.`,
      data: {},
    })
    return { status: 202, body: view }
  }

  const create = (body: Readonly<Record<string, unknown>>): Reply => {
    const name = String(body.name ?? '')
    const wrong = nameProblem(name)
    if (wrong !== undefined) return problem(400, 'invalid', `name ${wrong}.`, { field: 'name' })
    if (fleet.controllers.has(name))
      return problem(409, 'exists', `There is a controller named ${name} already: choose another name.`, { field: 'name' })
    if (Number(body.memoryMb ?? 3_072) < 384)
      return problem(400, 'invalid', `memoryMb is ${body.memoryMb}: give 384 to 1048576 MB.`, { field: 'memoryMb' })
    const view = controllerIn('pending', { id: name, tenant: String(body.tenant ?? 'default'), host: 'host-01', now: clock.now(), random })
    change({ kind: 'controller', id: name, view })
    return { status: 201, body: view }
  }

  const makeTenant = (body: Readonly<Record<string, unknown>>): Reply => {
    const name = String(body.name ?? '')
    const wrong = nameProblem(name)
    if (wrong !== undefined) return problem(400, 'invalid', `name ${wrong}.`, { field: 'name' })
    return putTenant(newTenantView(name, clock.now()), body, 201)
  }

  /** By the rules of the API itself. */
  const putTenant = (before: TenantView, body: Readonly<Record<string, unknown>>, status: number): Reply => {
    const rowOf = ({ id, weight, createdAt, quota, guarantee, policy }: TenantView): Tenant => ({
      id: tenantId(id),
      weight,
      createdAt,
      ...(quota === undefined ? {} : { quota }),
      ...(guarantee === undefined ? {} : { guarantee }),
      ...(policy === undefined ? {} : { policy }),
    })
    const { id: _id, ...after } = applyChange(rowOf(before), body)
    const others = [...fleet.tenants.values()].filter(({ id }) => id !== before.id).map(rowOf)
    const hosts = [...fleet.hosts.values()]
    const wrong = problemOf({ ...after, id: tenantId(before.id) }, { before: rowOf(before), others, hosts })
    if (wrong !== undefined) return problem(400, 'invalid', wrong.message, { field: wrong.field })
    const { quota: _quota, guarantee: _guarantee, policy: _policy, ...rest } = before
    const { access: _access, ...shared } = after
    const view: TenantView = { ...rest, ...shared, revision: before.revision + 1 }
    change({ kind: 'tenant', id: before.id, view })
    return { status, body: view }
  }

  const changeTenant = (name: string, body: Readonly<Record<string, unknown>>): Reply => {
    const before = fleet.tenants.get(name)
    return before === undefined
      ? problem(404, 'not-found', `There is no tenant named ${name}.`, { field: 'name' })
      : putTenant(before, body, 200)
  }

  const deleteTenant = (id: string): Reply => {
    const count = fleet.tenants.get(id)?.controllers ?? 0
    if (count > 0)
      return problem(409, 'in-use', `Tenant ${id} still has ${count} controllers. Delete or revoke those first.`, { field: 'name' })
    change({ kind: 'tenant', id, view: null })
    return { status: 204, body: undefined }
  }

  const changeHost = (name: string, made: (host: HostView) => HostView, status: number): Reply => {
    const before = fleet.hosts.get(name)
    if (before === undefined) return problem(404, 'not-found', `There is no host named ${name}.`, { field: 'name' })
    const view = made(before)
    change({ kind: 'host', id: name, view })
    return { status, body: view }
  }

  const actOnHost = (name: string, { action, deadlineMs }: Readonly<Record<string, unknown>>): Reply =>
    changeHost(
      name,
      ({ reason: _reason, drainBy: _drainBy, ...host }) => ({
        ...host,
        state: action === 'cordon' ? 'cordoned' : action === 'drain' ? 'draining' : 'ready',
        ...(action === 'drain' ? { reason: { code: 'draining', message: 'It is being emptied.', since: clock.now() } } : {}),
        ...(typeof deadlineMs === 'number' ? { drainBy: clock.now() + deadlineMs } : {}),
      }),
      202,
    )

  const answer = (method: string, url: URL, body: Readonly<Record<string, unknown>>): Reply => {
    const path = url.pathname.replace('/api/v1', '')
    if (method === 'POST') {
      requests.push(`${method} ${path} ${JSON.stringify(body)}`)
      const [, name] = /^\/controllers\/([^/]+)\/actions$/.exec(path) ?? []
      if (name !== undefined)
        return act(
          decodeURIComponent(name),
          CONTROLLER_ACTIONS.find(action => action === body.action),
        )
      const [, host] = /^\/hosts\/([^/]+)\/actions$/.exec(path) ?? []
      if (host !== undefined) return actOnHost(host, body)
      if (path === '/controllers') return create(body)
      if (path === '/tenants') return makeTenant(body)
      if (path.endsWith('/credentials')) return { status: 200, body: { user: 'admin', password: 'not-a-real-one' } }
    }
    const [, tenant] = /^\/tenants\/([^/]+)$/.exec(path) ?? []
    if (tenant !== undefined && (method === 'PATCH' || method === 'DELETE')) {
      requests.push(`${method} ${path}${method === 'PATCH' ? ` ${JSON.stringify(body)}` : ''}`)
      return method === 'PATCH' ? changeTenant(tenant, body) : deleteTenant(tenant)
    }
    const [, host] = /^\/hosts\/([^/]+)$/.exec(path) ?? []
    if (host !== undefined && method === 'PATCH') {
      requests.push(`${method} ${path} ${JSON.stringify(body)}`)
      const { reservedFor } = body
      return changeHost(
        host,
        ({ reservedFor: before, ...rest }) => ({
          ...rest,
          ...(body.role === undefined ? {} : { role: body.role as HostView['role'] }),
          ...(typeof reservedFor === 'string'
            ? { reservedFor }
            : reservedFor === undefined && before !== undefined
              ? { reservedFor: before }
              : {}),
        }),
        200,
      )
    }
    return read(fleet, path, url.searchParams, clock.now())
  }

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = new URL(request.url ?? '/', 'http://fixture')
    if (!url.pathname.startsWith('/api/')) return servePage(response, url.pathname, options.dist)
    if (isSignedOut) return send(response, problem(401, 'unauthenticated', 'This needs a session.'), cursor)
    if (url.pathname === '/api/v1/changes')
      return isRefusing
        ? send(response, problem(503, 'unavailable', 'Not now.'), cursor)
        : openStream(request, response, url.searchParams.get('after'))
    return send(response, answer(request.method ?? 'GET', url, await readBody(request)), cursor)
  }

  const server = createServer((request, response) => {
    handle(request, response).catch(cause => response.destroy(cause))
  })
  await new Promise<void>(resolve => server.listen(options.port ?? 0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    fleet,
    requests,
    change,
    event,
    streams: () => streams.size,
    reset: () => publish('reset', {}),
    dropStreams: refuse => {
      isRefusing = refuse
      for (const stream of streams) stream.destroy()
    },
    signOut: () => {
      isSignedOut = true
      for (const stream of streams) stream.destroy()
    },
    refuseNextAction: () => {
      refusesAction = true
    },
    live: () => {
      const again = (): void => {
        if (stopping.signal.aborted) return
        stirOnce(fleet, random, clock.now(), change, event)
        clock.after(LIVE_EVERY_MS, again)
      }
      again()
    },
    stop: async () => {
      stopping.abort()
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
}

const send = (response: ServerResponse, { status, body }: Reply, cursor: number): void => {
  const isText = typeof body === 'string'
  response.writeHead(status, {
    'content-type': isText ? 'text/plain; charset=utf-8' : status >= 400 ? 'application/problem+json' : 'application/json',
    'x-manor-cursor': String(cursor),
    'cache-control': 'no-store',
  })
  response.end(isText ? body : JSON.stringify(body))
}

const readBody = async (request: IncomingMessage): Promise<Readonly<Record<string, unknown>>> => {
  const chunks: Uint8Array[] = []
  for await (const chunk of request) chunks.push(chunk)
  const text = Buffer.concat(chunks).toString('utf8')
  return text === '' ? {} : JSON.parse(text)
}

const servePage = async (response: ServerResponse, path: string, dist: string | undefined): Promise<void> => {
  if (dist === undefined) {
    response.writeHead(404).end('Run "npx vite console" for the pages.')
    return
  }
  const isFile = /^\/(assets\/[\w.-]+|favicon\.svg)$/.test(path)
  const file = join(dist, isFile ? path : 'index.html')
  response.writeHead(200, { 'content-type': MEDIA[extname(file)] ?? 'application/octet-stream', 'content-security-policy': CONSOLE_POLICY })
  response.end(await readFile(file))
}

const NOTHING: FleetSize = { controllers: 0, tenants: 0, agents: 0, hosts: 0 }

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const { values } = parseArgs({
    options: {
      port: { type: 'string', default: '4400' },
      small: { type: 'boolean' },
      empty: { type: 'boolean' },
      still: { type: 'boolean' },
      dist: { type: 'string' },
    },
  })
  const server = await startFixtureServer({
    clock: systemClock,
    random: seededRandom(7),
    size: values.empty ? NOTHING : values.small ? SMALL_SIZE : FULL_SIZE,
    port: Number(values.port),
    ...(values.dist === undefined ? {} : { dist: values.dist }),
  })
  if (!values.still && !values.empty) server.live()
  process.stdout.write(`A seeded fleet answers at ${server.url}\n`)
}
