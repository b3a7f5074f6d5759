import { agentOfWorkload, controllerOfWorkload, runningWork } from '../agents/index.ts'
import { type Agent, addResources, type Controller, type HostId, NO_RESOURCES, type Observation, type Resources } from '../model/index.ts'
import type { Reader } from '../store/index.ts'

/** What holds a place on one host. */
export type Residents = {
  readonly controllers: readonly Controller[]
  readonly agents: readonly Agent[]
  /** Workloads that the engine shows there and no row wants any more. */
  readonly strays: number
  readonly used: Resources
}

export const NOBODY: Residents = { controllers: [], agents: [], strays: 0, used: NO_RESOURCES }

type Gathered = { controllers: Controller[]; agents: Agent[]; strays: number; used: Resources }

/** By host, as rows and engine say together: where an engine places by itself, only it knows. By name. Linear in everything that runs. */
export const residentsByHost = (
  rows: Pick<Reader, 'get' | 'list' | 'by'>,
  observations: Iterable<Observation>,
): ReadonlyMap<HostId, Residents> => {
  const hosts = new Map<HostId, Gathered>()
  for (const work of runningWork(rows, observations)) {
    if (work.host === undefined) continue
    const at = hosts.get(work.host) ?? { controllers: [], agents: [], strays: 0, used: NO_RESOURCES }
    hosts.set(work.host, at)
    at.used = addResources(at.used, work.resources)
    const agent = agentOfWorkload(rows, work.id)
    const controller = controllerOfWorkload(rows, work.id)
    if (agent !== undefined && agent.phase !== 'ended') at.agents.push(agent)
    else if (controller !== undefined) at.controllers.push(controller)
    else at.strays++
  }
  for (const { controllers, agents } of hosts.values()) {
    controllers.sort(byId)
    agents.sort(byId)
  }
  return hosts
}

const byId = (a: { readonly id: string }, b: { readonly id: string }): number => (a.id < b.id ? -1 : 1)
