import type { ControllerId, TenantId } from './ids.ts'
import type { Timestamp } from './units.ts'

/** What a request may do. Each API route declares the one it needs. */
export const PERMISSIONS = [
  'controller:read',
  'controller:write',
  /** Read the administrator's password of a controller's own pages. */
  'controller:admin',
  'agent:read',
  'template:read',
  'template:write',
  'tenant:read',
  'tenant:write',
  /** Say what of their hosts a tenant's builds may have: whoever may be privileged owns the host. */
  'tenant:access',
  'host:read',
  /** Take hosts in and out of service, and say what they are for. */
  'host:write',
  'event:read',
  'token:write',
  'manor:stop',
  'hook',
] as const
export type Permission = (typeof PERMISSIONS)[number]

export const ROLES = ['admin', 'operator', 'developer', 'viewer', 'controller'] as const
export type TokenRole = (typeof ROLES)[number]

const ALL_BUT_HOOK = PERMISSIONS.filter(permission => permission !== 'hook')
const READ = PERMISSIONS.filter(permission => permission.endsWith(':read'))

/** What each role may do. A controller's token serves the hook and nothing else. */
export const ROLE_PERMISSIONS: Readonly<Record<TokenRole, readonly Permission[]>> = {
  admin: ALL_BUT_HOOK,
  operator: ALL_BUT_HOOK.filter(permission => !['token:write', 'tenant:access', 'manor:stop'].includes(permission)),
  developer: [...READ, 'controller:write'],
  viewer: READ,
  controller: ['hook'],
}

/** An API token. Only its SHA-256 is kept; the secret is shown once. */
export type Token = {
  readonly id: string
  readonly name: string
  readonly role: TokenRole
  /** Restricts it to one tenant. */
  readonly tenant?: TenantId
  /** Set for a controller's hook token. */
  readonly controller?: ControllerId
  /** Hex SHA-256 of the secret. */
  readonly hash: string
  readonly createdAt: Timestamp
  readonly expiresAt?: Timestamp
  /** A sign-in link's token: gone after its first use. */
  readonly once?: boolean
  /** A browser's session: only good as the cookie of the console's own host. */
  readonly session?: boolean
  /** The token whose bearer asked for this link or session; revoking that one ends this one too. */
  readonly issuedBy?: string
}
