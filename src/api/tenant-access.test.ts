import assert from 'node:assert/strict'
import { test } from 'node:test'
import { tenantId } from '../model/index.ts'
import type { AccessView, Problem, TemplateView, TenantView } from './contract.ts'
import { aController, TestApi } from './testing.ts'

const red = tenantId('red')
const RED = '/api/v1/tenants/red'

const open = async (): Promise<TestApi> => {
  const api = await TestApi.open()
  await api.put('tenant', { id: red, weight: 1, createdAt: 1 }, { id: tenantId('blue'), weight: 1, createdAt: 1 })
  await api.put('controller', aController('red-ci', { tenant: red }))
  return api
}

const allow = async (api: TestApi, access: AccessView): Promise<TenantView> => {
  const answer = await api.request<TenantView>('PUT', `${RED}/access`, { token: await api.token('admin'), body: access })
  assert.equal(answer.status, 200, JSON.stringify(answer.body))
  return answer.body
}

test('nothing is allowed until an administrator says so, and only what was said', async () => {
  await using api = await open()
  const token = await api.token('operator', 'red')
  const apply = (access: AccessView) =>
    api.request<TemplateView & Problem>('PUT', '/api/v1/templates/deep', { token, body: { labels: ['deep'], access } })
  const asked: readonly (readonly [AccessView, string])[] = [
    [{ privileged: true }, 'access.privileged'],
    [{ capabilities: ['NET_ADMIN'] }, 'access.capabilities'],
    [{ hostPaths: [{ path: '/srv/cache' }] }, 'access.hostPaths'],
    [{ hostNetwork: true }, 'access.hostNetwork'],
  ]
  for (const [access, field] of asked) {
    const { status, body } = await apply(access)
    assert.deepEqual([status, body.code, body.field], [403, 'not-allowed', field])
    assert.match(
      body.detail,
      /which tenant red is not allowed: leave it out, or let an administrator allow it \(\.\/manor tenant allow red --/,
    )
  }
  assert.equal(api.store.get('template', 'deep'), undefined)
  const { access, revision } = await allow(api, { capabilities: ['NET_ADMIN'], hostPaths: [{ path: '/srv/cache' }], privileged: false })
  assert.deepEqual(access, { capabilities: ['NET_ADMIN'], hostPaths: [{ path: '/srv/cache' }] })
  assert.equal((await apply({ capabilities: ['NET_ADMIN'], hostPaths: [{ path: '/srv/cache' }] })).status, 200)
  for (const more of [
    { hostPaths: [{ path: '/srv/cache', writable: true }] },
    { hostPaths: [{ path: '/srv/cache/x' }] },
    { privileged: true },
  ])
    assert.equal((await apply(more)).status, 403, JSON.stringify(more))
  // An older word does not undo a newer one.
  const stale = { token: await api.token('admin'), body: {}, headers: { 'if-match': `"${revision - 1}"` } }
  assert.equal((await api.request('PUT', `${RED}/access`, stale)).status, 409)
  assert.equal((await allow(api, {})).access, undefined)
  const [event] = await api.store.events({ kind: 'tenant', subject: 'red', limit: 1, newestFirst: true })
  assert.match(event?.message ?? '', /may ask for nothing of the hosts now/)
})

test('whoever shares the fleet cannot allow itself, nor can an operator', async () => {
  await using api = await open()
  const tokens = [
    await api.token('admin', 'red'),
    await api.token('operator'),
    await api.token('operator', 'red'),
    await api.token('viewer'),
  ]
  for (const token of tokens) assert.equal((await api.request('PUT', `${RED}/access`, { token, body: { privileged: true } })).status, 403)
  // Not by the way of what an operator may change either.
  const operator = await api.token('operator')
  for (const body of [{ access: { privileged: true } }, { policy: { preemptible: true, access: { privileged: true } } }])
    assert.equal((await api.request('PATCH', RED, { token: operator, body })).status, 400)
  const made = { name: 'green', access: { privileged: true } }
  assert.equal((await api.request('POST', '/api/v1/tenants', { token: operator, body: made })).status, 400)
  assert.equal(api.store.get('tenant', 'red')?.access, undefined)
})

test("a tenant cannot use another's policy: neither by scope, nor by a controller of the other's", async () => {
  await using api = await open()
  await allow(api, { privileged: true })
  const token = await api.token('operator', 'blue')
  const scopes = [undefined, { kind: 'tenant', tenant: 'red' }, { kind: 'controller', controller: 'red-ci' }, { kind: 'global' }]
  for (const scope of scopes) {
    const body = { labels: ['x'], access: { privileged: true }, ...(scope === undefined ? {} : { scope }) }
    const { status } = await api.request('PUT', '/api/v1/templates/sly', { token, body })
    assert.ok(status === 403 || status === 404, `${JSON.stringify(scope)}: ${status}`)
  }
  assert.equal(api.store.get('template', 'sly'), undefined)
  const own = { labels: ['x'], access: { privileged: true }, scope: { kind: 'controller', controller: 'red-ci' } }
  assert.equal((await api.request('PUT', '/api/v1/templates/own', { token: await api.token('operator'), body: own })).status, 200)
})

test('the Docker socket is refused to administrators, too, in a policy as in a template', async () => {
  await using api = await open()
  const token = await api.token('admin')
  for (const path of ['/var/run/docker.sock', '/run', '/', '/var', '/srv/../run', '/home/ci/docker.sock', '/var/lib/docker']) {
    const access = { hostPaths: [{ path }] }
    assert.equal((await api.request('PUT', `${RED}/access`, { token, body: access })).status, 400, path)
    assert.equal((await api.request('PUT', '/api/v1/templates/x', { token, body: { labels: ['x'], access } })).status, 400, path)
  }
})

test('a change of shares does not touch what is allowed', async () => {
  await using api = await open()
  await allow(api, { hostNetwork: true })
  const body = { weight: 3, policy: null, quota: { cpu: 4 } }
  const { body: after } = await api.request<TenantView>('PATCH', RED, { token: await api.token('operator'), body })
  assert.deepEqual([after.weight, after.access], [3, { hostNetwork: true }])
})
