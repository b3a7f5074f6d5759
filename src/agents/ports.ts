import type { Distribution, Programs } from '../controllers/index.ts'
import type { Engine } from '../engines/engine.ts'
import type { Observer } from '../engines/observer.ts'
import type { AgentId, Controller, ControllerId, Timestamp } from '../model/index.ts'
import type { Clock, Random } from '../runtime/index.ts'
import type { Seal, Store } from '../store/index.ts'
import type { AgentLease } from './lease.ts'

/** Where agents work on their host, outside their private directory: a controller must know the path before the agent runs. */
export interface AgentDirectories {
  /** Absolute path of an agent's work directory, whether it is there or not. */
  workDirectory(agent: AgentId): string
  /** Makes the work directory and the jar cache that its controller's agents share; resolves to the cache's absolute path. Idempotent. */
  prepare(agent: AgentId, controller: Pick<Controller, 'id' | 'createdAt'>, signal: AbortSignal): Promise<{ readonly jarCache: string }>
  /** Deletes the work directory. Of one that is gone already: resolves. */
  remove(agent: AgentId, signal: AbortSignal): Promise<void>
  /** Agents whose work directory is there. */
  list(signal: AbortSignal): Promise<readonly AgentId[]>
  /** Deletes the jar caches of controllers that are no more. `isCurrent` is asked after looking, so a new controller's cache is never lost. */
  sweepJarCaches(isCurrent: (controller: ControllerId, createdAt: Timestamp) => boolean, signal: AbortSignal): Promise<void>
}

/** All that the agents' room needs of the outside. The simulator gives its own. */
export type AgentsPorts = {
  readonly store: Store
  readonly clock: Clock
  readonly random: Random
  readonly seal: Seal
  readonly engine: Engine
  readonly observer: Pick<Observer, 'get' | 'all' | 'current' | 'begun' | 'taken'>
  readonly programs: Programs
  readonly distribution: (name: Controller['spec']['distribution']) => Distribution
  readonly directories: AgentDirectories
  /** How long agents go on without Manor; absent: for ever. */
  readonly lease?: AgentLease
  /** Owner label of everything we start. */
  readonly owner: string
  readonly onError: (id: string, cause: unknown) => void
}
