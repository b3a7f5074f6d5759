import assert from 'node:assert/strict'
import { test } from 'node:test'
import { framingOf, type Origin, requestHeaders, responseHeaders } from './headers.ts'

const origin: Origin = { client: '192.0.2.7', protocol: 'http', authority: 'ci.example.test:8080' }
const FORWARDED = [
  ...['X-Forwarded-For', '192.0.2.7', 'X-Forwarded-Proto', 'http'],
  ...['X-Forwarded-Host', 'ci.example.test:8080', 'X-Forwarded-Port', '8080'],
]
const HOST = ['Host', 'ci.example.test:8080']

const sent = (...headers: string[]): string[] => {
  const all = requestHeaders([...HOST, ...headers], origin, 'none', false)
  assert.deepEqual(all.slice(0, 2), HOST)
  assert.deepEqual(all.slice(-FORWARDED.length), FORWARDED)
  return all.slice(2, -FORWARDED.length)
}

const kept: readonly (readonly [behaviour: string, given: readonly string[], expected: readonly string[]])[] = [
  ['case, order and duplicates are kept', ['X-b', '1', 'x-A', '2', 'X-B', '3'], ['X-b', '1', 'x-A', '2', 'X-B', '3']],
  ['credentials are kept', ['Authorization', 'Basic eA=='], ['Authorization', 'Basic eA==']],
  ['what concerns one connection is not sent on', ['Connection', 'keep-alive', 'Keep-Alive', 'timeout=5', 'TE', 'trailers'], []],
  ['nor what Connection names', ['Connection', 'close, X-Hop', 'x-hop', '1', 'X-End', '2'], ['X-End', '2']],
  [
    'Connection cannot take out what a message is read by',
    ['Connection', 'Content-Length, Cookie, Authorization', 'Content-Length', '3', 'Authorization', 'Basic eA=='],
    ['Content-Length', '3', 'Authorization', 'Basic eA=='],
  ],
  ['proxy credentials are for proxies', ['Proxy-Authorization', 'Basic eA==', 'Proxy', 'http://evil.test'], []],
  ['a claim of an earlier proxy is not believed', ['X-Forwarded-For', '10.0.0.1', 'x-forwarded-proto', 'https', 'Forwarded', 'for=x'], []],
  ['no claim of any kind', ['X-Forwarded-Prefix', '/x', 'X-Real-IP', '10.0.0.1', 'X-Original-URL', '/', 'X-Proxied-Https', 'on'], []],
  ['our own session is not shown', ['Cookie', 'a=1; manor_session=secret; b="x;y"'], ['Cookie', 'a=1; b="x;y"']],
  ['a Cookie field with nothing else is left out', ['Cookie', 'manor_session=secret'], []],
  ['every Cookie field is looked at', ['Cookie', 'a=1', 'cookie', ' manor_session = s;c=2'], ['Cookie', 'a=1', 'cookie', 'c=2']],
  [
    'a name that only holds ours is another’s',
    ['Cookie', 'my_manor_session=1; manor_session2=2'],
    ['Cookie', 'my_manor_session=1; manor_session2=2'],
  ],
]
for (const [behaviour, given, expected] of kept)
  test(`request: ${behaviour}`, () => {
    assert.deepEqual(sent(...given), expected)
  })

test('request: the port is that of the protocol where the address has none', () => {
  const port = (protocol: Origin['protocol']): string | undefined =>
    requestHeaders([], { ...origin, authority: 'ci.example.test', protocol }, 'none', false).at(-1)
  assert.deepEqual([port('http'), port('https')], ['80', '443'])
})

test('request: one without a host gets the one it connected to, one that disagrees with its target the target’s', () => {
  assert.deepEqual(requestHeaders([], origin, 'none', false).slice(0, 2), HOST)
  assert.deepEqual(requestHeaders(['host', 'other'], origin, 'none', false).slice(0, 2), ['host', HOST[1]])
})

test('request: a chunked body stays chunked, a WebSocket is asked for anew', () => {
  assert.deepEqual(requestHeaders([...HOST, 'Transfer-Encoding', 'chunked'], origin, 'chunked', false).slice(-2), [
    'Transfer-Encoding',
    'chunked',
  ])
  assert.deepEqual(requestHeaders([...HOST, 'Connection', 'Upgrade', 'Upgrade', 'websocket'], origin, 'none', true).slice(-4), [
    ...['Connection', 'Upgrade', 'Upgrade', 'websocket'],
  ])
})

test('answer: duplicates stay, the connection’s own fields go, and nobody may set our session', () => {
  assert.deepEqual(
    responseHeaders([
      ...['Set-Cookie', 'JSESSIONID.1=a; Path=/hello', 'set-cookie', 'remember-me=', 'Set-Cookie', 'manor_session=mine; Path=/'],
      ...['Transfer-Encoding', 'chunked', 'Connection', 'close, X-Hop', 'X-Hop', '1', 'X-Jenkins', '2.541.3'],
    ]),
    ['Set-Cookie', 'JSESSIONID.1=a; Path=/hello', 'set-cookie', 'remember-me=', 'X-Jenkins', '2.541.3'],
  )
})

const framings: readonly (readonly [headers: readonly string[], expected: string])[] = [
  [[], 'none'],
  [['Content-Length', '3'], 'length'],
  [['transfer-encoding', 'Chunked'], 'chunked'],
  [['Transfer-Encoding', 'chunked', 'Content-Length', '3'], 'problem'],
  [['Content-Length', '3', 'Content-Length', '3'], 'problem'],
  [['Transfer-Encoding', 'chunked', 'Transfer-Encoding', 'chunked'], 'problem'],
  [['Transfer-Encoding', 'gzip, chunked'], 'problem'],
  [['Transfer-Encoding', 'identity'], 'problem'],
  [['Host', 'a', 'Host', 'b'], 'problem'],
]
for (const [headers, expected] of framings)
  test(`framing of ${headers.join(' ') || 'nothing'} is ${expected}`, () => {
    const framing = framingOf(headers)
    assert.equal(typeof framing === 'string' ? framing : 'problem', expected)
  })
