import type { Explanation } from '../agents/index.ts'
import type { Controller, ControllerId } from '../model/index.ts'
import type { Store } from '../store/index.ts'

/** Most events that are told, newest of all there are. */
const MAX_TIMELINE = 50

/** Why a controller is as it is, and what happened to it last, oldest first. Undefined where there is none. */
export const explainController = async (store: Pick<Store, 'get' | 'events'>, id: ControllerId): Promise<Explanation | undefined> => {
  const controller = store.get('controller', id)
  if (controller === undefined) return undefined
  const events = await store.events({ kind: 'controller', subject: id, limit: MAX_TIMELINE, newestFirst: true })
  return {
    subject: `controller ${id}`,
    state: stateOf(controller),
    ...(controller.reason === undefined ? {} : { reason: controller.reason }),
    timeline: events.toReversed().map(({ at, message }) => ({ at, message })),
  }
}

const stateOf = ({ phase, wanted, failures }: Controller): string => {
  const failed = failures > 1 ? `, after ${failures} failed starts in a row` : ''
  return `${phase}, wanted ${wanted}${failed}`
}
