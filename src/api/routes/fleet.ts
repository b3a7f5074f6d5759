import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import type { Principal } from '../../identity/index.ts'
import { addResources, type Host, NO_RESOURCES } from '../../model/index.ts'
import { type Context, markCursor } from '../context.ts'
import { API_PREFIX, BuildView, EventView, StatusView } from '../contract.ts'
import { BuildsQuery, EventsQuery, USUAL_BUILDS, USUAL_EVENTS } from '../queries.ts'
import { addRoute } from '../route.ts'
import { defined, eventView } from '../views.ts'

const tag = 'fleet'
const BYTES_PER_MEBIBYTE = 1_048_576
const MICROSECONDS_PER_SECOND = 1_000_000

export const addFleetRoutes = (app: FastifyInstance, context: Context): void => {
  const { ports, projection } = context
  const { store } = ports

  addRoute(app, {
    method: 'GET',
    path: `${API_PREFIX}/status`,
    access: 'controller:read',
    summary: 'The fleet in one look, and how Manor itself is',
    tag,
    answer: StatusView,
    handle: ({ principal, reply }) => {
      markCursor(reply, context)
      return statusView(context, principal)
    },
  })

  addRoute(app, {
    method: 'GET',
    path: `${API_PREFIX}/builds`,
    access: 'controller:read',
    summary: 'Builds of all controllers, newest first',
    tag,
    query: BuildsQuery,
    answer: Type.Array(BuildView),
    handle: async ({ query, principal, reply }) => {
      markCursor(reply, context)
      return projection.builds(await store.builds(defined({ tenant: principal.tenant, limit: query.limit ?? USUAL_BUILDS })))
    },
  })

  addRoute(app, {
    method: 'GET',
    path: `${API_PREFIX}/events`,
    access: 'event:read',
    summary: 'What happened: the audit trail',
    tag,
    query: EventsQuery,
    answer: Type.Array(EventView),
    handle: async ({ query, principal, reply }) => {
      markCursor(reply, context)
      const events = await store.events(defined({ ...query, tenant: principal.tenant, limit: query.limit ?? USUAL_EVENTS }))
      return events.map(eventView)
    },
  })
}

/** Counts of what this principal may see; hosts are everyone's. Linear in the fleet. */
const statusView = ({ ports, projection, startedAt }: Context, { tenant }: Principal): StatusView => {
  const { store, clock, urls } = ports
  const now = clock.now()
  const controllers = projection.controllerRows(tenant)
  const agents = store.by('agentsByLife', 'live').filter(agent => tenant === undefined || agent.tenant === tenant)
  const items = controllers.flatMap(({ id }) => store.get('demand', id)?.items ?? [])
  const oldest = items.reduce((least, { since }) => Math.min(least, since), now)
  const hosts = projection.hosts(tenant)
  const { publicUrl, consoleUrl } = urls()
  const { user, system } = process.cpuUsage()
  return {
    version: ports.version,
    owner: ports.owner,
    url: publicUrl,
    consoleUrl,
    startedAt,
    now,
    engine: ports.engine,
    controllers: countBy(controllers, ({ phase }) => phase),
    agents: countBy(agents, ({ phase }) => phase),
    queued: items.length,
    longestWaitMs: now - oldest,
    hosts: {
      count: hosts.length,
      states: countBy(hosts, ({ state }) => state),
      capacity: hosts.reduce((sum, { capacity }) => addResources(sum, capacity), NO_RESOURCES),
      used: hosts.reduce(
        (sum, { usedByControllers, usedByAgents }) => addResources(sum, addResources(usedByControllers, usedByAgents)),
        NO_RESOURCES,
      ),
    },
    process: {
      pid: process.pid,
      memoryMb: Math.round(process.memoryUsage.rss() / BYTES_PER_MEBIBYTE),
      cpuSeconds: (user + system) / MICROSECONDS_PER_SECOND,
    },
    limits: limitsOf(store.list('host')),
  }
}

/** Enforced only where every host does; the reason is that of the first that does not. */
const limitsOf = (hosts: readonly Host[]): StatusView['limits'] => {
  const without = hosts.find(({ limits }) => !(limits.memory && limits.cpu))
  return defined({ enforced: without === undefined && hosts.length > 0, reason: without?.limits.reason })
}

const countBy = <T>(rows: readonly T[], key: (row: T) => string): Record<string, number> => {
  const counts: Record<string, number> = {}
  for (const row of rows) counts[key(row)] = (counts[key(row)] ?? 0) + 1
  return counts
}
