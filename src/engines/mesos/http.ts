import { Agent, type Dispatcher, request } from 'undici'
import { type Clock, deadline } from '../../runtime/index.ts'

/** Five heartbeats of Mesos' default: an answer that takes longer does not come (Mesos 1.11, docs/scheduler-http-api.md). */
const CALL_TIMEOUT_MS = 75_000
/** Calls of a kind wait for each other sooner than that a busy leader is asked by many connections at once. */
const CONNECTIONS = 16
/** An answer of the operator API of a whole cluster; a larger one is an error. */
const MAX_ANSWER_BYTES = 256 * 1_048_576
/** From standby to leader is one; more are a circle. */
const MAX_REDIRECTS = 3

export type Credentials = { readonly principal: string; readonly secret: string }

export type TlsOptions = { readonly ca?: string; readonly cert?: string; readonly key?: string }

export type HttpOptions = { readonly clock: Clock; readonly credentials?: Credentials; readonly tls?: TlsOptions }

export type Answer = {
  readonly status: number
  readonly body: string
  readonly headers: Dispatcher.ResponseData['headers']
  readonly origin: string
}

export type OpenAnswer = Omit<Answer, 'body'> & { readonly body: Dispatcher.ResponseData['body'] }

/** One answer was not what was asked for. `status` 0: nothing came back, so nobody knows whether it was done. */
export class MesosHttpError extends Error {
  override readonly name = 'MesosHttpError'
  readonly status: number
  constructor(status: number, message: string, options?: ErrorOptions) {
    super(message, options)
    this.status = status
  }
}

/** HTTP as Mesos wants it: exact content types, Basic credentials, redirects without a scheme followed by hand. */
export class MesosHttp {
  readonly #options: HttpOptions
  readonly #calls: Agent
  readonly #streams: Agent

  constructor(options: HttpOptions) {
    this.#options = options
    const connect = options.tls === undefined ? {} : { connect: { ...options.tls } }
    this.#calls = new Agent({ ...connect, connections: CONNECTIONS, bodyTimeout: CALL_TIMEOUT_MS, headersTimeout: CALL_TIMEOUT_MS })
    // The stream's own watchdog looks after it.
    this.#streams = new Agent({ ...connect, connections: 2, bodyTimeout: 0, headersTimeout: CALL_TIMEOUT_MS })
  }

  async close(): Promise<void> {
    await Promise.allSettled([this.#calls.destroy(), this.#streams.destroy()])
  }

  /** One call and its whole answer, whatever its status. Rejects with a MesosHttpError of status 0 where none came. */
  async post(
    origin: string,
    path: string,
    body: unknown,
    headers: Readonly<Record<string, string>>,
    signal?: AbortSignal,
  ): Promise<Answer> {
    const limit = deadline(this.#options.clock, CALL_TIMEOUT_MS, signal)
    try {
      const answer = await this.#follow(this.#calls, 'POST', origin, path, JSON.stringify(body), headers, limit.signal)
      return { ...answer, body: await textOf(answer.body) }
    } catch (cause) {
      throw signal?.aborted ? signal.reason : unanswered(origin, cause)
    } finally {
      limit.done()
    }
  }

  async get(origin: string, path: string, signal?: AbortSignal): Promise<Answer> {
    const limit = deadline(this.#options.clock, CALL_TIMEOUT_MS, signal)
    try {
      const answer = await this.#follow(this.#calls, 'GET', origin, path, undefined, {}, limit.signal)
      return { ...answer, body: await textOf(answer.body) }
    } catch (cause) {
      throw signal?.aborted ? signal.reason : unanswered(origin, cause)
    } finally {
      limit.done()
    }
  }

  /** A call whose answer never ends. The signal ends it. */
  async open(origin: string, path: string, body: unknown, signal: AbortSignal): Promise<OpenAnswer> {
    return this.#follow(this.#streams, 'POST', origin, path, JSON.stringify(body), {}, signal)
  }

  async #follow(
    dispatcher: Agent,
    method: 'GET' | 'POST',
    first: string,
    path: string,
    body: string | undefined,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<OpenAnswer> {
    let origin = first
    for (let redirects = 0; ; redirects++) {
      const answer = await request(`${origin}${path}`, {
        dispatcher,
        method,
        signal,
        ...(body === undefined ? {} : { body }),
        headers: { ...(body === undefined ? {} : JSON_BODY), Accept: 'application/json', ...this.#authorization(), ...headers },
      })
      const location = answer.headers.location
      if (answer.statusCode !== 307 || typeof location !== 'string')
        return { status: answer.statusCode, body: answer.body, headers: answer.headers, origin }
      await answer.body.dump()
      if (redirects >= MAX_REDIRECTS) throw new MesosHttpError(307, `${first} sends from one address to the next: no leader answers.`)
      origin = originOf(location, origin)
    }
  }

  #authorization(): Record<string, string> {
    const { credentials } = this.#options
    if (credentials === undefined) return {}
    return { Authorization: `Basic ${Buffer.from(`${credentials.principal}:${credentials.secret}`).toString('base64')}` }
  }
}

/** To the letter: Mesos refuses `application/json; charset=utf-8` with 415. */
const JSON_BODY = { 'Content-Type': 'application/json' }

/** Where a standby sends to: `//HOST:PORT/...`, without a scheme and with a path of its own that the leader's replaces. */
export const originOf = (location: string, from: string): string => {
  const to = new URL(location, from)
  // Credentials that were meant for an encrypted connection do not go over another.
  if (from.startsWith('https:') && to.protocol !== 'https:')
    throw new MesosHttpError(307, `${from} sends to ${to.origin}, which is not encrypted.`)
  return to.origin
}

const textOf = async (body: Dispatcher.ResponseData['body']): Promise<string> => {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of body) {
    const bytes: Buffer = Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk)
    size += bytes.length
    if (size > MAX_ANSWER_BYTES) throw new MesosHttpError(0, `An answer is larger than ${MAX_ANSWER_BYTES} bytes.`)
    chunks.push(bytes)
  }
  return Buffer.concat(chunks).toString('utf8')
}

const unanswered = (origin: string, cause: unknown): MesosHttpError =>
  cause instanceof MesosHttpError
    ? cause
    : new MesosHttpError(0, `${origin} does not answer: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
