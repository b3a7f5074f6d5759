import type { Agent, AgentId, ControllerId, ItemId, Reason, Timestamp } from '../model/index.ts'
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

export const explainAgent = async (store: Store, id: AgentId): Promise<Explanation | undefined> => {
  const agent = store.get('agent', id)
  if (agent === undefined) return undefined
  const { phase, reason } = agent
  return { subject: `agent ${id}`, state: phase, ...(reason === undefined ? {} : { reason }), timeline: await timelineOf(store, [agent]) }
}

export const explainItem = async (store: Store, controller: ControllerId, item: ItemId): Promise<Explanation | undefined> => {
  const waiting = store.get('demand', controller)?.items.find(({ id }) => id === item)
  const agents = store.by('agentsOfItem', `${controller}/${item}`).sort((a, b) => a.attempt - b.attempt)
  const last = agents.at(-1)
  if (waiting === undefined && last === undefined) return undefined
  const reason = waiting?.reason ?? last?.reason
  const since = waiting?.since ?? last?.queuedAt ?? 0
  return {
    subject: `item ${item} of controller ${controller} (${waiting?.task ?? last?.task ?? ''})`,
    state: waiting ? 'waiting' : (last?.phase ?? 'ended'),
    ...(reason === undefined ? {} : { reason }),
    timeline: [{ at: since, message: `Item ${item} entered the queue of ${controller}.` }, ...(await timelineOf(store, agents))],
  }
}

const timelineOf = async (store: Store, agents: readonly Agent[]): Promise<{ at: Timestamp; message: string }[]> => {
  const events = await Promise.all(
    agents.map(({ id }) => store.events({ kind: 'agent', subject: id, limit: EVENTS_SHOWN, newestFirst: true })),
  )
  return events
    .flat()
    .sort((a, b) => a.seq - b.seq)
    .map(({ at, message }) => ({ at, message }))
}
