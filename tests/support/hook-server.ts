/**
 * Manor as a hook sees it: a small real HTTP server that speaks /hook/v1, keeps what it is told, and wants what a test says. Every message is
 * held against the protocol's schemas; one that does not fit is a defect of the hook, answered with 400 and kept in `problems`.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import type { Static, TSchema } from 'typebox'
import { Value } from 'typebox/value'
import { type BuildEvent, EventBatch, Hello, MAX_WANTED_WAIT_SECONDS, Report, type Wanted } from '../../src/agents/protocol.ts'
import { systemClock } from '../../src/runtime/index.ts'

export type HookServerOptions = { readonly token: string; readonly port?: number; readonly reportIntervalMs?: number }

/** What is wanted apart from its revision, which the server counts. */
export type WantedState = Omit<Wanted, 'revision'>

type Waiter = { readonly answer: () => void }

export class HookServer {
  readonly hellos: Hello[] = []
  readonly reports: Report[] = []
  /** Each event once, in the order of arrival. */
  readonly events: BuildEvent[] = []
  /** Messages that did not fit the protocol, and what was wrong with them. */
  readonly problems: string[] = []
  /** Answers each request with this status instead, as long as it is set: Manor with a fault, or a revoked token. */
  failWith: number | undefined
  /** Whether events are acknowledged; false plays a Manor that loses its answers. */
  acknowledges = true
  /** Whether polls for what is wanted go without an answer: a Manor that has not made up its mind. */
  withholdsWanted = false
  /** How many requests came, whatever became of them. */
  requests = 0

  readonly #options: HookServerOptions
  readonly #server: Server
  readonly #pollers = new Set<Waiter>()
  readonly #watchers = new Set<() => void>()
  /** Events count anew in each session. */
  readonly #known = new Set<string>()
  #session: string | undefined
  #wanted: Wanted = { revision: 1, quiet: false, nodes: [] }

  private constructor(options: HookServerOptions) {
    this.#options = options
    this.#server = createServer((request, response) => {
      this.#serve(request, response).catch((cause: unknown) => {
        // A controller that is stopped in the middle of a message is no fault of its hook.
        if (!request.destroyed || request.complete) this.problems.push(String(cause))
        response.destroy()
      })
    })
  }

  static async listen(options: HookServerOptions): Promise<HookServer> {
    const server = new HookServer(options)
    await new Promise<void>((resolve, reject) => {
      server.#server.once('error', reject)
      server.#server.listen(options.port ?? 0, '127.0.0.1', resolve)
    })
    return server
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  get lastReport(): Report | undefined {
    return this.reports.at(-1)
  }

  /** Changes what is wanted; polls that wait are answered. Returns the new revision. */
  want(state: Partial<WantedState>): number {
    this.#wanted = { ...this.#wanted, ...state, revision: this.#wanted.revision + 1 }
    for (const { answer } of [...this.#pollers]) answer()
    return this.#wanted.revision
  }

  /** Forgets who said hello: the next message is answered with 409. */
  forget(): void {
    this.#session = undefined
  }

  /** Resolves with the first value that is not undefined, asked again after each message; rejects after `withinMs`. */
  until<T>(what: string, ask: () => T | undefined, withinMs = 20_000): Promise<T> {
    return new Promise((resolve, reject) => {
      const cancel = systemClock.after(withinMs, () => {
        this.#watchers.delete(look)
        reject(new Error(`Not within ${withinMs} ms: ${what}. Last report: ${JSON.stringify(this.lastReport)}. ${this.problems.join(' ')}`))
      })
      const look = (): void => {
        const found = ask()
        if (found === undefined) return
        cancel()
        this.#watchers.delete(look)
        resolve(found)
      }
      this.#watchers.add(look)
      look()
    })
  }

  /** Resolves with the first report, of those to come and the last, of which `holds` is true. */
  untilReport(what: string, holds: (report: Report) => boolean, withinMs?: number): Promise<Report> {
    return this.until(what, () => (this.lastReport && holds(this.lastReport) ? this.lastReport : undefined), withinMs)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await new Promise<void>(resolve => {
      this.#server.close(() => resolve())
      this.#server.closeAllConnections()
    })
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', this.url)
    const route = `${request.method} ${url.pathname}`
    this.requests++
    const body = await text(request)
    if (this.failWith !== undefined) this.#look()
    if (this.failWith !== undefined) return problem(response, this.failWith, 'The test says so.')
    if (request.headers.authorization !== `Bearer ${this.#options.token}`) return problem(response, 401, 'Not the token.')
    switch (route) {
      case 'POST /hook/v1/hello':
        return this.#hello(response, body)
      case 'PUT /hook/v1/report':
        return this.#report(response, body)
      case 'GET /hook/v1/wanted':
        return this.#answerWanted(response, url.searchParams)
      case 'POST /hook/v1/events':
        return this.#takeEvents(response, body)
      default:
        return problem(response, 404, `There is no ${route}.`)
    }
  }

  #hello(response: ServerResponse, body: string): void {
    const hello = this.#parse(Hello, body, response)
    if (!hello) return
    this.hellos.push(hello)
    this.#session = hello.session
    reply(response, 200, { reportIntervalMs: this.#options.reportIntervalMs ?? 10_000 })
    this.#look()
  }

  #report(response: ServerResponse, body: string): void {
    const report = this.#parse(Report, body, response)
    if (!report) return
    if (report.session !== this.#session) {
      problem(response, 409, 'Say hello first.')
      return
    }
    const last = this.lastReport
    if (last?.session === report.session && last.seq >= report.seq) this.problems.push(`Report ${report.seq} came after ${last.seq}.`)
    this.reports.push(report)
    reply(response, 204)
    this.#look()
  }

  #takeEvents(response: ServerResponse, body: string): void {
    const batch = this.#parse(EventBatch, body, response)
    if (!batch) return
    if (batch.session !== this.#session) {
      problem(response, 409, 'Say hello first.')
      return
    }
    for (const event of batch.events) {
      const key = `${batch.session}/${event.seq}`
      if (!this.#known.has(key)) this.events.push(event)
      this.#known.add(key)
    }
    if (this.acknowledges) reply(response, 200, { acknowledged: batch.events.at(-1)?.seq ?? 0 })
    else problem(response, 503, 'Taken, but nobody will know.')
    this.#look()
  }

  #answerWanted(response: ServerResponse, query: URLSearchParams): void {
    if (query.get('session') !== this.#session) {
      problem(response, 409, 'Say hello first.')
      return
    }
    const waitSeconds = Math.min(Number(query.get('wait')), MAX_WANTED_WAIT_SECONDS)
    const answer = (): void => {
      if (this.withholdsWanted) return
      cancel()
      this.#pollers.delete(waiter)
      if (!response.writableEnded) reply(response, 200, this.#wanted)
    }
    const waiter = { answer }
    const cancel = systemClock.after(waitSeconds * 1000, answer)
    this.#pollers.add(waiter)
    response.once('close', () => {
      cancel()
      this.#pollers.delete(waiter)
    })
    if (this.#wanted.revision > Number(query.get('revision'))) answer()
  }

  #parse<T extends TSchema>(schema: T, body: string, response: ServerResponse): Static<T> | undefined {
    try {
      return Value.Parse(schema, JSON.parse(body))
    } catch (cause) {
      this.problems.push(`${String(cause)} in ${body.slice(0, 2_000)}`)
      problem(response, 400, String(cause))
      this.#look()
      return undefined
    }
  }

  #look(): void {
    for (const look of [...this.#watchers]) look()
  }
}

const reply = (response: ServerResponse, status: number, body?: unknown): void => {
  const content = body === undefined ? '' : JSON.stringify(body)
  response.writeHead(status, {
    'content-type': 'application/json',
    ...(body === undefined ? {} : { 'content-length': Buffer.byteLength(content) }),
  })
  response.end(content)
}

const problem = (response: ServerResponse, status: number, title: string): void => {
  response.writeHead(status, { 'content-type': 'application/problem+json' })
  response.end(JSON.stringify({ type: 'about:blank', title, status }))
}
