import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { get } from 'node:http'
import { test } from 'node:test'
import { controllerId, tenantId } from '../model/index.ts'
import { settle } from '../runtime/index.ts'
import { TestApi } from './testing.ts'

const SECRET = 'manor_hook_test'

const openWithHook = async (): Promise<TestApi> => {
  const api = await TestApi.open()
  await api.put('token', {
    id: 'hook-a',
    name: 'hook of a',
    role: 'controller',
    tenant: tenantId('default'),
    controller: controllerId('a'),
    hash: createHash('sha256').update(SECRET).digest('hex'),
    createdAt: 1,
  })
  return api
}

const HELLO = { session: 'session-1', epoch: 1, distribution: 'jenkins', version: '2.541.3', secured: true }
const REPORT = {
  session: 'session-1',
  seq: 1,
  at: 1,
  items: [{ id: '1', task: 'app', since: 1 }],
  itemsLeftOut: 0,
  nodes: [],
  running: 0,
  quieting: false,
  appliedRevision: 0,
  load: { heapUsedMb: 1, heapMaxMb: 2, threads: 3, gcShare: 0, eventsDropped: 0 },
}

test('a hook speaks for the controller of its token, whatever it says', async () => {
  await using api = await openWithHook()
  const token = SECRET
  const hello = await api.request('POST', '/hook/v1/hello', { token, body: { ...HELLO, controller: 'b' } })
  assert.equal(hello.status, 200, hello.text)
  assert.equal((await api.request('PUT', '/hook/v1/report', { token, body: REPORT })).status, 204)
  const wanted = await api.request('GET', '/hook/v1/wanted?session=session-1&revision=3&wait=25', { token })
  assert.deepEqual(wanted.body, { revision: 4, quiet: false, nodes: [] })
  const events = await api.request('POST', '/hook/v1/events', {
    token,
    body: { session: 'session-1', events: [{ seq: 7, at: 1, type: 'build-started', node: '' }] },
  })
  assert.deepEqual(events.body, { acknowledged: 7 })
  assert.deepEqual([...new Set(api.hook.heard.map(({ controller }) => controller))], ['a'])
  assert.deepEqual(api.hook.heard[2]?.message, { session: 'session-1', revision: 3, waitSeconds: 25 })
})

test('a hook is told when it must say hello again, is not wanted any more, or is wrong', async () => {
  await using api = await openWithHook()
  const token = SECRET
  for (const [method, path, body, status, code] of [
    ['PUT', 'report', { ...REPORT, session: 'old-session' }, 409, 'unknown-session'],
    ['POST', 'hello', { ...HELLO, epoch: 0 }, 409, 'stale-epoch'],
    ['POST', 'hello', { ...HELLO, epoch: 'one' }, 400, 'invalid'],
    ['GET', 'wanted?session=s&revision=1&wait=31', undefined, 400, 'invalid'],
    ['GET', 'wanted', undefined, 400, 'invalid'],
  ] as const) {
    const answer = await api.request(method, `/hook/v1/${path}`, { token, ...(body === undefined ? {} : { body }) })
    assert.deepEqual([answer.status, answer.body.code], [status, code], path)
  }
})

test('a hook’s token is good for the hook alone, and a person’s is none', async () => {
  await using api = await openWithHook()
  for (const path of ['controllers', 'me', 'changes', 'events'])
    assert.equal((await api.request('GET', `/api/v1/${path}`, { token: SECRET })).status, 403, path)
  assert.equal((await api.request('POST', '/api/v1/sign-in-links', { token: SECRET })).status, 403)
  assert.equal((await api.request('POST', '/hook/v1/hello', { token: await api.token('admin'), body: HELLO })).status, 403)
})

test('a report of the largest queue fits, a person’s body of that size does not', async () => {
  await using api = await openWithHook()
  const items = Array.from({ length: 5_000 }, (_, i) => ({ id: String(i), task: `folder/job-${i}`, since: 1, why: 'x'.repeat(200) }))
  const report = await api.request('PUT', '/hook/v1/report', { token: SECRET, body: { ...REPORT, items } })
  assert.equal(report.status, 204, report.text)
  const body = { labels: ['x'], environment: { A: 'x'.repeat(300_000) } }
  assert.equal((await api.request('PUT', '/api/v1/templates/t', { token: await api.token('admin'), body })).status, 413)
})

test('a long poll that its hook has given up is given up here too, and is no fault', { timeout: 20_000 }, async () => {
  const { promise: polled, resolve } = Promise.withResolvers<AbortSignal>()
  await using api = await openWithHook()
  api.hook.wanted = (_controller, _session, _revision, _wait, signal) => {
    resolve(signal)
    return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }))
  }
  const request = get({
    port: await api.listen(),
    path: '/hook/v1/wanted?session=session-1&revision=1&wait=25',
    headers: { authorization: `Bearer ${SECRET}` },
    agent: false,
  })
  request.on('error', () => undefined)
  const signal = await polled
  assert.equal(signal.aborted, false)
  request.destroy()
  if (!signal.aborted) await once(signal, 'abort')
  await settle()
  assert.deepEqual(api.lines, [])
})
