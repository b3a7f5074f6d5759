import assert from 'node:assert/strict'
import { test } from 'node:test'
import { tenantId } from '../model/index.ts'
import type { TenantView } from './contract.ts'
import { aController, aHost, anAgent, TestApi } from './testing.ts'

const LIST = '/api/v1/tenants'

test('a tenant is made, changed in parts, looked at and deleted, by an operator', async () => {
  await using api = await TestApi.open()
  await api.put('host', aHost('h'))
  const token = await api.token('operator')
  const body = { name: 'red', weight: 2, quota: { cpu: 2, memoryMb: 2_048 }, guarantee: { cpu: 1 }, policy: { preemptible: true } }
  const made = await api.request<TenantView>('POST', LIST, { token, body })
  assert.equal(made.status, 201)
  const { name: _name, ...settings } = body
  assert.partialDeepStrictEqual(made.body, { id: 'red', ...settings, controllers: 0, queued: 0, dominantShare: 0, notes: [] })
  const change = { quota: { cpu: null }, guarantee: null, policy: null, weight: 0.5 }
  const changed = await api.request<TenantView>('PATCH', `${LIST}/red`, { token, body: change })
  assert.deepEqual([changed.status, changed.body.weight, changed.body.quota], [200, 0.5, { memoryMb: 2_048 }])
  assert.ok(!('guarantee' in changed.body || 'policy' in changed.body) && changed.body.revision > made.body.revision)
  const stale = { token, body: { weight: 9 }, headers: { 'if-match': `"${made.body.revision}"` } }
  assert.equal((await api.request('PATCH', `${LIST}/red`, stale)).status, 409)
  assert.deepEqual((await api.request<TenantView>('GET', `${LIST}/red`, { token })).body, changed.body)
  assert.equal((await api.request('DELETE', `${LIST}/red`, { token })).status, 204)
  assert.equal((await api.request('GET', `${LIST}/red`, { token })).status, 404)
})

test('its view says what it uses, what waits, and which part of the hosts that is', async () => {
  await using api = await TestApi.open()
  const red = tenantId('red')
  await api.put('tenant', { id: red, weight: 1, createdAt: 1, guarantee: { cpu: 1 } })
  await api.put('host', aHost('h', { capacity: { cpu: 8, memoryMb: 4_096, diskMb: 100_000 } }))
  await api.put('controller', aController('ci', { tenant: red }))
  const resources = { cpu: 1, memoryMb: 1_024, diskMb: 0 }
  await api.put('agent', anAgent('1', 'ci', { tenant: red, phase: 'busy', resources }))
  await api.put('agent', anAgent('2', 'ci', { tenant: red, phase: 'queued', resources }))
  const { body } = await api.request<TenantView>('GET', `${LIST}/red`, { token: await api.token('viewer', 'red') })
  assert.partialDeepStrictEqual(body, {
    controllers: 1,
    usedByAgents: resources,
    usedByControllers: { cpu: 0.1, memoryMb: 1_024 },
    waiting: { agents: 1, resources },
    dominantShare: 0.25,
    dominantResource: 'memoryMb',
    notes: [],
  })
})

const WRONG: readonly (readonly [what: string, method: 'POST' | 'PATCH', body: unknown, field: string | undefined, detail: RegExp])[] = [
  ['a weight of 0', 'POST', { name: 'red', weight: 0 }, 'weight', /^weight is 0: give a number larger than 0/],
  ['a weight below 0', 'PATCH', { weight: -2 }, 'weight', /^weight is -2/],
  ['NaN, which JSON writes as null', 'PATCH', { weight: Number.NaN }, 'weight', /^weight is null: give a number\.$/],
  ['a weight in words', 'PATCH', { weight: 'heavy' }, 'weight', /^weight is "heavy": give a number\.$/],
  ['an unknown field', 'PATCH', { wieght: 2 }, 'wieght', /^wieght is unknown: did you mean weight\?/],
  ['an unknown resource', 'PATCH', { quota: { cpus: 2 } }, 'quota.cpus', /^quota.cpus is unknown: did you mean quota.cpu\?/],
  ['a quota in words', 'PATCH', { quota: { cpu: 'all' } }, 'quota.cpu', /^quota.cpu is "all": give a number, or null to take it away\.$/],
  ['a quota that is a number', 'PATCH', { quota: 4 }, 'quota', /^quota is 4: give an object, or null to take it away\.$/],
  ['a quota of nothing', 'PATCH', { quota: {} }, undefined, /^quota is empty: give at least one of cpu, memoryMb, diskMb\.$/],
  ['nothing at all', 'PATCH', {}, undefined, /^The body is empty: give at least one of weight, quota, guarantee, policy\.$/],
  ['a policy in words', 'PATCH', { policy: { preemptible: 'yes' } }, 'policy.preemptible', /give true or false/],
  [
    'a guarantee over its quota',
    'POST',
    { name: 'red', quota: { cpu: 1 }, guarantee: { cpu: 2 } },
    'guarantee.cpu',
    /above its quota of 1 core\./,
  ],
  ['a guarantee over the hosts', 'PATCH', { guarantee: { cpu: 9_000 } }, 'guarantee.cpu', /the hosts have \d+ cores together/],
  ['a name that is no label', 'POST', { name: 'Red' }, 'name', /is not a DNS label/],
  ['no name', 'POST', {}, 'name', /^name is missing: give it\.$/],
]

test('what is wrong is refused by field, with the mend, and nothing is half done', async () => {
  await using api = await TestApi.open()
  await api.put('host', aHost('h'))
  const token = await api.token('admin')
  const before = JSON.stringify(api.store.list('tenant'))
  for (const [what, method, body, field, detail] of WRONG) {
    const answer = await api.request(method, method === 'POST' ? LIST : `${LIST}/default`, { token, body })
    assert.deepEqual([answer.status, answer.body.field], [400, field], `${what}: ${answer.text}`)
    assert.match(answer.body.detail, detail, what)
  }
  assert.equal(JSON.stringify(api.store.list('tenant')), before)
})

test('a tenant that still has something is not deleted; the answer names it', async () => {
  await using api = await TestApi.open()
  const token = await api.token('admin')
  await api.token('viewer', 'default')
  await api.put('controller', aController('ci'))
  const { status, body } = await api.request('DELETE', `${LIST}/default`, { token })
  assert.deepEqual([status, body.code], [409, 'in-use'])
  assert.match(
    body.detail,
    /^Tenant default still has 1 controller: ci; 1 token: viewer-of-default \(.+\)\. Delete or revoke those first\.$/,
  )
})

test('a guarantee that no host was there to be held against is taken, and its view says so', async () => {
  await using api = await TestApi.open()
  const body = { name: 'red', guarantee: { cpu: 9_000 } }
  const made = await api.request<TenantView>('POST', LIST, { token: await api.token('admin'), body })
  assert.equal(made.status, 201)
  assert.match(made.body.notes.join(), /^No host is known yet/)
})

test('a token of one tenant reads that one, writes none, and of others hears what is said of those that never were', async () => {
  await using api = await TestApi.open()
  await api.put('tenant', ...['red', 'blue'].map(id => ({ id: tenantId(id), weight: 1, createdAt: 1 })))
  const token = await api.token('admin', 'red')
  assert.equal((await api.request('GET', `${LIST}/red`, { token })).status, 200)
  const [other, none] = [await api.request('GET', `${LIST}/blue`, { token }), await api.request('GET', `${LIST}/gone`, { token })]
  assert.deepEqual([other.status, other.text.replaceAll('blue', 'gone')], [404, none.text])
  for (const [method, path, body] of [
    ['POST', LIST, { name: 'new' }],
    ['PATCH', `${LIST}/red`, { weight: 9 }],
    ['DELETE', `${LIST}/red`, undefined],
  ] as const)
    assert.equal((await api.request(method, path, { token, body })).status, 403)
})
