import { RESERVED_NAMES } from '../controllers/index.ts'
import type { Routes, RouteTarget } from './routes.ts'

/** The names under which the fleet is reached. */
export type HostNames = {
  /** Host that is always Manor's own, without a port. */
  readonly console: string
  /** Suffixes of host mode: with `localhost`, the controller `hello` is also `hello.localhost`. */
  readonly suffixes: readonly string[]
}

export const DEFAULT_HOST_NAMES: HostNames = { console: 'manor.localhost', suffixes: ['localhost'] }

/** Who is to answer a request. */
export type Resolution =
  | { readonly kind: 'own' }
  | { readonly kind: 'controller'; readonly route: RouteTarget }
  | { readonly kind: 'redirect'; readonly location: string }
  | { readonly kind: 'malformed'; readonly detail: string }

/** What a request asks for, as it was written: `target` in origin form, `authority` the host with its port. */
export type Asked = { readonly target: string; readonly authority: string | undefined }

const OWN: Resolution = { kind: 'own' }
const ABSOLUTE_FORM = /^https?:\/\/([^/?#]*)(.*)$/i
const AUTHORITY = /^(?:\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::\d{1,5})?$/i
/** Read by Node's parser, refused by its writer. */
const UNWRITABLE = /[^\u0021-\u00ff]/
const reserved: ReadonlySet<string> = new Set(RESERVED_NAMES)

/**
 * Brings a target in absolute form (RFC 9112 section 3.2.2) into origin form; its authority then wins over the Host header. Nothing of the
 * path is decoded, folded or merged: a program behind the router must see what the browser wrote.
 */
export const askedOf = (target: string, host: string | undefined): Asked => {
  const absolute = target.startsWith('/') ? null : ABSOLUTE_FORM.exec(target)
  if (absolute === null) return { target, authority: host }
  const [, authority = '', rest = ''] = absolute
  return { target: rest.startsWith('/') ? rest : `/${rest}`, authority }
}

/** Decides who answers. Pure; linear in the length of the first segment and the host. */
export const resolve = ({ target, authority }: Asked, names: HostNames, routes: Routes): Resolution => {
  if (!target.startsWith('/') || UNWRITABLE.test(target))
    return { kind: 'malformed', detail: 'The target of the request is not a path that starts with a slash and has no blanks: ask for one.' }
  // A request of HTTP/1.0 may come without a host; it can still name its controller by path.
  if (authority !== undefined && !AUTHORITY.test(authority))
    return { kind: 'malformed', detail: 'The Host header is not a host name with an optional port: send the host that is being asked.' }
  const host = hostOf(authority)
  if (host === names.console) return OWN
  const byHost = routeOfHost(host, names, routes)
  return byHost === undefined ? byPath(target, routes) : underItsHost(target, byHost)
}

/** Host name in lower case, without port and without the dot that marks an absolute name. */
const hostOf = (authority = ''): string => authority.replace(/:\d+$/, '').replace(/\.$/, '').toLowerCase()

const routeOfHost = (host: string, { suffixes }: HostNames, routes: Routes): RouteTarget | undefined => {
  const dot = host.indexOf('.')
  return dot > 0 && suffixes.includes(host.slice(dot + 1)) ? routes.find(host.slice(0, dot)) : undefined
}

const byPath = (target: string, routes: Routes): Resolution => {
  const name = firstSegment(target)
  if (name === '' || reserved.has(name)) return OWN
  const route = routes.find(name)
  return route === undefined ? OWN : { kind: 'controller', route }
}

/**
 * On a host of its own a controller still serves under its prefix, since it can have only one; whatever is asked outside it, `/api/json` for
 * example, is sent there. Everything else of the fleet stays out of reach, so that a controller's pages are an origin of their own.
 */
const underItsHost = (target: string, route: RouteTarget): Resolution =>
  `/${firstSegment(target)}` === route.prefix
    ? { kind: 'controller', route }
    : { kind: 'redirect', location: target === '/' ? `${route.prefix}/` : route.prefix + target }

const firstSegment = (target: string): string => {
  const end = target.slice(1).search(/[/?#]/)
  return end < 0 ? target.slice(1) : target.slice(1, end + 1)
}
