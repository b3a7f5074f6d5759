import type { Engine } from '../engines/engine.ts'
import type { Observer } from '../engines/observer.ts'
import type { Controller, ControllerEndpoint, ControllerId, HostId, Reason, WorkloadFile } from '../model/index.ts'
import type { Clock, Random } from '../runtime/index.ts'
import type { Seal, Store } from '../store/index.ts'
import type { Probe } from './decide.ts'
import type { Capabilities, Distribution, ProgramProgress, Programs } from './distributions/distribution.ts'

/** Where controllers' homes are. The volume service will stand behind this; for now a directory on this machine. */
export interface Homes {
  /**
   * Makes the home where there is none. `once` are written where they are missing, `always` each time. Resolves to the home's absolute path.
   */
  prepare(id: ControllerId, once: readonly WorkloadFile[], always: readonly WorkloadFile[], signal: AbortSignal): Promise<string>
  /** Takes the home out of use and keeps it aside for a while. Of one that is gone already: resolves. */
  retire(id: ControllerId, epoch: number, signal: AbortSignal): Promise<void>
}

/** Where a controller is to run, as far as Manor says: an engine that picks hosts by itself gets none. */
export type ControllerPlace = {
  readonly host: HostId | undefined
  /** Ports that are its own there, where its host is lent with them: the first is for HTTP, the second for agents. Else it chooses itself. */
  readonly ports?: readonly number[]
  /** The number that its run has to carry, where the engine keeps the place under that. */
  readonly epoch?: number
}

/** Asks the scheduler for a place for a controller. */
export type PlaceController = (controller: Controller) => Promise<ControllerPlace | { readonly reason: Omit<Reason, 'since'> }>

/** Asks a program's door whether it serves. */
export type ProbeController = (
  endpoint: ControllerEndpoint,
  prefix: string,
  capabilities: Capabilities,
  signal: AbortSignal,
) => Promise<Probe>

/** All that the controllers' room needs of the outside. The simulator gives its own. */
export type ControllerPorts = {
  readonly store: Store
  readonly clock: Clock
  readonly random: Random
  readonly seal: Seal
  readonly engine: Engine
  readonly observer: Observer
  readonly programs: Programs
  readonly distribution: (name: Controller['spec']['distribution']) => Distribution
  readonly homes: Homes
  readonly probe: ProbeController
  readonly place: PlaceController
  /** Owner label of everything we start. */
  readonly owner: string
  /** Where hooks reach Manor, and the file that always holds the newest such address. */
  readonly manorUrl: () => string
  readonly urlFile?: string
  /** The hook's text, and the directory that holds it as `init.groovy` for distributions that take it from outside the home. */
  readonly hook: { readonly script: string; readonly root: string }
  /** Ports to choose controllers' from, both ends included. */
  readonly portRange: readonly [first: number, last: number]
  readonly onProgress: (id: ControllerId, step: Parameters<ProgramProgress>[0]) => void
  readonly onError: (id: string, cause: unknown) => void
}
