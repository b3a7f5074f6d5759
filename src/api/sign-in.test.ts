import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MINUTE } from '../model/index.ts'
import type { MeView, SignInLink } from './contract.ts'
import { type Answer, aController, CONSOLE_HOST, FLEET_HOST, TestApi } from './testing.ts'

const ON_CONSOLE = { host: CONSOLE_HOST }
const OWN_ORIGIN = `http://${CONSOLE_HOST}`

const linkOf = async (api: TestApi, token: string): Promise<string> => {
  const { status, body } = await api.request<SignInLink>('POST', '/api/v1/sign-in-links', { token })
  assert.equal(status, 201)
  assert.ok(body.url.startsWith(`${OWN_ORIGIN}/sign-in?token=`))
  return body.url.slice(OWN_ORIGIN.length)
}

const cookieOf = (answer: Answer<unknown>): string => String(answer.headers['set-cookie'])

/** The cookie header of a browser that has signed in. */
const signIn = async (api: TestApi, role: 'admin' | 'viewer' = 'admin'): Promise<string> => {
  const answer = await api.request('GET', await linkOf(api, await api.token(role)), { headers: ON_CONSOLE })
  assert.equal(answer.status, 303)
  return cookieOf(answer).split(';', 1)[0] ?? ''
}

test('a link signs in once and says kindly what to do the second time', async () => {
  await using api = await TestApi.open()
  const link = await linkOf(api, await api.token('admin'))
  assert.equal((await api.request('HEAD', link, { headers: ON_CONSOLE })).status, 200, 'a look ahead does not use it up')
  const first = await api.request('GET', link, { headers: ON_CONSOLE })
  assert.equal(first.status, 303)
  assert.equal(first.headers.location, '/')
  assert.match(cookieOf(first), /^manor_session=manor_session_[\w-]{43}; HttpOnly; SameSite=Strict; Path=\/; Max-Age=43200$/)
  const second = await api.request('GET', link, { headers: ON_CONSOLE })
  assert.equal(second.status, 410)
  assert.match(second.text, /used or has expired.*<code>\.\/manor console<\/code>/)
  assert.equal(second.headers['set-cookie'], undefined)
})

test('an expired link signs nobody in', async () => {
  await using api = await TestApi.open()
  const link = await linkOf(api, await api.token('admin'))
  await api.clock.advance(10 * MINUTE)
  assert.equal((await api.request('GET', link, { headers: ON_CONSOLE })).status, 410)
})

test('a session is who asked for the link, on the console’s host', async () => {
  await using api = await TestApi.open()
  const cookie = await signIn(api, 'viewer')
  const me = await api.request<MeView>('GET', '/api/v1/me', { headers: { ...ON_CONSOLE, cookie: `theme=dark; ${cookie}` } })
  assert.equal(me.status, 200)
  assert.equal(me.body.role, 'viewer')
  const denied = await api.request('GET', '/api/v1/tokens', { headers: { ...ON_CONSOLE, cookie } })
  assert.equal(denied.status, 403)
})

test('on hosts that controllers’ pages share, a session is nothing; a bearer token works everywhere', async () => {
  await using api = await TestApi.open()
  const cookie = await signIn(api)
  for (const host of [
    FLEET_HOST,
    'localhost:7070',
    'team-a.localhost:7070',
    'evil.example',
    'manor.localhost.evil.example',
    'xmanor.localhost',
  ])
    assert.equal((await api.request('GET', '/api/v1/me', { headers: { host, cookie } })).status, 401, host)
  const token = await api.token('viewer')
  for (const host of [FLEET_HOST, CONSOLE_HOST, 'MANOR.localhost'])
    assert.equal((await api.request('GET', '/api/v1/me', { token, headers: { host } })).status, 200, host)
})

test('a session’s secret is no bearer token and an API token is no session', async () => {
  await using api = await TestApi.open()
  const cookie = await signIn(api)
  assert.equal((await api.request('GET', '/api/v1/me', { token: cookie.replace('manor_session=', '') })).status, 401)
  const token = await api.token('admin')
  assert.equal((await api.request('GET', '/api/v1/me', { headers: { ...ON_CONSOLE, cookie: `manor_session=${token}` } })).status, 401)
})

test('a session changes things from the console’s own pages only', async () => {
  await using api = await TestApi.open()
  const cookie = await signIn(api)
  await api.put('controller', aController('team-a'))
  const stop = (origin?: string) =>
    api.request('POST', '/api/v1/controllers/team-a/actions', {
      body: { action: 'stop' },
      headers: { ...ON_CONSOLE, cookie, ...(origin === undefined ? {} : { origin }) },
    })
  const others = [
    undefined,
    'null',
    '',
    `http://${FLEET_HOST}`,
    'http://team-a.localhost:7070',
    `https://${CONSOLE_HOST}`,
    'http://manor.localhost',
  ]
  for (const origin of others) {
    const answer = await stop(origin)
    assert.equal(answer.status, 403, String(origin))
    assert.equal(answer.body.code, 'wrong-origin')
  }
  assert.equal(api.store.get('controller', 'team-a')?.wanted, 'running')
  assert.equal((await stop(OWN_ORIGIN)).status, 202)
})

test('signing out ends the session and takes the cookie away', async () => {
  await using api = await TestApi.open()
  const cookie = await signIn(api)
  const out = await api.request('POST', '/sign-out', { headers: { ...ON_CONSOLE, cookie, origin: OWN_ORIGIN } })
  assert.equal(out.status, 204)
  assert.match(cookieOf(out), /^manor_session=; .*Max-Age=0/)
  assert.equal((await api.request('GET', '/api/v1/me', { headers: { ...ON_CONSOLE, cookie } })).status, 401)
})

test('behind https the cookie is sent over https alone', async () => {
  const consoleUrl = 'https://ci.example.com'
  await using api = await TestApi.open({
    consoleHosts: ['ci.example.com'],
    urls: () => ({ publicUrl: consoleUrl, consoleUrl, controllerHostUrl: id => `https://${id}.example.com` }),
  })
  const { body } = await api.request<SignInLink>('POST', '/api/v1/sign-in-links', { token: await api.token('admin') })
  const answer = await api.request('GET', body.url.slice(consoleUrl.length), { headers: { host: 'ci.example.com' } })
  assert.match(cookieOf(answer), /; Secure$/)
})

test('a link that is opened on another host leads to the console’s', async () => {
  await using api = await TestApi.open()
  const link = await linkOf(api, await api.token('admin'))
  const moved = await api.request('GET', link)
  assert.equal(moved.status, 303)
  assert.equal(moved.headers.location, `${OWN_ORIGIN}${link}`)
  assert.equal((await api.request('GET', link, { headers: ON_CONSOLE })).status, 303)
})

test('what changed is one line, without secrets, bodies or the link', async () => {
  await using api = await TestApi.open()
  const token = await api.token('admin')
  const cookie = await signIn(api)
  await api.request('POST', '/api/v1/controllers', { token, body: { name: 'team-a' } })
  await api.request('POST', '/api/v1/tokens', { token, body: { name: 'x', role: 'viewer' } })
  await api.request('GET', '/api/v1/controllers', { token })
  await api.request('POST', '/hook/v1/hello', { token, body: { epoch: 1 } })
  assert.deepEqual(
    api.lines.map(({ fields }) => [fields.method, fields.route, fields.status, fields.actor]),
    [
      ['POST', '/api/v1/sign-in-links', 201, 'token:admin'],
      ['POST', '/api/v1/controllers', 201, 'token:admin'],
      ['POST', '/api/v1/tokens', 201, 'token:admin'],
      ['POST', '/hook/v1/hello', 403, undefined],
    ],
  )
  assert.doesNotMatch(JSON.stringify(api.lines), new RegExp(`manor_(api|once|session)_|${cookie.slice(20, 40)}`))
})
