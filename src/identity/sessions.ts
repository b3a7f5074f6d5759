import { HOUR, MINUTE, type Timestamp, type Token } from '../model/index.ts'
import type { Random } from '../runtime/index.ts'
import type { Store } from '../store/index.ts'
import { hasExpired } from './authenticate.ts'
import { hashOf, newSecret, newTokenId } from './secret.ts'
import type { Issuer } from './tokens.ts'
import { checkCount, sweepExpired, tellOf, withDescendants } from './tokens.ts'

/** Long enough to copy a link from a terminal to a browser, short enough that one left in a log is worth nothing. */
export const SIGN_IN_LINK_MS = 10 * MINUTE
/** A working day. */
export const SESSION_MS = 12 * HOUR

export type IssuedLink = { readonly secret: string; readonly expiresAt: Timestamp }
export type Session = { readonly secret: string; readonly expiresAt: Timestamp }

/** Makes the secret of a link that signs one browser in, once, with the rights of who asks. Errors: `too-many-tokens`. */
export const createSignInLink = (store: Pick<Store, 'transact'>, random: Random, issuer: Issuer): Promise<IssuedLink> => {
  const secret = newSecret(random, 'once')
  return store.transact(
    tx => {
      sweepExpired(tx)
      checkCount(tx)
      const expiresAt = tx.now + SIGN_IN_LINK_MS
      const link: Token = {
        id: newTokenId(random, 'once'),
        hash: hashOf(secret),
        createdAt: tx.now,
        expiresAt,
        once: true,
        ...(issuer === 'manor'
          ? { name: 'administrator', role: 'admin' }
          : {
              name: issuer.name,
              role: issuer.role,
              issuedBy: issuer.tokenId,
              ...(issuer.tenant === undefined ? {} : { tenant: issuer.tenant }),
            }),
      }
      tx.insert('token', link)
      tellOf(tx, link, 'link-created', issuer === 'manor' ? 'manor' : issuer.actor, `A sign-in link was made for ${link.name}.`)
      return { secret, expiresAt }
    },
    { flush: true },
  )
}

/**
 * Turns a link's secret into a session. The link goes in the same piece of work as the session comes, so of two browsers with the same link
 * one is signed in. Resolves to undefined for a link that was used, has expired or never was, and where the token behind it was revoked.
 */
export const openSession = (store: Pick<Store, 'transact'>, random: Random, linkSecret: string): Promise<Session | undefined> => {
  const secret = newSecret(random, 'session')
  return store.transact(
    tx => {
      const [link] = tx.by('tokensByHash', hashOf(linkSecret))
      if (link?.once !== true || hasExpired(link, tx.now)) return undefined
      const issuer = link.issuedBy === undefined ? undefined : tx.get('token', link.issuedBy)
      if (link.issuedBy !== undefined && (issuer === undefined || hasExpired(issuer, tx.now))) return undefined
      sweepExpired(tx)
      // A session never outlives the token that it stands for.
      const expiresAt = Math.min(tx.now + SESSION_MS, issuer?.expiresAt ?? Number.POSITIVE_INFINITY)
      const { once: _once, ...rest } = link
      const session: Token = {
        ...rest,
        id: newTokenId(random, 'session'),
        hash: hashOf(secret),
        createdAt: tx.now,
        expiresAt,
        session: true,
      }
      tx.remove('token', link.id)
      tellOf(tx, link, 'link-used', `token:${link.name}`, `The sign-in link of ${link.name} was used.`)
      tx.insert('token', session)
      tellOf(tx, session, 'signed-in', `token:${session.name}`, `${session.name} signed in to the console.`)
      return { secret, expiresAt }
    },
    { flush: true },
  )
}

/** Ends a session, and those that were opened from it. Of one that has ended: does nothing. */
export const closeSession = (store: Pick<Store, 'transact'>, tokenId: string): Promise<void> =>
  store.transact(
    tx => {
      const session = tx.get('token', tokenId)
      if (session?.session !== true) return
      for (const each of withDescendants(tx, session)) {
        tx.remove('token', each.id)
        tellOf(tx, each, 'signed-out', `token:${session.name}`, `${each.name} signed out of the console.`)
      }
    },
    { flush: true },
  )
