import { type Static, type TSchema, Type } from 'typebox'
import { Value } from 'typebox/value'
import { type Dispatcher, request } from 'undici'
import type { ControllerEndpoint } from '../../model/index.ts'
import { SECOND } from '../../model/index.ts'
import { type Clock, deadline } from '../../runtime/index.ts'
import type { Capabilities } from '../distributions/distribution.ts'
import { progressDeadline } from '../progress-deadline.ts'
import { ClientError, errorOf, failureOf } from './errors.ts'

/** From the request to the last byte of the answer. A controller in a long collection answers late, and then does. */
export const CALL_TIMEOUT_MS = 30 * SECOND
/** Largest answer that is kept in memory: a queue of thousands of items with their causes. Logs are streamed and have no such limit. */
export const MAX_ANSWER_BYTES = 16 * 1_048_576
/** How much of an `X-Error` header is shown. */
const MAX_TOLD_LENGTH = 300

export type ConnectionOptions = {
  readonly endpoint: ControllerEndpoint
  /** Path without a slash at the end. */
  readonly prefix: string
  readonly capabilities: Capabilities
  readonly user: string
  readonly password: string
  /** Used instead of the password where the distribution has API tokens: then a POST needs no crumb. */
  readonly apiToken?: string
  readonly clock: Clock
  /** Undici's global one where there is none. */
  readonly dispatcher?: Dispatcher
}

export type Call = {
  /** Continues "The controller could not …" in an error. */
  readonly what: string
  readonly method: 'GET' | 'POST'
  /** Below the prefix, starting with a slash. */
  readonly path: string
  readonly contentType?: string
  readonly body?: string
  /** Statuses that are an answer, beside 200 to 299. */
  readonly also?: readonly number[]
}

export type Answer = { readonly status: number; readonly headers: Readonly<Record<string, string | undefined>>; readonly text: string }

const Crumb = Type.Object({ crumb: Type.String(), crumbRequestField: Type.String() })
/** `none`: the controller's owner switched crumbs off. */
type SessionCrumb = { readonly field: string; readonly crumb: string } | 'none'

/**
 * Authenticated calls to one controller. Redirects are answers, never followed: one to the login page is an error, any other says where the
 * thing that was done is to be seen. A crumb belongs to a session, so the session's cookie goes with it; both are fetched at the
 * first POST, and once more where they have become stale (a restart forgets sessions).
 */
export class Connection {
  readonly #options: ConnectionOptions
  readonly #authorization: string
  readonly #needsCrumb: boolean
  readonly #cookies = new Map<string, string>()
  #crumb: SessionCrumb | undefined

  constructor(options: ConnectionOptions) {
    this.#options = options
    const token = options.capabilities.apiTokens ? options.apiToken : undefined
    this.#authorization = `Basic ${Buffer.from(`${options.user}:${token ?? options.password}`).toString('base64')}`
    this.#needsCrumb = options.capabilities.crumbs && token === undefined
  }

  async call(call: Call, signal: AbortSignal): Promise<Answer> {
    if (call.method === 'GET' || !this.#needsCrumb) return this.#once(call, {}, signal)
    const kept = this.#crumb
    const crumb = kept ?? (await this.#fetchCrumb(signal))
    try {
      return await this.#once(call, crumbHeader(crumb), signal)
    } catch (cause) {
      if (kept === undefined || !(cause instanceof ClientError) || cause.code !== 'forbidden') throw cause
      return this.#once(call, crumbHeader(await this.#fetchCrumb(signal)), signal)
    }
  }

  /** The answer's body as it comes; for logs, whose length has no limit, so only standing still has one. `onHeaders` sees the headers first. */
  async *stream(call: Call, onHeaders: (headers: Answer['headers']) => void, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const limit = progressDeadline(this.#options.clock, CALL_TIMEOUT_MS, signal)
    try {
      const answer = await this.#send(call, {}, limit.signal)
      await this.#check(call, answer)
      onHeaders(singleHeaders(answer.headers))
      for await (const chunk of answer.body) {
        limit.pause()
        yield chunk
        limit.progress()
      }
    } catch (cause) {
      throw signal.aborted ? signal.reason : failureOf(call.what, cause)
    } finally {
      limit.done()
    }
  }

  async #once(call: Call, headers: Record<string, string>, signal: AbortSignal): Promise<Answer> {
    const limit = deadline(this.#options.clock, CALL_TIMEOUT_MS, signal)
    try {
      const answer = await this.#send(call, headers, limit.signal)
      await this.#check(call, answer)
      return { status: answer.statusCode, headers: singleHeaders(answer.headers), text: await boundedText(call, answer.body) }
    } catch (cause) {
      throw signal.aborted ? signal.reason : failureOf(call.what, cause)
    } finally {
      limit.done()
    }
  }

  async #send(call: Call, headers: Record<string, string>, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
    const { endpoint, prefix, dispatcher } = this.#options
    const answer = await request(`http://${endpoint.host}:${endpoint.httpPort}${prefix}${call.path}`, {
      method: call.method,
      headers: {
        authorization: this.#authorization,
        ...(this.#cookies.size === 0 ? {} : { cookie: [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ') }),
        ...(call.contentType === undefined ? {} : { 'content-type': call.contentType }),
        ...headers,
      },
      ...(call.body === undefined ? {} : { body: call.body }),
      ...(dispatcher === undefined ? {} : { dispatcher }),
      signal,
    })
    if (this.#needsCrumb) this.#keepCookies(answer.headers['set-cookie'])
    return answer
  }

  /** Throws for an answer that is none. The body of one is not wanted, and is thrown away so that the connection can be used again. */
  async #check(call: Call, answer: Dispatcher.ResponseData): Promise<void> {
    const { statusCode } = answer
    const location = singleHeaders(answer.headers).location
    const toLogin = location !== undefined && /\/(login|loginError)([?/]|$)/.test(new URL(location, 'http://controller').pathname)
    if (!toLogin && ((statusCode >= 200 && statusCode < 300) || call.also?.includes(statusCode))) return
    await answer.body.dump()
    if (toLogin) throw errorOf(call.what, 401)
    throw errorOf(call.what, statusCode, singleHeaders(answer.headers)['x-error']?.slice(0, MAX_TOLD_LENGTH))
  }

  async #fetchCrumb(signal: AbortSignal): Promise<SessionCrumb> {
    const answer = await this.#once({ what: 'give a crumb', method: 'GET', path: '/crumbIssuer/api/json', also: [404] }, {}, signal)
    if (answer.status === 404) {
      this.#crumb = 'none'
    } else {
      const { crumb, crumbRequestField } = parse(Crumb, 'give a crumb', answer.text)
      this.#crumb = { field: crumbRequestField, crumb }
    }
    return this.#crumb
  }

  #keepCookies(header: string | string[] | undefined): void {
    for (const line of header === undefined ? [] : [header].flat()) {
      const [pair = ''] = line.split(';')
      const at = pair.indexOf('=')
      if (at > 0 && pair.startsWith('JSESSIONID')) this.#cookies.set(pair.slice(0, at), pair.slice(at + 1))
    }
  }
}

const crumbHeader = (crumb: SessionCrumb): Record<string, string> => (crumb === 'none' ? {} : { [crumb.field]: crumb.crumb })

const singleHeaders = (headers: Readonly<Record<string, string | string[] | undefined>>): Record<string, string | undefined> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value[0] : value]))

const boundedText = async (call: Call, body: AsyncIterable<Uint8Array>): Promise<string> => {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of body) {
    bytes += chunk.length
    if (bytes > MAX_ANSWER_BYTES)
      throw new ClientError('unexpected', `The controller could not ${call.what}: its answer is larger than ${MAX_ANSWER_BYTES} bytes.`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** JSON of a known shape, or a ClientError. */
export const parse = <Schema extends TSchema>(schema: Schema, what: string, text: string): Static<Schema> => {
  const value = jsonOf(text)
  if (Value.Check(schema, value)) return value
  const [first] = Value.Errors(schema, value)
  const where = first === undefined ? '' : ` (${first.instancePath || 'the whole'} ${first.message})`
  throw new ClientError('unexpected', `The controller could not ${what}: its answer has a shape that is not known${where}.`)
}

const jsonOf = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new ClientError('unexpected', 'The controller answered with something that is not JSON.', { cause })
  }
}
