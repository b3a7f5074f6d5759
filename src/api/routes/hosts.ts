import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import { OperationError } from '../../controllers/index.ts'
import { changeHost, cordonHost, drainHost, noSuchHost, residentsByHost, uncordonHost } from '../../hosts/index.ts'
import type { Principal } from '../../identity/index.ts'
import { type Host, type HostId, hostId, tenantId } from '../../model/index.ts'
import { type Context, markCursor } from '../context.ts'
import { API_PREFIX, HostActionRequest, HostChange, HostDetailView, HostView } from '../contract.ts'
import { ByName } from '../queries.ts'
import { addRoute } from '../route.ts'
import { sees } from '../scope.ts'
import { defined, hostDetailView } from '../views.ts'

const tag = 'hosts'
const LIST = `${API_PREFIX}/hosts`
const ONE = `${LIST}/:name`

/** A token of one tenant sees the hosts that are not another's, and changes none: they are everybody's. */
export const addHostRoutes = (app: FastifyInstance, context: Context): void => {
  const { ports, projection } = context
  const { store, isToldOfHosts } = ports

  addRoute(app, {
    method: 'GET',
    path: LIST,
    access: 'host:read',
    summary: 'Hosts, and what is promised there',
    tag,
    answer: Type.Array(HostView),
    handle: ({ principal, reply }) => {
      markCursor(reply, context)
      return projection.hosts(principal.tenant)
    },
  })

  addRoute(app, {
    method: 'GET',
    path: ONE,
    access: 'host:read',
    summary: 'One host, what is on it and what it waits for',
    tag,
    params: ByName,
    answer: HostDetailView,
    handle: ({ params, principal, reply }) => {
      markCursor(reply, context)
      return detailOf(context, principal, params.name)
    },
  })

  addRoute(app, {
    method: 'PATCH',
    path: ONE,
    access: 'host:write',
    summary: 'Say what a host is for; null as reservedFor opens it for all tenants',
    tag,
    params: ByName,
    body: HostChange,
    answer: HostView,
    handle: async ({ params, body, principal }) => {
      const { role, reservedFor } = body
      const change = defined({ role, reservedFor: typeof reservedFor === 'string' ? tenantId(reservedFor) : reservedFor })
      return viewOf(context, await changeHost(store, hostId(params.name), change, principal.actor), params.name)
    },
  })

  addRoute(app, {
    method: 'POST',
    path: `${ONE}/actions`,
    access: 'host:write',
    summary: 'Take a host out of service and back; what a drain waits for is the reason of the host',
    tag,
    params: ByName,
    body: HostActionRequest,
    status: 202,
    answer: HostView,
    handle: async ({ params, body, principal }) => {
      const { action, deadlineMs } = body
      if (deadlineMs !== undefined && action !== 'drain')
        throw new OperationError('invalid', `deadlineMs is for a drain, and the action is ${action}: leave it out.`, {
          field: 'deadlineMs',
        })
      return viewOf(context, await act(hostId(params.name), action, deadlineMs, principal.actor), params.name)
    },
  })

  const act = (
    id: HostId,
    action: HostActionRequest['action'],
    deadlineMs: number | undefined,
    actor: string,
  ): Promise<Host | undefined> => {
    switch (action) {
      case 'cordon':
        return cordonHost(store, id, actor)
      case 'uncordon':
        return uncordonHost(store, id, { isTold: isToldOfHosts }, actor)
      case 'drain':
        return drainHost(store, id, deadlineMs, actor)
    }
  }
}

/** A host that is away is as it was wanted once it is back: there is nothing to show of it now. */
const viewOf = ({ projection }: Context, host: Host | undefined, name: string): HostView => {
  if (host === undefined) throw new OperationError('not-ready', `Host ${name} is away: it will be so once its engine tells of it again.`)
  return projection.host(host)
}

const detailOf = ({ ports, projection }: Context, principal: Principal, name: string): HostDetailView => {
  const seen = projection.hosts(principal.tenant)
  const host = seen.find(({ id }) => id === name)
  if (host === undefined) throw noSuchHost(name, seen)
  const residents = residentsByHost(ports.store, ports.observer.all()).get(hostId(name))
  return hostDetailView(host, residents, noun => sees(principal, noun))
}
