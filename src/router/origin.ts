import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Origin } from './headers.ts'

/** Whom a request is from, by its connection alone; a client of HTTP/1.0 that names no host asked for the address it connected to. */
export const originOf = (socket: Socket, authority: string | undefined): Origin => ({
  client: (socket.remoteAddress ?? '').replace(/^::ffff:/, ''),
  protocol: protocolOf(socket),
  authority: authority ?? `${socket.localAddress}:${socket.localPort}`,
})

export const protocolOf = (socket: Socket): Origin['protocol'] => ('encrypted' in socket && socket.encrypted === true ? 'https' : 'http')

export const asksForWebSocket = ({ method, headers }: IncomingMessage): boolean =>
  method === 'GET' && headers.upgrade?.toLowerCase() === 'websocket'
