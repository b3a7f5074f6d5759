import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import { protocol } from '../../agents/index.ts'
import type { Principal } from '../../identity/index.ts'
import type { ControllerId } from '../../model/index.ts'
import type { Context } from '../context.ts'
import { ApiError } from '../errors.ts'
import { addRoute } from '../route.ts'

const tag = 'hook'
const PREFIX = '/hook/v1'

const WantedQuery = Type.Object({
  session: Type.String({ minLength: 1, maxLength: 255 }),
  revision: Type.Number(),
  wait: Type.Number({ minimum: 0, maximum: protocol.MAX_WANTED_WAIT_SECONDS }),
})

/** What controllers' hooks speak (agents/protocol.ts). Unknown fields are let pass: a hook may be newer or older than its Manor. */
export const addHookRoutes = (app: FastifyInstance, { ports: { hook } }: Context): void => {
  const bodyLimitBytes = protocol.MAX_HOOK_BODY_BYTES

  addRoute(app, {
    method: 'POST',
    path: `${PREFIX}/hello`,
    access: 'hook',
    summary: 'A controller’s program has booted',
    tag,
    body: protocol.Hello,
    bodyLimitBytes,
    answer: protocol.Welcome,
    handle: ({ body, principal }) => hook.hello(speakerOf(principal), body),
  })

  addRoute(app, {
    method: 'PUT',
    path: `${PREFIX}/report`,
    access: 'hook',
    summary: 'The whole state of a controller: queue, nodes, load',
    tag,
    body: protocol.Report,
    bodyLimitBytes,
    status: 204,
    answer: undefined,
    handle: async ({ body, principal }) => {
      await hook.report(speakerOf(principal), body)
      return undefined
    },
  })

  addRoute(app, {
    method: 'GET',
    path: `${PREFIX}/wanted`,
    access: 'hook',
    summary: 'The whole state that Manor wants, held until it is newer than the revision or the wait is over',
    tag,
    query: WantedQuery,
    answer: protocol.Wanted,
    handle: ({ query, principal, signal }) => hook.wanted(speakerOf(principal), query.session, query.revision, query.wait, signal),
  })

  addRoute(app, {
    method: 'POST',
    path: `${PREFIX}/events`,
    access: 'hook',
    summary: 'What happened in a controller, until acknowledged',
    tag,
    body: protocol.EventBatch,
    bodyLimitBytes,
    answer: protocol.EventAck,
    handle: ({ body, principal }) => hook.events(speakerOf(principal), body),
  })
}

/** A hook's token says which controller speaks; nothing in a message does. */
const speakerOf = ({ controller, name }: Principal): ControllerId => {
  if (controller === undefined) throw new ApiError('forbidden', `Token ${name} speaks for no controller.`)
  return controller
}
