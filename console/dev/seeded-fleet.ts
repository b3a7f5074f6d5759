/**
 * A fleet that never was, from a seed: what the console is developed and tested against where no Manor runs. It holds to the contract's types and
 * to the rules that a page relies on (legal actions, reasons on what waits), and to nothing else.
 */
import type {
  AgentView,
  BuildView,
  ControllerView,
  EventView,
  HostView,
  QueueItemView,
  TemplateView,
  TenantView,
} from '../../src/api/contract.ts'
import {
  type AgentPhase,
  addResources,
  adviceFor,
  type ControllerPhase,
  dominantOf,
  HOUR,
  legalActions,
  MINUTE,
  NO_RESOURCES,
  type ReasonCode,
  type Resources,
  type Run,
  SECOND,
  workloadId,
} from '../../src/model/index.ts'
import { integer, type Random } from '../../src/runtime/index.ts'

export type Fleet = {
  readonly controllers: Map<string, ControllerView>
  readonly agents: Map<string, AgentView>
  readonly queues: Map<string, QueueItemView[]>
  readonly hosts: Map<string, HostView>
  readonly tenants: Map<string, TenantView>
  readonly templates: Map<string, TemplateView>
  readonly builds: BuildView[]
  readonly events: EventView[]
}

export type FleetSize = { readonly controllers: number; readonly tenants: number; readonly agents: number; readonly hosts: number }
export const FULL_SIZE: FleetSize = { controllers: 2_000, tenants: 40, agents: 8_000, hosts: 60 }
export const SMALL_SIZE: FleetSize = { controllers: 24, tenants: 3, agents: 30, hosts: 1 }

const TEAMS = [
  'payments', 'checkout', 'search', 'ledger', 'mobile', 'identity', 'catalogue', 'pricing', 'shipping', 'risk',
  'data-lake', 'growth', 'billing', 'platform', 'security', 'media', 'maps', 'fraud', 'loyalty', 'returns',
  'partners', 'support', 'web', 'ios', 'android', 'kernel', 'firmware', 'research', 'finance', 'legal',
  'people', 'sites', 'stores', 'supply', 'tax', 'treasury', 'vision', 'voice', 'warehouse', 'workshop',
] // biome-ignore format: a list of words reads best in rows.
const SERVICES = ['api', 'web', 'worker', 'gateway', 'batch', 'reports', 'infra', 'release', 'nightly', 'tools', 'docs', 'bench']
const JOBS = ['deploy', 'unit-tests', 'integration', 'nightly', 'lint', 'release-notes', 'image', 'e2e-chrome', 'migrate', 'smoke']
const LABELS = ['linux', 'linux && jdk17', 'docker', 'linux && large', 'arm64']

/** Out of a thousand controllers, how many are in which phase. */
const PHASE_SHARES: readonly (readonly [ControllerPhase, number])[] = [
  ['ready', 868],
  ['stopped', 54],
  ['starting', 18],
  ['preparing', 10],
  ['pending', 12],
  ['quieting', 10],
  ['stopping', 5],
  ['failed', 14],
  ['unreachable', 7],
  ['deleting', 2],
]
const AGENT_SHARES: readonly (readonly [AgentPhase, number])[] = [
  ['busy', 860],
  ['queued', 60],
  ['launching', 35],
  ['placed', 10],
  ['online', 20],
  ['ending', 15],
]

type Reasons = Partial<Record<ControllerPhase, { readonly code: ReasonCode; readonly message: string; readonly mend?: string }>>
const REASONS: Reasons = {
  pending: {
    code: 'no-capacity',
    message: 'No host has 3,072 MB of memory free; the largest gap is 1,840 MB on host-07.',
    mend: 'Stop a controller that is not needed, or add a host.',
  },
  quieting: { code: 'waiting-builds', message: 'Waits for 2 builds to end before it stops.' },
  failed: {
    code: 'boot-failed',
    message: 'Its program ended 41 s after its start: the plugin git 5.2 needs core 2.479 or newer.',
    mend: 'Set version 2.541 with "./manor controller set", then start it again.',
  },
  unreachable: {
    code: 'host-silent',
    message: 'Its host has not answered for 4 minutes; it is not started elsewhere until it is certain that it is down there.',
    mend: 'Bring the host back, or remove it with "./manor host list" at hand.',
  },
  preparing: { code: 'preparing', message: 'Its volume is being laid out.' },
  starting: { code: 'waiting-boot', message: 'Jenkins is loading its plugins.' },
}

export const pick = <T>(random: Random, values: readonly [T, ...T[]] | readonly T[]): T => {
  const value = values[integer(random, values.length)]
  if (value === undefined) throw new RangeError('There is nothing to pick from.')
  return value
}

const pickShare = <T>(random: Random, shares: readonly (readonly [T, number])[]): T => {
  let left = integer(
    random,
    shares.reduce((sum, [, share]) => sum + share, 0),
  )
  for (const [value, share] of shares) {
    left -= share
    if (left < 0) return value
  }
  throw new RangeError('The shares do not add up.')
}

export const seedFleet = (random: Random, now: number, size: FleetSize): Fleet => {
  const fleet: Fleet = {
    controllers: new Map(),
    agents: new Map(),
    queues: new Map(),
    hosts: new Map(),
    tenants: new Map(),
    templates: new Map(),
    builds: [],
    events: [],
  }
  addHosts(fleet, random, now, size)
  addTenants(fleet, random, now, size)
  if (size.tenants > 0) addTemplates(fleet)
  addControllers(fleet, random, now, size)
  addAgents(fleet, random, now, size)
  addOrphans(fleet, random, now)
  addBuilds(fleet, random, now)
  addEvents(fleet, random, now)
  return fleet
}

const hostName = (index: number): string => `host-${String(index + 1).padStart(2, '0')}`

const addHosts = (fleet: Fleet, random: Random, now: number, { hosts }: FleetSize): void => {
  for (let index = 0; index < hosts; index++) {
    const id = hostName(index)
    const isSilent = index === 3
    const capacity = { cpu: 64, memoryMb: 262_144, diskMb: 4_000_000 }
    fleet.hosts.set(id, {
      id,
      engine: index % 3 === 0 ? 'process' : 'docker',
      role: index % 10 === 9 ? 'builds' : 'any',
      ...(index === 9 ? { reservedFor: 'payments' } : {}),
      state: isSilent ? 'silent' : index === 5 ? 'draining' : 'ready',
      ...(index === 5
        ? {
            drainBy: now + 24 * MINUTE,
            reason: {
              code: 'draining',
              message: 'It waits for 31 builds to end.',
              since: now - 6 * MINUTE,
              mend: 'Abort them in their controllers to be done sooner; at its deadline they are ended.',
            },
          }
        : {}),
      capacity,
      usedByControllers: {
        cpu: 18 + integer(random, 14),
        memoryMb: 90_000 + integer(random, 50_000),
        diskMb: 1_200_000 + integer(random, 900_000),
      },
      usedByAgents: {
        cpu: 10 + integer(random, 20),
        memoryMb: 40_000 + integer(random, 50_000),
        diskMb: 200_000 + integer(random, 400_000),
      },
      attributes: { zone: `eu-${'abc'.charAt(index % 3)}`, arch: index % 7 === 6 ? 'arm64' : 'amd64' },
      limits:
        index % 3 === 0
          ? { memory: false, cpu: false, reason: 'cgroups cannot be written by this user; run Manor as root or delegate them' }
          : { memory: true, cpu: true },
      seenAt: isSilent ? now - 4 * MINUTE : now - SECOND,
      ...(isSilent
        ? {
            reason: {
              code: 'host-silent',
              message: 'It has not answered for 4 minutes.',
              since: now - 4 * MINUTE,
              mend: 'Look whether its daemon runs.',
            },
          }
        : {}),
    })
  }
}

const KIBI = 1_024
const NONE: Resources = { cpu: 0, memoryMb: 0, diskMb: 0 }

/** A tenant that was just made. */
export const newTenantView = (id: string, now: number): TenantView => ({
  id,
  weight: 1,
  createdAt: now,
  controllers: 0,
  usedByControllers: NONE,
  usedByAgents: NONE,
  queued: 0,
  waiting: { agents: 0, resources: NONE },
  dominantShare: 0,
  notes: [],
  revision: 1,
})

/** Each has about its part of the hosts: some with a quota of everything, some of memory alone, some with a guarantee, one that waits behind its quota. */
const addTenants = (fleet: Fleet, random: Random, now: number, { tenants, controllers }: FleetSize): void => {
  const capacity = [...fleet.hosts.values()].reduce((sum, host) => addResources(sum, host.capacity), NO_RESOURCES)
  const part = (share: number): Resources => ({
    cpu: Math.round((capacity.cpu / tenants) * share),
    memoryMb: KIBI * Math.round((capacity.memoryMb / tenants / KIBI) * share),
    diskMb: KIBI * Math.round((capacity.diskMb / tenants / KIBI) * share),
  })
  for (const [index, id] of TEAMS.slice(0, tenants).entries()) {
    const quota = index % 4 === 3 ? undefined : index % 4 === 1 ? { memoryMb: part(1.1).memoryMb } : part(1.3)
    const isFull = index % 6 === 2
    const [ofCores, ofMemory] = [0.1 + integer(random, 60) / 100, 0.1 + integer(random, 50) / 100]
    const usedByAgents = { ...part(ofCores), memoryMb: part(isFull ? 1.3 : ofMemory).memoryMb }
    const queued = integer(random, 12) + (isFull ? 40 : 0)
    const agents = isFull ? queued : Math.floor(queued / 3)
    const dominant = dominantOf(usedByAgents, capacity)
    fleet.tenants.set(id, {
      id,
      weight: 1 + (index % 3),
      ...(quota === undefined ? {} : { quota }),
      ...(index % 5 === 0 ? { guarantee: { cpu: part(0.5).cpu, memoryMb: part(0.6).memoryMb } } : {}),
      ...(index % 7 === 4 ? { policy: { preemptible: true } } : {}),
      createdAt: now - (20 + index) * 24 * HOUR,
      controllers: Math.round(controllers / tenants),
      usedByControllers: { ...part(0.12), diskMb: 0 },
      usedByAgents,
      queued,
      waiting: { agents, resources: { cpu: agents, memoryMb: agents * 1_024, diskMb: agents * 4_096 } },
      dominantShare: dominant?.share ?? 0,
      ...(dominant === undefined ? {} : { dominantResource: dominant.resource }),
      notes:
        index === 5
          ? ['The guarantees of all tenants together are more than the 3840 cores that the hosts have: guarantee less or add hosts.']
          : [],
      revision: 1,
    })
  }
}

/** Runs of a day, of which one came up to `highestMb`. */
const seededRuns = (count: number, limitMb: number, highestMb: number): Run[] =>
  Array.from({ length: count }, (_, index) => ({
    id: workloadId(`run-${index}`),
    at: index,
    ranMs: 24 * HOUR,
    limitMb,
    peakMemoryMb: index === 0 ? highestMb : Math.round(highestMb / 2),
  }))

const addTemplates = (fleet: Fleet): void => {
  const base = {
    resources: { cpu: 1, memoryMb: 1_024, diskMb: 4_096 },
    environment: {},
    constraints: {},
    connectTimeoutMs: 2 * MINUTE,
    memoryAdvice: adviceFor({ of: 'template', memoryMb: 1_024, runs: seededRuns(40, 1_024, 700) }),
    spares: 0,
    revision: 1,
  }
  const list: readonly TemplateView[] = [
    { ...base, id: 'linux', scope: { kind: 'global' }, labels: ['linux', 'jdk17'], takesUnlabelled: true },
    {
      ...base,
      id: 'large',
      scope: { kind: 'global' },
      labels: ['linux', 'large'],
      takesUnlabelled: false,
      resources: { cpu: 8, memoryMb: 16_384, diskMb: 40_960 },
      memoryAdvice: adviceFor({ of: 'template', memoryMb: 16_384, runs: seededRuns(40, 16_384, 6_100) }),
    },
    {
      ...base,
      id: 'docker',
      scope: { kind: 'global' },
      labels: ['docker'],
      takesUnlabelled: false,
      image: 'registry.example/agents/docker:27',
      constraints: { arch: 'amd64' },
    },
    {
      ...base,
      id: 'payments-db',
      scope: { kind: 'tenant', tenant: 'payments' },
      labels: ['postgres'],
      takesUnlabelled: false,
      environment: { PGDATA: '/tmp/pg' },
      command: ['{java}', '-jar', '{agentJar}', '-url', '{url}', '-name', '{name}'],
    },
  ]
  for (const template of list) fleet.templates.set(template.id, template)
}

const addControllers = (fleet: Fleet, random: Random, now: number, { controllers, tenants }: FleetSize): void => {
  for (let index = 0; index < controllers; index++) {
    const tenant = TEAMS[index % tenants] ?? 'payments'
    const round = Math.floor(index / tenants)
    const service = SERVICES[round % SERVICES.length] ?? 'api'
    const generation = Math.floor(round / SERVICES.length)
    const id = `${tenant}-${service}${generation === 0 ? '' : `-${generation + 1}`}`
    fleet.controllers.set(
      id,
      controllerIn(pickShare(random, PHASE_SHARES), { id, tenant, host: hostName(index % Math.max(1, fleet.hosts.size)), now, random }),
    )
  }
}

type Making = { readonly id: string; readonly tenant: string; readonly host: string; readonly now: number; readonly random: Random }

export const controllerIn = (phase: ControllerPhase, { id, tenant, host, now, random }: Making): ControllerView => {
  const since = now - 1_000 * (5 + integer(random, phase === 'ready' || phase === 'stopped' ? 400_000 : 300))
  const runs = ['ready', 'quieting', 'starting', 'stopping', 'unreachable'].includes(phase)
  const reports = phase === 'ready' || phase === 'quieting'
  const reason = REASONS[phase]
  const memoryMb = 3_072
  return {
    id,
    tenant,
    wanted: phase === 'stopped' || phase === 'stopping' || phase === 'quieting' ? 'stopped' : phase === 'deleting' ? 'deleted' : 'running',
    phase,
    phaseSince: since,
    ...(reason ? { reason: { ...reason, since } } : {}),
    actions: [...legalActions(phase)],
    spec: { memoryMb, cpu: 1, diskMb: 51_200, graceMs: 20 * MINUTE, distribution: 'jenkins' },
    createdAt: now - 30 * 24 * HOUR,
    url: `http://localhost:8080/${id}/`,
    hostUrl: `http://${id}.localhost:8080/`,
    ...(phase === 'pending' || phase === 'stopped' ? {} : { host }),
    epoch: 1 + integer(random, 40),
    ...(runs ? { version: '2.541.3', startedAt: since - 34_000 } : {}),
    ...(reports ? { readyAt: since } : {}),
    ...(phase === 'failed' ? { nextTryAt: now + 95_000 } : {}),
    failures: phase === 'failed' ? 3 : 0,
    running: 0,
    queued: 0,
    agents: 0,
    ...(runs ? { memoryMb: 900 + integer(random, 2_050), peakMemoryMb: 2_960 } : {}),
    ...(reports ? { heapUsedMb: 300 + integer(random, 1_200), heapMaxMb: 1_800 } : {}),
    memoryAdvice: adviceFor({ of: 'controller', memoryMb, runs: seededRuns(3, memoryMb, 2_960) }),
    revision: 1,
  }
}

const addAgents = (fleet: Fleet, random: Random, now: number, { agents }: FleetSize): void => {
  // Two in five have builds at a time: most of a fleet is quiet most of the time.
  const ready = [...fleet.controllers.values()].filter(({ phase }) => (phase === 'ready' || phase === 'quieting') && integer(random, 5) < 2)
  for (let index = 0; index < agents; index++) {
    // Squared, so that a few of them are much busier than most.
    const controller = ready[Math.floor(random.next() ** 2 * ready.length)]
    if (!controller) return
    addAgent(
      fleet,
      agentIn(pickShare(random, AGENT_SHARES), { id: `${controller.id}-a${index}`, item: String(1_000 + index), controller, now, random }),
    )
  }
}

type AgentMaking = {
  readonly id: string
  readonly item: string
  readonly controller: ControllerView
  readonly now: number
  readonly random: Random
}

export const agentIn = (phase: AgentPhase, { id, item, controller, now, random }: AgentMaking): AgentView => {
  const queuedAt = now - 1_000 * (20 + integer(random, phase === 'busy' ? 1_500 : 240))
  const placedAt = queuedAt + 200 + integer(random, 4_000)
  const launchedAt = placedAt + 40
  const onlineAt = launchedAt + 600 + integer(random, 5_000)
  const busyAt = onlineAt + 30
  const order: readonly AgentPhase[] = ['queued', 'placed', 'launching', 'online', 'busy', 'ending', 'ended']
  const reached = (wanted: AgentPhase): boolean => order.indexOf(phase) >= order.indexOf(wanted)
  const job = `${controller.tenant}/${pick(random, JOBS)}`
  return {
    id,
    controller: controller.id,
    tenant: controller.tenant,
    template: random.next() < 0.8 ? 'linux' : 'large',
    item,
    attempt: 1,
    task: job,
    label: pick(random, LABELS),
    resources: { cpu: 1, memoryMb: 1_024, diskMb: 4_096 },
    phase,
    phaseSince: reached('busy') ? busyAt : reached('launching') ? launchedAt : queuedAt,
    ...(phase === 'queued'
      ? {
          reason: {
            code: 'waiting-turn',
            message: `Tenant ${controller.tenant} has had more than its share; 3 tenants are ahead of it.`,
            since: queuedAt,
          },
        }
      : {}),
    ...(reached('placed') ? { host: controller.host ?? hostName(0), placedAt } : {}),
    queuedAt,
    ...(reached('launching') ? { launchedAt } : {}),
    ...(reached('online') ? { onlineAt } : {}),
    ...(reached('busy') ? { busyAt, build: { job, number: 1 + integer(random, 900) }, memoryMb: 180 + integer(random, 800) } : {}),
  }
}

/** Adds an agent and what follows from it: its queue item while it has not connected, its controller's counts. */
export const addAgent = (fleet: Fleet, agent: AgentView): void => {
  fleet.agents.set(agent.id, agent)
  const controller = fleet.controllers.get(agent.controller)
  if (!controller) return
  const { item } = agent
  const waits = ['queued', 'placed', 'launching', 'online'].includes(agent.phase)
  if (waits && item !== undefined)
    fleet.queues.set(controller.id, [
      ...(fleet.queues.get(controller.id) ?? []),
      {
        id: `${controller.id}/${item}`,
        controller: controller.id,
        tenant: controller.tenant,
        item,
        task: agent.task,
        label: agent.label,
        since: agent.queuedAt,
        why: 'There are no nodes with the label ‘linux’',
        reason: agent.reason ?? { code: 'waiting-boot', message: `Its agent ${agent.id} is ${agent.phase}.`, since: agent.phaseSince },
        agent: agent.id,
        agentPhase: agent.phase,
      },
    ])
  fleet.controllers.set(controller.id, {
    ...controller,
    agents: controller.agents + 1,
    running: controller.running + (agent.phase === 'busy' ? 1 : 0),
    queued: controller.queued + (waits ? 1 : 0),
  })
}

/** Items that no template fits: they wait without an agent. */
const addOrphans = (fleet: Fleet, random: Random, now: number): void => {
  for (const controller of [...fleet.controllers.values()].filter(({ phase }, index) => phase === 'ready' && index % 60 === 0)) {
    const item = {
      id: `${controller.id}/77`,
      controller: controller.id,
      tenant: controller.tenant,
      item: '77',
      task: `${controller.tenant}/windows-build`,
      label: 'windows',
    }
    const since = now - MINUTE * (5 + integer(random, 50))
    fleet.queues.set(controller.id, [
      ...(fleet.queues.get(controller.id) ?? []),
      {
        ...item,
        since,
        reason: {
          code: 'no-template',
          message: 'No template that this controller may use carries the label windows.',
          since,
          mend: 'Apply one with "./manor template apply", or change the job’s label.',
        },
      },
    ])
    fleet.controllers.set(controller.id, { ...controller, queued: controller.queued + 1 })
  }
}

const addBuilds = (fleet: Fleet, random: Random, now: number): void => {
  for (const controller of fleet.controllers.values())
    for (let number = 12; number > 6; number--) {
      const startedAt = now - (13 - number) * 17 * MINUTE - integer(random, 600_000)
      const result = number === 9 ? 'FAILURE' : number === 7 ? 'ABORTED' : 'SUCCESS'
      const job = `${controller.tenant}/${JOBS[number % JOBS.length]}`
      fleet.builds.push({
        controller: controller.id,
        tenant: controller.tenant,
        job,
        number,
        agent: `${controller.id}-old${number}`,
        startedAt,
        ...(number === 12 && controller.running > 0 ? {} : { endedAt: startedAt + 20_000 + integer(random, 300_000), result }),
        url: `${controller.hostUrl}job/${job}/${number}/`,
      })
    }
}

const addEvents = (fleet: Fleet, random: Random, now: number): void => {
  const names = [...fleet.controllers.keys()]
  if (names.length === 0) return
  for (let seq = 1; seq <= 400; seq++) {
    const subject = pick(random, names)
    const controller = fleet.controllers.get(subject)
    fleet.events.push({
      seq,
      at: now - (401 - seq) * 2_600,
      kind: 'controller',
      subject,
      ...(controller ? { tenant: controller.tenant } : {}),
      type: seq % 3 === 0 ? 'stop-requested' : 'phase-changed',
      actor: seq % 3 === 0 ? 'user:ada' : 'manor',
      message: seq % 3 === 0 ? `Controller ${subject} is to be stopped.` : `Controller ${subject} became ready after 31 s.`,
      data: {},
    })
  }
}
