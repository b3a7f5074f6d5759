import type { Timestamp, Token } from '../model/index.ts'
import type { Reader } from '../store/index.ts'
import { type Principal, principalOf } from './principal.ts'
import { hashOf } from './secret.ts'

/** How a secret came: in the header `authorization`, or as the cookie of a browser's session. */
export type Credential = { readonly kind: 'bearer' | 'session'; readonly secret: string }

export const hasExpired = (token: Pick<Token, 'expiresAt'>, now: Timestamp): boolean =>
  token.expiresAt !== undefined && token.expiresAt <= now

/**
 * Whose secret this is, or undefined where it is nobody's, has expired or came the wrong way: a session is only good as a cookie, an API
 * token only as a bearer, a sign-in link's as neither.
 *
 * Looked up by its SHA-256. A comparison in constant time would gain nothing: what the look-up's timing could tell of is the hash, and
 * knowing a part of a hash does not help to find a secret of 256 random bits that has it.
 */
export const authenticate = (store: Pick<Reader, 'by'>, now: Timestamp, credential: Credential): Principal | undefined => {
  const [token] = store.by('tokensByHash', hashOf(credential.secret))
  if (token === undefined || hasExpired(token, now) || token.once === true) return undefined
  return (token.session === true) === (credential.kind === 'session') ? principalOf(token) : undefined
}

/** Whether a principal that was authenticated a while ago still stands: its token was neither revoked nor has it expired. */
export const stillStands = (store: Pick<Reader, 'get'>, now: Timestamp, principal: Principal): boolean => {
  const token = store.get('token', principal.tokenId)
  return token !== undefined && !hasExpired(token, now)
}
