/**
 * What the router changes in headers, and nothing else: fields keep their order, their case and their duplicates. Headers are flat lists as
 * `IncomingMessage.rawHeaders` has them: name, value, name, value. Pure; each function is one pass over the list.
 */

/** Manor's own session: it is worth the whole fleet, so no controller may see or set it. */
export const SESSION_COOKIE = 'manor_session'

export type RawHeaders = readonly string[]

/** How a message's body is delimited (RFC 9112 section 6). */
export type Framing = 'none' | 'length' | 'chunked'

/** What is known of a request's connection, as opposed to what its headers claim. */
export type Origin = {
  /** Address of the other end of the connection. */
  readonly client: string
  readonly protocol: 'http' | 'https'
  /** Host with its port where one was written: the address the browser used. */
  readonly authority: string
}

/** Fields that concern one connection only (RFC 9110 section 7.6.1), in lower case. */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/** Never taken out because a Connection field names them: the message would be read differently on the other side, or be someone else's. */
const NOT_NOMINABLE: ReadonlySet<string> = new Set(['host', 'content-length', 'cookie', 'authorization', 'set-cookie', 'expect'])

/** What Jetty and what stands behind it believe of an earlier proxy; from a client it would be a lie. All of `x-forwarded-*` too. */
const CLAIMS: ReadonlySet<string> = new Set([
  'forwarded',
  'x-real-ip',
  'x-original-url',
  'x-rewrite-url',
  'x-proxied-https',
  'proxy',
  'proxy-ssl-id',
  'proxy-auth-cert',
])

const isClaim = (name: string): boolean => name.startsWith('x-forwarded-') || CLAIMS.has(name)

/** The values of a field, in order. `name` in lower case. */
export const valuesOf = (headers: RawHeaders, name: string): string[] => {
  const values: string[] = []
  for (let i = 0; i < headers.length; i += 2) if (headers[i]?.toLowerCase() === name) values.push(headers[i + 1] ?? '')
  return values
}

/** The framing of a request, or what is wrong with it. Stricter than the parser, since two programs have to agree on where a body ends. */
export const framingOf = (headers: RawHeaders): Framing | { readonly problem: string } => {
  const lengths = valuesOf(headers, 'content-length')
  const codings = valuesOf(headers, 'transfer-encoding')
  if (valuesOf(headers, 'host').length > 1) return { problem: 'There is more than one Host header: send one.' }
  if (codings.length > 0 && lengths.length > 0)
    return { problem: 'There are both Content-Length and Transfer-Encoding: send one of the two.' }
  if (lengths.length > 1) return { problem: 'There is more than one Content-Length: send one.' }
  if (codings.length > 1 || (codings[0] !== undefined && codings[0].toLowerCase() !== 'chunked'))
    return { problem: 'Transfer-Encoding is something else than "chunked": send the body with that coding or with a Content-Length.' }
  if (codings.length > 0) return 'chunked'
  return lengths.length > 0 ? 'length' : 'none'
}

/** The headers of a request as a controller gets them. `protocolUpgrade` asks it for a WebSocket. */
export const requestHeaders = (headers: RawHeaders, origin: Origin, framing: Framing, protocolUpgrade: boolean): string[] => {
  const dropped = nominated(headers)
  const kept: string[] = []
  let host = false
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] ?? ''
    const value = headers[i + 1] ?? ''
    const lower = name.toLowerCase()
    if (HOP_BY_HOP.has(lower) || dropped.has(lower) || isClaim(lower)) continue
    if (lower === 'host') {
      // The authority wins over a Host header that disagrees (a target in absolute form).
      host = true
      kept.push(name, origin.authority)
    } else if (lower === 'cookie') {
      const cookies = withoutSessionCookie(value)
      if (cookies !== '') kept.push(name, cookies)
    } else kept.push(name, value)
  }
  if (!host) kept.push('Host', origin.authority)
  kept.push(...forwardedHeaders(origin))
  if (framing === 'chunked') kept.push('Transfer-Encoding', 'chunked')
  if (protocolUpgrade) kept.push('Connection', 'Upgrade', 'Upgrade', 'websocket')
  return kept
}

/** From these a controller builds its absolute links until a root URL is configured; Port wins over Host's there, so both are always sent. */
const forwardedHeaders = ({ client, protocol, authority }: Origin): string[] => [
  'X-Forwarded-For',
  client,
  'X-Forwarded-Proto',
  protocol,
  'X-Forwarded-Host',
  authority,
  'X-Forwarded-Port',
  /:(\d+)$/.exec(authority)?.[1] ?? (protocol === 'https' ? '443' : '80'),
]

/** The headers of a controller's answer as the client gets them. */
export const responseHeaders = (headers: RawHeaders): string[] => {
  const dropped = nominated(headers)
  const kept: string[] = []
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] ?? ''
    const value = headers[i + 1] ?? ''
    const lower = name.toLowerCase()
    if (HOP_BY_HOP.has(lower) || dropped.has(lower)) continue
    // In path mode all controllers share Manor's origin: none may put a session of its choice in place of Manor's.
    if (lower === 'set-cookie' && cookieName(value) === SESSION_COOKIE) continue
    kept.push(name, value)
  }
  return kept
}

/** What Node's writer takes as a field's value or a reason phrase. */
const WRITABLE = /^[\t\x20-\x7e\x80-\xff]*$/

/**
 * Whether the head of an answer can be passed on. Node's parser reads some that its writer refuses by throwing (a status of 099, a control
 * character in the reason), and a controller must not be able to end the router with them.
 */
export const canBePassedOn = (status: number, reason: string, headers: RawHeaders): boolean =>
  status >= 200 && status <= 999 && WRITABLE.test(reason) && headers.every(text => WRITABLE.test(text))

const nominated = (headers: RawHeaders): ReadonlySet<string> => {
  const names = valuesOf(headers, 'connection').flatMap(value => value.split(',').map(name => name.trim().toLowerCase()))
  return new Set(names.filter(name => name !== '' && !NOT_NOMINABLE.has(name)))
}

const cookieName = (pair: string): string => pair.split('=', 1)[0]?.trim() ?? ''

/** A Cookie field's value without our own cookie; byte for byte the same where it does not hold it. */
const withoutSessionCookie = (value: string): string =>
  value.includes(SESSION_COOKIE)
    ? value
        .split(';')
        .filter(pair => cookieName(pair) !== SESSION_COOKIE)
        .join(';')
        .trim()
    : value
