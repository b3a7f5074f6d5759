import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ControllerView } from './contract.ts'
import { aController, anAgent, TestApi } from './testing.ts'

test('a controller is made, listed, changed, acted on, and the illegal act names the legal ones', async () => {
  await using api = await TestApi.open()
  const token = await api.token('admin')
  const made = await api.request<ControllerView>('POST', '/api/v1/controllers', { token, body: { name: 'team-a', memoryMb: 1024 } })
  assert.equal(made.status, 201, made.text)
  assert.equal(made.headers.location, '/api/v1/controllers/team-a')
  assert.equal(made.body.phase, 'pending')
  assert.equal(made.body.url, 'http://127.0.0.1:7070/team-a/')
  assert.equal(made.body.hostUrl, 'http://team-a.localhost:7070/')

  const list = await api.request<ControllerView[]>('GET', '/api/v1/controllers', { token })
  assert.deepEqual(
    list.body.map(({ id }) => id),
    ['team-a'],
  )
  assert.match(String(list.headers['x-manor-cursor']), /^[a-z0-9]{8}:\d+$/)

  const stale = await api.request('PATCH', '/api/v1/controllers/team-a', {
    token,
    body: { memoryMb: 2048 },
    headers: { 'if-match': '"7"' },
  })
  assert.equal(stale.status, 409)
  assert.equal(stale.body.code, 'conflict')
  const changed = await api.request<ControllerView>('PATCH', '/api/v1/controllers/team-a', {
    token,
    body: { memoryMb: 2048 },
    headers: { 'if-match': `"${made.body.revision}"` },
  })
  assert.equal(changed.status, 200, changed.text)
  assert.equal(changed.body.spec.memoryMb, 2048)

  const illegal = await api.request('POST', '/api/v1/controllers/team-a/actions', { token, body: { action: 'start' } })
  assert.equal(illegal.status, 409)
  assert.deepEqual(illegal.body.allowed, ['stop', 'delete'])
  assert.equal(illegal.body.field, 'action')
  const stopped = await api.request<ControllerView>('POST', '/api/v1/controllers/team-a/actions', { token, body: { action: 'stop' } })
  assert.equal(stopped.status, 202)
  assert.equal(stopped.body.wanted, 'stopped')
})

test('every list and noun of the contract answers', async () => {
  await using api = await TestApi.open()
  const token = await api.token('admin')
  await api.put('controller', aController('team-a'))
  await api.put('agent', anAgent('a1', 'team-a'))
  for (const path of [
    'status',
    'me',
    'controllers',
    'controllers/team-a',
    'controllers/team-a/builds?limit=5',
    'controllers/team-a/explanation',
    'agents?controller=team-a&live=false&limit=5',
    'agents/a1',
    'agents/a1/explanation',
    'queue',
    'queue?controller=team-a',
    'queue/team-a/1/explanation',
    'templates',
    'hosts',
    'tenants',
    'builds?limit=5',
    'events?newestFirst=true&limit=3&kind=agent',
    'tokens',
  ]) {
    const answer = await api.request('GET', `/api/v1/${path}`, { token })
    assert.equal(answer.status, 200, `${path}: ${answer.text}`)
  }
})
