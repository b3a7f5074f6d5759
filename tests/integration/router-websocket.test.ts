/** WebSockets through the router, with real ones at both ends. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { test } from 'node:test'
import { WebSocket, WebSocketServer } from 'ws'
import { exchangeRaw, readyRoute, startRouter, startUpstream, type Upstream } from '../support/router.ts'
import { waitFor } from '../support/wait.ts'

const KEY = 'dGhlIHNhbXBsZSBub25jZQ=='

/** A program that sends back what it gets, and what it was told in the handshake first. */
const startEcho = async (): Promise<Upstream> => {
  const upstream = await startUpstream((_request, response) => response.end())
  const echo = new WebSocketServer({ server: upstream.server })
  echo.on('headers', headers => headers.push('Connection-Cookie: kept'))
  echo.on('connection', (socket, request) => {
    socket.send(JSON.stringify({ url: request.url, headers: request.headers }))
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
  })
  return upstream
}

const textOf = async (socket: WebSocket): Promise<string> => {
  const [data] = (await once(socket, 'message')) as [Buffer]
  return data.toString()
}

test('a WebSocket is handed over whole, with the headers of both sides', async () => {
  await using upstream = await startEcho()
  await using started = await startRouter([readyRoute('hello', upstream.port)])
  const socket = new WebSocket(`ws://127.0.0.1:${started.port}/hello/wsagents/`, {
    headers: { 'Node-Name': 'a-1', cookie: 'manor_session=s; a=1' },
  })
  const told = once(socket, 'upgrade')
  const greeting = JSON.parse(await textOf(socket))
  const [answer] = (await told) as [IncomingMessage]
  assert.equal(answer.headers['connection-cookie'], 'kept')
  assert.equal(greeting.url, '/hello/wsagents/')
  assert.equal(greeting.headers['node-name'], 'a-1')
  assert.equal(greeting.headers.cookie, 'a=1')
  assert.equal(greeting.headers['x-forwarded-host'], `127.0.0.1:${started.port}`)
  for (const size of [0, 1, 125, 126, 65_536, 1_000_000]) {
    const sent = Buffer.alloc(size, 1)
    socket.send(sent)
    const [received] = (await once(socket, 'message')) as [Buffer]
    assert.ok(sent.equals(received))
  }
  assert.equal(started.router.counters().openUpgrades, 1)
  socket.close()
  await once(socket, 'close')
  await waitFor(() => started.router.counters().openUpgrades === 0, { what: 'the router to forget the socket', withinMs: 5_000 })
})

test('a controller that does not want the WebSocket says so itself', async () => {
  await using upstream = await startUpstream((_request, response) => response.end())
  upstream.server.on('upgrade', (_request, socket) => {
    socket.end('HTTP/1.1 403 Forbidden\r\nX-Why: secret\r\nContent-Length: 5\r\nConnection: close\r\n\r\nwrong')
  })
  await using started = await startRouter([readyRoute('hello', upstream.port)])
  const answer = await exchangeRaw(started.port, handshake('/hello/wsagents/'))
  assert.match(answer, /^HTTP\/1\.1 403 Forbidden\r\n[\s\S]*X-Why: secret\r\n[\s\S]*\r\n\r\nwrong$/)
})

test('a handshake is refused like any other request: starting, unknown, with a body', async () => {
  await using started = await startRouter([{ ...readyRoute('hello', 1), phase: 'starting' }])
  assert.match(await exchangeRaw(started.port, handshake('/hello/wsagents/')), /^HTTP\/1\.1 503 [\s\S]*"code":"controller-starting"/)
  assert.match(await exchangeRaw(started.port, handshake('/unknown/wsagents/')), /^HTTP\/1\.1 404 [\s\S]*own \/unknown\/wsagents\//)
  assert.match(await exchangeRaw(started.port, handshake('/hello/wsagents/', 'Content-Length: 3\r\n')), /^HTTP\/1\.1 400 /)
})

test('another protocol than WebSocket is an offer that is not taken up', async () => {
  await using upstream = await startUpstream((request, response) => response.end(JSON.stringify(request.headers.upgrade ?? 'none')))
  await using started = await startRouter([readyRoute('hello', upstream.port)])
  const offer =
    'GET /hello/ HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMA\r\n\r\n'
  assert.match(await exchangeRaw(started.port, offer), /^HTTP\/1\.1 200 [\s\S]*"none"$/)
})

test('no more WebSockets are open than are allowed', async () => {
  await using upstream = await startEcho()
  await using started = await startRouter([readyRoute('hello', upstream.port)], { maxUpgraded: 1 })
  const first = new WebSocket(`ws://127.0.0.1:${started.port}/hello/`)
  await once(first, 'message')
  assert.match(await exchangeRaw(started.port, handshake('/hello/')), /^HTTP\/1\.1 503 [\s\S]*"code":"too-many-sockets"/)
  first.terminate()
  await waitFor(() => started.router.counters().openUpgrades === 0, { what: 'the first to be forgotten', withinMs: 5_000 })
  const second = new WebSocket(`ws://127.0.0.1:${started.port}/hello/`)
  await once(second, 'message')
  second.terminate()
})

test('a controller that dies takes its WebSockets with it, and so does a router that closes', async () => {
  await using upstream = await startEcho()
  await using started = await startRouter([readyRoute('hello', upstream.port)])
  const sockets = [1, 2].map(() => new WebSocket(`ws://127.0.0.1:${started.port}/hello/`))
  await Promise.all(sockets.map(socket => once(socket, 'message')))
  const [first, second] = sockets.map(socket => once(socket, 'close'))
  upstream.server.closeAllConnections()
  await started.router.close()
  await Promise.all([first, second])
})

const handshake = (target: string, more = ''): string =>
  `GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${KEY}\r\n${more}\r\n`
