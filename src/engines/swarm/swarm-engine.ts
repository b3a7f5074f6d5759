import type { Host, HostId, Milliseconds, Observation, Reason, TenantId, Workload, WorkloadId } from '../../model/index.ts'
import type { Clock, Random } from '../../runtime/index.ts'
import { DaemonSilent, DockerError } from '../docker/client/errors.ts'
import { IDLE_MS } from '../docker/client/event-stream.ts'
import type { RegistryLogin } from '../docker/client/image-reference.ts'
import { untilAborted } from '../docker/client/until-aborted.ts'
import type { ContainerUser } from '../docker/container-spec.ts'
import { Hints } from '../docker/hints.ts'
import { hostSilent, startFailure } from '../docker/start-failure.ts'
import { STARTS_AT_A_TIME } from '../docker/start-limiter.ts'
import { type Engine, EngineError, type HostControl } from '../engine.ts'
import { invalid } from '../process/prepare.ts'
import { Cluster, type ClusterOptions } from './cluster.ts'
import { isLeaderless, mayAskAnother } from './managers.ts'
import type { SwarmDaemonOptions } from './node-daemon.ts'
import { WORKLOADS_PER_OVERLAY } from './overlays.ts'
import type { BroughtImage } from './preparations.ts'

export type SwarmEngineOptions = {
  /** Whose workloads these are: the id of the store. Part of names: letters, digits, ".", "_" and "-". */
  readonly owner: string
  /**
   * Daemons of the Swarm that Manor reaches: at least one manager, better all. Those of workers beside them let Manor tell memory kills apart,
   * see what workloads use, and cut a grace short.
   */
  readonly daemons: readonly SwarmDaemonOptions[]
  readonly clock: Clock
  readonly random: Random
  /** For workloads that name none. */
  readonly images?: { readonly controller?: string; readonly agent?: string }
  /** Of an image that Manor itself brought to nodes (SwarmPreparations): it is named by its id, and runs only where it is. */
  readonly brought?: (image: string) => BroughtImage | undefined
  /** Logins by the registry's host; `docker.io` for the default one. */
  readonly registries?: Readonly<Record<string, RegistryLogin>>
  /** Who an account's workloads run as inside their containers; 1000:1000 unless told. Never root. */
  readonly userOf?: (account: string) => ContainerUser
  /** Whether nothing but its mounts and /tmp can be written by it. Controllers unless told: images of builds differ. */
  readonly readOnlyRoot?: (workload: Workload) => boolean
  /** A hard ceiling in cores. None unless told. */
  readonly cpuCeilingOf?: (workload: Workload) => number | undefined
  /** Directories that every node has at the same place, such as a mounted share. What is not below them binds a workload to this machine. */
  readonly sharedPaths?: readonly string[]
  /** Tenants whose overlays have no way out. None unless told: builds fetch what they build. */
  readonly isInternal?: (tenant: TenantId) => boolean
  /** Whether traffic between nodes is encrypted by the overlays (IPsec). */
  readonly encryptedOverlays?: boolean
  readonly workloadsPerOverlay?: number
  /** `name:address` for each container's /etc/hosts: how it finds Manor. */
  readonly extraHosts?: readonly string[]
  readonly startsAtATime?: number
  /** After this a daemon counts as silent, and another one is asked. */
  readonly daemonTimeoutMs?: Milliseconds
  /** A stream of events that is silent for so long is begun anew. */
  readonly eventsIdleMs?: Milliseconds
  /** How often is looked at what no event tells: tasks on nodes whose daemons are not reached, and drains. */
  readonly lookEveryMs?: Milliseconds
  /** How long secrets of a start that never came to a service are left for it. Longer than any start. */
  readonly orphanGraceMs?: Milliseconds
  /** Told once for each thing that is weaker here than it should be, and for what fails for now. */
  readonly onWarning: (sentence: string) => void
}

export type SwarmEngine = Engine &
  AsyncDisposable & {
    readonly hostControl: HostControl
    /** Lets go of what this instance holds. Workloads go on. */
    close(): Promise<void>
  }

/** Images' usual user; a home's files belong to it. */
const DEFAULT_USER: ContainerUser = { uid: 1_000, gid: 1_000 }
/** A manager answers within milliseconds; without a leader it takes seconds to say so. */
const DAEMON_TIMEOUT_MS = 6_000
const LOOK_EVERY_MS = 2_000
const ORPHAN_GRACE_MS = 15 * 60_000
const MAX_LOG_BYTES = 1_048_576
const SAFE_OWNER = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/

/**
 * Opens the engine over a Swarm and adopts what runs there, found by labels. A Swarm that does not answer now is taken up when it does. Rejects
 * where the options are wrong.
 */
export const createSwarmEngine = async (options: SwarmEngineOptions): Promise<SwarmEngine> => {
  if (!SAFE_OWNER.test(options.owner))
    throw invalid(`The owner "${options.owner}" cannot be part of a name.`, 'Use letters, digits and "-".')
  if (options.daemons.length === 0)
    throw invalid('The Swarm engine has no daemon.', 'Give it that of a manager: unix:///var/run/docker.sock.')
  return new Services(options)
}

class Services implements SwarmEngine {
  readonly name = 'swarm'
  readonly placement = 'engine'
  readonly volumes = 'service'
  /** A Swarm has no privileged services. */
  readonly gives = ['capabilities', 'hostPaths', 'hostNetwork'] as const
  /** Each container has networks of its own, and is reached from outside them. */
  readonly listenAddress = '0.0.0.0'
  readonly hostControl: HostControl = {
    cordon: (host, signal) => told(signal, () => this.#cluster.drains.cordon(host, signal)),
    uncordon: (host, signal) => told(signal, () => this.#cluster.drains.uncordon(host, signal)),
    drain: (host, withinMs, signal) => told(signal, () => this.#cluster.drains.drain(host, withinMs, signal)),
    assign: (host, purpose, signal) => told(signal, () => this.#cluster.assign(host, purpose, signal)),
  }
  readonly #hints = new Hints()
  readonly #cluster: Cluster

  constructor(options: SwarmEngineOptions) {
    this.#cluster = new Cluster(clusterOf(options, observation => this.#hints.tell(observation)))
    this.#cluster.start()
  }

  submit(workload: Workload, on: HostId | undefined, signal: AbortSignal): Promise<void> {
    return told(signal, () => untilAborted(this.#cluster.submit(workload, on), signal))
  }

  /** Resolves when the stop is under way; `list` shows it as stopping until it has ended. */
  stop(id: WorkloadId, grace: Milliseconds, signal: AbortSignal): Promise<void> {
    return told(signal, () => this.#cluster.stop(id, grace, signal))
  }

  remove(id: WorkloadId, signal: AbortSignal): Promise<void> {
    return told(signal, () => this.#cluster.remove(id, signal))
  }

  list(signal: AbortSignal): Promise<readonly Observation[]> {
    return told(signal, () => this.#cluster.list(signal))
  }

  watch(signal: AbortSignal): AsyncIterable<Observation> {
    return this.#hints.follow(signal)
  }

  hosts(signal: AbortSignal): Promise<readonly Host[]> {
    return told(signal, () => this.#cluster.hosts(signal))
  }

  explain(id: WorkloadId, signal: AbortSignal): Promise<Reason | undefined> {
    return told(signal, () => this.#cluster.explain(id, signal))
  }

  logs(id: WorkloadId, bytes: number, signal: AbortSignal): Promise<string> {
    return told(signal, () => this.#cluster.logs(id, Math.min(Math.max(0, bytes), MAX_LOG_BYTES), signal))
  }

  async close(): Promise<void> {
    this.#hints.close()
    await this.#cluster.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

/** Whatever goes wrong is told as something that a person can mend, and an abort with its own reason. */
const told = async <Result>(signal: AbortSignal, work: () => Promise<Result>): Promise<Result> => {
  signal.throwIfAborted()
  try {
    return await work()
  } catch (cause) {
    throw signal.aborted ? signal.reason : swarmFailure(cause)
  }
}

/** What the Swarm said, as something that a person can mend. */
const swarmFailure = (cause: unknown): EngineError => {
  if (cause instanceof EngineError) return cause
  if (cause instanceof DockerError && isLeaderless(cause))
    return new EngineError(
      {
        code: 'node-lost',
        message: `The Swarm cannot be changed now: ${cause.message}`,
        mend: 'Most of its managers must be up (docker node ls). What runs goes on, and it is tried again.',
      },
      true,
      { cause },
    )
  if (cause instanceof DaemonSilent || mayAskAnother(cause))
    return hostSilent(cause instanceof Error ? cause.message : String(cause), cause)
  return startFailure(cause)
}

const clusterOf = (options: SwarmEngineOptions, onHint: (observation: Observation) => void): ClusterOptions => {
  const { registries = {}, images = {}, userOf = () => DEFAULT_USER } = options
  return {
    owner: options.owner,
    daemons: options.daemons,
    clock: options.clock,
    random: options.random,
    startsAtATime: options.startsAtATime ?? STARTS_AT_A_TIME,
    daemonTimeoutMs: options.daemonTimeoutMs ?? DAEMON_TIMEOUT_MS,
    eventsIdleMs: options.eventsIdleMs ?? IDLE_MS,
    lookEveryMs: options.lookEveryMs ?? LOOK_EVERY_MS,
    orphanGraceMs: options.orphanGraceMs ?? ORPHAN_GRACE_MS,
    extraHosts: options.extraHosts ?? [],
    sharedPaths: options.sharedPaths ?? [],
    isInternal: options.isInternal ?? (() => false),
    isEncrypted: options.encryptedOverlays ?? false,
    workloadsPerOverlay: options.workloadsPerOverlay ?? WORKLOADS_PER_OVERLAY,
    loginOf: registry => (Object.hasOwn(registries, registry) ? registries[registry] : undefined),
    imageOf: workload => workload.image ?? images[workload.labels.kind],
    brought: options.brought ?? (() => undefined),
    userOf: account => notRoot(account, userOf(account)),
    readOnlyRoot: options.readOnlyRoot ?? (workload => workload.labels.kind === 'controller'),
    cpuCeilingOf: options.cpuCeilingOf ?? (() => undefined),
    onWarning: options.onWarning,
    onHint,
  }
}

const notRoot = (account: string, user: ContainerUser): ContainerUser => {
  if (user.uid > 0 && user.gid > 0) return user
  throw invalid(`The account ${account} would run as root.`, 'Map it to another user.')
}
