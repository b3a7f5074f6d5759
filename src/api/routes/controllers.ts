import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import { changeSpec, createController, DEFAULT_TENANT, OperationError, requestAction } from '../../controllers/index.ts'
import { controllerId } from '../../model/index.ts'
import { ask, type Context, markCursor } from '../context.ts'
import {
  ActionRequest,
  API_PREFIX,
  BuildView,
  ControllerView,
  CredentialsView,
  ExplanationView,
  NewController,
  SpecChange,
} from '../contract.ts'
import { ApiError } from '../errors.ts'
import { revisionOf } from '../if-match.ts'
import { BuildsQuery, ByName, LogQuery, USUAL_BUILDS, USUAL_LOG_BYTES } from '../queries.ts'
import { addRoute } from '../route.ts'
import { controllerFor, guarded } from '../scope.ts'

const tag = 'controllers'
const LIST = `${API_PREFIX}/controllers`
const ONE = `${LIST}/:name`

export const addControllerRoutes = (app: FastifyInstance, context: Context): void => {
  const { ports, projection } = context
  const { store } = ports

  addRoute(app, {
    method: 'GET',
    path: LIST,
    access: 'controller:read',
    summary: 'All controllers, by name',
    tag,
    answer: Type.Array(ControllerView),
    handle: ({ principal, reply }) => {
      markCursor(reply, context)
      return projection.controllers(principal.tenant)
    },
  })

  addRoute(app, {
    method: 'POST',
    path: LIST,
    access: 'controller:write',
    summary: 'Make a controller; it is started at once',
    tag,
    body: NewController,
    status: 201,
    answer: ControllerView,
    handle: async ({ body, principal, reply }) => {
      const tenant = body.tenant ?? principal.tenant ?? DEFAULT_TENANT
      if (principal.tenant !== undefined && tenant !== principal.tenant)
        throw new OperationError('not-found', `There is no tenant named ${tenant}.`, { field: 'tenant' })
      const controller = await createController(store, { ...body, tenant }, principal.actor)
      reply.header('location', `${LIST}/${controller.id}`)
      return projection.controller(controller)
    },
  })

  addRoute(app, {
    method: 'GET',
    path: ONE,
    access: 'controller:read',
    summary: 'One controller',
    tag,
    params: ByName,
    answer: ControllerView,
    handle: ({ params, principal, reply }) => {
      const controller = controllerFor(store, principal, params.name)
      markCursor(reply, context)
      const view = projection.controller(controller)
      reply.header('etag', `"${view.revision}"`)
      return view
    },
  })

  addRoute(app, {
    method: 'PATCH',
    path: ONE,
    access: 'controller:write',
    summary: 'Change what a controller is made of, at its next start; the header if-match may name the revision that was read',
    tag,
    params: ByName,
    body: SpecChange,
    answer: ControllerView,
    handle: async ({ params, body, principal, request }) => {
      const own = guarded(store, tx => controllerFor(tx, principal, params.name))
      const revision = revisionOf(request.headers['if-match'])
      return projection.controller(await changeSpec(own, controllerId(params.name), body, principal.actor, revision))
    },
  })

  addRoute(app, {
    method: 'POST',
    path: `${ONE}/actions`,
    access: 'controller:write',
    summary: 'Start, stop, restart or delete a controller; 409 lists what is allowed now',
    tag,
    params: ByName,
    body: ActionRequest,
    status: 202,
    answer: ControllerView,
    handle: async ({ params, body, principal }) => {
      const own = guarded(store, tx => controllerFor(tx, principal, params.name))
      return projection.controller(await requestAction(own, controllerId(params.name), body.action, principal.actor))
    },
  })

  addRoute(app, {
    method: 'GET',
    path: `${ONE}/log`,
    access: 'controller:read',
    summary: 'The end of what the current or last run wrote',
    tag,
    params: ByName,
    query: LogQuery,
    answer: Type.String(),
    mediaType: 'text/plain',
    handle: ({ params, query, principal, signal }) => {
      const { id, workload } = controllerFor(store, principal, params.name)
      if (workload === undefined) throw new ApiError('not-found', `Controller ${id} has not run yet, so there is no log.`)
      return ask(context, signal, inner => ports.logs(workload, query.bytes ?? USUAL_LOG_BYTES, inner))
    },
  })

  addRoute(app, {
    method: 'GET',
    path: `${ONE}/builds`,
    access: 'controller:read',
    summary: 'Its builds, newest first',
    tag,
    params: ByName,
    query: BuildsQuery,
    answer: Type.Array(BuildView),
    handle: async ({ params, query, principal, reply }) => {
      const { id, tenant } = controllerFor(store, principal, params.name)
      markCursor(reply, context)
      return projection.builds(await store.builds({ controller: id, tenant, limit: query.limit ?? USUAL_BUILDS }))
    },
  })

  addRoute(app, {
    method: 'GET',
    path: `${ONE}/explanation`,
    access: 'controller:read',
    summary: 'Why it is as it is, and what happened to it',
    tag,
    params: ByName,
    answer: ExplanationView,
    handle: async ({ params, principal, signal }) => {
      const { id } = controllerFor(store, principal, params.name)
      const explanation = await ask(context, signal, inner => ports.explain.controller(id, inner))
      if (explanation === undefined) throw new OperationError('not-found', `There is no controller named ${id}.`, { field: 'name' })
      return explanation
    },
  })

  addRoute(app, {
    method: 'POST',
    path: `${ONE}/credentials`,
    access: 'controller:admin',
    summary: 'The administrator of its own pages; each reading is an event',
    tag,
    params: ByName,
    answer: CredentialsView,
    handle: async ({ params, principal, reply }) => {
      const { id } = controllerFor(store, principal, params.name)
      const credentials = ports.credentialsOf(id)
      if (credentials === undefined)
        throw new ApiError('not-prepared', `Controller ${id} has no administrator yet: it is made when the controller is first started.`)
      // Told of before it is shown, so that no reading goes without a trace.
      await store.transact(
        tx => {
          const { tenant } = controllerFor(tx, principal, id)
          tx.event({
            kind: 'controller',
            subject: id,
            tenant,
            type: 'credentials-read',
            actor: principal.actor,
            message: `The administrator's password of controller ${id} was read.`,
          })
        },
        { flush: true },
      )
      reply.header('cache-control', 'no-store')
      return credentials
    },
  })
}
