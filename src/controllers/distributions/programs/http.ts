import { type Dispatcher, EnvHttpProxyAgent, request } from 'undici'
import { MINUTE, SECOND } from '../../../model/index.ts'
import { type Clock, deadline } from '../../../runtime/index.ts'
import { ProgramError } from './errors.ts'

/** Within this a site is found to be there or not, before something else is taken instead. */
export const REACH_TIMEOUT_MS = 3 * SECOND
/** For small texts of a site that is there. */
export const TEXT_TIMEOUT_MS = MINUTE
const MAX_TEXT_BYTES = 1_048_576
/** Download sites send to a mirror, and that may send on. */
const MAX_REDIRECTS = 5

export type HttpPorts = { readonly clock: Clock; readonly dispatcher?: Dispatcher }

let proxied: Dispatcher | undefined
/** Heeds HTTPS_PROXY, HTTP_PROXY and NO_PROXY, since a machine's way to the download sites is often through one. */
const defaultDispatcher = (): Dispatcher => {
  proxied ??= new EnvHttpProxyAgent()
  return proxied
}

/** GET with redirects followed, never from https to http. Statuses are for the caller to judge. */
export const get = async (
  { dispatcher }: HttpPorts,
  url: string,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<Dispatcher.ResponseData> => {
  let at = new URL(url)
  for (let redirects = 0; ; redirects++) {
    const answer = await request(at, { headers, signal, dispatcher: dispatcher ?? defaultDispatcher() })
    const { location } = answer.headers
    if (![301, 302, 303, 307, 308].includes(answer.statusCode) || typeof location !== 'string') return answer
    await answer.body.dump()
    const next = new URL(location, at)
    if (redirects >= MAX_REDIRECTS) throw new ProgramError('unreachable', `${url} redirects more than ${MAX_REDIRECTS} times.`)
    if (at.protocol === 'https:' && next.protocol !== 'https:')
      throw new ProgramError('unreachable', `${url} redirects to ${next.origin}, which is not encrypted: use another mirror.`)
    at = next
  }
}

/** A small text, whole within `timeoutMs`. Rejects with `not-found` on 404, with `unreachable` on anything else but 200. */
export const getText = async (ports: HttpPorts, url: string, timeoutMs: number, signal: AbortSignal): Promise<string> => {
  const limit = deadline(ports.clock, timeoutMs, signal)
  try {
    const answer = await get(ports, url, {}, limit.signal)
    if (answer.statusCode !== 200) {
      await answer.body.dump()
      throw statusError(url, answer.statusCode)
    }
    const chunks: Uint8Array[] = []
    let bytes = 0
    for await (const chunk of answer.body) {
      bytes += chunk.length
      if (bytes > MAX_TEXT_BYTES)
        throw new ProgramError('unreachable', `${url} gives more than ${MAX_TEXT_BYTES} bytes where a short text belongs.`)
      chunks.push(chunk)
    }
    return Buffer.concat(chunks).toString('utf8')
  } catch (cause) {
    throw signal.aborted ? signal.reason : unreachable(url, cause)
  } finally {
    limit.done()
  }
}

export const statusError = (url: string, status: number): ProgramError =>
  status === 404
    ? new ProgramError('not-found', `${url} does not exist (status 404).`)
    : new ProgramError('unreachable', `${url} cannot be had (status ${status}).`)

export const unreachable = (url: string, cause: unknown): ProgramError =>
  cause instanceof ProgramError
    ? cause
    : new ProgramError('unreachable', `${new URL(url).origin} cannot be reached (${wordsOf(cause)}).`, { cause })

/** Why, without a stack: `ECONNREFUSED`, `No answer within 3000 ms`. */
const wordsOf = (cause: unknown): string => {
  if (!(cause instanceof Error)) return String(cause)
  const code = 'code' in cause && typeof cause.code === 'string' ? cause.code : undefined
  return code ?? cause.message.replace(/\.$/, '')
}
