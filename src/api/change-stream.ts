import type { OutgoingHttpHeaders } from 'node:http'
import type { FastifyInstance, FastifyReply } from 'fastify'
import { Type } from 'typebox'
import type { Context } from './context.ts'
import { API_PREFIX } from './contract.ts'
import { ApiError } from './errors.ts'
import { addRoute } from './route.ts'

const ChangesQuery = Type.Object(
  { after: Type.Optional(Type.String({ maxLength: 64, description: 'A cursor; the header last-event-id goes before it.' })) },
  { additionalProperties: false },
)

/** Server-sent events (html.spec.whatwg.org, section 9.2) of what changes; see change-hub.ts. */
export const addChangeStream = (app: FastifyInstance, { hub }: Context): void => {
  addRoute(app, {
    method: 'GET',
    path: `${API_PREFIX}/changes`,
    access: 'controller:read',
    summary: 'Server-sent changes: the events change, event and reset, each with the cursor to resume from as its id',
    tag: 'changes',
    query: ChangesQuery,
    answer: Type.String(),
    mediaType: 'text/event-stream',
    handle: ({ query, principal, request, reply }) => {
      if (hub.isFull) throw new ApiError('too-many-streams', 'Too many change streams are open: close some, or try again later.')
      const resume = request.headers['last-event-id']
      const after = typeof resume === 'string' && resume !== '' ? resume : query.after
      const { raw } = reply
      reply.hijack()
      // A chunk that waits for more to fill a packet would make every change late.
      raw.socket?.setNoDelay(true)
      raw.writeHead(200, {
        ...headersOf(reply),
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-store',
        // Asks nginx not to hold the stream back.
        'x-accel-buffering': 'no',
      })
      raw.flushHeaders()
      const close = hub.open(principal, after, {
        write: text => {
          raw.write(text)
        },
        get bufferedBytes() {
          return raw.writableLength
        },
        end: () => raw.destroy(),
      })
      raw.once('close', close)
      return ''
    },
  })
}

/** The headers that hooks have put on the answer, which a hijacked one would lose. */
const headersOf = (reply: FastifyReply): OutgoingHttpHeaders =>
  Object.fromEntries(Object.entries(reply.getHeaders()).filter(([, value]) => value !== undefined)) as OutgoingHttpHeaders
