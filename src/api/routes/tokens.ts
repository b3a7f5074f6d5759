import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import { createSignInLink, createToken, revokeToken, visibleTokens } from '../../identity/index.ts'
import type { Context } from '../context.ts'
import { API_PREFIX, CreatedToken, MeView, NewToken, SignInLink, TokenView } from '../contract.ts'
import { ById } from '../queries.ts'
import { addRoute } from '../route.ts'
import { SIGN_IN_PATH } from '../sign-in.ts'
import { defined, tokenView } from '../views.ts'

const tag = 'identity'
const LIST = `${API_PREFIX}/tokens`

export const addTokenRoutes = (app: FastifyInstance, { ports }: Context): void => {
  const { store, random, urls } = ports

  addRoute(app, {
    method: 'GET',
    path: `${API_PREFIX}/me`,
    access: 'person',
    summary: 'Whose token this is and what it may do',
    tag,
    answer: MeView,
    handle: ({ principal: { name, role, tenant, permissions } }) => defined({ name, role, tenant, permissions: [...permissions] }),
  })

  addRoute(app, {
    method: 'GET',
    path: LIST,
    access: 'token:write',
    summary: 'All that can be signed in with: tokens, browsers’ sessions, links that were not used yet, hooks’ tokens; newest first',
    tag,
    answer: Type.Array(TokenView),
    handle: ({ principal }) => visibleTokens(store, principal).map(tokenView),
  })

  addRoute(app, {
    method: 'POST',
    path: LIST,
    access: 'token:write',
    summary: 'Make a token; its secret is shown here and never again',
    tag,
    body: NewToken,
    status: 201,
    answer: CreatedToken,
    handle: async ({ body, principal, reply }) => {
      const { token, secret } = await createToken(store, random, body, principal)
      reply.header('cache-control', 'no-store')
      return { token: tokenView(token), secret }
    },
  })

  addRoute(app, {
    method: 'DELETE',
    path: `${LIST}/:id`,
    access: 'token:write',
    summary: 'Revoke a token, with the sessions that were opened by it',
    tag,
    params: ById,
    status: 204,
    answer: undefined,
    handle: async ({ params, principal }) => {
      await revokeToken(store, params.id, principal)
      return undefined
    },
  })

  addRoute(app, {
    method: 'POST',
    path: `${API_PREFIX}/sign-in-links`,
    access: 'person',
    summary: 'Make a link that signs one browser in, once, with the rights of this token',
    tag,
    status: 201,
    answer: SignInLink,
    handle: async ({ principal, reply }) => {
      const { secret, expiresAt } = await createSignInLink(store, random, principal)
      reply.header('cache-control', 'no-store')
      return { url: `${urls().consoleUrl}${SIGN_IN_PATH}?token=${secret}`, expiresAt }
    },
  })
}
