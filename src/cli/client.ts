import type { Problem } from '../api/contract.ts'
import { closest, didYouMean } from './closest.ts'
import { type Connection, type ConnectionOptions, findConnection, notRunning } from './connection.ts'
import type { CliContext } from './context.ts'
import { CliError, EXIT } from './errors.ts'

/** The API answers from memory; one that takes longer hangs. */
const REQUEST_TIMEOUT_MS = 30_000
/** Same as API_PREFIX and CURSOR_HEADER of the contract, whose file is not imported for its values: its schemas would triple the start. */
const PREFIX = '/api/v1'
const CURSOR = 'x-manor-cursor'

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
export type Query = Readonly<Record<string, string | number | boolean | undefined>>

/** The API refused or failed. Its message is the problem's detail, which says the mend. */
export class ApiError extends CliError {
  override readonly name = 'ApiError'
  readonly problem: Problem
  constructor(problem: Problem) {
    super(problem.detail, problem.status < 500 ? EXIT.usage : EXIT.failed)
    this.problem = problem
  }
}

export type Answer<View> = { readonly view: View; readonly cursor?: string }

/**
 * The API of one Manor, over Node's own fetch (undici, as built into Node: the package beside it would add 100 ms to every start).
 * What it answers is trusted to be what api/contract.ts says; tests hold the server to that.
 */
export class ManorClient {
  readonly #context: CliContext
  readonly #options: ConnectionOptions
  #connection: Promise<Connection> | undefined

  constructor(context: CliContext, options: ConnectionOptions) {
    this.#context = context
    this.#options = options
  }

  async get<View>(path: string, query: Query = {}): Promise<View> {
    return (await this.ask<View>('GET', path, { query })).view
  }

  async send<View>(method: Method, path: string, body?: unknown): Promise<View> {
    return (await this.ask<View>(method, path, { body })).view
  }

  async text(path: string, query: Query = {}): Promise<Buffer> {
    const response = await this.#fetch('GET', path, { query })
    return Buffer.from(await response.arrayBuffer())
  }

  /** One exchange. Throws an ApiError for a problem, a CliError where nobody answers. */
  async ask<View>(
    method: Method,
    path: string,
    request: { query?: Query; body?: unknown; headers?: Readonly<Record<string, string>> } = {},
  ): Promise<Answer<View>> {
    const response = await this.#fetch(method, path, request)
    const cursor = response.headers.get(CURSOR)
    const text = await response.text()
    return { view: (text === '' ? undefined : parseJson(text, response)) as View, ...(cursor === null ? {} : { cursor }) }
  }

  /** The body of the change feed after `cursor`. */
  async openChanges(cursor: string | undefined, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>> {
    // Manor may have come back at another port meanwhile.
    this.#connection = undefined
    const headers = { accept: 'text/event-stream', ...(cursor === undefined ? {} : { 'last-event-id': cursor }) }
    const response = await this.#fetch('GET', '/changes', { query: { after: cursor }, headers, signal })
    if (response.body === null) throw new CliError('The change feed is empty.', EXIT.failed)
    return response.body
  }

  async #fetch(
    method: Method,
    path: string,
    request: { query?: Query; body?: unknown; headers?: Readonly<Record<string, string>>; signal?: AbortSignal },
  ): Promise<Response> {
    this.#connection ??= findConnection(this.#options, this.#context.env)
    const connection = await this.#connection
    const signal = request.signal ?? AbortSignal.any([this.#context.signal, AbortSignal.timeout(REQUEST_TIMEOUT_MS)])
    let response: Response
    try {
      response = await fetch(`${connection.url}${PREFIX}${path}${queryText(request.query ?? {})}`, {
        method,
        headers: {
          authorization: `Bearer ${connection.token}`,
          ...(request.body === undefined ? {} : { 'content-type': 'application/json' }),
          ...request.headers,
        },
        ...(request.body === undefined ? {} : { body: JSON.stringify(request.body) }),
        signal,
      })
    } catch (cause) {
      throw this.#unreachable(connection, cause)
    }
    if (response.ok) return response
    throw await problemOf(response, connection)
  }

  #unreachable(connection: Connection, cause: unknown): unknown {
    if (this.#context.signal.aborted) return this.#context.signal.reason
    if (cause instanceof DOMException && cause.name === 'TimeoutError')
      return new CliError(
        `Manor ${connection.place} did not answer within ${REQUEST_TIMEOUT_MS / 1_000} s: it may be overloaded, see its log.`,
        EXIT.failed,
        { cause },
      )
    if (cause instanceof DOMException) return cause
    const reason = cause instanceof Error && cause.cause instanceof Error && 'code' in cause.cause ? cause.cause.code : undefined
    if (reason === 'ECONNREFUSED' || reason === 'ENOENT') return notRunning(connection.place, { cause })
    return new CliError(`Manor ${connection.place} cannot be reached (${reason ?? String(cause)}): check the address.`, EXIT.usage, {
      cause,
    })
  }
}

const queryText = (query: Query): string => {
  const given = Object.entries(query).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]]))
  return given.length === 0 ? '' : `?${new URLSearchParams(given)}`
}

const parseJson = (text: string, response: Response): unknown => {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new CliError(`${new URL(response.url).origin} does not speak Manor's API: is it another program? Check --url.`, EXIT.usage, {
      cause,
    })
  }
}

const problemOf = async (response: Response, connection: Connection): Promise<CliError> => {
  const text = await response.text()
  if (response.headers.get('content-type')?.includes('json')) {
    const problem = parseJson(text, response) as Partial<Problem>
    if (typeof problem.detail === 'string')
      return new ApiError({ type: 'about:blank', title: '', code: '', ...problem, detail: problem.detail, status: response.status })
  }
  return new CliError(
    `Manor ${connection.place} answered ${response.status} ${response.statusText}, without a reason.`,
    response.status < 500 ? EXIT.usage : EXIT.failed,
  )
}

/** A path with its parts encoded: path`/controllers/${name}/log`. */
export const path = (strings: TemplateStringsArray, ...parts: readonly string[]): string =>
  String.raw({ raw: strings }, ...parts.map(encodeURIComponent))

/**
 * Runs `work` about the controller `name`; where there is no such controller, the error names those that are spelled alike.
 */
export const aboutController = <Result>(client: ManorClient, name: string, work: () => Promise<Result>): Promise<Result> =>
  about(client, '/controllers', name, work)

/** The same for a tenant. What else is about a tenant (a controller that is made for it) names it in the field `tenant`. */
export const aboutTenant = <Result>(client: ManorClient, name: string | undefined, work: () => Promise<Result>): Promise<Result> =>
  name === undefined ? work() : about(client, '/tenants', name, work)

const about = async <Result>(
  client: ManorClient,
  list: '/controllers' | '/tenants',
  name: string,
  work: () => Promise<Result>,
): Promise<Result> => {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof ApiError) || error.problem.status !== 404) throw error
    const names = (await client.get<readonly { readonly id: string }[]>(list)).map(({ id }) => id)
    if (names.includes(name)) throw error
    const hint = didYouMean(closest(name, names)) || (names.length === 0 ? ' There is none at all yet.' : '')
    throw new ApiError({ ...error.problem, detail: `${error.problem.detail}${hint}` })
  }
}

/** Runs `work`; where a refusal begins with a field of the API, the option that set it (`optionOf[field]`) stands there instead. */
export const inOptionWords = async <Result>(optionOf: Readonly<Record<string, string>>, work: () => Promise<Result>): Promise<Result> => {
  try {
    return await work()
  } catch (error) {
    const field = error instanceof ApiError ? error.problem.field : undefined
    const option = optionOf[field ?? '']
    if (!(error instanceof ApiError) || option === undefined || !error.problem.detail.startsWith(`${field} `)) throw error
    throw new ApiError({ ...error.problem, detail: option + error.problem.detail.slice(field?.length) })
  }
}
