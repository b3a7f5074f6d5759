import type { FastifyInstance } from 'fastify'
import { ApiError } from './errors.ts'

type Known = { readonly method: string; readonly parts: readonly string[] }

/**
 * Answers for what no route takes: 405 with the methods where the path is one of ours, else 404. Call before the first route is added.
 */
export const addNotFound = (app: FastifyInstance): void => {
  const known: Known[] = []
  app.addHook('onRoute', ({ method, url }) => {
    // The console's catch-all would make every path one of ours.
    if (url.endsWith('*')) return
    for (const each of [method].flat()) known.push({ method: each, parts: url.split('/') })
  })
  app.setNotFoundHandler((request, reply) => {
    const parts = (request.url.split('?', 1)[0] ?? '').split('/')
    const methods = [...new Set(known.filter(route => matches(route.parts, parts)).map(({ method }) => method))].sort()
    if (methods.length === 0) throw new ApiError('not-found', 'There is nothing at this path: see /api/openapi.json for what there is.')
    reply.header('allow', methods.join(', '))
    throw new ApiError('method-not-allowed', `${request.method} is not possible here: use ${methods.join(' or ')}.`, { allowed: methods })
  })
}

const matches = (pattern: readonly string[], parts: readonly string[]): boolean =>
  pattern.length === parts.length && pattern.every((part, i) => part.startsWith(':') || part === parts[i])
