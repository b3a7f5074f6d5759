import { Agent, type ClientRequest, type RequestOptions, request } from 'node:http'
import type { Clock } from '../runtime/index.ts'
import type { UpstreamFailure } from './notices.ts'

/** Longer than any healthy host needs, short enough for a person who waits. */
export const CONNECT_TIMEOUT_MS = 5_000
/** No byte in either direction for so long: the other end is gone. Far above the 90 s that Jenkins' guides ask for; its long polls end earlier. */
export const IDLE_TIMEOUT_MS = 15 * 60_000
/** Kept connections end before the program ends them: Jetty closes idle ones after 30 s, and a request into a closing one is lost. */
const KEPT_IDLE_MS = 15_000
/** Kept connections per controller: more than a page load uses at once. */
const MAX_KEPT = 16
/** Largest head of an answer. Content security policies and cookies of plugins go beyond Node's 16 KiB. */
const MAX_ANSWER_HEAD_BYTES = 64 * 1024

/** Thrown into a request whose connection could not be made in time. */
class ConnectTimeout extends Error {
  override readonly name = 'ConnectTimeout'
}

/** Thrown into a request that has been silent for too long. */
class Silence extends Error {
  override readonly name = 'Silence'
}

/** The head of an answer that cannot be passed on. */
export class UnintelligibleAnswer extends Error {
  override readonly name = 'UnintelligibleAnswer'
}

export type UpstreamRequest = {
  readonly host: string
  readonly port: number
  readonly method: string
  /** The target byte for byte as it came. */
  readonly target: string
  readonly headers: readonly string[]
}

/**
 * `kept`: over a kept connection, which the program may be closing at this moment; only for what can be sent again. `own`: over a connection
 * of its own, which is never stale. `upgrade`: the same, without any time-out once it is answered.
 */
export type ConnectionKind = 'kept' | 'own' | 'upgrade'

/** The connections to controllers. */
export type Upstreams = {
  send(request: UpstreamRequest, kind: ConnectionKind): ClientRequest
  close(): void
}

export const createUpstreams = (clock: Clock): Upstreams => {
  const kept = new Agent({ keepAlive: true, maxFreeSockets: MAX_KEPT, timeout: KEPT_IDLE_MS, scheduling: 'lifo' })
  const own = new Agent({ keepAlive: false })
  return {
    send: ({ host, port, method, target, headers }, kind) => {
      const options: RequestOptions = {
        host,
        port,
        method,
        path: target,
        headers,
        agent: kind === 'kept' ? kept : own,
        maxHeaderSize: MAX_ANSWER_HEAD_BYTES,
        ...(kind === 'upgrade' ? {} : { timeout: IDLE_TIMEOUT_MS }),
      }
      const upstream = request(options)
      // All of an answer's fields are passed on; Node would silently leave out those after the 2,000th.
      upstream.maxHeadersCount = 0
      boundConnecting(clock, upstream)
      upstream.once('timeout', () => upstream.destroy(new Silence('No byte came or went for too long.')))
      return upstream
    },
    close: () => {
      kept.destroy()
      own.destroy()
    },
  }
}

const boundConnecting = (clock: Clock, upstream: ClientRequest): void => {
  upstream.once('socket', socket => {
    socket.setNoDelay(true)
    if (!socket.connecting) return
    const cancel = clock.after(CONNECT_TIMEOUT_MS, () => upstream.destroy(new ConnectTimeout('The connection was not made in time.')))
    socket.once('connect', cancel)
    upstream.once('close', cancel)
  })
}

/** What an error of a request to a controller means. */
export const failureOf = (cause: Error & { readonly code?: string }): UpstreamFailure => {
  if (cause instanceof ConnectTimeout) return 'connect-timeout'
  if (cause instanceof Silence) return 'silent'
  if (cause instanceof UnintelligibleAnswer || cause.code?.startsWith('HPE_')) return 'unintelligible'
  switch (cause.code) {
    case 'ECONNREFUSED':
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
    case 'ENOTFOUND':
      return 'refused'
    case 'ETIMEDOUT':
      return 'connect-timeout'
    default:
      return 'broken'
  }
}
