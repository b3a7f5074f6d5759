/** What a leader remembers: frameworks, agents, tasks, offers. It is lost with the leader, as a real one's is; what masters keep is the Registry. */
import type { Agent } from './agent.ts'
import type { EventStream } from './stream.ts'
import type { FrameworkInfo, Resource, Status, Task, Unavailability } from './wire.ts'

/** Which agents there are and which machines are to be maintained: kept by all masters together. */
export type Registry = {
  readonly agents: Map<string, 'admitted' | 'unreachable' | 'gone'>
  /** By host name. */
  windows: ReadonlyMap<string, Unavailability>
}

export type Filter = { readonly resources: readonly Resource[]; readonly until: number }

export type Framework = {
  readonly id: string
  info: FrameworkInfo
  stream: EventStream | undefined
  /** The stream of the subscription that stands or stood last; any other is refused. */
  streamId: string
  readonly registeredAt: number
  suppressed: Set<string>
  /** By agent and role. */
  readonly filters: Map<string, Filter[]>
  readonly tasks: Map<string, KnownTask>
  readonly unreachable: Map<string, { readonly task: KnownTask; readonly since: number }>
  /** Every id that it ever used. */
  readonly ids: Set<string>
  readonly inverse: Map<string, { readonly agent: string }>
  /** By agent: no inverse offer before that. */
  readonly inverseFilters: Map<string, number>
  cancelFailover: () => void
}

export type KnownTask = {
  readonly task: Task
  readonly agent: string
  readonly framework: string
  /** What the framework was told last, and what the agent knows. */
  state: string
  latest: string
  last: Status | undefined
  /** Its resources are free again. */
  released: boolean
}

export type KnownAgent = {
  readonly agent: Agent
  total: readonly Resource[]
  /** Neither used nor offered. */
  free: readonly Resource[]
  connected: boolean
  deactivated: boolean
  readonly registeredAt: number
  cancelSilence: () => void
}

export type Offer = {
  readonly id: string
  readonly framework: string
  readonly agent: string
  readonly role: string
  readonly resources: readonly Resource[]
  cancelTimeout: () => void
}

export const rolesOf = ({ role, roles }: FrameworkInfo): readonly string[] => roles ?? [role ?? '*']
