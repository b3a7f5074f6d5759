import type {
  AccessKind,
  Host,
  HostId,
  HostOffer,
  Milliseconds,
  Observation,
  Reason,
  TenantId,
  Workload,
  WorkloadId,
} from '../model/index.ts'

/**
 * What an engine promises (design section 5). One suite, engines/conformance, holds every engine to it.
 *
 * All calls are idempotent by workload id, may be repeated for ever, and end within a bound of their own or when their signal aborts:
 * a hung call is abandoned, and the level-triggered loop above asks again.
 */
export interface Engine {
  readonly name: string
  /** Who picks the host: our scheduler, or the engine's own. */
  readonly placement: 'manor' | 'engine'
  /** Set where controllers are placed by somebody else than agents are: controllers through Marathon, agents on Mesos. */
  readonly controllerPlacement?: 'manor' | 'engine'
  /**
   * Set where only the engine knows which ports are free: controllers ask for 0, are told theirs as `{port:NAME}`, and are found at the ports
   * of their observation.
   */
  readonly choosesPorts?: true
  /** Who mounts volumes: our volume service, or the engine. */
  readonly volumes: 'service' | 'native'
  /**
   * Address on which workloads listen, so that Manor and other workloads reach them where an observation says (`address`). Absent: this
   * machine's loopback, for engines whose workloads share its network.
   */
  readonly listenAddress?: string
  /** What it can give a workload of its host (`Workload.access`); it refuses the rest. Absent: nothing. */
  readonly gives?: readonly AccessKind[]
  /** Set where hosts are lent in pieces (Mesos): then places are given from these offers, and `hosts` only tells what there is. */
  readonly offers?: OfferSource
  /** Set where the engine picks hosts itself and can be told which to leave out. */
  readonly hostControl?: HostControl
  /**
   * Starts a workload, once for its id however often it is asked. Resolves when the engine has taken it on, not when it runs.
   * Rejects with an EngineError whose reason says whether asking again can help.
   */
  submit(workload: Workload, on: HostId | undefined, signal: AbortSignal): Promise<void>
  /** Ends a workload: polite signal, `grace`, kill. Of an unknown or ended one: resolves at once. */
  stop(id: WorkloadId, grace: Milliseconds, signal: AbortSignal): Promise<void>
  /** Forgets an ended workload's traces, its private directory included. Of one that has not ended: rejects. */
  remove(id: WorkloadId, signal: AbortSignal): Promise<void>
  /** The truth: everything there that carries our owner label, ended ones until they are removed. */
  list(signal: AbortSignal): Promise<readonly Observation[]>
  /** Hints that something changed. May miss, repeat and reorder. */
  watch(signal: AbortSignal): AsyncIterable<Observation>
  hosts(signal: AbortSignal): Promise<readonly Host[]>
  /** Why a workload waits or ended, or undefined where there is nothing to say. */
  explain(id: WorkloadId, signal: AbortSignal): Promise<Reason | undefined>
  /** The last `bytes` (at most 1 MiB) of what the workload wrote. */
  logs(id: WorkloadId, bytes: number, signal: AbortSignal): Promise<string>
}

export type OfferListener = {
  offered(offers: readonly HostOffer[]): void
  /** Taken back, used up, or lost with the connection: not to be used any more. One that is not known is passed over. */
  gone(offers: readonly string[]): void
}

/** Which offers a workload that was given a place is launched from, and which of their ports are its own. */
export type OfferUse = {
  readonly workload: WorkloadId
  readonly host: HostId
  readonly offers: readonly string[]
  readonly ports: readonly number[]
}

/**
 * Where hosts come in pieces. The engine holds the connection; whoever follows keeps the offers, gives places from them, and gives back what
 * it does not need. An offer is either used, or declined, or gone; none is held without a bound in time.
 */
export interface OfferSource {
  /** Tells of offers as they come and go, first of those that stand. One follower at a time; the returned function ends it. */
  follow(listener: OfferListener): () => void
  /** Gives offers back, not to be offered again for `refuseMs`. One that is gone is passed over. */
  decline(offers: readonly string[], refuseMs: Milliseconds): void
  /**
   * Keeps offers for workloads whose `submit` follows, all of those of one host and pass together. What is not submitted within a bound of the
   * engine's is given back; a submit whose offers are gone rejects with an EngineError whose `placeIsGone` is set: the workload was not and will
   * not be started from them, and needs another place.
   */
  assign(uses: readonly OfferUse[]): void
  /** Which tenants have work that waits for room. None: offers stop coming until some do. Only a change is told onwards. */
  want(tenants: ReadonlySet<TenantId>): void
}

/** How an engine that picks hosts by itself is told what is wanted of them. All calls may be repeated; of an unknown host they reject. */
export interface HostControl {
  /** Nothing new comes to it; what runs there goes on. */
  cordon(host: HostId, signal: AbortSignal): Promise<void>
  uncordon(host: HostId, signal: AbortSignal): Promise<void>
  /** Nothing new comes to it; builds have so long to end; then everything else goes. */
  drain(host: HostId, withinMs: Milliseconds, signal: AbortSignal): Promise<void>
  /** What it is for. What runs there goes on. */
  assign(host: HostId, purpose: Pick<Host, 'role' | 'reservedFor'>, signal: AbortSignal): Promise<void>
}

/** An engine refused or failed. */
export class EngineError extends Error {
  override readonly name = 'EngineError'
  readonly reason: Omit<Reason, 'since'>
  /** Whether the same call may succeed later without a change of the workload. */
  readonly retryable: boolean
  /** Whether its place was lent and was taken back before it started: the same workload may be started in another. */
  readonly placeIsGone: boolean
  constructor(reason: Omit<Reason, 'since'>, retryable: boolean, options: ErrorOptions & { readonly placeIsGone?: boolean } = {}) {
    super(reason.message, options)
    this.reason = reason
    this.retryable = retryable
    this.placeIsGone = options.placeIsGone ?? false
  }
}
