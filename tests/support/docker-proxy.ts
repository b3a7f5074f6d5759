/**
 * Stands between Manor and a real Docker daemon, on a socket of its own, and does to the traffic what networks, proxies and overloaded daemons
 * do. What is not told to go wrong is passed on as it is.
 */
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

export type ProxyFault =
  /** The daemon does it, and the answer is never seen. */
  | { readonly kind: 'answer-lost' }
  /** Nothing is done; the connection is cut. */
  | { readonly kind: 'cut' }
  /** Nothing is done, and no answer comes while the connection stands. */
  | { readonly kind: 'hang' }
  /** Nothing is done, and this is the answer. */
  | { readonly kind: 'answer'; readonly status: number; readonly message: string }
  /** The daemon answers, and this is its body, whatever it was. */
  | { readonly kind: 'body'; readonly text: string }
  | { readonly kind: 'late'; readonly ms: number }

type Rule = { readonly method: string; readonly path: RegExp; readonly fault: ProxyFault; left: number }

export type DockerProxy = {
  readonly socket: string
  /** The next `times` calls of this kind go wrong. */
  fail(method: string, path: RegExp, fault: ProxyFault, times?: number): void
  /** Everything from now on, streams included, until it is restored. */
  hang(): () => void
  /** Cuts the streams of events that are open. */
  cutEvents(): void
  /** How the bytes of event streams are handed on: as they come, or in pieces of so many. */
  eventPieces: number | undefined
  /** Events pass no more, while the stream stays open. */
  eventsAreHeld: boolean
  /** Calls that were seen, newest last: "POST /containers/create". */
  readonly calls: readonly string[]
  /** The version that is told to whoever pings; the daemon's own where undefined. */
  apiVersion: string | undefined
  close(): Promise<void>
}

/** Calls remembered. */
const MAX_CALLS = 10_000

export const startDockerProxy = async (socket: string, upstream: string): Promise<DockerProxy> => {
  const rules: Rule[] = []
  const calls: string[] = []
  const sockets = new Set<Socket>()
  const events = new Set<ServerResponse>()
  let hung: Promise<void> | undefined
  const pathOf = (url: string): string => url.replace(/^\/v\d+\.\d+/, '')

  const pass = (from: IncomingMessage, to: ServerResponse, fault: ProxyFault | undefined): void => {
    const onward = request({ socketPath: upstream, method: from.method, path: from.url, headers: from.headers })
    onward.once('error', () => to.destroy())
    onward.once('response', answer => {
      if (fault?.kind === 'answer-lost') {
        // Only once the daemon is done, which the end of its answer says.
        answer.resume()
        answer.once('end', () => to.destroy())
        return
      }
      if (fault?.kind === 'body') {
        answer.resume()
        to.writeHead(answer.statusCode ?? 200, { 'content-type': 'application/json' })
        to.end(fault.text)
        return
      }
      const headers = proxy.apiVersion === undefined ? answer.headers : { ...answer.headers, 'api-version': proxy.apiVersion }
      to.writeHead(answer.statusCode ?? 502, headers)
      to.flushHeaders()
      to.once('close', () => onward.destroy())
      if (!/^\/events/.test(pathOf(from.url ?? ''))) {
        answer.pipe(to)
        return
      }
      events.add(to)
      to.once('close', () => events.delete(to))
      answer.on('data', (chunk: Buffer) => {
        if (proxy.eventsAreHeld) return
        const size = proxy.eventPieces ?? chunk.length
        for (let at = 0; at < chunk.length; at += size) to.write(chunk.subarray(at, at + size))
      })
      answer.once('end', () => to.end())
    })
    from.pipe(onward)
  }

  const server = createServer((from, to) => {
    const path = pathOf(from.url ?? '')
    calls.push(`${from.method} ${path.split('?')[0]}`)
    if (calls.length > MAX_CALLS) calls.shift()
    const rule = rules.find(each => each.left > 0 && each.method === from.method && each.path.test(path))
    if (rule !== undefined) rule.left--
    void (async () => {
      await hung
      const fault = rule?.fault
      if (fault?.kind === 'hang') return
      if (fault?.kind === 'cut') to.destroy()
      else if (fault?.kind === 'answer') {
        from.resume()
        to.writeHead(fault.status, { 'content-type': 'application/json' })
        to.end(JSON.stringify({ message: fault.message }))
      } else {
        if (fault?.kind === 'late') await new Promise(resolve => setTimeout(resolve, fault.ms))
        pass(from, to, fault)
      }
    })()
  })
  // Docker's calls are few and may last: nothing here ends them but the two sides.
  server.requestTimeout = 0
  server.keepAliveTimeout = 60_000
  server.on('connection', each => {
    sockets.add(each)
    each.once('close', () => sockets.delete(each))
  })
  const proxy: DockerProxy = {
    socket,
    calls,
    eventPieces: undefined,
    eventsAreHeld: false,
    apiVersion: undefined,
    fail: (method, path, fault, times = 1) => {
      rules.push({ method, path, fault, left: times })
    },
    hang: () => {
      let restore: () => void = () => undefined
      hung = new Promise(resolve => {
        restore = () => {
          hung = undefined
          resolve()
        }
      })
      return restore
    },
    cutEvents: () => {
      for (const stream of events) stream.destroy()
    },
    close: async () => {
      for (const each of sockets) each.destroy()
      await new Promise<void>(resolve => server.close(() => resolve()))
    },
  }
  await new Promise<void>(resolve => server.listen(socket, resolve))
  return proxy
}
