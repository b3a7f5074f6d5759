/** Reads recorded exchanges (`tests/fixtures`) and serves them again. */
import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'

export type Exchange = {
  readonly method: string
  /** Path and query. */
  readonly target: string
  readonly requestBody: string
  readonly status: number
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: string
}

/** Headers of the connection, which the replaying server sets for itself. */
const HOP_BY_HOP = new Set(['content-length', 'transfer-encoding', 'date', 'connection'])

export const readExchange = (directory: string, name: string): Exchange => {
  const lines = readFileSync(new URL(`../fixtures/${directory}/${name}.http`, import.meta.url), 'utf8').split('\n')
  const sent = lines.filter(line => line.startsWith('> ')).map(line => line.slice(2))
  const answered = lines.filter(line => line.startsWith('< ')).map(line => line.slice(2))
  const [method = '', target = ''] = (sent[0] ?? '').split(' ')
  const status = Number(/^(?:HTTP\/1\.1 )?(\d{3})/.exec(answered[0] ?? '')?.[1])
  const headers = answered.slice(1).map(line => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()] as const)
  const head = lines.findLastIndex(line => line.startsWith('< '))
  return {
    method,
    target,
    requestBody: sent.slice(1).find(line => line.startsWith('<')) ?? '',
    status,
    headers: headers.filter(([name]) => !HOP_BY_HOP.has(name.toLowerCase())),
    body: lines
      .slice(head + 2)
      .join('\n')
      .replace(/\n+$/, '\n'),
  }
}

export type Received = {
  readonly method: string
  readonly target: string
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

export type ReplayServer = AsyncDisposable & {
  readonly port: number
  readonly received: readonly Received[]
}

export const answerWith = (response: ServerResponse, { status, headers, body }: Pick<Exchange, 'status' | 'headers' | 'body'>): void => {
  for (const [name, value] of headers) response.appendHeader(name, value)
  response.writeHead(status).end(body)
}

/** An HTTP server on a free port of the loopback address that keeps what it was sent. */
export const serve = async (answer: (request: Received, response: ServerResponse) => void): Promise<ReplayServer> => {
  const received: Received[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', chunk => chunks.push(chunk))
    request.on('end', () => {
      const one = {
        method: request.method ?? '',
        target: request.url ?? '',
        headers: request.headers,
        body: Buffer.concat(chunks).toString('utf8'),
      }
      received.push(one)
      answer(one, response)
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('The server has no port.')
  return {
    port: address.port,
    received,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
}

/**
 * What a document is made of: names and kinds of values; an array as the kinds that it holds. Of fields named in `kept` the value itself is part of
 * the shape.
 */
export const shapeOf = (value: unknown, kept: ReadonlySet<string> = new Set()): unknown => {
  if (Array.isArray(value)) {
    const shapes = new Map(value.map(each => [JSON.stringify(shapeOf(each, kept)), shapeOf(each, kept)]))
    return [...shapes.keys()].toSorted().map(key => shapes.get(key))
  }
  if (value === null || typeof value !== 'object') return value === null ? 'null' : typeof value
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([one], [other]) => (one < other ? -1 : 1))
      .map(([name, inner]) => [name, kept.has(name) ? inner : shapeOf(inner, kept)]),
  )
}
