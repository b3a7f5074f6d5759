import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HookError } from '../agents/index.ts'
import { OperationError } from '../controllers/index.ts'
import { EngineError } from '../engines/engine.ts'
import { IdentityError } from '../identity/index.ts'
import { StoreError } from '../store/index.ts'
import { ApiError } from './errors.ts'
import { problemOf } from './problems.ts'
import { TestApi } from './testing.ts'

const engineError = (retryable: boolean) => new EngineError({ code: 'quota', message: 'Full.', mend: 'Add a host.' }, retryable)

for (const [cause, status, code, retryAfter] of [
  [new OperationError('invalid', 'm', { field: 'f' }), 400, 'invalid', undefined],
  [new OperationError('not-found', 'm'), 404, 'not-found', undefined],
  [new OperationError('exists', 'm'), 409, 'exists', undefined],
  [new OperationError('illegal-action', 'm', { allowed: ['stop'] }), 409, 'illegal-action', undefined],
  [new StoreError('conflict', 'm'), 409, 'conflict', undefined],
  [new StoreError('overloaded', 'm'), 503, 'overloaded', 2],
  [new StoreError('store-full', 'm'), 507, 'store-full', undefined],
  [new StoreError('closed', 'm'), 503, 'closed', 2],
  [new IdentityError('beyond-own-rights', 'm'), 403, 'beyond-own-rights', undefined],
  [new HookError('stale-epoch', 'm'), 409, 'stale-epoch', undefined],
  [new HookError('unknown-session', 'm'), 409, 'unknown-session', undefined],
  [new HookError('unknown-controller', 'm'), 404, 'unknown-controller', undefined],
  [new ApiError('too-many-attempts', 'm', { retryAfterSeconds: 7 }), 429, 'too-many-attempts', 7],
  [engineError(true), 503, 'quota', 2],
  [engineError(false), 502, 'quota', undefined],
  [new DOMException('No answer within 1 ms.', 'TimeoutError'), 504, 'timeout', undefined],
] as const)
  test(`${cause.name} ${code} is ${status}${retryAfter === undefined ? '' : `, to be tried again after ${retryAfter} s`}`, () => {
    const answer = problemOf(cause)
    assert.deepEqual([answer?.problem.status, answer?.problem.code, answer?.retryAfterSeconds], [status, code, retryAfter])
  })

test('fields and what is allowed come along', () => {
  assert.equal(problemOf(new OperationError('invalid', 'm', { field: 'f' }))?.problem.field, 'f')
  assert.deepEqual(problemOf(new OperationError('illegal-action', 'm', { allowed: ['stop'] }))?.problem.allowed, ['stop'])
  assert.equal(problemOf(engineError(true))?.problem.detail, 'Full. Add a host.')
})

test('a bug is told by an id, logged once under it, and shows nothing of itself', async () => {
  await using api = await TestApi.open({
    explain: {
      controller: async () => undefined,
      agent: async () => undefined,
      item: async () => undefined,
    },
    credentialsOf: () => {
      throw new Error('key file at /secret/place is gone')
    },
  })
  const token = await api.token('admin')
  await api.request('POST', '/api/v1/controllers', { token, body: { name: 'a' } })
  const answer = await api.request('POST', '/api/v1/controllers/a/credentials', { token })
  assert.equal(answer.status, 500)
  assert.equal(answer.body.code, 'internal')
  assert.doesNotMatch(answer.text, /secret|place/)
  const errors = api.lines.filter(({ level }) => level === 'error')
  assert.equal(errors.length, 1)
  assert.ok(answer.body.detail.includes(String(errors[0]?.fields.fault)))
})

test('what fastify itself refuses is told in the same form', async () => {
  await using api = await TestApi.open()
  const token = await api.token('admin')
  const post = (payload: string, type = 'application/json') =>
    api.app.inject({
      method: 'POST',
      url: '/api/v1/controllers',
      headers: { authorization: `Bearer ${token}`, 'content-type': type },
      payload,
    })
  for (const [answer, status, code] of [
    [await post('{"name":'), 400, 'invalid'],
    [await post(''), 400, 'invalid'],
    [await post('name=a', 'application/x-www-form-urlencoded'), 415, 'media-type'],
    [await post('name: a', 'text/plain'), 415, 'media-type'],
    [await post(JSON.stringify({ name: 'x'.repeat(300_000) })), 413, 'body-too-large'],
    [await post('{"__proto__": {"a": 1}, "name": "b"}'), 400, 'invalid'],
  ] as const) {
    assert.equal(answer.statusCode, status, answer.body)
    assert.equal(answer.headers['content-type'], 'application/problem+json')
    assert.equal(answer.json<{ code: string }>().code, code)
  }
})

test('nothing is 404, another method is 405 with those that are possible', async () => {
  await using api = await TestApi.open()
  const token = await api.token('admin')
  for (const path of ['/api/v1/nope', '/hook/v1/nope', '/nope', '/api/v1/controllers/a/b/c', '/api/v1/%zz'])
    for (const method of ['GET', 'POST'] as const) {
      const { status, headers } = await api.request(method, path, { token })
      assert.ok(status === 404 || (path.includes('%zz') && status === 400), `${method} ${path}: ${status}`)
      assert.equal(headers['content-type'], 'application/problem+json')
    }
  const wrong = await api.request('DELETE', '/api/v1/controllers/a', { token })
  assert.equal(wrong.status, 405)
  assert.equal(wrong.headers.allow, 'GET, HEAD, PATCH')
  const read = await api.request('GET', '/api/v1/shutdown', { token })
  assert.equal(read.status, 405)
  assert.equal(read.headers.allow, 'POST')
})
