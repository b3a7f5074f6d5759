import type { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Clock } from '../runtime/index.ts'
import { answerRedirect } from './answer.ts'
import { createForwarder, type ForwardPorts } from './forward.ts'
import { type Framing, framingOf, type Origin } from './headers.ts'
import { malformed, type Notice, notServing } from './notices.ts'
import { asksForWebSocket, originOf } from './origin.ts'
import { askedOf, type HostNames, resolve } from './resolve.ts'
import { isServing, type Routes, type RouteTarget } from './routes.ts'
import { responseOn, type Upgrader } from './upgrade.ts'

/** What answers for Manor itself: the API, the console and the hook's service, and 404 for what nobody knows. */
export type OwnHandler = (request: IncomingMessage, response: ServerResponse) => void

/** What the server hears. */
export type Entrance = {
  onRequest(request: IncomingMessage, response: ServerResponse, awaitsContinue: boolean): void
  onUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void
  onUnreadable(cause: NodeJS.ErrnoException, socket: Duplex): void
}

export type EntrancePorts = ForwardPorts & {
  readonly routes: Routes
  readonly own: OwnHandler
  readonly hosts: HostNames
  readonly upgrader: Upgrader
}

type Passage = {
  readonly route: RouteTarget
  readonly endpoint: NonNullable<RouteTarget['endpoint']>
  readonly target: string
  readonly origin: Origin
}

/** What becomes of a request: the same for one that wants a WebSocket and for any other. */
type Admission =
  | { readonly kind: 'own' }
  | { readonly kind: 'redirect'; readonly location: string }
  | { readonly kind: 'refused'; readonly notice: Notice }
  | { readonly kind: 'forward'; readonly passage: Passage }

export const openEntrance = (ports: EntrancePorts): Entrance => {
  const { counters, own, upgrader, clock } = ports
  const forward = createForwarder(ports)

  /** Answers outright what is not sent on; gives back where to send the rest. */
  const admitted = (
    request: IncomingMessage,
    response: () => ServerResponse,
    framing: Framing | { readonly problem: string },
    awaitsContinue: boolean,
  ): Passage | undefined => {
    counters.requests++
    const admission: Admission =
      typeof framing === 'object' ? { kind: 'refused', notice: malformed(framing.problem) } : admit(request, ports, clock)
    switch (admission.kind) {
      case 'own':
        counters.own++
        answerOwn(request, response(), awaitsContinue)
        return undefined
      case 'redirect':
        counters.redirected++
        answerRedirect(request, response(), admission.location)
        return undefined
      case 'refused':
        counters.refused++
        ports.answer(request, response(), admission.notice)
        return undefined
      case 'forward':
        return admission.passage
    }
  }

  const answerOwn = (request: IncomingMessage, response: ServerResponse, awaitsContinue: boolean): void => {
    if (awaitsContinue) response.writeContinue()
    own(request, response)
  }

  return {
    onRequest: (request, response, awaitsContinue) => {
      const framing = framingOf(request.rawHeaders)
      const passage = admitted(request, () => response, framing, awaitsContinue)
      if (passage !== undefined && typeof framing === 'string') forward({ request, response, framing, awaitsContinue, ...passage })
    },
    onUpgrade: (request, socket, head) => {
      // The server has let go of this socket: an error on it would otherwise end the whole process.
      socket.on('error', () => socket.destroy())
      const hasBody = framingOf(request.rawHeaders) !== 'none'
      const framing =
        hasBody || !asksForWebSocket(request) ? { problem: 'Only a GET without a body can become a WebSocket: send one.' } : 'none'
      // Manor itself has no WebSockets; what it says to such a request is what it says to any other of that path.
      const passage = admitted(request, () => responseOn(request, socket), framing, false)
      if (passage !== undefined) upgrader.forward({ request, socket, head, ...passage })
    },
    onUnreadable: (cause, socket) => {
      counters.unreadable++
      answerUnreadable(cause, socket)
    },
  }
}

const admit = (request: IncomingMessage, { routes, hosts }: EntrancePorts, clock: Clock): Admission => {
  const asked = askedOf(request.url ?? '', request.headers.host)
  const resolution = resolve(asked, hosts, routes)
  switch (resolution.kind) {
    case 'own':
    case 'redirect':
      return resolution
    case 'malformed':
      return { kind: 'refused', notice: malformed(resolution.detail) }
    case 'controller': {
      const { route } = resolution
      const endpoint = isServing(route.phase) ? route.endpoint : undefined
      if (endpoint === undefined) return { kind: 'refused', notice: notServing(route, clock.now()) }
      return { kind: 'forward', passage: { route, endpoint, target: asked.target, origin: originOf(request.socket, asked.authority) } }
    }
  }
}

/** What could not be read as HTTP gets one line, and the connection ends: where the next request begins is not known. */
const answerUnreadable = ({ code }: NodeJS.ErrnoException, socket: Duplex): void => {
  // In the middle of an answer a second one would be taken for a part of the first.
  if (code === 'ECONNRESET' || !socket.writable || (socket instanceof Socket && socket.bytesWritten > 0)) {
    socket.destroy()
    return
  }
  socket.end(`HTTP/1.1 ${UNREADABLE[code ?? ''] ?? '400 Bad Request'}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
}

const UNREADABLE: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
}
