import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, get, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { handlerOf } from './api.ts'
import { HEARTBEAT_MS } from './change-hub.ts'
import { aController, TestApi } from './testing.ts'

/** An API that is reached as the router reaches it: by a server of someone else's. */
class Served implements AsyncDisposable {
  readonly api: TestApi
  readonly #server = createServer()

  private constructor(api: TestApi) {
    this.api = api
    this.#server.on('request', handlerOf(api.app))
  }

  static async open(): Promise<Served> {
    const served = new Served(await TestApi.open())
    served.#server.listen(0, '127.0.0.1')
    await once(served.#server, 'listening')
    return served
  }

  async stream(token: string, headers: Readonly<Record<string, string>> = {}, query = ''): Promise<Stream> {
    const { port } = this.#server.address() as AddressInfo
    const request = get({ port, path: `/api/v1/changes${query}`, headers: { authorization: `Bearer ${token}`, ...headers }, agent: false })
    const [response] = (await once(request, 'response')) as [IncomingMessage]
    return new Stream(response)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.api[Symbol.asyncDispose]()
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close')
  }
}

class Stream {
  readonly response: IncomingMessage
  text = ''

  constructor(response: IncomingMessage) {
    this.response = response
    response.setEncoding('utf8')
    response.on('data', (chunk: string) => {
      this.text += chunk
    })
    // A stream that is cut ends with an error; `ended` is what tests wait for.
    response.on('error', () => undefined)
  }

  /** Resolves once what was told matches. */
  async until(pattern: RegExp): Promise<RegExpExecArray> {
    for (let match = pattern.exec(this.text); ; match = pattern.exec(this.text)) {
      if (match) return match
      await once(this.response, 'data')
    }
  }

  get cursor(): string {
    return [...this.text.matchAll(/^id: (.+)$/gm)].at(-1)?.[1] ?? ''
  }

  ended(): Promise<void> {
    return new Promise(resolve => (this.response.closed ? resolve() : this.response.once('close', () => resolve())))
  }
}

test('over a real socket: headers, changes, a comment when still, and resuming where one was', { timeout: 20_000 }, async () => {
  await using served = await Served.open()
  const { api } = served
  const token = await api.token('viewer')
  const first = await served.stream(token)
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

  for (const resumed of [await served.stream(token, { 'last-event-id': cursor }), await served.stream(token, {}, `?after=${cursor}`)]) {
    await resumed.until(/"kind":"controller","id":"b"/)
    assert.doesNotMatch(resumed.text, /"id":"a"/)
  }
  const lost = await served.stream(token, { 'last-event-id': 'another0:5' })
  await lost.until(/event: reset\ndata: \{\}\n\n/)
})

test('closing the API ends the streams, so that Manor can end', { timeout: 20_000 }, async () => {
  await using served = await Served.open()
  const stream = await served.stream(await served.api.token('viewer'))
  await stream.until(/^id: /)
  await served.api.app.close()
  await stream.ended()
})

test('the cursor of a list is one to resume from', { timeout: 20_000 }, async () => {
  await using served = await Served.open()
  const { api } = served
  const token = await api.token('viewer')
  const list = await api.request('GET', '/api/v1/controllers', { token })
  await api.put('controller', aController('a'))
  const stream = await served.stream(token, {}, `?after=${String(list.headers['x-manor-cursor'])}`)
  await stream.until(/"kind":"controller","id":"a"/)
})
