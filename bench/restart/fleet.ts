/** The fleet of the bench, the same in the process that fills the store and in the one that starts over it. */
import { DEFAULT_TEMPLATE } from '../../src/agents/index.ts'
import {
  type Agent,
  agentId,
  type Controller,
  controllerId,
  type Host,
  hostId,
  itemId,
  type Observation,
  type Timestamp,
  tenantId,
  type WorkloadLabels,
  workloadId,
} from '../../src/model/index.ts'

export const CONTROLLERS = 2_000
/** Agents that run a build, beside their controllers: 12,000 workloads in all. */
export const AGENTS = 10_000
/** Agents of the past whose rows are still kept. */
export const ENDED = 5_000
export const TENANTS = 50
export const OWNER = 'bench'
const HOSTS = 317

const hostOf = (index: number) => hostId(`host-${String(index % HOSTS).padStart(3, '0')}`)
const tenantOf = (controller: number) => tenantId(`tenant-${controller % TENANTS}`)
export const nameOf = (controller: number) => controllerId(`ci-${controller}`)

/** Epochs are given in the order in which the controllers are made. */
export const controllerRow = (index: number, epoch: number, now: Timestamp): Controller => ({
  id: nameOf(index),
  tenant: tenantOf(index),
  wanted: 'running',
  spec: { memoryMb: 2_048, cpu: 1, diskMb: 50_000, graceMs: 1_200_000, distribution: 'jenkins' },
  createdAt: now,
  restartsWanted: 0,
  restartsDone: 0,
  phase: 'ready',
  phaseSince: now,
  epoch,
  workload: workloadId(`${nameOf(index)}.${epoch}`),
  host: hostOf(index),
  endpoint: { host: '127.0.0.1', httpPort: 20_000 + index },
  pinnedVersion: '2.541.3',
  runningVersion: '2.541.3',
  failures: 0,
  startedAt: now,
  readyAt: now,
})

export const agentRow = (index: number, epochOf: (controller: number) => number, now: Timestamp, hasEnded: boolean): Agent => {
  const controller = index % CONTROLLERS
  const id = agentId(`${nameOf(controller)}-${hasEnded ? 'was' : 'is'}-${index}`)
  return {
    id,
    controller: nameOf(controller),
    tenant: tenantOf(controller),
    template: DEFAULT_TEMPLATE.id,
    item: itemId(String(index + (hasEnded ? AGENTS : 0))),
    attempt: 1,
    task: `app-${index % 7}`,
    label: 'linux',
    takesUnlabelled: true,
    resources: { cpu: 0.1, memoryMb: 512, diskMb: 1_024 },
    phase: hasEnded ? 'ended' : 'busy',
    phaseSince: now,
    host: hostOf(index),
    workload: workloadId(`agent.${id}`),
    epoch: epochOf(controller),
    queuedAt: now,
    placedAt: now,
    launchedAt: now,
    onlineAt: now,
    busyAt: now,
    ...(hasEnded ? { endedAt: now } : {}),
    build: { job: `app-${index % 7}`, number: index + 1, ...(hasEnded ? { result: 'SUCCESS' as const } : {}) },
  }
}

/** What the engine has of them. */
export const observationOf = (
  id: Observation['id'],
  labels: Omit<WorkloadLabels, 'owner'>,
  host: Observation['host'],
  now: Timestamp,
): Observation => ({
  id,
  labels: { owner: OWNER, ...labels },
  state: 'running',
  ...(host === undefined ? {} : { host }),
  ports: {},
  startedAt: now,
})

export const hosts = (now: Timestamp): readonly Host[] =>
  Array.from({ length: HOSTS }, (_, index) => ({
    id: hostOf(index),
    engine: 'memory',
    role: 'any',
    capacity: { cpu: 16, memoryMb: 62 * 1_024, diskMb: 500_000 },
    attributes: {},
    state: 'ready',
    seenAt: now,
    limits: { memory: true, cpu: true },
  }))
