import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FastifyInstance } from 'fastify'
import { type Permission, ROLE_PERMISSIONS, type Tenant, tenantId } from '../model/index.ts'
import { createApi } from './api.ts'
import type {
  AgentView,
  ControllerView,
  EventView,
  HostView,
  QueueItemView,
  StatusView,
  TemplateView,
  TenantView,
  TokenView,
} from './contract.ts'
import { MAX_FAILURES } from './failed-attempts.ts'
import type { Access } from './route.ts'
import { aController, aHost, anAgent, CONSOLE_HOST, demandOf, TestApi } from './testing.ts'

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
type Route = { readonly method: Method; readonly url: string; readonly access: Access | undefined }

/** All routes that an API has, as they are added. */
const routesOf = async (api: TestApi): Promise<Route[]> => {
  const routes: Route[] = []
  const app: FastifyInstance = createApi(api.ports)
  app.addHook('onRoute', ({ method, url, config }) => {
    for (const each of [method].flat()) if (each !== 'HEAD') routes.push({ method: each as Method, url, access: config?.access })
  })
  await app.ready()
  await app.close()
  return routes
}

/** The only routes for which no token is asked; nothing of a tenant's is on them. */
const PUBLIC = ['GET /*', 'GET /api/openapi.json', 'GET /health', 'GET /sign-in']

const pathOf = (url: string): string => url.replaceAll(/:[a-z]+/g, 'x')

test('every route says who may call it, and only four need no token', async () => {
  await using api = await TestApi.open()
  const routes = await routesOf(api)
  assert.ok(routes.length > 35)
  for (const { method, url, access } of routes) assert.ok(access !== undefined, `${method} ${url}`)
  const open = routes.filter(({ access }) => access === 'public').map(({ method, url }) => `${method} ${url}`)
  assert.deepEqual(open.sort(), PUBLIC)
})

test('a route that does not say who may call it is refused when it is added', async () => {
  await using api = await TestApi.open()
  const app = createApi(api.ports)
  assert.throws(() => app.get('/api/v1/back-door', async () => 'open'), /does not say who may call it/)
  await app.close()
})

test('no route answers without a token, nor to one that never was', async () => {
  await using api = await TestApi.open()
  for (const { method, url, access } of await routesOf(api)) {
    if (access === 'public') continue
    for (const options of [{}, { token: 'manor_api_guess' }, { headers: { authorization: 'Basic YWRtaW46YWRtaW4=' } }]) {
      const answer = await api.request(method, pathOf(url), options)
      assert.ok(answer.status === 401 || answer.status === 429, `${method} ${url}: ${answer.status}`)
    }
  }
})

test('each role is let through just where its permissions say so', async () => {
  await using api = await TestApi.open()
  const routes = await routesOf(api)
  for (const role of ['admin', 'operator', 'developer', 'viewer'] as const) {
    const token = await api.token(role)
    const may = new Set<Permission>(ROLE_PERMISSIONS[role])
    for (const { method, url, access } of routes) {
      // A stream does not end, and a session's end needs no permission.
      if (access === undefined || access === 'public' || url.endsWith('/changes')) continue
      const { status } = await api.request(method, pathOf(url), { token })
      assert.equal(status === 403, access !== 'person' && !may.has(access), `${role} ${method} ${url}: ${status}`)
    }
  }
})

const tenant = (id: string): Tenant => ({ id: tenantId(id), weight: 1, createdAt: 1 })

/** Two tenants with the same things each. */
const openTwoTenants = async (): Promise<TestApi> => {
  const api = await TestApi.open()
  await api.put('tenant', tenant('red'), tenant('blue'))
  for (const name of ['red', 'blue']) {
    const own = { tenant: tenantId(name) }
    await api.put('controller', aController(`${name}-ci`, own))
    await api.put('agent', anAgent(`${name}-agent`, `${name}-ci`, own))
    await api.put('demand', demandOf(`${name}-ci`, ['1', '2']))
    await api.put('host', aHost(`${name}-host`, { reservedFor: tenantId(name) }))
    await api.token('viewer', name)
    const token = await api.token('admin')
    const body = { labels: ['x'], scope: { kind: 'tenant', tenant: name } }
    assert.equal((await api.request('PUT', `/api/v1/templates/${name}-template`, { token, body })).status, 200)
    api.credentials.set(`${name}-ci`, { user: 'manor', password: `${name}-password` })
  }
  await api.put('host', aHost('shared-host'))
  return api
}

test('a tenant’s lists hold nothing of another tenant', async () => {
  await using api = await openTwoTenants()
  const token = await api.token('admin', 'red')
  const list = async <T>(path: string): Promise<T[]> => (await api.request<T[]>('GET', `/api/v1/${path}`, { token })).body
  assert.deepEqual(
    (await list<ControllerView>('controllers')).map(({ id }) => id),
    ['red-ci'],
  )
  assert.deepEqual(
    (await list<AgentView>('agents')).map(({ id }) => id),
    ['red-agent'],
  )
  assert.deepEqual(
    (await list<AgentView>('agents?live=false')).map(({ id }) => id),
    ['red-agent'],
  )
  assert.deepEqual(
    (await list<QueueItemView>('queue')).map(({ id }) => id),
    ['red-ci/1', 'red-ci/2'],
  )
  assert.deepEqual(
    (await list<TemplateView>('templates')).map(({ id }) => id),
    ['red-template'],
  )
  assert.deepEqual(
    (await list<TenantView>('tenants')).map(({ id }) => id),
    ['red'],
  )
  assert.deepEqual(
    (await list<HostView>('hosts')).map(({ id }) => id),
    ['red-host', 'shared-host'],
  )
  for (const { tenant } of await list<TokenView>('tokens')) assert.equal(tenant, 'red')
  for (const event of await list<EventView>('events?limit=1000')) assert.equal(event.tenant, 'red')
  const { body: status } = await api.request<StatusView>('GET', '/api/v1/status', { token })
  assert.deepEqual([status.controllers, status.agents, status.queued], [{ ready: 1 }, { placed: 1 }, 2])
})

test('whatever of another tenant is asked for or touched is not there, and stays as it was', async () => {
  await using api = await openTwoTenants()
  const token = await api.token('admin', 'red')
  const before = JSON.stringify(api.store.list('controller').concat())
  const attempts: readonly (readonly [Method, string, unknown?])[] = [
    ['GET', 'controllers/NAME-ci'],
    ['PATCH', 'controllers/NAME-ci', { memoryMb: 2048 }],
    ['POST', 'controllers/NAME-ci/actions', { action: 'delete' }],
    ['GET', 'controllers/NAME-ci/log'],
    ['GET', 'controllers/NAME-ci/builds'],
    ['GET', 'controllers/NAME-ci/explanation'],
    ['POST', 'controllers/NAME-ci/credentials'],
    ['GET', 'agents?controller=NAME-ci'],
    ['GET', 'agents/NAME-agent'],
    ['GET', 'agents/NAME-agent/log'],
    ['GET', 'agents/NAME-agent/explanation'],
    ['GET', 'queue?controller=NAME-ci'],
    ['GET', 'queue/NAME-ci/1/explanation'],
    ['GET', 'templates/NAME-template'],
    ['DELETE', 'templates/NAME-template'],
    ['PUT', 'templates/new', { labels: ['x'], scope: { kind: 'tenant', tenant: 'NAME' } }],
    ['PUT', 'templates/new', { labels: ['x'], scope: { kind: 'controller', controller: 'NAME-ci' } }],
    ['POST', 'controllers', { name: 'new-ci', tenant: 'NAME' }],
    ['POST', 'tokens', { name: 'x', role: 'viewer', tenant: 'NAME' }],
  ]
  for (const [method, path, body] of attempts) {
    const ask = async (name: string) => {
      const filled = body === undefined ? {} : { body: JSON.parse(JSON.stringify(body).replaceAll('NAME', name)) as unknown }
      const { status, text } = await api.request(method, `/api/v1/${path.replaceAll('NAME', name)}`, { token, ...filled })
      return { status, text: text.replaceAll(name, 'NAME') }
    }
    const other = await ask('blue')
    assert.equal(other.status, 404, `${method} ${path}: ${other.text}`)
    // Word for word what it says of a thing that never was: else it would tell that it is there.
    assert.deepEqual(other, await ask('green'), `${method} ${path}`)
  }
  for (const { id } of api.store.list('token').filter(({ tenant }) => tenant !== 'red'))
    assert.equal((await api.request('DELETE', `/api/v1/tokens/${id}`, { token })).status, 404)
  assert.equal(JSON.stringify(api.store.list('controller')), before)
})

test('a tenant’s own administrator neither ends Manor nor writes templates for all', async () => {
  await using api = await openTwoTenants()
  const token = await api.token('admin', 'red')
  const all = await api.token('admin')
  await api.request('PUT', '/api/v1/templates/for-all', { token: all, body: { labels: ['x'] } })
  assert.equal((await api.request('GET', '/api/v1/templates/for-all', { token })).status, 200)
  for (const [method, path, body, status] of [
    ['POST', 'shutdown', { controllers: true }, 403],
    ['PUT', 'templates/for-all', { labels: ['y'] }, 403],
    ['DELETE', 'templates/for-all', undefined, 403],
    ['PUT', 'templates/new', { labels: ['y'], scope: { kind: 'global' } }, 403],
    ['PUT', 'templates/blue-template', { labels: ['y'] }, 409],
  ] as const) {
    const answer = await api.request(method, `/api/v1/${path}`, { token, ...(body === undefined ? {} : { body }) })
    assert.equal(answer.status, status, `${method} ${path}: ${answer.text}`)
  }
  const own = await api.request<TemplateView>('PUT', '/api/v1/templates/own', { token, body: { labels: ['y'] } })
  assert.deepEqual(own.body.scope, { kind: 'tenant', tenant: 'red' })
  assert.deepEqual(api.shutdowns, [])
})

test('a name that changes hands between the look and the work is not touched', async () => {
  await using api = await openTwoTenants()
  const token = await api.token('admin', 'red')
  // Both are in one commit: the name is blue's when red's work runs.
  const handedOver = api.put('controller', aController('red-ci', { tenant: tenantId('blue') }))
  const answer = api.request('POST', '/api/v1/controllers/red-ci/actions', { token, body: { action: 'delete' } })
  await handedOver
  assert.equal((await answer).status, 404)
  assert.equal(api.store.get('controller', 'red-ci')?.wanted, 'running')
})

test('wrong tokens are slowed down, right ones at the same address are not', async () => {
  await using api = await TestApi.open()
  const token = await api.token('viewer')
  const statuses: number[] = []
  for (let i = 0; i <= MAX_FAILURES; i++) statuses.push((await api.request('GET', '/api/v1/me', { token: `guess-${i}` })).status)
  assert.deepEqual([statuses.at(0), statuses.at(-2), statuses.at(-1)], [401, 401, 429])
  const slowed = await api.request('GET', '/api/v1/me', { token: 'guess' })
  assert.equal(slowed.headers['retry-after'], '60')
  assert.equal((await api.request('GET', '/api/v1/me', { token })).status, 200)
  assert.equal((await api.request('PUT', '/hook/v1/report', { token: 'revoked' })).status, 401)
  await api.clock.advance(60_000)
  assert.equal((await api.request('GET', '/api/v1/me', { token: 'guess' })).status, 401)
})

test('every answer carries the headers that keep browsers careful', async () => {
  await using api = await TestApi.open()
  for (const path of ['/api/v1/me', '/nothing', '/health', '/sign-in']) {
    const { headers } = await api.request('GET', path, { headers: { host: CONSOLE_HOST } })
    assert.equal(headers['x-content-type-options'], 'nosniff', path)
    assert.equal(headers['referrer-policy'], 'no-referrer', path)
    assert.match(String(headers['content-security-policy']), /frame-ancestors 'none'/, path)
    assert.doesNotMatch(String(headers['content-security-policy']), /unsafe/, path)
  }
})
