import type { IncomingHttpHeaders } from 'node:http'
import type { ApiPorts } from './ports.ts'

/**
 * Whether a request came by a host on which sessions and the console's pages are accepted. In path mode controllers' pages are served under
 * the fleet's own address; a script of theirs could use a session there, so sessions live on a host that has no such pages.
 */
export const isConsoleHost = (host: string | undefined, consoleHosts: readonly string[]): boolean => {
  if (host === undefined) return false
  const wanted = host.toLowerCase()
  const name = wanted.replace(/:\d+$/, '')
  return consoleHosts.some(known => known === wanted || known === name)
}

/** Whether a browser sent this from the console's own pages (RFC 6454): what a session may change is asked from there alone. */
export const isOwnOrigin = (headers: IncomingHttpHeaders, { urls }: Pick<ApiPorts, 'urls'>): boolean => {
  const { protocol } = new URL(urls().consoleUrl)
  return headers.origin !== undefined && headers.origin === `${protocol}//${headers.host?.toLowerCase()}`
}
