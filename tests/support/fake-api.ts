/**
 * A small server that speaks Manor's API as contract.ts says, for tests of what talks to it. It holds no state machine: a test puts views in,
 * says what an action answers, and sends changes. Every answer is checked against the contract's schema before it leaves.
 */
import assert from 'node:assert/strict'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type TSchema, Type } from 'typebox'
import { Value } from 'typebox/value'
import * as contract from '../../src/api/contract.ts'

type Handler = (request: FakeRequest) => FakeAnswer | Promise<FakeAnswer>
export type FakeRequest = { readonly method: string; readonly path: string; readonly query: URLSearchParams; readonly body: unknown }
export type FakeAnswer = {
  readonly status?: number
  readonly schema?: TSchema
  readonly body?: unknown
  readonly text?: string
  readonly cursor?: string
}

/** The token that the server wants. */
export const FAKE_TOKEN = 'fake-token-of-tests'

export class FakeApi implements AsyncDisposable {
  readonly #server = createServer((request, response) => void this.#serve(request, response))
  readonly #routes = new Map<string, Handler>()
  readonly #streams = new Set<ServerResponse>()
  readonly requests: FakeRequest[] = []
  /** What each opening of the feed came with as its Last-Event-ID. */
  readonly resumedAfter: (string | undefined)[] = []
  #feed: string[] = []

  static async start(): Promise<FakeApi> {
    const api = new FakeApi()
    await new Promise<void>(resolve => api.#server.listen(0, '127.0.0.1', resolve))
    return api
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** Answers `METHOD /path` (below /api/v1), with the schema that the answer must have. */
  on(route: string, schema: TSchema | undefined, handler: Handler): this {
    this.#routes.set(route, async request => ({ ...(schema ? { schema } : {}), ...(await handler(request)) }))
    return this
  }

  /** Answers a GET with a list, and with the feed's cursor. */
  list(path: string, schema: TSchema, views: () => readonly unknown[]): this {
    return this.on(`GET ${path}`, Type.Array(schema), () => ({ body: views(), cursor: String(this.#feed.length) }))
  }

  change(change: contract.Change): void {
    this.#send('change', change)
  }

  event(event: contract.EventView): void {
    assert.ok(Value.Check(contract.EventView, event), 'the event is as the contract says')
    this.#send('event', event)
  }

  /** How many feeds are open now. */
  get listeners(): number {
    return this.#streams.size
  }

  /** Cuts all open feeds, as a restart does. */
  cut(): void {
    for (const stream of this.#streams) stream.destroy()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut()
    this.#server.closeAllConnections()
    await new Promise(resolve => this.#server.close(resolve))
  }

  #send(event: string, data: unknown): void {
    const text = `id: ${this.#feed.length + 1}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`
    this.#feed.push(text)
    for (const stream of this.#streams) stream.write(text)
  }

  async #serve(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(message.url ?? '/', this.url)
    const path = url.pathname.replace(/^\/api\/v1/, '')
    const method = message.method ?? 'GET'
    if (message.headers.authorization !== `Bearer ${FAKE_TOKEN}`)
      return answer(response, problem(401, 'The token is not known: sign in anew.'))
    if (path === '/changes') return this.#openFeed(message, response, url)
    let text = ''
    for await (const chunk of message.setEncoding('utf8')) text += chunk
    const request = { method, path, query: url.searchParams, body: text === '' ? undefined : (JSON.parse(text) as unknown) }
    this.requests.push(request)
    const handler = this.#routes.get(`${method} ${path}`)
    answer(response, handler ? await handler(request) : problem(404, `There is no ${decodeURIComponent(path.slice(1))}.`))
  }

  #openFeed(message: IncomingMessage, response: ServerResponse, url: URL): void {
    const after = message.headers['last-event-id'] ?? url.searchParams.get('after') ?? undefined
    this.resumedAfter.push(typeof after === 'string' ? after : undefined)
    response.writeHead(200, { 'content-type': 'text/event-stream' }).write(': hello\n\n')
    for (const text of this.#feed.slice(Number(after ?? this.#feed.length))) response.write(text)
    this.#streams.add(response)
    response.on('close', () => this.#streams.delete(response))
  }
}

/** A refusal as the contract has it. */
export const problem = (status: number, detail: string, more: Partial<contract.Problem> = {}): FakeAnswer => ({
  status,
  schema: contract.Problem,
  body: { type: 'about:blank', title: 'Refused', status, detail, code: 'fake', ...more },
})

const answer = (response: ServerResponse, { status = 200, schema, body, text, cursor }: FakeAnswer): void => {
  if (schema && status < 400)
    assert.ok(Value.Check(schema, body), `the answer is as the contract says: ${JSON.stringify(Value.Errors(schema, body)[0])}`)
  response.statusCode = status
  if (cursor !== undefined) response.setHeader(contract.CURSOR_HEADER, cursor)
  response.setHeader('content-type', text !== undefined ? 'text/plain' : status < 400 ? 'application/json' : 'application/problem+json')
  response.end(text ?? (body === undefined ? '' : JSON.stringify(body)))
}
