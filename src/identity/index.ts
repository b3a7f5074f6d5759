/**
 * Who may do what (design section 10): API tokens, browsers' sessions and the links that open them. Owns the `token` rows but those of
 * controllers' hooks, which the controllers' room gives and takes. Imports model, runtime and store. Start at authenticate.ts.
 */
export { authenticate, type Credential, stillStands } from './authenticate.ts'
export { IdentityError, type IdentityErrorCode } from './errors.ts'
export { type Principal, principalOf } from './principal.ts'
export { closeSession, createSignInLink, type IssuedLink, openSession, type Session } from './sessions.ts'
export { createToken, type IssuedToken, type Issuer, type PersonRole, revokeToken, type TokenRequest, visibleTokens } from './tokens.ts'
