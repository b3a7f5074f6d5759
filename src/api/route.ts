import type { FastifyInstance, FastifyReply, FastifyRequest, FastifySchema } from 'fastify'
import { type Static, type TSchema, Type } from 'typebox'
import type { Principal } from '../identity/index.ts'
import type { Permission } from '../model/index.ts'
import { Problem } from './contract.ts'

/** What a route asks of who calls it: a permission; `person`, any token but a hook's; or `public`, nothing. */
export type Access = Permission | 'person' | 'public'

declare module 'fastify' {
  interface FastifyContextConfig {
    access?: Access
  }
  interface FastifyRequest {
    /** Set on every route that is not public. */
    principal: Principal | undefined
  }
}

type Checked<S extends TSchema | undefined> = S extends TSchema ? Static<S> : undefined

/** One request as a handler sees it: checked, and from someone who may. */
export type Call<P extends TSchema | undefined, Q extends TSchema | undefined, B extends TSchema | undefined> = {
  readonly params: Checked<P>
  readonly query: Checked<Q>
  readonly body: Checked<B>
  readonly principal: Principal
  /** Aborts when the caller goes away before the answer is there. */
  readonly signal: AbortSignal
  readonly request: FastifyRequest
  readonly reply: FastifyReply
}

export type RouteDefinition<
  A extends TSchema | undefined,
  P extends TSchema | undefined,
  Q extends TSchema | undefined,
  B extends TSchema | undefined,
> = {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly path: string
  readonly access: Exclude<Access, 'public'>
  /** One line for the document, without a full stop. */
  readonly summary: string
  readonly tag: string
  readonly params?: P
  readonly query?: Q
  readonly body?: B
  readonly bodyLimitBytes?: number
  /** 200 where nothing else is said. */
  readonly status?: 200 | 201 | 202 | 204
  /** What the answer is made of; undefined for none. */
  readonly answer: A
  /** Of the answer; JSON where nothing else is said. */
  readonly mediaType?: 'text/plain' | 'text/event-stream'
  handle(call: Call<P, Q, B>): Checked<A> | Promise<Checked<A>>
}

const problemContent = { 'application/problem+json': { schema: Problem } }
/** What any route may answer with beside its own. */
const ERRORS = {
  '4xx': { description: 'The request cannot be done; `detail` says the mend.', content: problemContent },
  '5xx': { description: 'Manor, or what it runs on, failed.', content: problemContent },
}
const DESCRIPTIONS = {
  200: 'Done.',
  201: 'Made.',
  202: 'Taken on; what is observed follows.',
  204: 'Done; there is nothing to say.',
} as const

/**
 * Adds a route. There is no other way to add one for someone who signed in, and none without `access`: what may be asked is decided where the
 * route is written.
 */
export const addRoute = <
  A extends TSchema | undefined,
  P extends TSchema | undefined = undefined,
  Q extends TSchema | undefined = undefined,
  B extends TSchema | undefined = undefined,
>(
  app: FastifyInstance,
  definition: RouteDefinition<A, P, Q, B>,
): void => {
  const { method, path, access, handle, status = 200, mediaType } = definition
  app.route({
    method,
    url: path,
    config: { access },
    schema: schemaOf(definition),
    ...(definition.bodyLimitBytes === undefined ? {} : { bodyLimit: definition.bodyLimitBytes }),
    // A HEAD of a stream would never end.
    exposeHeadRoute: mediaType !== 'text/event-stream',
    handler: async (request, reply) => {
      const { principal } = request
      if (principal === undefined) throw new TypeError(`${path} was reached without a principal.`)
      const result = await handle({
        // The validator has checked these against the schemas that their types are made of.
        params: request.params as Checked<P>,
        query: request.query as Checked<Q>,
        body: request.body as Checked<B>,
        principal,
        get signal() {
          return request.signal
        },
        request,
        reply,
      })
      if (reply.sent) return reply
      if (mediaType === 'text/plain') reply.type('text/plain; charset=utf-8')
      return reply.status(status).send(result)
    },
  })
}

const schemaOf = <
  A extends TSchema | undefined,
  P extends TSchema | undefined,
  Q extends TSchema | undefined,
  B extends TSchema | undefined,
>(
  definition: RouteDefinition<A, P, Q, B>,
): FastifySchema & Record<string, unknown> => {
  const { access, answer, params, query, body, status = 200, mediaType } = definition
  const description = DESCRIPTIONS[status]
  const success =
    answer === undefined
      ? { ...Type.Null(), description }
      : { description, content: { [mediaType ?? 'application/json']: { schema: answer } } }
  return {
    operationId: operationIdOf(definition.method, definition.path),
    summary: definition.summary,
    tags: [definition.tag],
    'x-manor-access': access,
    security: [{ token: [] }],
    ...(params ? { params } : {}),
    ...(query ? { querystring: query } : {}),
    ...(body ? { body } : {}),
    response: { [status]: success, ...ERRORS },
  }
}

/** The name of a call in generated clients: `getControllersName` for `GET /api/v1/controllers/:name`. */
const operationIdOf = (method: string, path: string): string =>
  method.toLowerCase() +
  path
    .replace(/^\/api\/v1/, '')
    .split(/[^a-zA-Z0-9]+/)
    .map(word => word.slice(0, 1).toUpperCase() + word.slice(1))
    .join('')

/** Adds a page that needs no token. Nothing that a tenant owns may be shown on one. */
export const addPage = (
  app: FastifyInstance,
  path: string,
  handle: (request: FastifyRequest, reply: FastifyReply) => FastifyReply | undefined | Promise<FastifyReply | undefined>,
): void => {
  app.route({ method: 'GET', url: path, config: { access: 'public' }, schema: { hide: true } as FastifySchema, handler: handle })
}
