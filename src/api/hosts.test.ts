import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hostId, tenantId } from '../model/index.ts'
import type { HostDetailView, HostView } from './contract.ts'
import { aController, aHost, anAgent, TestApi } from './testing.ts'

const LIST = '/api/v1/hosts'

const open = async (): Promise<TestApi> => {
  const api = await TestApi.open()
  await api.put('tenant', { id: tenantId('red'), weight: 1, createdAt: 1 }, { id: tenantId('blue'), weight: 1, createdAt: 1 })
  await api.put('host', aHost('h1'), aHost('h2'))
  return api
}

test('a host is cordoned, drained and put back by an operator, and each is an event', async () => {
  await using api = await open()
  const token = await api.token('operator')
  const act = (body: unknown) => api.request<HostView>('POST', `${LIST}/h1/actions`, { token, body })
  const cordoned = await act({ action: 'cordon' })
  assert.deepEqual([cordoned.status, cordoned.body.state, cordoned.body.reason?.code], [202, 'cordoned', 'cordoned'])
  assert.equal(api.store.get('host', 'h1')?.state, 'cordoned', 'whoever gives places sees it from this commit on')
  const drained = await act({ action: 'drain', deadlineMs: 60_000 })
  assert.deepEqual([drained.body.state, drained.body.drainBy], ['draining', api.clock.now() + 60_000])
  await api.clock.advance(1_000)
  assert.ok(!('drainBy' in (await act({ action: 'drain' })).body), 'the deadline is the newest one')
  const back = await act({ action: 'uncordon' })
  assert.deepEqual([back.body.state, back.body.reason], ['ready', undefined])
  const events = await api.store.events({ kind: 'host', subject: 'h1', limit: 10 })
  assert.deepEqual(events.map(({ type, actor }) => [type, actor]).sort(), [
    ['cordoned', 'token:operator'],
    ['drain-requested', 'token:operator'],
    ['drain-requested', 'token:operator'],
    ['uncordoned', 'token:operator'],
  ])
})

test('what is so of a host already is no event when it is asked again, and its reason stays as old as it is', async () => {
  await using api = await open()
  const token = await api.token('operator')
  const act = async (action: string) => (await api.request<HostView>('POST', `${LIST}/h1/actions`, { token, body: { action } })).body
  const change = async (body: unknown) => (await api.request<HostView>('PATCH', `${LIST}/h1`, { token, body })).body
  await act('uncordon')
  const first = await act('cordon')
  await api.clock.advance(1_000)
  assert.deepEqual(await act('cordon'), first)
  const drained = await act('drain')
  await api.clock.advance(1_000)
  assert.deepEqual(await act('drain'), drained)
  await act('uncordon')
  await act('uncordon')
  for (const body of [{ role: 'builds' }, { reservedFor: 'red' }]) assert.deepEqual(await change(body), await change(body))
  const events = await api.store.events({ kind: 'host', subject: 'h1', limit: 20 })
  assert.deepEqual(
    events.map(({ type }) => type),
    ['cordoned', 'drain-requested', 'uncordoned', 'changed', 'changed'],
  )
})

test('a host is for a role and a tenant until that is said otherwise', async () => {
  await using api = await open()
  const token = await api.token('operator')
  const change = async (body: unknown) => (await api.request<HostView>('PATCH', `${LIST}/h1`, { token, body })).body
  assert.partialDeepStrictEqual(await change({ role: 'builds', reservedFor: 'red' }), { role: 'builds', reservedFor: 'red' })
  const opened = await change({ reservedFor: null })
  assert.deepEqual([opened.role, opened.reservedFor], ['builds', undefined])
})

const WRONG: readonly (readonly [what: string, method: 'POST' | 'PATCH', path: string, body: unknown, status: number, detail: RegExp])[] = [
  ['an unknown host', 'POST', 'h9/actions', { action: 'cordon' }, 404, /^There is no host named h9\. There are: h1, h2\.$/],
  ['an unknown host', 'PATCH', 'h9', { role: 'any' }, 404, /^There is no host named h9\. There are: h1, h2\.$/],
  ['an unknown action', 'POST', 'h1/actions', { action: 'drian' }, 400, /^action is "drian": give one of cordon, uncordon, drain\.$/],
  ['a deadline in words', 'POST', 'h1/actions', { action: 'drain', deadlineMs: '30m' }, 400, /^deadlineMs is "30m": give a number\.$/],
  ['a deadline that is past', 'POST', 'h1/actions', { action: 'drain', deadlineMs: -1 }, 400, /^deadlineMs is -1: give 0 to 30 days\.$/],
  ['a deadline of a cordon', 'POST', 'h1/actions', { action: 'cordon', deadlineMs: 5 }, 400, /^deadlineMs is for a drain/],
  ['an unknown tenant', 'PATCH', 'h1', { reservedFor: 'rde' }, 400, /^reservedFor is "rde": .* There are: blue, default, red\.$/],
  ['a tenant that is a number', 'PATCH', 'h1', { reservedFor: 4 }, 400, /^reservedFor is 4: give a text, or null to take it away\.$/],
  [
    'an unknown role',
    'PATCH',
    'h1',
    { role: 'build' },
    400,
    /^role is "build": give one of any, controllers, builds\. Did you mean builds\?$/,
  ],
  ['nothing', 'PATCH', 'h1', {}, 400, /^The body is empty: give at least one of role, reservedFor\.$/],
]
for (const [what, method, path, body, status, detail] of WRONG)
  test(`${method} of ${what} is refused with the mend`, async () => {
    await using api = await open()
    const answer = await api.request<{ detail: string }>(method, `${LIST}/${path}`, { token: await api.token('admin'), body })
    assert.equal(answer.status, status, answer.text)
    assert.match(answer.body.detail, detail)
    assert.deepEqual(api.store.list('host-wanted'), [], 'nothing is half done')
  })

test('one host is shown with what is on it, to each tenant its own alone', async () => {
  await using api = await open()
  for (const name of ['red', 'blue']) {
    const own = { tenant: tenantId(name), host: hostId('h1') }
    await api.put('controller', aController(`${name}-ci`, own))
    await api.put('agent', anAgent(`${name}-agent`, `${name}-ci`, { ...own, phase: 'busy', build: { job: 'nightly', number: 3 } }))
  }
  const all = await api.request<HostDetailView>('GET', `${LIST}/h1`, { token: await api.token('viewer') })
  assert.deepEqual(
    [all.body.controllers.map(({ id }) => id), all.body.agents.map(({ id }) => id), all.body.others],
    [['blue-ci', 'red-ci'], ['blue-agent', 'red-agent'], 0],
  )
  assert.deepEqual(all.body.agents[0]?.build, { job: 'nightly', number: 3 })
  const red = await api.request<HostDetailView>('GET', `${LIST}/h1`, { token: await api.token('admin', 'red') })
  assert.deepEqual(
    [red.body.controllers.map(({ id }) => id), red.body.agents.map(({ id }) => id), red.body.others],
    [['red-ci'], ['red-agent'], 2],
  )
  assert.doesNotMatch(red.text, /blue/)
})

test('hosts are everybody’s: a tenant’s own administrator changes none, and does not see those of others', async () => {
  await using api = await open()
  await api.put('host', aHost('h3', { reservedFor: tenantId('blue') }))
  const token = await api.token('admin', 'red')
  assert.equal((await api.request('POST', `${LIST}/h1/actions`, { token, body: { action: 'cordon' } })).status, 403)
  assert.equal((await api.request('PATCH', `${LIST}/h1`, { token, body: { role: 'any' } })).status, 403)
  const hidden = await api.request<{ detail: string }>('GET', `${LIST}/h3`, { token })
  assert.deepEqual([hidden.status, hidden.body.detail], [404, 'There is no host named h3. There are: h1, h2.'])
})
