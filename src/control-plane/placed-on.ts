import { workloadOfAgent } from '../agents/index.ts'
import { type HostId, holdsPlace, type Observation } from '../model/index.ts'
import type { Store } from '../store/index.ts'

/** What the rows say may run on a host: for an engine that cannot ask that host. Linear in controllers and live agents. */
export const placedOn = (store: Store, owner: string, host: HostId): readonly Omit<Observation, 'state' | 'host'>[] => [
  ...store
    .list('controller')
    .flatMap(({ id, host: on, phase, workload, epoch }) =>
      on === host && workload !== undefined && holdsPlace(phase)
        ? [{ id: workload, labels: { owner, kind: 'controller' as const, noun: id, epoch }, ports: {} }]
        : [],
    ),
  ...store
    .by('agentsByLife', 'live')
    .flatMap(agent =>
      agent.host === host && agent.phase !== 'queued'
        ? [{ id: workloadOfAgent(agent), labels: { owner, kind: 'agent' as const, noun: agent.id, epoch: agent.epoch }, ports: {} }]
        : [],
    ),
]
