import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TestApi } from './testing.ts'

type Row = readonly [method: 'POST' | 'PUT' | 'PATCH' | 'GET', path: string, body: unknown, field: string | undefined, detail: RegExp]

const ROWS: readonly Row[] = [
  ['POST', 'controllers', { name: 'a', memory: 1 }, 'memory', /^memory is unknown: did you mean memoryMb\?$/],
  ['POST', 'controllers', { name: 'a', colour: 1 }, 'colour', /^colour is unknown: known are name, tenant, memoryMb/],
  ['POST', 'controllers', {}, 'name', /^name is missing: give it\.$/],
  ['POST', 'controllers', { name: 7 }, 'name', /^name is 7: give a text\.$/],
  ['POST', 'controllers', { name: 'a', memoryMb: '1g' }, 'memoryMb', /^memoryMb is "1g": give a number\.$/],
  [
    'POST',
    'controllers',
    { name: 'a', distribution: 'jenkin' },
    'distribution',
    /is "jenkin": give one of jenkins, hudson\. Did you mean jenkins\?/,
  ],
  ['POST', 'controllers', { name: 'Team A' }, 'name', /not a DNS label/],
  ['POST', 'controllers', { name: 'a', memoryMb: 1 }, 'memoryMb', /^memoryMb is 1: give 384 to/],
  ['POST', 'controllers', { name: 'api' }, 'name', /path of Manor's own/],
  ['POST', 'controllers', [], undefined, /^The body is \[\]: give an object\.$/],
  ['POST', 'controllers', { name: 'x'.repeat(300) }, 'name', /^name is 300 characters/],
  ['PATCH', 'controllers/a', {}, undefined, /^The body is empty: give at least one of memoryMb, cpu/],
  [
    'POST',
    'controllers/a/actions',
    { action: 'stat' },
    'action',
    /is "stat": give one of start, stop, restart, delete\. Did you mean start\?/,
  ],
  ['PUT', 'templates/t', { resources: { memory: 1 } }, 'resources.memory', /did you mean resources\.memoryMb\?$/],
  ['PUT', 'templates/t', { resources: { cpu: 'two' } }, 'resources.cpu', /^resources\.cpu is "two": give a number/],
  ['PUT', 'templates/t', { scope: { kind: 'tenant' } }, 'scope', /give one of \{ kind: "global" \}, \{ kind: "tenant", tenant \}/],
  ['PUT', 'templates/t', { labels: ['a', 7] }, 'labels.1', /^labels\.1 is 7: give a text/],
  ['PUT', 'templates/t', { environment: { A: 1 } }, 'environment.A', /^environment\.A is 1: give a text/],
  ['GET', 'agents?limit=many', undefined, 'limit', /^limit is "many": give a whole number/],
  ['GET', 'agents?limit=0', undefined, 'limit', /^limit is 0: give at least 1\.$/],
  ['GET', 'agents?controler=a', undefined, 'controler', /did you mean controller\?/],
  ['GET', 'agents?live=maybe', undefined, 'live', /^live is "maybe": give true or false/],
  ['GET', 'events?kind=agents', undefined, 'kind', /Did you mean agent\?/],
  ['POST', 'tokens', { name: 'x', role: 'controller' }, 'role', /give one of admin, operator, developer, viewer/],
  ['POST', 'tokens', { name: 'x', role: 'admin', expiresInMs: 1 }, 'expiresInMs', /^expiresInMs is 1: give at least 1000\.$/],
  ['POST', 'tokens', { name: ' ', role: 'admin' }, 'name', /^name is empty/],
]

test('a wrong request is told the field, what it was and what it may be', async () => {
  await using api = await TestApi.open()
  const token = await api.token('admin')
  for (const [method, path, body, field, detail] of ROWS) {
    const answer = await api.request(method, `/api/v1/${path}`, { token, ...(body === undefined ? {} : { body }) })
    assert.equal(answer.status, 400, `${path}: ${answer.text}`)
    assert.equal(answer.headers['content-type'], 'application/problem+json')
    assert.equal(answer.body.code, 'invalid')
    assert.match(answer.body.detail, detail)
    assert.equal(answer.body.field, field, answer.text)
  }
  assert.equal(api.store.list('controller').length + api.store.list('template').length, 0)
})

test('numbers and yes-or-no of a query are read, those of a body must be what they are', async () => {
  await using api = await TestApi.open()
  const token = await api.token('admin')
  assert.equal((await api.request('GET', '/api/v1/agents?limit=5&live=false', { token })).status, 200)
  assert.equal((await api.request('POST', '/api/v1/shutdown', { token, body: { controllers: 'true' } })).status, 400)
  assert.deepEqual(api.shutdowns, [])
})
