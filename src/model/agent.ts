import type { AgentId, ControllerId, HostId, ItemId, TemplateId, TenantId, WorkloadId } from './ids.ts'
import type { Reason } from './reason.ts'
import type { Resources } from './resources.ts'
import type { Timestamp } from './units.ts'

/**
 * `queued` waits for a place; `placed` has a host and an intent, nothing outside is touched before; `launching` means node and workload
 * were asked for; `online` is connected; `busy` runs its one build; `ending` is being taken down; `ended` is history.
 */
export const AGENT_PHASES = ['queued', 'placed', 'launching', 'online', 'busy', 'ending', 'ended'] as const
export type AgentPhase = (typeof AGENT_PHASES)[number]

export type AgentBuild = { readonly job: string; readonly number: number; readonly result?: BuildResult }

/**
 * One build agent for one queue item, or a warm spare for whichever item comes. Its name is never used again: an inbound agent's secret is a
 * function of its name.
 */
export type Agent = {
  readonly id: AgentId
  readonly controller: ControllerId
  readonly tenant: TenantId
  readonly template: TemplateId
  /** Absent: it was started in advance, and nothing that is known of it is for an item. */
  readonly item?: ItemId
  /** 1 for the first agent of an item; grows when one died before it took the build. */
  readonly attempt: number
  /** What the item builds, for people. */
  readonly task: string
  /** Labels of its node, separated by blanks: its template's when it was queued. */
  readonly label: string
  /** Whether its node takes items without a label too; absent means no. */
  readonly takesUnlabelled?: boolean
  readonly resources: Resources
  readonly phase: AgentPhase
  readonly phaseSince: Timestamp
  readonly reason?: Reason
  readonly host?: HostId
  readonly workload?: WorkloadId
  readonly epoch: number
  /** When the item entered the controller's queue. */
  readonly queuedAt: Timestamp
  readonly placedAt?: Timestamp
  readonly launchedAt?: Timestamp
  readonly onlineAt?: Timestamp
  readonly busyAt?: Timestamp
  readonly endedAt?: Timestamp
  readonly build?: AgentBuild
}

/** Whether it is a warm spare: for no item, and without a build so far. */
export const isSpare = ({ item, busyAt }: Pick<Agent, 'item' | 'busyAt'>): boolean => item === undefined && busyAt === undefined

/** The row as the agent of that item; of none: as a warm spare. */
export const forItem = (agent: Agent, item: ItemId | undefined): Agent => {
  if (item !== undefined) return { ...agent, item }
  const { item: _left, ...spare } = agent
  return spare
}

export const BUILD_RESULTS = ['SUCCESS', 'UNSTABLE', 'FAILURE', 'NOT_BUILT', 'ABORTED'] as const
export type BuildResult = (typeof BUILD_RESULTS)[number]

/** A build as its controller told of it. */
export type Build = {
  readonly controller: ControllerId
  readonly tenant: TenantId
  readonly job: string
  readonly number: number
  readonly agent?: AgentId
  readonly startedAt: Timestamp
  readonly endedAt?: Timestamp
  readonly result?: BuildResult
}
