import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import { applyTemplate, DEFAULT_TEMPLATE, deleteTemplate } from '../../agents/index.ts'
import { OperationError } from '../../controllers/index.ts'
import type { Principal } from '../../identity/index.ts'
import { controllerId, type Template, type TemplateScope, templateId, tenantId, tidyAccess } from '../../model/index.ts'
import type { Reader } from '../../store/index.ts'
import { type Context, markCursor } from '../context.ts'
import { API_PREFIX, TemplateBody, TemplateView } from '../contract.ts'
import { ApiError } from '../errors.ts'
import { ByName } from '../queries.ts'
import { addRoute } from '../route.ts'
import { guarded } from '../scope.ts'
import { defined } from '../views.ts'

const tag = 'templates'
const LIST = `${API_PREFIX}/templates`
const ONE = `${LIST}/:name`

export const addTemplateRoutes = (app: FastifyInstance, context: Context): void => {
  const { ports, projection } = context
  const { store } = ports

  addRoute(app, {
    method: 'GET',
    path: LIST,
    access: 'template:read',
    summary: 'Agent templates that may be used',
    tag,
    answer: Type.Array(TemplateView),
    handle: ({ principal, reply }) => {
      markCursor(reply, context)
      return projection.templates(principal.tenant)
    },
  })

  addRoute(app, {
    method: 'GET',
    path: ONE,
    access: 'template:read',
    summary: 'One template',
    tag,
    params: ByName,
    answer: TemplateView,
    handle: ({ params, principal, reply }) => {
      markCursor(reply, context)
      return projection.template(visibleTemplate(store, principal, params.name))
    },
  })

  addRoute(app, {
    method: 'PUT',
    path: ONE,
    access: 'template:write',
    summary: 'Make or replace a template; what is not given is the default',
    tag,
    params: ByName,
    body: TemplateBody,
    answer: TemplateView,
    handle: async ({ params, body, principal }) => {
      const template = templateOf(params.name, body, scopeOf(body, principal))
      const own = guarded(store, tx => {
        if (tx.get('template', params.name) !== undefined) checkMayWrite(tx, principal, params.name)
        checkScope(tx, principal, template.scope)
      })
      return projection.template(await applyTemplate(own, template, principal.actor))
    },
  })

  addRoute(app, {
    method: 'DELETE',
    path: ONE,
    access: 'template:write',
    summary: 'Delete a template; agents that run are not touched',
    tag,
    params: ByName,
    status: 204,
    answer: undefined,
    handle: async ({ params, principal }) => {
      const own = guarded(store, tx => {
        visibleTemplate(tx, principal, params.name)
        checkMayWrite(tx, principal, params.name)
      })
      await deleteTemplate(own, params.name, principal.actor)
      return undefined
    },
  })
}

const scopeOf = ({ scope }: TemplateBody, { tenant }: Principal): TemplateScope => {
  switch (scope?.kind) {
    case undefined:
      return tenant === undefined ? { kind: 'global' } : { kind: 'tenant', tenant }
    case 'global':
      return { kind: 'global' }
    case 'tenant':
      return { kind: 'tenant', tenant: tenantId(scope.tenant) }
    case 'controller':
      return { kind: 'controller', controller: controllerId(scope.controller) }
  }
}

const templateOf = (name: string, body: TemplateBody, scope: TemplateScope): Template =>
  defined({
    id: templateId(name),
    scope,
    labels: body.labels ?? [],
    takesUnlabelled: body.takesUnlabelled ?? false,
    resources: { ...DEFAULT_TEMPLATE.resources, ...body.resources },
    environment: body.environment ?? {},
    command: body.command,
    image: body.image,
    constraints: body.constraints ?? {},
    access: body.access && tidyAccess(body.access),
    connectTimeoutMs: body.connectTimeoutMs ?? DEFAULT_TEMPLATE.connectTimeoutMs,
    spares: body.spares === 0 ? undefined : body.spares,
  })

/** The tenant of a scope; undefined for a global one and for one whose controller is gone. */
const tenantOfScope = (store: Pick<Reader, 'get'>, scope: TemplateScope): string | undefined => {
  if (scope.kind === 'global') return undefined
  return scope.kind === 'tenant' ? scope.tenant : store.get('controller', scope.controller)?.tenant
}

const isOwn = (store: Pick<Reader, 'get'>, { tenant }: Principal, scope: TemplateScope): boolean =>
  tenant === undefined || tenantOfScope(store, scope) === tenant

const visibleTemplate = (store: Pick<Reader, 'get'>, principal: Principal, name: string): Template => {
  const template = store.get('template', name)
  if (template === undefined || !(template.scope.kind === 'global' || isOwn(store, principal, template.scope)))
    throw new OperationError('not-found', `There is no template named ${name}.`, { field: 'name' })
  return template
}

/** A template's name is given once over all tenants, so that of another tenant's is taken; one for everyone is not a tenant's to change. */
const checkMayWrite = (store: Pick<Reader, 'get'>, principal: Principal, name: string): void => {
  const template = store.get('template', name)
  if (template === undefined || isOwn(store, principal, template.scope)) return
  if (template.scope.kind === 'global')
    throw new ApiError('forbidden', `Template ${name} is for all tenants: only a token of no tenant may change it; choose another name.`)
  throw new OperationError('exists', `There is a template named ${name} already: choose another name.`, { field: 'name' })
}

const checkScope = (store: Pick<Reader, 'get'>, principal: Principal, scope: TemplateScope): void => {
  if (isOwn(store, principal, scope)) return
  switch (scope.kind) {
    case 'global':
      throw new ApiError('forbidden', 'A template for all tenants is not a tenant’s to make: leave scope out.', { field: 'scope' })
    case 'tenant':
      throw new OperationError('not-found', `scope.tenant: there is no tenant named ${scope.tenant}.`, { field: 'scope.tenant' })
    case 'controller':
      throw new OperationError('not-found', `scope.controller: there is no controller named ${scope.controller}.`, {
        field: 'scope.controller',
      })
  }
}
