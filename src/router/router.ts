import { createServer } from 'node:http'
import type { Clock } from '../runtime/index.ts'
import { type Answerer, answerNotice } from './answer.ts'
import { newCounters, type RouterCounters } from './counters.ts'
import { type Entrance, type OwnHandler, openEntrance } from './entrance.ts'
import { listenError } from './errors.ts'
import type { RouterFault } from './forward.ts'
import { asksForWebSocket, protocolOf } from './origin.ts'
import { DEFAULT_HOST_NAMES, type HostNames } from './resolve.ts'
import type { Routes } from './routes.ts'
import { createUpgrader, MAX_UPGRADED } from './upgrade.ts'
import { createUpstreams } from './upstreams.ts'

/** Largest head of a request: Jenkins' own limit is 8 KiB, and cookies of many controllers on one host add up. */
export const MAX_REQUEST_HEAD_BYTES = 32 * 1024
/** A head that takes longer than this is an attack or a broken client; bodies may take as long as they like. */
const HEAD_TIMEOUT_MS = 30_000
/** Longer than what proxies in front keep their connections for, so that it is they who close. */
const KEEP_ALIVE_MS = 75_000
/** Most connections of clients: those that keep a WebSocket open and as many again. */
const MAX_CONNECTIONS = 2 * MAX_UPGRADED
/** How long a close waits for answers under way, unless it is told otherwise. */
const CLOSE_GRACE_MS = 5_000

export type RouterOptions = {
  readonly routes: Routes
  readonly own: OwnHandler
  readonly clock: Clock
  /** Told of each controller that did not answer, for the log. */
  readonly onFault: (fault: RouterFault) => void
  readonly hosts?: HostNames
  readonly maxUpgraded?: number
}

export type RouterAddress = { readonly host: string; readonly port: number }

/** The one address of the fleet. */
export interface Router extends AsyncDisposable {
  /**
   * Opens the address; port 0 takes a free one, and without a host only this machine can reach it. Errors: RouterError `port-taken`,
   * `port-forbidden`, `address-unavailable`.
   */
  listen(at: { readonly port: number; readonly host?: string }): Promise<RouterAddress>
  /** Where it listens; undefined before and after. */
  address(): RouterAddress | undefined
  counters(): RouterCounters
  /** Takes no more, waits up to `graceMs` for answers under way, then breaks off. WebSockets are broken off at once: they never end. */
  close(graceMs?: number): Promise<void>
}

type Server = ReturnType<typeof createServer>

export const createRouter = (options: RouterOptions): Router => {
  const { clock, routes, own, onFault, hosts = DEFAULT_HOST_NAMES, maxUpgraded = MAX_UPGRADED } = options
  const counters = newCounters()
  const upstreams = createUpstreams(clock)
  const ports = { clock, upstreams, counters, answer: answererOf(hosts), onFault }
  const upgrader = createUpgrader(ports, maxUpgraded)
  const server = createHttpServer(openEntrance({ ...ports, routes, own, hosts, upgrader }))

  const close = async (graceMs = CLOSE_GRACE_MS): Promise<void> => {
    if (!server.listening) return
    const closed = new Promise<void>(done => server.close(() => done()))
    upgrader.closeAll()
    const cancel = clock.after(graceMs, () => {
      server.closeAllConnections()
      upgrader.closeAll()
    })
    await closed
    cancel()
    upstreams.close()
  }

  return {
    listen: ({ port, host = '127.0.0.1' }) => listen(server, host, port),
    address: () => addressOf(server),
    counters: () => ({ ...counters }),
    close,
    [Symbol.asyncDispose]: () => close(),
  }
}

const createHttpServer = (entrance: Entrance): Server => {
  const server = createServer({
    maxHeaderSize: MAX_REQUEST_HEAD_BYTES,
    headersTimeout: HEAD_TIMEOUT_MS,
    // An upload, or a command line's session, may take hours.
    requestTimeout: 0,
    keepAliveTimeout: KEEP_ALIVE_MS,
    keepAlive: true,
    noDelay: true,
    // Anything else than a WebSocket (h2c, for one) is an offer that a server may ignore.
    shouldUpgradeCallback: asksForWebSocket,
  })
  server.maxConnections = MAX_CONNECTIONS
  // All fields are passed on; Node would silently leave out those after the 2,000th, and with them perhaps how long the body is.
  server.maxHeadersCount = 0
  server.on('request', (request, response) => entrance.onRequest(request, response, false))
  server.on('checkContinue', (request, response) => entrance.onRequest(request, response, true))
  server.on('upgrade', entrance.onUpgrade)
  server.on('clientError', entrance.onUnreadable)
  return server
}

/** Where the console is, as the browser that is being answered would ask for it. */
const answererOf =
  (hosts: HostNames): Answerer =>
  (request, response, notice) => {
    const port = /:\d+$/.exec(request.headers.host ?? '')?.[0] ?? ''
    answerNotice(request, response, notice, `${protocolOf(request.socket)}://${hosts.console}${port}/`)
  }

const listen = (server: Server, host: string, port: number): Promise<RouterAddress> =>
  new Promise((resolved, reject) => {
    const onError = (cause: NodeJS.ErrnoException): void => reject(listenError(cause, host, port))
    server.once('error', onError)
    server.listen({ host, port, backlog: 1_024 }, () => {
      server.off('error', onError)
      resolved(addressOf(server) ?? { host, port })
    })
  })

const addressOf = (server: Server): RouterAddress | undefined => {
  const address = server.address()
  return address === null || typeof address === 'string' ? undefined : { host: address.address, port: address.port }
}
