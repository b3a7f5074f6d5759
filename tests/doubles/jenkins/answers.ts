import { type ServerResponse, STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'

/** Header names and values in the order in which they are sent. */
export type Headers = readonly (readonly [name: string, value: string])[]

const CONTENT_POLICY =
  "base-uri 'none'; default-src 'self'; form-action 'self'; frame-ancestors 'self'; img-src 'self' data:; script-src 'report-sample' 'self' usage.jenkins.io; style-src 'report-sample' 'self' 'unsafe-inline';"

/** On every answer. */
const ALWAYS: Headers = [
  ['Server', 'Jetty(12.1.5)'],
  ['X-Content-Type-Options', 'nosniff'],
]
const POLICY: Headers = [['Content-Security-Policy-Report-Only', CONTENT_POLICY]]
const VARY: Headers = [['Vary', 'Accept-Encoding']]

/** What is sent back, without what is on every answer. */
export type Answer = {
  readonly status: number
  readonly headers?: Headers
  readonly body?: string
  /** Without the content security policy and Vary: answers of the filters in front of Jenkins itself. */
  readonly early?: 'authentication' | 'filter'
}

export const send = (response: ServerResponse, { status, headers = [], body = '', early }: Answer): void => {
  const common = early === 'authentication' ? ALWAYS : early === 'filter' ? [...ALWAYS, ...POLICY] : [...ALWAYS, ...VARY, ...POLICY]
  const all = [...common, ...headers, ['Content-Length', String(Buffer.byteLength(body))] as const]
  response.writeHead(status, STATUS_CODES[status] === 'Internal Server Error' ? 'Server Error' : undefined, all.flat())
  response.end(body)
}

/** Jetty's own error page. */
export const errorPage = (status: number, says: string): { readonly headers: Headers; readonly body: string } => ({
  headers: [
    ['Cache-Control', 'must-revalidate,no-cache,no-store'],
    ['Content-Type', 'text/html;charset=iso-8859-1'],
  ],
  body: `<html><head><title>Error ${status} ${says}</title></head><body><h2>HTTP ERROR ${status} ${says}</h2></body></html>\n`,
})

/** An answer to a handshake that failed, on its bare socket. */
export const writeRaw = (socket: Duplex, status: number, headers: Headers, body: string): void => {
  const all: Headers = [...ALWAYS, ...POLICY, ...headers, ['Content-Length', String(Buffer.byteLength(body))], ['Connection', 'close']]
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${all.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${body}`)
}
