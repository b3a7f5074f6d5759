/** Views of the API that are plausible in every field, for tests and for looking at how they are shown. */
import type {
  AgentView,
  BuildView,
  ControllerView,
  EventView,
  HostView,
  QueueItemView,
  StatusView,
  TemplateView,
  TenantView,
} from '../../src/api/contract.ts'

const NOW = Date.now()
const MINUTE = 60_000

export const controllerView = (id: string, change: Partial<ControllerView> = {}): ControllerView => ({
  id,
  tenant: 'default',
  wanted: 'running',
  phase: 'ready',
  phaseSince: NOW - 12 * MINUTE,
  actions: ['stop', 'restart', 'delete'],
  spec: { memoryMb: 1024, cpu: 1, diskMb: 51_200, graceMs: 20 * MINUTE, distribution: 'hudson' },
  createdAt: NOW - 50 * MINUTE,
  url: `http://localhost:8080/${id}/`,
  hostUrl: `http://${id}.localhost:8080/`,
  host: 'machine',
  epoch: 1,
  version: '2.2.1',
  startedAt: NOW - 13 * MINUTE,
  readyAt: NOW - 12 * MINUTE,
  failures: 0,
  running: 1,
  queued: 2,
  agents: 1,
  memoryMb: 412,
  peakMemoryMb: 530,
  heapUsedMb: 90,
  heapMaxMb: 512,
  memoryAdvice: { kind: 'too-few', message: 'None of its runs has ended yet.', runs: 0 },
  revision: 1,
  ...change,
})

export const agentView = (id: string, change: Partial<AgentView> = {}): AgentView => ({
  id,
  controller: 'team-a',
  tenant: 'default',
  template: 'default',
  item: '17',
  attempt: 1,
  task: 'compile',
  label: 'linux',
  resources: { cpu: 1, memoryMb: 512, diskMb: 1024 },
  phase: 'busy',
  phaseSince: NOW - MINUTE,
  host: 'machine',
  queuedAt: NOW - 2 * MINUTE,
  placedAt: NOW - 2 * MINUTE + 300,
  launchedAt: NOW - 2 * MINUTE + 400,
  onlineAt: NOW - 2 * MINUTE + 1_600,
  busyAt: NOW - MINUTE,
  build: { job: 'compile', number: 4 },
  memoryMb: 130,
  ...change,
})

export const queueItemView = (item: string, change: Partial<QueueItemView> = {}): QueueItemView => ({
  id: `team-a/${item}`,
  controller: 'team-a',
  tenant: 'default',
  item,
  task: 'compile',
  label: 'linux',
  since: NOW - 90_000,
  why: 'There are no nodes with the label linux',
  reason: { code: 'no-capacity', message: 'No host has 512 MB left: 3 agents run.', since: NOW - 80_000, mend: 'Wait, or add a host.' },
  ...change,
})

export const hostView = (id: string, change: Partial<HostView> = {}): HostView => ({
  id,
  engine: 'process',
  role: 'any',
  state: 'ready',
  capacity: { cpu: 8, memoryMb: 15_360, diskMb: 204_800 },
  usedByControllers: { cpu: 2, memoryMb: 3_072, diskMb: 102_400 },
  usedByAgents: { cpu: 1.5, memoryMb: 1_024, diskMb: 2_048 },
  attributes: { os: 'linux' },
  limits: { memory: true, cpu: false, reason: 'The cpu controller of cgroup v2 is not delegated to this user.' },
  seenAt: NOW,
  ...change,
})

export const templateView = (id: string, change: Partial<TemplateView> = {}): TemplateView => ({
  id,
  scope: { kind: 'global' },
  labels: ['linux', 'java'],
  takesUnlabelled: true,
  resources: { cpu: 1, memoryMb: 512, diskMb: 1024 },
  environment: {},
  constraints: {},
  connectTimeoutMs: 2 * MINUTE,
  memoryAdvice: { kind: 'too-few', message: 'None of its agents has ended yet.', runs: 0 },
  spares: 0,
  revision: 1,
  ...change,
})

export const tenantView = (id: string, change: Partial<TenantView> = {}): TenantView => ({
  id,
  weight: 1,
  createdAt: NOW - 50 * MINUTE,
  controllers: 3,
  usedByControllers: { cpu: 0.3, memoryMb: 3_072, diskMb: 0 },
  usedByAgents: { cpu: 1.5, memoryMb: 1_024, diskMb: 2_048 },
  queued: 2,
  waiting: { agents: 1, resources: { cpu: 1, memoryMb: 512, diskMb: 1_024 } },
  dominantShare: 0.1875,
  dominantResource: 'cpu',
  notes: [],
  revision: 3,
  ...change,
})

export const buildView = (job: string, number: number, change: Partial<BuildView> = {}): BuildView => ({
  controller: 'team-a',
  tenant: 'default',
  job,
  number,
  agent: 'team-a-linux-k7m2p',
  startedAt: NOW - 3 * MINUTE,
  endedAt: NOW - 2 * MINUTE,
  result: 'SUCCESS',
  url: `http://localhost:8080/team-a/job/${job}/${number}/`,
  ...change,
})

export const eventView = (seq: number, message: string, change: Partial<EventView> = {}): EventView => ({
  seq,
  at: NOW - 5 * MINUTE + seq * 1_000,
  kind: 'controller',
  subject: 'team-a',
  tenant: 'default',
  type: 'phase-changed',
  actor: 'manor',
  message,
  data: {},
  ...change,
})

export const statusView = (change: Partial<StatusView> = {}): StatusView => ({
  version: '0.1.0',
  owner: 'k7m2p',
  url: 'http://localhost:8080/',
  consoleUrl: 'http://localhost:8080/console/',
  startedAt: NOW - 50 * MINUTE,
  now: NOW,
  engine: 'process',
  controllers: { ready: 2, starting: 1, failed: 1 },
  agents: { busy: 2, launching: 1, ended: 40 },
  queued: 2,
  longestWaitMs: 90_000,
  hosts: {
    count: 1,
    states: { ready: 1 },
    capacity: { cpu: 8, memoryMb: 15_360, diskMb: 204_800 },
    used: { cpu: 3.5, memoryMb: 4_096, diskMb: 104_448 },
  },
  process: { pid: 4711, memoryMb: 96, cpuSeconds: 75 },
  limits: { enforced: false, reason: 'The cpu controller of cgroup v2 is not delegated to this user.' },
  ...change,
})
