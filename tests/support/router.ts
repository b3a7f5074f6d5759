/** A router in front of real servers of this process, for tests: no store, no controller, everything at free ports. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http'
import { connect } from 'node:net'
import { createRouter, type Router, type RouterFault, type RouterOptions, type RouteTarget } from '../../src/router/index.ts'
import { systemClock } from '../../src/runtime/index.ts'

export type Upstream = { readonly server: Server; readonly port: number } & AsyncDisposable

/** A server that stands for a controller's program. */
export const startUpstream = async (listener: RequestListener): Promise<Upstream> => {
  const server = createServer({ requestTimeout: 0 }, listener)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    server,
    port: portOf(server),
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      if (server.listening) await new Promise(done => server.close(done))
    },
  }
}

const portOf = (server: Server): number => {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new TypeError('The server has no port.')
  return address.port
}

export const readyRoute = (name: string, port: number): RouteTarget => ({
  name,
  prefix: `/${name}`,
  phase: 'ready',
  since: 0,
  endpoint: { host: '127.0.0.1', port },
})

export type StartedRouter = {
  readonly router: Router
  readonly port: number
  readonly url: string
  readonly faults: RouterFault[]
} & AsyncDisposable

/** What answers for Manor itself in these tests. */
const own = (request: IncomingMessage, response: ServerResponse): void => {
  request.resume()
  response.writeHead(404, { 'content-type': 'text/plain' }).end(`own ${request.url}`)
}

export const startRouter = async (routes: readonly RouteTarget[], options: Partial<RouterOptions> = {}): Promise<StartedRouter> => {
  const byName = new Map(routes.map(route => [route.name, route]))
  const faults: RouterFault[] = []
  const router = createRouter({
    routes: { find: name => byName.get(name) },
    own,
    clock: systemClock,
    onFault: fault => faults.push(fault),
    ...options,
  })
  const { port } = await router.listen({ port: 0 })
  return {
    router,
    port,
    faults,
    url: `http://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: () => router.close(0),
  }
}

/** Writes bytes as they are and resolves to all that comes back until the other end closes. */
export const exchangeRaw = async (port: number, bytes: string): Promise<string> => {
  const socket = connect(port, '127.0.0.1')
  socket.write(Buffer.from(bytes, 'latin1'))
  socket.setEncoding('latin1')
  let answer = ''
  socket.on('data', part => {
    answer += part
  })
  socket.on('error', () => socket.destroy())
  await once(socket, 'close')
  return answer
}
