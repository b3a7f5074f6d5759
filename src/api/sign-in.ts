import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { closeSession, openSession } from '../identity/index.ts'
import { isConsoleHost } from './console-host.ts'
import type { Context } from './context.ts'
import { SESSION_COOKIE, tooMany } from './gate.ts'
import { PAGE_POLICY, page } from './pages.ts'
import { addPage, addRoute } from './route.ts'

export const SIGN_IN_PATH = '/sign-in'
export const SIGN_OUT_PATH = '/sign-out'

/** A browser's way in and out. Neither the link's secret nor the session's is ever logged or shown on a page. */
export const addSignInRoutes = (app: FastifyInstance, { ports, failed }: Context): void => {
  const { store, random, clock, urls, consoleHosts } = ports

  const isSecure = (): boolean => urls().consoleUrl.startsWith('https:')

  const setCookie = (reply: FastifyReply, value: string, maxAgeSeconds: number): void => {
    // No Domain, so that no controller's host is sent it; Strict, so that no page of another site makes a request with it.
    const attributes = ['HttpOnly', 'SameSite=Strict', 'Path=/', `Max-Age=${maxAgeSeconds}`, ...(isSecure() ? ['Secure'] : [])]
    reply.header('set-cookie', `${SESSION_COOKIE}=${value}; ${attributes.join('; ')}`)
  }

  addPage(app, SIGN_IN_PATH, async (request, reply) => {
    const secret = tokenOf(request)
    if (!isConsoleHost(request.headers.host, consoleHosts))
      return reply.redirect(`${urls().consoleUrl}${SIGN_IN_PATH}?token=${encodeURIComponent(secret)}`, 303)
    // A browser that only looks ahead must not use the link up.
    if (request.method === 'HEAD') return reply.send()
    const session = await openSession(store, random, secret)
    if (session === undefined) {
      const seconds = failed.count(request.ip)
      if (seconds > 0) throw tooMany(seconds)
      return reply.status(410).header('content-security-policy', PAGE_POLICY).type('text/html; charset=utf-8').send(USED_UP)
    }
    setCookie(reply, session.secret, Math.max(0, Math.floor((session.expiresAt - clock.now()) / 1_000)))
    return reply.redirect('/', 303)
  })

  addRoute(app, {
    method: 'POST',
    path: SIGN_OUT_PATH,
    access: 'person',
    summary: 'End this browser’s session',
    tag: 'identity',
    status: 204,
    answer: undefined,
    handle: async ({ principal, reply }) => {
      await closeSession(store, principal.tokenId)
      setCookie(reply, '', 0)
      return undefined
    },
  })
}

const USED_UP = page('This link was used or has expired', [
  'A sign-in link works once, for ten minutes.',
  'Make a new one in a terminal with `./manor console`.',
])

const tokenOf = ({ query }: FastifyRequest): string => {
  const token = typeof query === 'object' && query !== null && 'token' in query ? query.token : undefined
  return typeof token === 'string' ? token : ''
}
