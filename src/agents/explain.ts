import type { Agent, AgentId, ControllerId, DemandItem, ItemId, Reason, Timestamp } from '../model/index.ts'
import type { Store } from '../store/index.ts'

/** Why something waits or ended, and what happened to it. */
export type Explanation = {
  readonly subject: string
  readonly state: string
  readonly reason?: Reason
  /** Oldest first. */
  readonly timeline: { readonly at: Timestamp; readonly message: string }[]
}

/** Most events of one agent that a timeline shows. */
const EVENTS_SHOWN = 200

/** `now` is why it waits for a place as of this moment, where it does; what its row has may be older. */
export const explainAgent = async (store: Store, id: AgentId, now: NoPlace): Promise<Explanation | undefined> => {
  const agent = store.get('agent', id)
  if (agent === undefined) return undefined
  const { phase } = agent
  const reason = newest(now, agent.reason, agent.phaseSince)
  return { subject: `agent ${id}`, state: phase, ...(reason === undefined ? {} : { reason }), timeline: await timelineOf(store, [agent]) }
}

/** `noPlace` tells of an agent that waits why it has no place as of this moment. */
export const explainItem = async (
  store: Store,
  controller: ControllerId,
  item: ItemId,
  noPlace: (agent: AgentId) => NoPlace,
): Promise<Explanation | undefined> => {
  const waiting = store.get('demand', controller)?.items.find(({ id }) => id === item)
  const agents = store.by('agentsOfItem', `${controller}/${item}`).toSorted((a, b) => a.attempt - b.attempt)
  const last = agents.at(-1)
  if (waiting === undefined && last === undefined) return undefined
  const reason = waiting === undefined ? last?.reason : newestOf(waiting, last, noPlace)
  const since = waiting?.since ?? last?.queuedAt ?? 0
  return {
    subject: `item ${item} of controller ${controller} (${waiting?.task ?? last?.task ?? ''})`,
    state: waiting ? 'waiting' : (last?.phase ?? 'ended'),
    ...(reason === undefined ? {} : { reason }),
    timeline: [{ at: since, message: `Item ${item} entered the queue of ${controller}.` }, ...(await timelineOf(store, agents))],
  }
}

type NoPlace = Omit<Reason, 'since'> | undefined

const newest = (now: NoPlace, known: Reason | undefined, otherwise: Timestamp): Reason | undefined =>
  now === undefined ? known : { ...now, since: known?.code === now.code ? known.since : otherwise }

/** What the item was told last may be older than what is free now; what was said beside the want of room is kept. */
const newestOf = (item: DemandItem, agent: Agent | undefined, noPlace: (agent: AgentId) => NoPlace): Reason | undefined => {
  const isAboutRoom = agent?.phase === 'queued' && (item.reason === undefined || ABOUT_ROOM.has(item.reason.code))
  return isAboutRoom ? newest(noPlace(agent.id), item.reason ?? agent.reason, agent.phaseSince) : (item.reason ?? agent?.reason)
}
const ABOUT_ROOM: ReadonlySet<Reason['code']> = new Set<Reason['code']>(['no-capacity', 'waiting-turn', 'quota'])

const timelineOf = async (store: Store, agents: readonly Agent[]): Promise<{ at: Timestamp; message: string }[]> => {
  const events = await Promise.all(
    agents.map(({ id }) => store.events({ kind: 'agent', subject: id, limit: EVENTS_SHOWN, newestFirst: true })),
  )
  return events
    .flat()
    .sort((a, b) => a.seq - b.seq)
    .map(({ at, message }) => ({ at, message }))
}
