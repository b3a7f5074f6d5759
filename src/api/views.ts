/**
 * Rows as people and programs see them (contract.ts). Pure: what a view needs beside its row comes as an argument. Linear in what it shows.
 */

import type { Residents } from '../hosts/index.ts'
import {
  type Access,
  type Agent,
  adviceFor,
  type Build,
  type Controller,
  type Demand,
  type DemandItem,
  dominantOf,
  type Event,
  type Host,
  legalActions,
  NO_RESOURCES,
  type Observation,
  type Presence,
  type Reason,
  type Resources,
  type Template,
  type Tenant,
  type Token,
  type Usage,
} from '../model/index.ts'
import { promiseNotes } from '../tenants/index.ts'
import type {
  AccessView,
  AgentView,
  BuildView,
  ControllerView,
  EventView,
  HostDetailView,
  HostView,
  MemoryAdviceView,
  QueueItemView,
  ReasonView,
  ResourcesView,
  TemplateView,
  TenantView,
  TokenView,
} from './contract.ts'
import { NO_TENANT, type Tally } from './tally.ts'

type Defined<T> = { [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
  [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>
}

/** Leaves out what is undefined: absent and undefined are the same in JSON, and so they are in tests. */
export const defined = <T extends object>(value: T): Defined<T> =>
  Object.fromEntries(Object.entries(value).filter(([, each]) => each !== undefined)) as Defined<T>

const accessView = (access: Access | undefined): AccessView | undefined =>
  access &&
  defined({
    ...access,
    capabilities: access.capabilities && [...access.capabilities],
    hostPaths: access.hostPaths?.map(path => ({ ...path })),
  })

const reasonView = (reason: Reason): ReasonView => ({ ...reason })

const adviceView = (of: 'template' | 'controller', memoryMb: number, usage: Usage | undefined): MemoryAdviceView => ({
  ...adviceFor({ of, memoryMb, runs: usage?.runs ?? [] }),
})

const resourcesView = ({ cpu, memoryMb, diskMb }: Resources): ResourcesView => ({ cpu, memoryMb, diskMb })

const usedNow = (observation: Observation | undefined): number | undefined =>
  observation?.state === 'ended' ? undefined : observation?.memoryMb

/** What a controller's view needs beside its row. */
export type ControllerSurroundings = {
  readonly revision: number
  readonly url: string
  readonly hostUrl: string
  readonly presence: Presence | undefined
  readonly demand: Demand | undefined
  readonly observation: Observation | undefined
  readonly usage: Usage | undefined
  /** Agents of it that have not ended. */
  readonly agents: number
}

export const controllerView = (controller: Controller, around: ControllerSurroundings): ControllerView => {
  // What an earlier run told is no longer true of this one.
  const presence = around.presence?.epoch === controller.epoch ? around.presence : undefined
  const { spec } = controller
  return defined({
    id: controller.id,
    tenant: controller.tenant,
    wanted: controller.wanted,
    phase: controller.phase,
    phaseSince: controller.phaseSince,
    reason: controller.reason && reasonView(controller.reason),
    actions: controller.wanted === 'deleted' ? [] : [...legalActions(controller.phase)],
    spec: { ...spec },
    createdAt: controller.createdAt,
    url: around.url,
    hostUrl: around.hostUrl,
    host: controller.host,
    epoch: controller.epoch,
    version: controller.runningVersion ?? controller.pinnedVersion,
    startedAt: controller.startedAt,
    readyAt: controller.readyAt,
    nextTryAt: controller.nextTryAt,
    failures: controller.failures,
    running: presence?.running ?? 0,
    queued: around.demand?.items.length ?? 0,
    agents: around.agents,
    memoryMb: usedNow(around.observation),
    peakMemoryMb: around.observation?.peakMemoryMb,
    heapUsedMb: presence?.load.heapUsedMb,
    heapMaxMb: presence?.load.heapMaxMb,
    memoryAdvice: adviceView('controller', spec.memoryMb, around.usage),
    revision: around.revision,
  })
}

export const agentView = (agent: Agent, observation: Observation | undefined): AgentView =>
  defined({
    id: agent.id,
    controller: agent.controller,
    tenant: agent.tenant,
    template: agent.template,
    item: agent.item,
    attempt: agent.attempt,
    task: agent.task,
    label: agent.label,
    resources: resourcesView(agent.resources),
    phase: agent.phase,
    phaseSince: agent.phaseSince,
    reason: agent.reason && reasonView(agent.reason),
    host: agent.host,
    queuedAt: agent.queuedAt,
    placedAt: agent.placedAt,
    launchedAt: agent.launchedAt,
    onlineAt: agent.onlineAt,
    busyAt: agent.busyAt,
    endedAt: agent.endedAt,
    build: agent.build && { ...agent.build },
    memoryMb: usedNow(observation),
    peakMemoryMb: observation?.peakMemoryMb,
  })

/** `agent` is the item's newest that has not ended. */
export const queueItemView = (item: DemandItem, controller: Controller, agent: Agent | undefined): QueueItemView =>
  defined({
    id: `${controller.id}/${item.id}`,
    controller: controller.id,
    tenant: controller.tenant,
    item: item.id,
    task: item.task,
    label: item.label,
    since: item.since,
    why: item.why,
    // The agent's reason is nearer to the truth than what was decided before there was one.
    reason: agent?.reason ? reasonView(agent.reason) : item.reason && reasonView(item.reason),
    agent: agent?.id,
    agentPhase: agent?.phase,
  })

export const hostView = (host: Host, used: { readonly controllers: Resources; readonly agents: Resources } | undefined): HostView =>
  defined({
    id: host.id,
    engine: host.engine,
    role: host.role,
    reservedFor: host.reservedFor,
    state: host.state,
    drainBy: host.drainBy,
    capacity: resourcesView(host.capacity),
    usedByControllers: resourcesView(used?.controllers ?? NO_RESOURCES),
    usedByAgents: resourcesView(used?.agents ?? NO_RESOURCES),
    attributes: { ...host.attributes },
    limits: { ...host.limits },
    seenAt: host.seenAt,
    reason: host.reason && reasonView(host.reason),
  })

/** A host with what is on it; of what not everybody may see only how much. */
export const hostDetailView = (
  host: HostView,
  { controllers = [], agents = [], strays = 0 }: Partial<Residents> = {},
  isShown: (noun: { readonly tenant: string }) => boolean,
): HostDetailView => {
  const shown = { controllers: controllers.filter(isShown), agents: agents.filter(isShown) }
  return {
    ...host,
    controllers: shown.controllers.map(({ id, tenant, phase, reason }) =>
      defined({ id, tenant, phase, reason: reason && reasonView(reason) }),
    ),
    agents: shown.agents.map(({ id, controller, tenant, item, task, phase, phaseSince, build }) =>
      defined({ id, controller, tenant, item, task, phase, phaseSince, build: build && { job: build.job, number: build.number } }),
    ),
    others: controllers.length + agents.length + strays - shown.controllers.length - shown.agents.length,
  }
}

export const templateView = (template: Template, revision: number, usage: Usage | undefined): TemplateView =>
  defined({
    id: template.id,
    scope: { ...template.scope },
    labels: [...template.labels],
    takesUnlabelled: template.takesUnlabelled,
    resources: resourcesView(template.resources),
    environment: { ...template.environment },
    command: template.command && [...template.command],
    image: template.image,
    constraints: { ...template.constraints },
    access: accessView(template.access),
    connectTimeoutMs: template.connectTimeoutMs,
    memoryAdvice: adviceView('template', template.resources.memoryMb, usage),
    spares: template.spares ?? 0,
    revision,
  })

export const tenantView = (tenant: Tenant, { tenants, promises }: Pick<Tally, 'tenants' | 'promises'>, revision: number): TenantView => {
  const { controllers, usedByControllers, usedByAgents, queued, waiting } = tenants.get(tenant.id) ?? NO_TENANT
  const dominant = dominantOf(usedByAgents, promises.capacity ?? NO_RESOURCES)
  return defined({
    id: tenant.id,
    weight: tenant.weight,
    quota: tenant.quota && { ...tenant.quota },
    guarantee: tenant.guarantee && { ...tenant.guarantee },
    policy: tenant.policy && { ...tenant.policy },
    access: accessView(tenant.access),
    createdAt: tenant.createdAt,
    controllers,
    usedByControllers: resourcesView(usedByControllers),
    usedByAgents: resourcesView(usedByAgents),
    queued,
    waiting: { agents: waiting.agents, resources: resourcesView(waiting.resources) },
    dominantShare: dominant?.share ?? 0,
    dominantResource: dominant?.resource,
    notes: promiseNotes(tenant, promises),
    revision,
  })
}

/** `controllerUrl` ends with a slash. */
export const buildView = (build: Build, controllerUrl: string): BuildView =>
  defined({
    controller: build.controller,
    tenant: build.tenant,
    job: build.job,
    number: build.number,
    agent: build.agent,
    startedAt: build.startedAt,
    endedAt: build.endedAt,
    result: build.result,
    url: `${controllerUrl}${jobPath(build.job)}${build.number}/`,
  })

/** The path of a job by its full name: `team/app` is `job/team/job/app/`. */
const jobPath = (fullName: string): string =>
  fullName
    .split('/')
    .map(part => `job/${encodeURIComponent(part)}/`)
    .join('')

export const eventView = (event: Event): EventView => defined({ ...event, data: { ...event.data } })

/** Never the hash: it is of no use to a person, and what is not shown cannot leak. */
export const tokenView = (token: Token): TokenView =>
  defined({
    id: token.id,
    name: token.name,
    role: token.role,
    tenant: token.tenant,
    createdAt: token.createdAt,
    expiresAt: token.expiresAt,
  })
