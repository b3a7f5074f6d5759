/** What the seeded fleet answers to questions, and how changes are applied to it. Pure but for the fleet's maps. */
import type { Change, EventView, Problem } from '../../src/api/contract.ts'
import { PERMISSIONS } from '../../src/model/index.ts'
import type { Fleet } from './seeded-fleet.ts'

export type Reply = { readonly status: number; readonly body: unknown }

export const problem = (status: number, code: string, detail: string, more: Partial<Problem> = {}): Reply => ({
  status,
  body: { type: `urn:manor:${code}`, title: code, status, code, detail, ...more } satisfies Problem,
})

export const applyTo = (fleet: Fleet, { kind, id, view }: Change): void => {
  const put = <T>(map: Map<string, T>, value: T | null): void => {
    if (value === null) map.delete(id)
    else map.set(id, value)
  }
  switch (kind) {
    case 'controller':
      put(fleet.controllers, view)
      break
    case 'agent':
      put(fleet.agents, view)
      break
    case 'queue':
      put(fleet.queues, view)
      break
    case 'host':
      put(fleet.hosts, view)
      break
    case 'template':
      put(fleet.templates, view)
      break
    case 'tenant':
      put(fleet.tenants, view)
      break
  }
}

export const read = (fleet: Fleet, path: string, query: URLSearchParams, now: number): Reply => {
  const ok = (body: unknown): Reply => ({ status: 200, body })
  const limit = Number(query.get('limit') ?? 100)
  const controller = query.get('controller')
  const [, noun = '', id = '', view] = path.split('/').map(decodeURIComponent)
  if (view === 'log') return ok(`[${noun}] ${id}\nINFO: Jenkins is fully up and running\n`.repeat(20))
  if (path.endsWith('/explanation'))
    return ok({
      subject: id,
      state: 'queued',
      timeline: [
        { at: now - 9_000, message: 'The item entered the queue.' },
        { at: now - 8_500, message: 'An agent was chosen for it from template linux.' },
      ],
    })
  switch (noun) {
    case 'controllers':
      if (view === 'builds') return ok(fleet.builds.filter(build => build.controller === id).slice(0, limit))
      return id === '' ? ok([...fleet.controllers.values()]) : found(fleet.controllers.get(id), id)
    case 'agents': {
      if (id !== '') return found(fleet.agents.get(id), id)
      return ok([...fleet.agents.values()].filter(agent => controller === null || agent.controller === controller).slice(0, limit))
    }
    case 'queue':
      return ok([...fleet.queues.values()].flat())
    case 'hosts':
      return ok([...fleet.hosts.values()])
    case 'tenants':
      return ok([...fleet.tenants.values()])
    case 'templates':
      return ok([...fleet.templates.values()])
    case 'builds':
      return ok(fleet.builds.slice(0, limit))
    case 'events':
      return ok(readEvents(fleet, query, limit))
    case 'me':
      return ok({ name: 'ada', role: 'admin', permissions: PERMISSIONS.filter(permission => permission !== 'hook') })
    case 'status':
      return ok(statusOf(fleet, now))
    default:
      return problem(404, 'not-found', `There is no ${path}.`)
  }
}

const found = (view: unknown, id: string): Reply =>
  view === undefined ? problem(404, 'not-found', `There is nothing named ${id}.`) : { status: 200, body: view }

const readEvents = (fleet: Fleet, query: URLSearchParams, limit: number): EventView[] => {
  const before = Number(query.get('after') ?? Number.POSITIVE_INFINITY)
  return fleet.events
    .filter(
      ({ seq, kind, subject }) => seq < before && kind === (query.get('kind') ?? kind) && subject === (query.get('subject') ?? subject),
    )
    .toReversed()
    .slice(0, limit)
}

const statusOf = (fleet: Fleet, now: number): unknown => ({
  version: '0.1.0',
  owner: 'fixture',
  url: 'http://localhost:8080',
  consoleUrl: 'http://manor.localhost:8080',
  startedAt: now - 3_600_000,
  now,
  engine: 'process',
  controllers: {},
  agents: {},
  queued: [...fleet.queues.values()].flat().length,
  longestWaitMs: 0,
  hosts: { count: fleet.hosts.size, states: {}, capacity: { cpu: 0, memoryMb: 0, diskMb: 0 }, used: { cpu: 0, memoryMb: 0, diskMb: 0 } },
  process: { pid: process.pid, memoryMb: 120, cpuSeconds: 4 },
  limits: { enforced: true },
})
