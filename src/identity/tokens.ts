import { type Milliseconds, ROLE_PERMISSIONS, type Token, type TokenRole, tenantId } from '../model/index.ts'
import type { Random } from '../runtime/index.ts'
import type { Store, Transaction } from '../store/index.ts'
import { hasExpired } from './authenticate.ts'
import { IdentityError } from './errors.ts'
import type { Principal } from './principal.ts'
import { hashOf, newSecret, newTokenId } from './secret.ts'

/** Bounds what a runaway script can make the store hold; each controller's hook has one beside these. */
export const MAX_PERSONAL_TOKENS = 10_000
/** Most expired tokens that one piece of work takes away, so that it stays short. */
const MAX_SWEEP = 200

export type PersonRole = Exclude<TokenRole, 'controller'>

export type TokenRequest = {
  readonly name: string
  readonly role: PersonRole
  readonly tenant?: string
  /** Absent means until it is revoked. */
  readonly expiresInMs?: Milliseconds
}
/** `secret` is known here and never again. */
export type IssuedToken = { readonly token: Token; readonly secret: string }

/** Who asks: a principal whose rights bound what it may give, or Manor itself (at its start), which may give all. */
export type Issuer = Principal | 'manor'

/**
 * Makes an API token. Errors: `not-found` for the tenant; `beyond-own-rights` where it would be able to do more, or see more, than who asks;
 * `too-many-tokens`; `invalid`.
 */
export const createToken = async (
  store: Pick<Store, 'transact'>,
  random: Random,
  request: TokenRequest,
  issuer: Issuer,
): Promise<IssuedToken> => {
  const name = request.name.trim()
  if (name === '') throw new IdentityError('invalid', 'name is empty: say what the token is for.', 'name')
  const tenant = request.tenant ?? (issuer === 'manor' ? undefined : issuer.tenant)
  if (issuer !== 'manor') checkRights(issuer, request.role, tenant)
  const secret = newSecret(random, 'api')
  return store.transact(
    tx => {
      sweepExpired(tx)
      if (tenant !== undefined && tx.get('tenant', tenant) === undefined) throw noSuchTenant(tenant)
      checkCount(tx)
      const token: Token = {
        id: newTokenId(random, 'api'),
        name,
        role: request.role,
        hash: hashOf(secret),
        createdAt: tx.now,
        ...(tenant === undefined ? {} : { tenant: tenantId(tenant) }),
        ...(request.expiresInMs === undefined ? {} : { expiresAt: tx.now + request.expiresInMs }),
      }
      tx.insert('token', token)
      tellOf(tx, token, 'created', issuer === 'manor' ? 'manor' : issuer.actor, `Token ${name} was created with the role ${token.role}.`)
      return { token, secret }
    },
    { flush: true },
  )
}

/** The tokens that this principal may see: all, or its own tenant's. Newest first. */
export const visibleTokens = (store: Pick<Store, 'list'>, principal: Principal): Token[] =>
  store
    .list('token')
    .filter(token => isVisible(token, principal))
    .sort((a, b) => b.createdAt - a.createdAt)

/** Takes a token away, and the sessions and sign-in links that were opened with it. Errors: `not-found`. */
export const revokeToken = (store: Pick<Store, 'transact'>, id: string, principal: Principal): Promise<void> =>
  store.transact(
    tx => {
      const token = tx.get('token', id)
      if (token === undefined || !isVisible(token, principal))
        throw new IdentityError('not-found', `There is no token with the id ${id}: see "./manor token list".`, 'id')
      for (const each of withDescendants(tx, token)) {
        tx.remove('token', each.id)
        tellOf(tx, each, 'revoked', principal.actor, `Token ${each.name} was revoked.`)
      }
    },
    { flush: true },
  )

/** A token and all that was opened with it, with those too: links and sessions. Linear in the number of tokens for each level. */
export const withDescendants = (tx: Pick<Transaction, 'list'>, token: Token): Token[] => [
  token,
  ...tx
    .list('token')
    .filter(({ issuedBy }) => issuedBy === token.id)
    .flatMap(child => withDescendants(tx, child)),
]

/** Takes away tokens whose time is over, a bounded number of them. Linear in the number of tokens. */
export const sweepExpired = (tx: Transaction): void => {
  const expired = tx.list('token').filter(token => hasExpired(token, tx.now))
  for (const token of expired.slice(0, MAX_SWEEP)) {
    tx.remove('token', token.id)
    tellOf(tx, token, 'expired', 'manor', `Token ${token.name} expired.`)
  }
}

export const checkCount = (tx: Transaction): void => {
  if (tx.list('token').filter(token => token.controller === undefined).length >= MAX_PERSONAL_TOKENS)
    throw new IdentityError('too-many-tokens', `There are ${MAX_PERSONAL_TOKENS} tokens already: revoke some with "./manor token revoke".`)
}

export const tellOf = (tx: Transaction, token: Token, type: string, actor: string, message: string): void =>
  tx.event({
    kind: 'token',
    subject: token.id,
    type,
    actor,
    message,
    ...(token.tenant === undefined ? {} : { tenant: token.tenant }),
    data: { role: token.role },
  })

const isVisible = (token: Token, { tenant }: Principal): boolean => tenant === undefined || token.tenant === tenant

const noSuchTenant = (tenant: string): IdentityError => new IdentityError('not-found', `There is no tenant named ${tenant}.`, 'tenant')

const checkRights = (issuer: Principal, role: PersonRole, tenant: string | undefined): void => {
  // To a tenant's token other tenants do not exist, so it is told the same as of one that really does not.
  if (issuer.tenant !== undefined && tenant !== issuer.tenant) throw noSuchTenant(tenant ?? '')
  const wanted = ROLE_PERMISSIONS[role]
  const ownRole = new Set(ROLE_PERMISSIONS[issuer.role])
  if (!wanted.every(permission => ownRole.has(permission)))
    throw new IdentityError(
      'beyond-own-rights',
      `role ${role} can do more than your own role, ${issuer.role}: ask an administrator.`,
      'role',
    )
}
