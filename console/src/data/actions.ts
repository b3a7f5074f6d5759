/** What a person asks of a controller, from whichever page. */
import type { ControllerView } from '../../../src/api/contract.ts'
import type { ControllerAction } from '../../../src/model/index.ts'
import { toast } from '../parts/toasts.tsx'
import { type Answer, post } from './api.ts'
import { controllers } from './fleet.ts'

export const ACTION_LABEL: Readonly<Record<ControllerAction, string>> = {
  start: 'Start',
  stop: 'Stop',
  restart: 'Restart',
  delete: 'Delete',
}

/** Asks, and shows what the server answered without waiting for the stream to tell it. */
export const act = async (name: string, action: ControllerAction): Promise<Answer<ControllerView>> => {
  const answer = await post<ControllerView>(`/controllers/${encodeURIComponent(name)}/actions`, { action })
  if (answer.ok) {
    controllers.put(name, answer.value)
    controllers.settle()
    toast(`${ACTION_LABEL[action]} of ${name} was asked for.`)
  } else {
    const { detail, allowed } = answer.problem
    toast(allowed && !detail.includes('llowed') ? `${detail} Allowed now: ${allowed.join(', ')}.` : detail, true)
  }
  return answer
}
