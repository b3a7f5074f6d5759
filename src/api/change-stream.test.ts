import assert from 'node:assert/strict'
import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import { test } from 'node:test'
import { HEARTBEAT_MS, SOON_MS } from './change-hub.ts'
import { aController, demandOf, TestApi } from './testing.ts'

const connect = async (
  port: number,
  token: string,
  headers: Readonly<Record<string, string>> = {},
  query = '',
): Promise<IncomingMessage> => {
  const request = get({ port, path: `/api/v1/changes${query}`, headers: { authorization: `Bearer ${token}`, ...headers }, agent: false })
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  // A stream that is cut ends with an error; its end is what tests wait for.
  response.on('error', () => undefined)
  return response
}

const ended = (response: IncomingMessage): Promise<void> =>
  new Promise(resolve => (response.closed ? resolve() : response.once('close', () => resolve())))

/** A stream that is read. */
class Stream {
  readonly response: IncomingMessage
  text = ''

  constructor(response: IncomingMessage) {
    this.response = response
    response.setEncoding('utf8')
    response.on('data', (chunk: string) => {
      this.text += chunk
    })
  }

  static async open(...where: Parameters<typeof connect>): Promise<Stream> {
    return new Stream(await connect(...where))
  }

  /** Resolves once what was told matches. */
  async until(pattern: RegExp): Promise<void> {
    while (!pattern.test(this.text)) await once(this.response, 'data')
  }

  get cursor(): string {
    return [...this.text.matchAll(/^id: (.+)$/gm)].at(-1)?.[1] ?? ''
  }
}

test('over a real socket: headers, changes, a comment when still, and resuming where one was', { timeout: 20_000 }, async () => {
  await using api = await TestApi.open()
  const port = await api.listen()
  const token = await api.token('viewer')
  const first = await Stream.open(port, token)
  assert.equal(first.response.statusCode, 200)
  assert.equal(first.response.headers['content-type'], 'text/event-stream; charset=utf-8')
  assert.equal(first.response.headers['cache-control'], 'no-store')
  assert.equal(first.response.headers['x-content-type-options'], 'nosniff')
  await first.until(/^id: \w{8}:\d+\n\n/)
  await api.put('controller', aController('a'))
  await api.clock.advance(0)
  await first.until(/event: change\ndata: \{"kind":"controller","id":"a","view":\{"id":"a"/)
  await api.clock.advance(HEARTBEAT_MS)
  await first.until(/^: still here$/m)
  const { cursor } = first
  first.response.destroy()
  await api.put('controller', aController('b'))

  for (const resumed of [
    await Stream.open(port, token, { 'last-event-id': cursor }),
    await Stream.open(port, token, {}, `?after=${cursor}`),
  ]) {
    await resumed.until(/"kind":"controller","id":"b"/)
    assert.doesNotMatch(resumed.text, /"id":"a"/)
  }
  const lost = await Stream.open(port, token, { 'last-event-id': 'another0:5' })
  await lost.until(/event: reset\ndata: \{\}\n\n/)
})

test('closing the API ends the streams, so that Manor can end', { timeout: 20_000 }, async () => {
  await using api = await TestApi.open()
  const stream = await Stream.open(await api.listen(), await api.token('viewer'))
  await stream.until(/^id: /)
  await api.app.close()
  await ended(stream.response)
})

test('the cursor of a list is one to resume from', { timeout: 20_000 }, async () => {
  await using api = await TestApi.open()
  const port = await api.listen()
  const token = await api.token('viewer')
  const list = await api.request('GET', '/api/v1/controllers', { token })
  await api.put('controller', aController('a'))
  const stream = await Stream.open(port, token, {}, `?after=${String(list.headers['x-manor-cursor'])}`)
  await stream.until(/"kind":"controller","id":"a"/)
})

/** More than kernels hold for one connection. */
const MAX_TOLD = 60

test('a client that stops reading is cut once what waits for it is too much', { timeout: 30_000 }, async () => {
  await using api = await TestApi.open()
  await api.put('controller', aController('a'))
  const response = await connect(await api.listen(), await api.token('viewer'))
  response.pause()
  const items = Array.from({ length: 5_000 }, (_, i) => String(i))
  let told = 0
  for (; told < MAX_TOLD && (await api.openConnections()) > 0; told++) {
    await api.put('demand', demandOf('a', items, { why: `${told}${'x'.repeat(200)}` }))
    await api.clock.advance(SOON_MS)
  }
  assert.ok(told < MAX_TOLD, `${told} lists of 1.5 MB were told to someone who does not read`)
  response.resume()
  await ended(response)
})
