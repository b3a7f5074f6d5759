/** Reads all lists into the fleet. */
import { batch } from '@preact/signals'
import type {
  AgentView,
  ControllerView,
  EventView,
  HostView,
  MeView,
  Problem,
  QueueItemView,
  StatusView,
  TemplateView,
  TenantView,
} from '../../../src/api/contract.ts'
import { learnServerTime } from '../lib/clock.ts'
import { type Answer, get } from './api.ts'
import { mergeEvents } from './change-buffer.ts'
import * as fleet from './fleet.ts'

/** The most that the API gives at once. */
const MAX_AGENTS = 10_000
const FIRST_EVENTS = 200

const keyed = <T extends { readonly id: string }>(rows: readonly T[]): [string, T][] => rows.map(row => [row.id, row])

/** A narrow token may not read everything: what is refused stays empty, and its page shows that it is. */
const rowsOf = <T>(answer: Answer<T[]>): T[] => (answer.ok ? answer.value : [])

/**
 * The first list gives the cursor, so that nothing that happens while the others are read is missed: changes carry whole views and may
 * safely be applied again. Answers a problem where the fleet cannot be shown.
 */
export const loadFleet = async (): Promise<Answer<undefined>> => {
  const first = await get<ControllerView[]>('/controllers')
  if (!first.ok) return first
  const answers = await Promise.all([
    get<AgentView[]>(`/agents?live=true&limit=${MAX_AGENTS}`),
    get<QueueItemView[]>('/queue'),
    get<HostView[]>('/hosts'),
    get<TenantView[]>('/tenants'),
    get<TemplateView[]>('/templates'),
    get<EventView[]>(`/events?newestFirst=true&limit=${FIRST_EVENTS}`),
    get<StatusView>('/status'),
    get<MeView>('/me'),
  ])
  const problem = answers.map(problemOf).find(found => found !== undefined && found.status !== 403)
  if (problem) return { ok: false, problem }
  const [agents, queue, hosts, tenants, templates, events, status, me] = answers
  batch(() => {
    fleet.controllers.replaceAll(keyed(first.value))
    fleet.agents.replaceAll(keyed(rowsOf(agents)))
    fleet.queues.replaceAll(fleet.byController(rowsOf(queue)))
    fleet.hosts.replaceAll(keyed(rowsOf(hosts)))
    fleet.tenants.replaceAll(keyed(rowsOf(tenants)))
    fleet.templates.replaceAll(keyed(rowsOf(templates)))
    fleet.events.value = mergeEvents([], rowsOf(events))
    if (status.ok) {
      fleet.status.value = status.value
      learnServerTime(status.value.now)
    }
    if (me.ok) fleet.me.value = me.value
  })
  return { ok: true, value: undefined, ...(first.cursor === undefined ? {} : { cursor: first.cursor }) }
}

const problemOf = (answer: Answer<unknown>): Problem | undefined => (answer.ok ? undefined : answer.problem)
