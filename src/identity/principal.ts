import {
  type ControllerId,
  type Permission,
  ROLE_PERMISSIONS,
  type TenantId,
  type Timestamp,
  type Token,
  type TokenRole,
} from '../model/index.ts'

/** Who a request comes from and what it may do. */
export type Principal = {
  readonly tokenId: string
  readonly name: string
  readonly role: TokenRole
  /** Sees and touches this tenant's nouns only. */
  readonly tenant?: TenantId
  /** Set for a controller's hook: the one it speaks for. */
  readonly controller?: ControllerId
  readonly permissions: ReadonlySet<Permission>
  readonly expiresAt?: Timestamp
  /** How events name it. */
  readonly actor: string
}

/** These act on the whole installation, so a token of one tenant never has them, whatever its role. */
const WHOLE_INSTALLATION: ReadonlySet<Permission> = new Set<Permission>(['manor:stop', 'host:write', 'tenant:write', 'tenant:access'])

const permissionsOf = ({ role, tenant }: Pick<Token, 'role' | 'tenant'>): ReadonlySet<Permission> =>
  new Set(ROLE_PERMISSIONS[role].filter(permission => tenant === undefined || !WHOLE_INSTALLATION.has(permission)))

export const principalOf = (token: Token): Principal => ({
  tokenId: token.id,
  name: token.name,
  role: token.role,
  permissions: permissionsOf(token),
  actor: token.controller === undefined ? `token:${token.name}` : `controller:${token.controller}`,
  ...(token.tenant === undefined ? {} : { tenant: token.tenant }),
  ...(token.controller === undefined ? {} : { controller: token.controller }),
  ...(token.expiresAt === undefined ? {} : { expiresAt: token.expiresAt }),
})
