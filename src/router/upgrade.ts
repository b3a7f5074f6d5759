import { type IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Clock } from '../runtime/index.ts'
import type { ForwardPorts } from './forward.ts'
import { canBePassedOn, type Origin, type RawHeaders, requestHeaders, responseHeaders } from './headers.ts'
import { tooManySockets, upstreamFailed } from './notices.ts'
import type { RouteTarget } from './routes.ts'
import { failureOf, UnintelligibleAnswer } from './upstreams.ts'

/** Most WebSockets open at a time, over all controllers: two descriptors each, 50,000 idle ones being the goal on one host. */
export const MAX_UPGRADED = 60_000
/** How long a program may take to answer the handshake; Jenkins sends its answer at once or hands the node over first. */
const HANDSHAKE_TIMEOUT_MS = 60_000
/** How long one side may go on after the other has ended: WebSockets end within one round trip. */
const HALF_OPEN_MS = 30_000

/** A WebSocket's handshake on its way to a controller. */
export type Handshake = {
  readonly request: IncomingMessage
  readonly socket: Duplex
  /** What the client sent after its head already. */
  readonly head: Buffer
  readonly route: RouteTarget
  readonly endpoint: NonNullable<RouteTarget['endpoint']>
  readonly target: string
  readonly origin: Origin
}

export type Upgrader = {
  forward(handshake: Handshake): void
  /** Breaks off all that are open; their clients connect again by themselves. */
  closeAll(): void
}

/** A response on a socket that the HTTP server has let go of: what cannot be upgraded is answered like any other request, then closed. */
export const responseOn = (request: IncomingMessage, socket: Duplex): ServerResponse => {
  const response = new ServerResponse(request)
  response.shouldKeepAlive = false
  // Node types this as a net.Socket and needs no more of it than a Duplex.
  response.assignSocket(socket as Parameters<ServerResponse['assignSocket']>[0])
  response.once('finish', () => {
    response.detachSocket(socket as Parameters<ServerResponse['detachSocket']>[0])
    socket.end()
  })
  return response
}

/** Hands WebSockets to controllers: after the handshake the two sockets are piped into each other as they are. */
export const createUpgrader = (ports: ForwardPorts, maxUpgraded: number): Upgrader => {
  const { clock, counters, upstreams } = ports
  const sockets = new Set<Duplex>()

  const forward = (handshake: Handshake): void => {
    const { request, socket, route, endpoint, target, origin } = handshake
    if (counters.openUpgrades >= maxUpgraded) {
      counters.refused++
      ports.answer(request, responseOn(request, socket), tooManySockets(maxUpgraded))
      return
    }
    track(socket)
    const headers = requestHeaders(request.rawHeaders, origin, 'none', true)
    const upstream = upstreams.send({ host: endpoint.host, port: endpoint.port, method: 'GET', target, headers }, 'upgrade')
    const onClientGone = (): void => {
      counters.clientAborts++
      upstream.destroy()
    }
    socket.once('close', onClientGone)
    const cancel = clock.after(HANDSHAKE_TIMEOUT_MS, () => upstream.destroy(new Error('The handshake was not answered in time.')))
    upstream.once('upgrade', (answer, upstreamSocket, upstreamHead) => {
      cancel()
      socket.off('close', onClientGone)
      counters.upgrades++
      socket.write(headOf(answer))
      join(clock, { socket, head: handshake.head }, { socket: upstreamSocket, head: upstreamHead })
    })
    upstream.once('response', answer => {
      cancel()
      if (canBePassedOn(answer.statusCode ?? 0, answer.statusMessage ?? '', answer.rawHeaders)) refuse(handshake, answer)
      else upstream.destroy(new UnintelligibleAnswer('The head of the answer cannot be passed on.'))
    })
    upstream.on('error', cause => {
      cancel()
      socket.off('close', onClientGone)
      if (socket.destroyed) return
      const failure = failureOf(cause)
      counters.upstreamFailures++
      ports.onFault({ controller: route.name, failure, cause })
      ports.answer(request, responseOn(request, socket), upstreamFailed(route, failure, clock.now()))
    })
    upstream.end()
  }

  const track = (socket: Duplex): void => {
    sockets.add(socket)
    counters.openUpgrades++
    socket.on('error', () => socket.destroy())
    socket.once('close', () => {
      sockets.delete(socket)
      counters.openUpgrades--
    })
  }

  return {
    forward,
    closeAll: () => {
      for (const socket of sockets) socket.destroy()
    },
  }
}

/** The controller did not want the upgrade (a wrong secret, an unknown node): its answer goes to the client as it is. */
const refuse = ({ request, socket }: Handshake, answer: IncomingMessage): void => {
  const response = responseOn(request, socket)
  response.sendDate = false
  response.writeHead(answer.statusCode ?? 502, answer.statusMessage, responseHeaders(answer.rawHeaders))
  answer.on('error', () => socket.destroy())
  answer.pipe(response)
}

const headOf = ({ statusMessage, rawHeaders }: IncomingMessage): string => {
  const lines = [`HTTP/1.1 101 ${statusMessage ?? 'Switching Protocols'}`]
  const kept: RawHeaders = [...responseHeaders(rawHeaders), 'Connection', 'Upgrade', 'Upgrade', 'websocket']
  for (let i = 0; i < kept.length; i += 2) lines.push(`${kept[i]}: ${kept[i + 1]}`)
  return `${lines.join('\r\n')}\r\n\r\n`
}

type Side = { readonly socket: Duplex; readonly head: Buffer }

const join = (clock: Clock, client: Side, upstream: Side): void => {
  for (const [from, to] of [
    [client, upstream],
    [upstream, client],
  ] as const) {
    if (from.head.length > 0) to.socket.write(from.head)
    from.socket.pipe(to.socket)
    from.socket.once('close', () => to.socket.destroy())
    from.socket.once('end', () => {
      const cancel = clock.after(HALF_OPEN_MS, () => to.socket.destroy())
      to.socket.once('close', cancel)
    })
  }
  upstream.socket.on('error', () => upstream.socket.destroy())
}
