import type { FastifyRequest } from 'fastify'
import { authenticate, type Credential, type Principal } from '../identity/index.ts'
import { isConsoleHost, isOwnOrigin } from './console-host.ts'
import { ApiError } from './errors.ts'
import type { FailedAttempts } from './failed-attempts.ts'
import type { ApiPorts } from './ports.ts'
import type { Access } from './route.ts'

export const SESSION_COOKIE = 'manor_session'

type GatePorts = Pick<ApiPorts, 'store' | 'clock' | 'urls' | 'consoleHosts'>

/** Who this is, where it may do what the route asks; else throws 401, 403 or 429. Runs before the body is read. */
export const admit = (request: FastifyRequest, access: Exclude<Access, 'public'>, ports: GatePorts, failed: FailedAttempts): Principal => {
  const credential = credentialOf(request, ports.consoleHosts)
  if (credential === undefined)
    throw new ApiError(
      'unauthenticated',
      'This needs a token: send it as "Authorization: Bearer …" (make one with "./manor token create").',
    )
  const principal = authenticate(ports.store, ports.clock.now(), credential)
  if (principal === undefined) throw refused(request, access, failed)
  if (credential.kind === 'session' && changes(request) && !isOwnOrigin(request.headers, ports))
    throw new ApiError('wrong-origin', 'A session may change things from the console’s own pages only: use a token from anywhere else.')
  const may = access === 'person' ? principal.role !== 'controller' : principal.permissions.has(access)
  if (!may) throw new ApiError('forbidden', forbiddenText(principal, access))
  return principal
}

/** The bearer of the header, else the session's cookie where sessions are accepted. */
export const credentialOf = (request: FastifyRequest, consoleHosts: readonly string[]): Credential | undefined => {
  const { authorization, cookie, host } = request.headers
  const bearer = /^bearer +(\S+)$/i.exec(authorization ?? '')?.[1]
  if (bearer !== undefined) return { kind: 'bearer', secret: bearer }
  if (authorization !== undefined || !isConsoleHost(host, consoleHosts)) return undefined
  const session = sessionCookie(cookie)
  return session === undefined ? undefined : { kind: 'session', secret: session }
}

const sessionCookie = (header: string | undefined): string | undefined =>
  header
    ?.split(';')
    .map(pair => pair.trim())
    .find(pair => pair.startsWith(`${SESSION_COOKIE}=`))
    ?.slice(SESSION_COOKIE.length + 1)

const changes = ({ method }: FastifyRequest): boolean => method !== 'GET' && method !== 'HEAD'

const refused = (request: FastifyRequest, access: Access, failed: FailedAttempts): ApiError => {
  const seconds = failed.count(request.ip)
  // A hook whose token was revoked must hear just that: it is what makes it slow down.
  return seconds > 0 && access !== 'hook'
    ? tooMany(seconds)
    : new ApiError('unauthenticated', 'This token was revoked, has expired or never was: make a new one with "./manor token create".')
}

export const tooMany = (seconds: number): ApiError =>
  new ApiError('too-many-attempts', `Too many wrong tokens came from this address: wait ${seconds} s.`, { retryAfterSeconds: seconds })

const forbiddenText = ({ name, role, tenant }: Principal, access: Access): string =>
  access === 'person'
    ? 'A controller’s hook may use /hook/v1 only.'
    : `Token ${name} (role ${role}${tenant === undefined ? '' : `, of tenant ${tenant}`}) may not do this, it lacks ${access}: ask an administrator for one that may.`
