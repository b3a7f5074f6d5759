import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import { tenantId, tidyAccess } from '../../model/index.ts'
import { allowAccess, changeTenant, createTenant, deleteTenant } from '../../tenants/index.ts'
import { type Context, markCursor } from '../context.ts'
import { AccessView, API_PREFIX, NewTenant, TenantChange, TenantView } from '../contract.ts'
import { revisionOf } from '../if-match.ts'
import { ByName } from '../queries.ts'
import { addRoute } from '../route.ts'
import { guarded, tenantFor } from '../scope.ts'

const tag = 'tenants'
const LIST = `${API_PREFIX}/tenants`
const ONE = `${LIST}/:name`

/** A token of one tenant reads its own and writes none: how the fleet is shared is not for one of those who share it to say. */
export const addTenantRoutes = (app: FastifyInstance, context: Context): void => {
  const { ports, projection } = context
  const { store } = ports

  addRoute(app, {
    method: 'GET',
    path: LIST,
    access: 'tenant:read',
    summary: 'Tenants: how they share the fleet, what they use and what waits',
    tag,
    answer: Type.Array(TenantView),
    handle: ({ principal, reply }) => {
      markCursor(reply, context)
      return projection.tenants(principal.tenant)
    },
  })

  addRoute(app, {
    method: 'POST',
    path: LIST,
    access: 'tenant:write',
    summary: 'Make a tenant',
    tag,
    body: NewTenant,
    status: 201,
    answer: TenantView,
    handle: async ({ body, principal }) => projection.tenant(await createTenant(store, body, principal.actor)),
  })

  addRoute(app, {
    method: 'GET',
    path: ONE,
    access: 'tenant:read',
    summary: 'One tenant',
    tag,
    params: ByName,
    answer: TenantView,
    handle: ({ params, principal, reply }) => {
      markCursor(reply, context)
      return projection.tenant(tenantFor(store, principal, params.name))
    },
  })

  addRoute(app, {
    method: 'PATCH',
    path: ONE,
    access: 'tenant:write',
    summary: 'Change weight, quota, guarantee or policy; null takes away; the header if-match may name the revision that was read',
    tag,
    params: ByName,
    body: TenantChange,
    answer: TenantView,
    handle: async ({ params, body, principal, request }) => {
      const own = guarded(store, tx => tenantFor(tx, principal, params.name))
      const revision = revisionOf(request.headers['if-match'])
      return projection.tenant(await changeTenant(own, tenantId(params.name), body, principal.actor, revision))
    },
  })

  addRoute(app, {
    method: 'PUT',
    path: `${ONE}/access`,
    access: 'tenant:access',
    summary: 'Say what of its hosts a tenant’s builds may have, all of it at once; the header if-match may name the revision that was read',
    tag,
    params: ByName,
    body: AccessView,
    answer: TenantView,
    handle: async ({ params, body, principal, request }) => {
      const own = guarded(store, tx => tenantFor(tx, principal, params.name))
      const revision = revisionOf(request.headers['if-match'])
      return projection.tenant(await allowAccess(own, tenantId(params.name), tidyAccess(body), principal.actor, revision))
    },
  })

  addRoute(app, {
    method: 'DELETE',
    path: ONE,
    access: 'tenant:write',
    summary: 'Delete a tenant that has no controllers, templates and tokens any more',
    tag,
    params: ByName,
    status: 204,
    answer: undefined,
    handle: async ({ params, principal }) => {
      const own = guarded(store, tx => tenantFor(tx, principal, params.name))
      await deleteTenant(own, tenantId(params.name), principal.actor)
      return undefined
    },
  })
}
