/** Everything the console knows: filled by lists, kept true by changes. Pages read it, `connection.ts` writes it. */
import { batch, computed, signal } from '@preact/signals'
import type {
  AgentView,
  Change,
  ControllerView,
  EventView,
  HostView,
  MeView,
  QueueItemView,
  StatusView,
  TemplateView,
  TenantView,
} from '../../../src/api/contract.ts'
import type { Permission } from '../../../src/model/index.ts'
import { mergeEvents } from './change-buffer.ts'
import { liveMap } from './live-map.ts'

export const controllers = liveMap<ControllerView>()
export const agents = liveMap<AgentView>()
export const hosts = liveMap<HostView>()
export const templates = liveMap<TemplateView>()
export const tenants = liveMap<TenantView>()
/** By controller: demand is a level, replaced as a whole. */
export const queues = liveMap<readonly QueueItemView[]>()
/** Newest first. */
export const events = signal<readonly EventView[]>([])
export const status = signal<StatusView | undefined>(undefined)
export const me = signal<MeView | undefined>(undefined)

export const may = (permission: Permission): boolean => me.value?.permissions.includes(permission) ?? false

/** Every waiting item of every controller, the longest wait first. */
export const waiting = computed<readonly QueueItemView[]>(() => queues.all.value.flat().toSorted((a, b) => a.since - b.since))

/** Agents that ended while this page was open are kept for a look, the newest of them; the rest is history that the API keeps. */
export const MAX_ENDED_AGENTS = 500

const forgetOldAgents = (): void => {
  const ended = agents.all.peek().filter(({ phase }) => phase === 'ended')
  if (ended.length <= MAX_ENDED_AGENTS) return
  const oldest = ended.toSorted((a, b) => (a.endedAt ?? 0) - (b.endedAt ?? 0)).slice(0, ended.length - MAX_ENDED_AGENTS)
  for (const { id } of oldest) agents.put(id, null)
}

const applyChange = (change: Change): void => {
  switch (change.kind) {
    case 'controller':
      controllers.put(change.id, change.view)
      break
    case 'agent':
      agents.put(change.id, change.view)
      break
    case 'host':
      hosts.put(change.id, change.view)
      break
    case 'template':
      templates.put(change.id, change.view)
      break
    case 'tenant':
      tenants.put(change.id, change.view)
      break
    case 'queue':
      queues.put(change.id, change.view === null || change.view.length === 0 ? null : change.view)
      break
    default:
      change satisfies never
  }
}

export const applyChanges = (changes: readonly Change[], news: readonly EventView[]): void =>
  batch(() => {
    for (const change of changes) applyChange(change)
    events.value = mergeEvents(events.value, news)
  })

/** Lets tables and sums catch up with the rows. */
export const settleAll = (): void =>
  batch(() => {
    for (const map of [controllers, agents, hosts, templates, tenants, queues]) map.settle()
    forgetOldAgents()
  })

export const byController = (items: readonly QueueItemView[]): ReadonlyMap<string, readonly QueueItemView[]> =>
  Map.groupBy(items, ({ controller }) => controller)
