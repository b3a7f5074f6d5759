import type { Readable } from 'node:stream'
import { type Dispatcher, Pool } from 'undici'
import { type Clock, deadline } from '../../../runtime/index.ts'
import { type DaemonAddress, parseAddress } from './address.ts'
import { DaemonSilent, DockerError } from './errors.ts'
import { openSshBridge, type SshBridge } from './ssh-bridge.ts'

export type TlsFiles = {
  /** PEM texts, as Docker's own client keeps them in ca.pem, cert.pem and key.pem. */
  readonly ca: string
  readonly cert: string
  readonly key: string
}

export type TransportOptions = {
  /** As in DOCKER_HOST: unix:///..., tcp://host:port, ssh://user@host. */
  readonly address: string
  readonly tls?: TlsFiles
  /** `ssh` of the path unless told. */
  readonly sshProgram?: string
  readonly clock: Clock
  /** Told what ssh says when it ends by itself. */
  readonly onSaid?: (line: string) => void
}

export type Call = {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE' | 'HEAD'
  readonly path: string
  readonly query?: Readonly<Record<string, string>>
  readonly body?: Uint8Array | string | Readable
  readonly headers?: Readonly<Record<string, string>>
  /** From the call to the head of the answer, and for a call that is no stream to its end. */
  readonly timeoutMs?: number
}

export type Answer = { readonly status: number; readonly headers: Readonly<Record<string, string>>; readonly body: Readable }

/** A daemon answers most calls within milliseconds; creating and starting under load takes seconds. */
export const CALL_TIMEOUT_MS = 30_000
/** The connections to one daemon: more calls than these wait. Streams and slow starts hold one each. */
const CONNECTIONS = 64
/** Each connection through ssh is a process here and there. */
const SSH_CONNECTIONS = 8
/** An answer that is not a stream: a list of a thousand containers is about 2 MB. */
const MAX_ANSWER_BYTES = 64 * 1_048_576

/** HTTP to one daemon, over whichever way leads there. Connects on the first call. */
export class Transport {
  readonly address: DaemonAddress
  readonly #options: TransportOptions
  #pool: Promise<{ readonly pool: Pool; readonly bridge?: SshBridge }> | undefined
  #closed = false

  constructor(options: TransportOptions) {
    this.address = parseAddress(options.address, options.tls !== undefined)
    this.#options = options
  }

  /** The whole answer as text. Rejects with the signal's reason, DaemonSilent, or a DockerError for any status of 400 or more. */
  async text(
    call: Call,
    signal: AbortSignal,
  ): Promise<{ readonly status: number; readonly text: string; readonly headers: Answer['headers'] }> {
    const limit = deadline(this.#options.clock, call.timeoutMs ?? CALL_TIMEOUT_MS, signal)
    try {
      const { status, headers, body } = await this.#send(call, limit.signal, signal)
      const text = await readText(body).catch(cause => {
        throw silent(call, cause, signal)
      })
      if (status >= 400) throw new DockerError(status, messageOf(text, status))
      return { status, text, headers }
    } finally {
      limit.done()
    }
  }

  /** The head of an answer whose body is a stream; the signal also ends the stream. The deadline is for the head alone. */
  async stream(call: Call, signal: AbortSignal): Promise<Answer> {
    const head = new AbortController()
    const both = AbortSignal.any([signal, head.signal])
    const cancel = this.#options.clock.after(call.timeoutMs ?? CALL_TIMEOUT_MS, () =>
      head.abort(new DOMException('No answer in time.', 'TimeoutError')),
    )
    try {
      const answer = await this.#send(call, both, signal)
      if (answer.status < 400) return answer
      const text = await readText(answer.body)
      throw new DockerError(answer.status, messageOf(text, answer.status))
    } finally {
      cancel()
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    const opened = await this.#pool?.catch(() => undefined)
    await opened?.pool.destroy()
    await opened?.bridge?.close()
  }

  async #send(call: Call, until: AbortSignal, asked: AbortSignal): Promise<Answer> {
    asked.throwIfAborted()
    const query = new URLSearchParams(call.query).toString()
    const options: Dispatcher.RequestOptions = {
      method: call.method,
      path: query === '' ? call.path : `${call.path}?${query}`,
      headers: { ...(call.body === undefined ? {} : { 'content-type': 'application/json' }), ...call.headers },
      signal: until,
      ...(call.body === undefined ? {} : { body: call.body }),
    }
    // A connection that the daemon closed while it lay idle is found out by the next call on it; one that only reads may simply be sent again.
    for (let tries = call.method === 'GET' ? 1 : 0; ; tries--) {
      try {
        const { pool } = await this.#open()
        const { statusCode, headers, body } = await pool.request(options)
        return { status: statusCode, headers: plainHeaders(headers), body }
      } catch (cause) {
        if (tries <= 0 || until.aborted || this.#closed) throw silent(call, cause, asked)
      }
    }
  }

  #open(): Promise<{ readonly pool: Pool; readonly bridge?: SshBridge }> {
    if (this.#closed) throw new DaemonSilent('The connection to the daemon was closed by Manor.')
    this.#pool ??= this.#connect().catch(cause => {
      this.#pool = undefined
      throw cause
    })
    return this.#pool
  }

  async #connect(): Promise<{ readonly pool: Pool; readonly bridge?: SshBridge }> {
    const { address } = this
    // Deadlines are ours, on our clock: the library's own are switched off.
    const options: Pool.Options = { connections: CONNECTIONS, pipelining: 1, headersTimeout: 0, bodyTimeout: 0, allowH2: false }
    switch (address.kind) {
      case 'unix':
        return { pool: new Pool('http://docker', { ...options, connect: { socketPath: address.path } }) }
      case 'ssh': {
        const { sshProgram: program = 'ssh', onSaid = () => undefined } = this.#options
        const bridge = await openSshBridge({ ...address, program }, onSaid)
        return {
          pool: new Pool('http://docker', { ...options, connections: SSH_CONNECTIONS, connect: { socketPath: bridge.path } }),
          bridge,
        }
      }
      case 'tcp': {
        const host = address.host.includes(':') ? `[${address.host}]` : address.host
        const origin = `${address.tls ? 'https' : 'http'}://${host}:${address.port}`
        return { pool: new Pool(origin, { ...options, connect: { ...this.#options.tls, keepAlive: true } }) }
      }
    }
  }
}

const plainHeaders = (headers: Readonly<Record<string, string | string[] | undefined>>): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? (value[0] ?? '') : (value ?? '')]))

const readText = async (body: Readable): Promise<string> => {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of body) {
    const part: Uint8Array = chunk
    bytes += part.length
    if (bytes > MAX_ANSWER_BYTES) throw new RangeError(`The answer is longer than ${MAX_ANSWER_BYTES} bytes.`)
    chunks.push(part)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** What the asker aborted is told with the asker's reason; everything else that brought no answer is silence. */
const silent = (call: Call, cause: unknown, asked: AbortSignal): unknown => {
  if (asked.aborted) return asked.reason
  if (cause instanceof DockerError || cause instanceof DaemonSilent) return cause
  const why = cause instanceof Error ? cause.message || cause.name : String(cause)
  return new DaemonSilent(`The Docker daemon did not answer ${call.method} ${call.path}: ${why}`, { cause })
}

/** A refusal is JSON with a `message`; a proxy in between may say anything. */
const messageOf = (text: string, status: number): string => {
  try {
    const said: unknown = JSON.parse(text)
    if (typeof said === 'object' && said !== null && 'message' in said && typeof said.message === 'string') return said.message
  } catch {
    // Not JSON: shown as it is.
  }
  return text.trim().slice(0, 500) || `status ${status}`
}
