import { Agent, fetch, type Response } from 'undici'
import { type Clock, deadline } from '../../runtime/index.ts'
import { EngineError } from '../engine.ts'
import { refusalSentence } from './reason.ts'
import {
  type Deployment,
  type MarathonApp,
  type MarathonInfo,
  parseApp,
  parseApps,
  parseDeployments,
  parseInfo,
  parseLeader,
  parseQueue,
  parseRefusal,
  type QueueItem,
  type Refusal,
} from './wire.ts'

/** How to prove who we are, to Marathon and to the Mesos pages beside it. */
export type Credentials =
  | { readonly kind: 'basic'; readonly user: string; readonly password: string }
  | { readonly kind: 'token'; readonly token: string; readonly scheme?: string }

export type MarathonClientOptions = {
  /** Every Marathon of the cluster, for example `https://marathon-1:8443`. Any of them will do: a standby passes requests on to the leader. */
  readonly urls: readonly string[]
  readonly credentials?: Credentials
  /** PEM of the certificate authority that signed theirs; the system's unless told. */
  readonly ca?: string
  readonly clock: Clock
  /** How long one request may take. 2,000 apps are read in 0.2 s; a standby gives up on its leader after 10 s. */
  readonly timeoutMs?: number
}

export type OpenOptions = {
  /** Other than Marathon's own; `undefined` for none. */
  readonly credentials?: Credentials | undefined
  readonly accept?: string
}

const TIMEOUT_MS = 15_000
/** All apps of a fleet of 10,000, with their tasks, are 25 MB. */
const MAX_BODY_BYTES = 128 * 1_048_576

/** Marathon said no. The status and what it says are kept as they were. */
export class MarathonRefusal extends Error {
  override readonly name = 'MarathonRefusal'
  readonly status: number
  readonly refusal: Refusal
  constructor(status: number, refusal: Refusal) {
    super(`Marathon refused it with status ${status}: ${refusalSentence(status, refusal)}.`)
    this.status = status
    this.refusal = refusal
  }
}

export class MarathonClient {
  readonly #options: MarathonClientOptions
  readonly #dispatcher: Agent
  #preferred = 0

  constructor(options: MarathonClientOptions) {
    this.#options = options
    this.#dispatcher = new Agent({
      // Streams are watched by their reader; every other request has a deadline of its own.
      bodyTimeout: 0,
      headersTimeout: 0,
      ...(options.ca === undefined ? {} : { connect: { ca: options.ca } }),
    })
  }

  /** All apps that a label marks as ours, with tasks, counts, deployments and last failures. */
  apps(labelSelector: string, signal: AbortSignal): Promise<readonly MarathonApp[]> {
    const embed = ['apps.tasks', 'apps.counts', 'apps.deployments', 'apps.lastTaskFailure'].map(name => `embed=${name}`).join('&')
    return this.json('GET', `/v2/apps?label=${encodeURIComponent(labelSelector)}&${embed}`, undefined, signal).then(parseApps)
  }

  async app(id: string, signal: AbortSignal): Promise<MarathonApp | undefined> {
    const embed = ['app.tasks', 'app.counts', 'app.deployments', 'app.lastTaskFailure'].map(name => `embed=${name}`).join('&')
    try {
      return parseApp(await this.json('GET', `/v2/apps${id}?${embed}`, undefined, signal))
    } catch (cause) {
      if (cause instanceof MarathonRefusal && cause.status === 404) return undefined
      throw cause
    }
  }

  deployments(signal: AbortSignal): Promise<readonly Deployment[]> {
    return this.json('GET', '/v2/deployments', undefined, signal).then(parseDeployments)
  }

  queue(signal: AbortSignal): Promise<readonly QueueItem[]> {
    return this.json('GET', '/v2/queue', undefined, signal).then(parseQueue)
  }

  info(signal: AbortSignal): Promise<MarathonInfo> {
    return this.json('GET', '/v2/info', undefined, signal).then(parseInfo)
  }

  /** `host:port` of the Marathon that leads. */
  leader(signal: AbortSignal): Promise<string> {
    return this.json('GET', '/v2/leader', undefined, signal).then(parseLeader)
  }

  create(app: unknown, signal: AbortSignal): Promise<unknown> {
    return this.json('POST', '/v2/apps', app, signal)
  }

  /** Changes an app. The caller has made sure that no deployment names it, or says `force`. */
  change(id: string, change: unknown, force: boolean, signal: AbortSignal): Promise<unknown> {
    return this.json('PUT', `/v2/apps${id}${force ? '?force=true' : ''}`, change, signal)
  }

  /** Puts a whole definition in the place of another: of the old one, nothing is kept that the new one does not name. */
  replace(id: string, definition: unknown, signal: AbortSignal): Promise<unknown> {
    return this.json('PUT', `/v2/apps${id}?partialUpdate=false`, definition, signal)
  }

  delete(id: string, signal: AbortSignal): Promise<unknown> {
    return this.json('DELETE', `/v2/apps${id}?force=true`, undefined, signal)
  }

  /** Ends one task and leaves the number of instances as it is: with `scale=true` the one that is kept would be ended too. */
  endTask(id: string, task: string, signal: AbortSignal): Promise<unknown> {
    return this.json('DELETE', `/v2/apps${id}/tasks/${encodeURIComponent(task)}`, undefined, signal)
  }

  /**
   * One request with a deadline, whose answer is JSON or nothing. Where one Marathon cannot be reached the next is tried, for reading alone: a
   * change that was lost may have been done.
   */
  async json(method: string, path: string, body: unknown, signal: AbortSignal): Promise<unknown> {
    const { urls, clock, timeoutMs = TIMEOUT_MS } = this.#options
    const tries = method === 'GET' ? urls.length : 1
    for (let attempt = 1; ; attempt++) {
      const limit = deadline(clock, timeoutMs, signal)
      try {
        const response = await this.open(this.url(path), method, body, limit.signal)
        return await readJson(response)
      } catch (cause) {
        signal.throwIfAborted()
        if (cause instanceof MarathonRefusal && cause.status < 500) throw cause
        // The next call goes to the next one, whichever call this was.
        this.#preferred = (this.#preferred + 1) % urls.length
        if (attempt >= tries) throw unreached(method, path, cause)
      } finally {
        limit.done()
      }
    }
  }

  /** Opens a request; the answer's body is the caller's. */
  open(url: string, method: string, body: unknown, signal: AbortSignal, options: OpenOptions = {}): Promise<Response> {
    const { credentials, accept = 'application/json' } = { credentials: this.#options.credentials, ...options }
    return fetch(url, {
      method,
      signal,
      dispatcher: this.#dispatcher,
      headers: {
        accept,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(credentials === undefined ? {} : { authorization: authorizationOf(credentials) }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
  }

  url(path: string): string {
    const { urls } = this.#options
    const base = urls[this.#preferred % urls.length]
    if (base === undefined) throw new TypeError('A Marathon client needs at least one address.')
    return `${base.replace(/\/+$/, '')}${path}`
  }

  close(): Promise<void> {
    return this.#dispatcher.destroy()
  }
}

export const authorizationOf = (credentials: Credentials): string =>
  credentials.kind === 'basic'
    ? `Basic ${Buffer.from(`${credentials.user}:${credentials.password}`).toString('base64')}`
    : `${credentials.scheme ?? 'token='}${credentials.scheme === undefined ? '' : ' '}${credentials.token}`

const readJson = async (response: Response): Promise<unknown> => {
  const declared = Number(response.headers.get('content-length') ?? 0)
  if (declared > MAX_BODY_BYTES) throw new RangeError(`Marathon's answer has ${declared} bytes: more than ${MAX_BODY_BYTES}.`)
  const text = await response.text()
  if (!response.ok) throw new MarathonRefusal(response.status, parseRefusal(parsed(text)))
  return text === '' ? undefined : JSON.parse(text)
}

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    // The page of a proxy, or nothing: the status says enough.
    return undefined
  }
}

/** What is thrown where Marathon cannot be asked at all: it may be there again at once. */
const unreached = (method: string, path: string, cause: unknown): EngineError =>
  new EngineError(
    {
      code: 'launch-timeout',
      message: `Marathon did not answer ${method} ${path.split('?')[0]}: ${cause instanceof Error ? deepest(cause) : String(cause)}.`,
      mend: 'Look whether a Marathon leads and is reached from here. It is asked again.',
    },
    true,
    { cause },
  )

const deepest = (error: Error): string => (error.cause instanceof Error ? deepest(error.cause) : error.message.replace(/\.$/, ''))
