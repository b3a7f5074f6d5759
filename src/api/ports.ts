import type { HookService } from '../agents/index.ts'
import type { AgentId, ControllerId, ItemId, Observation, WorkloadId } from '../model/index.ts'
import type { Clock, Random } from '../runtime/index.ts'
import type { Store } from '../store/index.ts'
import type { CredentialsView, ExplanationView } from './contract.ts'

/** Where Manor is reached; may only be known once its port is. No slash at the ends. */
export type ApiUrls = {
  /** The one address of the fleet, for example `http://127.0.0.1:7070`. Controllers are below it by path. */
  readonly publicUrl: string
  /** The console's own host, for example `http://manor.localhost:7070`: no controller's pages are ever served there. */
  readonly consoleUrl: string
  /** A controller's own host, for example `http://team-a.localhost:7070`. */
  controllerHostUrl(id: ControllerId): string
}

/** Says why, on demand. Undefined where there is no such thing. */
export interface Explain {
  controller(id: ControllerId, signal: AbortSignal): Promise<ExplanationView | undefined>
  agent(id: AgentId, signal: AbortSignal): Promise<ExplanationView | undefined>
  item(controller: ControllerId, item: ItemId, signal: AbortSignal): Promise<ExplanationView | undefined>
}

export type ShutdownRequest = {
  /** Whether the controllers are stopped too; else they go on without Manor. */
  readonly controllers: boolean
  /** Whether running builds are not waited for. */
  readonly now: boolean
  readonly actor: string
}

/** Where the API's lines for the operator go; pino's loggers fit. */
export interface ApiLog {
  info(fields: Readonly<Record<string, unknown>>, message: string): void
  error(fields: Readonly<Record<string, unknown>>, message: string): void
}

/** All that the API needs of the outside. */
export type ApiPorts = {
  readonly store: Store
  readonly clock: Clock
  readonly random: Random
  readonly log: ApiLog
  readonly version: string
  /** Owner label of everything this Manor starts. */
  readonly owner: string
  /** Name of the engine in use. */
  readonly engine: string
  /** Whether that engine places by itself and is told which hosts are in service. */
  readonly isToldOfHosts: boolean
  readonly hook: HookService
  /** The administrator of a controller's own pages, or undefined before its first start was prepared. */
  readonly credentialsOf: (id: ControllerId) => CredentialsView | undefined
  readonly explain: Explain
  /** The last `bytes` of what a workload wrote. */
  readonly logs: (workload: WorkloadId, bytes: number, signal: AbortSignal) => Promise<string>
  readonly observer: { get(id: WorkloadId): Observation | undefined; all(): Iterable<Observation> }
  readonly urls: () => ApiUrls
  /**
   * Hosts on which browsers' sessions and the console's pages are accepted: `name` (on any port) or `name:port`. The router never serves a
   * controller's pages there, so a controller's scripts can never act in the name of someone who is signed in.
   */
  readonly consoleHosts: readonly string[]
  /** Directory with the console's built files; may not be there. */
  readonly consoleDirectory: string
  /** Called after the answer has left. */
  readonly shutdown: (request: ShutdownRequest) => void
}
