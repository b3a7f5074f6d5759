import type { ClientRequest, IncomingMessage, ServerResponse } from 'node:http'
import type { Clock } from '../runtime/index.ts'
import type { Answerer } from './answer.ts'
import type { Counters } from './counters.ts'
import { canBePassedOn, type Framing, type Origin, requestHeaders, responseHeaders } from './headers.ts'
import { tooManyRequests, type UpstreamFailure, upstreamFailed } from './notices.ts'
import type { RouteTarget } from './routes.ts'
import { failureOf, UnintelligibleAnswer, type Upstreams } from './upstreams.ts'

/** Most requests open to one controller at a time: a hung one must not take the connections of all. Jetty has 200 threads; long polls add. */
export const MAX_OPEN_REQUESTS = 1_000
/** How long a program may keep us waiting for "100 Continue"; then the body is sent all the same, as clients do (RFC 9110 section 10.1.1). */
const CONTINUE_WAIT_MS = 1_000
/** How long the rest of a body is read and thrown away after its answer has been given; cutting it off at once could lose the answer. */
const LINGER_MS = 5_000

/** Methods that may be sent a second time where a kept connection turns out to be closed (RFC 9110 section 9.2.2), having no body. */
const REPEATABLE: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])
/** Methods whose body's absence must be said: without a length a receiver might wait for one. */
const EXPECTS_BODY: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH'])

export type RouterFault = { readonly controller: string; readonly failure: UpstreamFailure; readonly cause: Error }

export type ForwardPorts = {
  readonly clock: Clock
  readonly upstreams: Upstreams
  readonly counters: Counters
  readonly answer: Answerer
  readonly onFault: (fault: RouterFault) => void
}

/** One request on its way to a controller. */
export type Exchange = {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly route: RouteTarget
  readonly endpoint: NonNullable<RouteTarget['endpoint']>
  readonly target: string
  readonly origin: Origin
  readonly framing: Framing
  /** The client waits for "100 Continue" before it sends its body. */
  readonly awaitsContinue: boolean
}

/**
 * Sends requests on to controllers. Both bodies are streamed with back-pressure and never held: at any time a request costs the two sockets'
 * buffers and the streams' high-water marks. Whichever side goes away, the other is told at once.
 */
export const createForwarder = (ports: ForwardPorts): ((exchange: Exchange) => void) => {
  const { clock, upstreams, counters } = ports
  const open = new Map<string, number>()

  const forward = (exchange: Exchange): void => {
    const { request, response, route } = exchange
    const before = open.get(route.name) ?? 0
    if (before >= MAX_OPEN_REQUESTS) {
      counters.refused++
      ports.answer(request, response, tooManyRequests(route, MAX_OPEN_REQUESTS, clock.now()))
      return
    }
    open.set(route.name, before + 1)
    counters.openRequests++
    counters.forwarded++
    response.once('close', () => {
      counters.openRequests--
      const left = (open.get(route.name) ?? 1) - 1
      if (left > 0) open.set(route.name, left)
      else open.delete(route.name)
    })
    attempt(exchange, exchange.framing === 'none' && REPEATABLE.has(request.method ?? ''))
  }

  const attempt = (exchange: Exchange, repeatable: boolean): void => {
    const { response } = exchange
    const upstream = send(exchange, repeatable)
    let answer: IncomingMessage | undefined
    const onClientGone = (): void => {
      if (response.writableFinished) return
      counters.clientAborts++
      upstream.destroy()
    }
    response.once('close', onClientGone)
    upstream.once('response', received => {
      answer = received
      deliver(exchange, upstream, received)
    })
    // Node says nothing more of a request whose answer is a switch of protocols that nobody listens for.
    upstream.once('upgrade', (_answer, socket) => {
      socket.destroy()
      response.off('close', onClientGone)
      fail(exchange, upstream, new UnintelligibleAnswer('The protocol was switched without having been asked to.'))
    })
    upstream.on('error', cause => {
      if (response.destroyed) return
      // What breaks while the answer comes is the answer's own error; what breaks after it was received in full is of no interest.
      if (answer !== undefined) return
      response.off('close', onClientGone)
      if (repeatable && upstream.reusedSocket) {
        counters.retried++
        attempt(exchange, false)
      } else fail(exchange, upstream, cause)
    })
    sendBody(exchange, upstream)
  }

  /** Nothing has been answered yet, so the client can still be told what happened. */
  const fail = (exchange: Exchange, upstream: ClientRequest, cause: Error): void => {
    const { request, response, route } = exchange
    const failure = failureOf(cause)
    counters.upstreamFailures++
    ports.onFault({ controller: route.name, failure, cause })
    request.unpipe(upstream)
    lingerOverBody(exchange)
    ports.answer(request, response, upstreamFailed(route, failure, clock.now()))
  }

  const send = ({ request, endpoint, target, origin, framing }: Exchange, repeatable: boolean): ClientRequest => {
    const method = request.method ?? 'GET'
    const headers = requestHeaders(request.rawHeaders, origin, framing, false)
    if (framing === 'none' && EXPECTS_BODY.has(method)) headers.push('Content-Length', '0')
    return upstreams.send({ host: endpoint.host, port: endpoint.port, method, target, headers }, repeatable ? 'kept' : 'own')
  }

  const sendBody = (exchange: Exchange, upstream: ClientRequest): void => {
    const { request, response, framing, awaitsContinue } = exchange
    if (framing === 'none') {
      upstream.end()
      return
    }
    // The head goes first: the body may be one that takes hours (the command line over HTTP).
    upstream.flushHeaders()
    if (!awaitsContinue) {
      request.pipe(upstream)
      return
    }
    let begun = false
    const begin = (): void => {
      if (begun || response.headersSent || upstream.destroyed) return
      begun = true
      response.writeContinue()
      request.pipe(upstream)
    }
    upstream.once('continue', begin)
    const cancel = clock.after(CONTINUE_WAIT_MS, begin)
    upstream.once('response', cancel)
    upstream.once('close', cancel)
  }

  const deliver = (exchange: Exchange, upstream: ClientRequest, answer: IncomingMessage): void => {
    const { request, response, route } = exchange
    const { statusCode = 0, statusMessage = '' } = answer
    const headers = responseHeaders(answer.rawHeaders)
    if (!canBePassedOn(statusCode, statusMessage, headers)) {
      upstream.destroy()
      fail(exchange, upstream, new UnintelligibleAnswer('The head of the answer cannot be passed on.'))
      return
    }
    lingerOverBody(exchange)
    response.sendDate = false
    response.writeHead(statusCode, statusMessage, headers)
    // The head goes out at once: an event stream's first event may come much later.
    response.flushHeaders()
    answer.on('error', cause => {
      // There is no way left to say that the answer failed but to break off.
      if (!response.destroyed) {
        counters.upstreamFailures++
        ports.onFault({ controller: route.name, failure: failureOf(cause), cause })
      }
      response.destroy()
    })
    answer.pipe(response)
    answer.once('end', () => {
      if (upstream.writableFinished) return
      request.unpipe(upstream)
      upstream.destroy()
    })
  }

  /** Where an answer comes before the whole body was read, the rest is read and thrown away for a while, so that the client gets to the answer. */
  const lingerOverBody = ({ request, response, awaitsContinue }: Exchange): void => {
    if (request.complete) return
    // Who was never told to go on sends no body, and then the connection cannot be used again.
    if (awaitsContinue) response.shouldKeepAlive = false
    response.once('finish', () => {
      if (request.complete) return
      request.resume()
      const cancel = clock.after(LINGER_MS, () => request.destroy())
      request.once('close', cancel)
    })
  }

  return forward
}
