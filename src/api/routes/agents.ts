import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import { OperationError } from '../../controllers/index.ts'
import { type Agent, itemId } from '../../model/index.ts'
import { ask, type Context, markCursor } from '../context.ts'
import { AgentView, API_PREFIX, ExplanationView, QueueItemView } from '../contract.ts'
import { ApiError } from '../errors.ts'
import { AgentsQuery, ById, LogQuery, QueueItemPath, QueueQuery, USUAL_AGENTS, USUAL_LOG_BYTES } from '../queries.ts'
import { addRoute } from '../route.ts'
import { agentFor, controllerFor } from '../scope.ts'

const tag = 'agents'
const LIST = `${API_PREFIX}/agents`
const QUEUE = `${API_PREFIX}/queue`

export const addAgentRoutes = (app: FastifyInstance, context: Context): void => {
  const { ports, projection } = context
  const { store } = ports

  addRoute(app, {
    method: 'GET',
    path: LIST,
    access: 'agent:read',
    summary: 'Build agents, newest first',
    tag,
    query: AgentsQuery,
    answer: Type.Array(AgentView),
    handle: ({ query, principal, reply }) => {
      const { controller, live = true, limit = USUAL_AGENTS } = query
      if (controller !== undefined) controllerFor(store, principal, controller)
      markCursor(reply, context)
      const rows = candidates(controller, live).filter(
        agent => (principal.tenant === undefined || agent.tenant === principal.tenant) && (!live || agent.phase !== 'ended'),
      )
      return projection.agents(rows.toSorted(newestFirst).slice(0, limit))
    },
  })

  const candidates = (controller: string | undefined, live: boolean): readonly Agent[] => {
    if (controller !== undefined) return store.by('agentsOfController', controller)
    return live ? store.by('agentsByLife', 'live') : store.list('agent')
  }

  addRoute(app, {
    method: 'GET',
    path: `${LIST}/:id`,
    access: 'agent:read',
    summary: 'One agent',
    tag,
    params: ById,
    answer: AgentView,
    handle: ({ params, principal, reply }) => {
      markCursor(reply, context)
      return projection.agent(agentFor(store, principal, params.id))
    },
  })

  addRoute(app, {
    method: 'GET',
    path: `${LIST}/:id/log`,
    access: 'agent:read',
    summary: 'The end of what the agent wrote',
    tag,
    params: ById,
    query: LogQuery,
    answer: Type.String(),
    mediaType: 'text/plain',
    handle: ({ params, query, principal, signal }) => {
      const { id, workload } = agentFor(store, principal, params.id)
      if (workload === undefined) throw new ApiError('not-found', `Agent ${id} was not launched, so there is no log.`)
      return ask(context, signal, inner => ports.logs(workload, query.bytes ?? USUAL_LOG_BYTES, inner))
    },
  })

  addRoute(app, {
    method: 'GET',
    path: `${LIST}/:id/explanation`,
    access: 'agent:read',
    summary: 'Why it waits or ended, and what happened to it',
    tag,
    params: ById,
    answer: ExplanationView,
    handle: async ({ params, principal, signal }) => {
      const { id } = agentFor(store, principal, params.id)
      const explanation = await ask(context, signal, inner => ports.explain.agent(id, inner))
      if (explanation === undefined) throw new OperationError('not-found', `There is no agent named ${id}.`, { field: 'id' })
      return explanation
    },
  })

  addRoute(app, {
    method: 'GET',
    path: QUEUE,
    access: 'agent:read',
    summary: 'What waits in the controllers’ queues, longest first',
    tag: 'queue',
    query: QueueQuery,
    answer: Type.Array(QueueItemView),
    handle: ({ query, principal, reply }) => {
      const controller = query.controller === undefined ? undefined : controllerFor(store, principal, query.controller)
      markCursor(reply, context)
      return controller ? projection.queueOf(controller) : projection.queue(principal.tenant)
    },
  })

  addRoute(app, {
    method: 'GET',
    path: `${QUEUE}/:controller/:item/explanation`,
    access: 'agent:read',
    summary: 'Why an item waits',
    tag: 'queue',
    params: QueueItemPath,
    answer: ExplanationView,
    handle: async ({ params, principal, signal }) => {
      const { id } = controllerFor(store, principal, params.controller)
      const explanation = await ask(context, signal, inner => ports.explain.item(id, itemId(params.item), inner))
      if (explanation === undefined)
        throw new OperationError('not-found', `Nothing is known of item ${params.item} of controller ${id}: it may have left the queue.`, {
          field: 'item',
        })
      return explanation
    },
  })
}

const newestFirst = (a: Agent, b: Agent): number => b.queuedAt - a.queuedAt || (a.id < b.id ? 1 : -1)
