import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import type { Context } from '../context.ts'
import { API_PREFIX } from '../contract.ts'
import { addRoute } from '../route.ts'

const Shutdown = Type.Object(
  {
    controllers: Type.Boolean({ description: 'Whether the controllers are stopped too, gracefully; else they go on.' }),
    now: Type.Optional(Type.Boolean({ description: 'Whether running builds are not waited for.' })),
  },
  { $id: 'Shutdown', additionalProperties: false },
)

export const addManorRoutes = (app: FastifyInstance, { ports }: Context): void => {
  addRoute(app, {
    method: 'POST',
    path: `${API_PREFIX}/shutdown`,
    access: 'manor:stop',
    summary: 'End Manor, with or without its controllers',
    tag: 'manor',
    body: Shutdown,
    status: 202,
    answer: Shutdown,
    handle: async ({ body, principal, reply }) => {
      await ports.store.transact(
        tx =>
          tx.event({
            kind: 'manor',
            subject: 'manor',
            type: 'shutdown-requested',
            actor: principal.actor,
            message: `Manor is to end${body.controllers ? ' with its controllers' : '; its controllers go on'}.`,
          }),
        { flush: true },
      )
      // After the answer: who asked must hear that it was heard.
      const { controllers, now = false } = body
      reply.raw.once('close', () => ports.shutdown({ controllers, now, actor: principal.actor }))
      return { controllers, now }
    },
  })
}
