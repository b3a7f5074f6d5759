import {
  ACCESS_KINDS,
  type Host,
  type HostId,
  type Milliseconds,
  type Observation,
  type Reason,
  type TenantId,
  type Workload,
  type WorkloadId,
} from '../../model/index.ts'
import type { Clock, Random } from '../../runtime/index.ts'
import { type Engine, EngineError } from '../engine.ts'
import { invalid } from '../process/prepare.ts'
import { IDLE_MS } from './client/event-stream.ts'
import type { RegistryLogin } from './client/image-reference.ts'
import type { ContainerUser } from './container-spec.ts'
import { Daemon, type DaemonOptions, type FleetOptions } from './daemon.ts'
import { Hints } from './hints.ts'
import { hostSilent, startFailure } from './start-failure.ts'
import { STARTS_AT_A_TIME } from './start-limiter.ts'
import type { PullPolicy } from './submitter.ts'
import { type AddressPool, DEFAULT_POOL } from './subnets.ts'

export type DockerEngineOptions = {
  /** Whose workloads these are: the id of the store. Part of names: letters, digits, ".", "_" and "-". */
  readonly owner: string
  /** One daemon is one host. Several owners may share a daemon. */
  readonly daemons: readonly DaemonOptions[]
  readonly clock: Clock
  readonly random: Random
  /** For workloads that name none. */
  readonly images?: { readonly controller?: string; readonly agent?: string }
  readonly pullPolicy?: PullPolicy
  /** Images to have on every host in advance, as of now, the most wanted first; asked twice a minute. None unless told. */
  readonly imagesWanted?: () => readonly string[]
  /** Logins by the registry's host; `docker.io` for the default one. */
  readonly registries?: Readonly<Record<string, RegistryLogin>>
  /** Who an account's workloads run as inside their containers; 1000:1000 unless told. Never root. */
  readonly userOf?: (account: string) => ContainerUser
  /** Whether nothing but its mounts, /tmp and its private directory can be written by it. Controllers unless told: images of builds differ. */
  readonly readOnlyRoot?: (workload: Workload) => boolean
  /** A hard ceiling in cores. None unless told: a share under contention lets builds use what is idle. */
  readonly cpuCeilingOf?: (workload: Workload) => number | undefined
  /** Tenants whose containers have no way out of their network. None unless told: builds fetch what they build. */
  readonly isInternal?: (tenant: TenantId) => boolean
  /** Where tenants' networks are cut from. */
  readonly pool?: AddressPool
  /** `name:address` (or `name:host-gateway`) for each container's /etc/hosts: how it finds Manor. */
  readonly extraHosts?: readonly string[]
  /**
   * What was placed on a host, as whoever placed it remembers: asked where a daemon has not answered since Manor's start, and told as unknown.
   * Without it the list of all workloads fails until each daemon has answered once, since it must not say that nothing runs there.
   */
  readonly placedOn?: (host: HostId) => readonly Omit<Observation, 'state' | 'host'>[] | undefined
  readonly startsAtATime?: number
  /** After this a daemon counts as silent. */
  readonly daemonTimeoutMs?: Milliseconds
  /** A stream of events that is silent for so long is begun anew. */
  readonly eventsIdleMs?: Milliseconds
  /** How long a container that was made and never started is left for somebody to go on with. Longer than any start. */
  readonly orphanGraceMs?: Milliseconds
  /** Told once for each thing that is weaker here than it should be, and for what fails for now. */
  readonly onWarning: (sentence: string) => void
}

export type DockerEngine = Engine &
  AsyncDisposable & {
    /** Lets go of what this instance holds: connections, watches, the driving of stops. Workloads go on. */
    close(): Promise<void>
  }

/** Images' usual user; a home's files belong to it. */
const DEFAULT_USER: ContainerUser = { uid: 1_000, gid: 1_000 }
/** A list of a thousand containers after a restart takes seconds; whoever asks gives up at twenty. */
const DAEMON_TIMEOUT_MS = 10_000
const ORPHAN_GRACE_MS = 15 * 60_000
const MAX_LOG_BYTES = 1_048_576
const SAFE_OWNER = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/

/**
 * Opens the engine over its daemons and adopts what runs there, found by labels. A daemon that does not answer is a silent host: it is taken
 * up when it is back. Rejects where the options are wrong.
 */
export const createDockerEngine = async (options: DockerEngineOptions): Promise<DockerEngine> => {
  if (!SAFE_OWNER.test(options.owner))
    throw invalid(`The owner "${options.owner}" cannot be part of a name.`, 'Use letters, digits and "-".')
  if (options.daemons.length === 0) throw invalid('The Docker engine has no daemon.', 'Give it one: unix:///var/run/docker.sock.')
  const hosts = options.daemons.map(({ host }) => host)
  if (new Set(hosts).size < hosts.length) throw invalid('Two Docker daemons have the same host id.', 'Give each its own.')
  return new Containers(options)
}

class Containers implements DockerEngine {
  readonly name = 'docker'
  readonly placement = 'manor'
  readonly volumes = 'service'
  readonly gives = ACCESS_KINDS
  /** Each container has a network of its own, and is reached from outside it. */
  readonly listenAddress = '0.0.0.0'
  readonly #daemons: ReadonlyMap<HostId, Daemon>
  readonly #hints = new Hints()
  /** Where a workload was last seen. A look is still needed: this only says where to look first. */
  readonly #places = new Map<WorkloadId, HostId>()

  constructor(options: DockerEngineOptions) {
    const fleet = fleetOf(options, observation => this.#hints.tell(observation))
    this.#daemons = new Map(options.daemons.map(daemon => [daemon.host, new Daemon(daemon, fleet)]))
    for (const daemon of this.#daemons.values()) daemon.start()
  }

  async submit(workload: Workload, on: HostId | undefined, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    const daemon = this.#daemonFor(workload, on)
    try {
      await daemon.submit(workload, signal)
    } catch (cause) {
      throw signal.aborted ? signal.reason : startFailure(cause)
    }
    this.#places.set(workload.id, daemon.host)
  }

  /** Resolves when the stop is under way; `list` shows it as stopping until it has ended. */
  async stop(id: WorkloadId, grace: Milliseconds, signal: AbortSignal): Promise<void> {
    await this.#at(id, signal, daemon => daemon.stop(id, grace, signal))
  }

  async remove(id: WorkloadId, signal: AbortSignal): Promise<void> {
    await this.#at(id, signal, daemon => daemon.remove(id, signal))
    this.#places.delete(id)
  }

  async list(signal: AbortSignal): Promise<readonly Observation[]> {
    signal.throwIfAborted()
    const all = (await this.#all(signal, daemon => daemon.list(signal))).flat()
    this.#places.clear()
    for (const { id, host } of all) if (host !== undefined) this.#places.set(id, host)
    return all
  }

  watch(signal: AbortSignal): AsyncIterable<Observation> {
    return this.#hints.follow(signal)
  }

  async hosts(signal: AbortSignal): Promise<readonly Host[]> {
    signal.throwIfAborted()
    return this.#all(signal, daemon => daemon.describe(signal))
  }

  async explain(id: WorkloadId, signal: AbortSignal): Promise<Reason | undefined> {
    return this.#at(id, signal, daemon => daemon.explain(id, signal))
  }

  async logs(id: WorkloadId, bytes: number, signal: AbortSignal): Promise<string> {
    const wanted = Math.min(Math.max(0, bytes), MAX_LOG_BYTES)
    return (await this.#at(id, signal, daemon => daemon.logs(id, wanted, signal))) ?? ''
  }

  async close(): Promise<void> {
    this.#hints.close()
    await Promise.all([...this.#daemons.values()].map(daemon => daemon.close()))
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #daemonFor({ id }: Workload, on: HostId | undefined): Daemon {
    const [only] = this.#daemons.values()
    const daemon = on === undefined ? (this.#daemons.size === 1 ? only : undefined) : this.#daemons.get(on)
    if (daemon !== undefined) return daemon
    const known = [...this.#daemons.keys()].join(', ')
    throw invalid(
      on === undefined
        ? `The workload ${id} names no host.`
        : `The workload ${id} is for host ${on}, which the Docker engine does not have.`,
      `Place it on one of: ${known}.`,
    )
  }

  async #all<Result>(signal: AbortSignal, ask: (daemon: Daemon) => Promise<Result>): Promise<Result[]> {
    try {
      return await Promise.all([...this.#daemons.values()].map(ask))
    } catch (cause) {
      throw signal.aborted ? signal.reason : startFailure(cause)
    }
  }

  /** Asks the daemon that has the workload. Where none has it: resolves to undefined, unless one that might have it is silent. */
  async #at<Result>(id: WorkloadId, signal: AbortSignal, ask: (daemon: Daemon) => Promise<Result>): Promise<Result | undefined> {
    signal.throwIfAborted()
    try {
      const place = this.#places.get(id)
      const known = place === undefined ? undefined : this.#daemons.get(place)
      const daemon = known ?? (await this.#find(id, signal))
      return daemon === undefined ? undefined : await ask(daemon)
    } catch (cause) {
      throw signal.aborted ? signal.reason : startFailure(cause)
    }
  }

  async #find(id: WorkloadId, signal: AbortSignal): Promise<Daemon | undefined> {
    const daemons = [...this.#daemons.values()]
    const looks = await Promise.allSettled(daemons.map(async daemon => ((await daemon.has(id, signal)) ? daemon : undefined)))
    signal.throwIfAborted()
    for (const look of looks) if (look.status === 'fulfilled' && look.value !== undefined) return look.value
    const failed = looks.find(look => look.status === 'rejected')
    if (failed !== undefined) throw failed.reason instanceof EngineError ? failed.reason : hostSilent(String(failed.reason), failed.reason)
    return undefined
  }
}

const fleetOf = (options: DockerEngineOptions, onHint: (observation: Observation) => void): FleetOptions => {
  const { registries = {}, images = {}, userOf = () => DEFAULT_USER, isInternal = () => false } = options
  return {
    owner: options.owner,
    clock: options.clock,
    random: options.random,
    pool: options.pool ?? DEFAULT_POOL,
    isInternal,
    startsAtATime: options.startsAtATime ?? STARTS_AT_A_TIME,
    daemonTimeoutMs: options.daemonTimeoutMs ?? DAEMON_TIMEOUT_MS,
    orphanGraceMs: options.orphanGraceMs ?? ORPHAN_GRACE_MS,
    extraHosts: options.extraHosts ?? [],
    peersByName: options.daemons.length === 1,
    pullPolicy: options.pullPolicy ?? 'missing',
    imagesWanted: options.imagesWanted ?? (() => []),
    loginOf: registry => (Object.hasOwn(registries, registry) ? registries[registry] : undefined),
    imageOf: workload => workload.image ?? images[workload.labels.kind],
    userOf: account => notRoot(account, userOf(account)),
    readOnlyRoot: options.readOnlyRoot ?? (workload => workload.labels.kind === 'controller'),
    cpuCeilingOf: options.cpuCeilingOf ?? (() => undefined),
    placedOn: options.placedOn ?? (() => undefined),
    eventsIdleMs: options.eventsIdleMs ?? IDLE_MS,
    onWarning: options.onWarning,
    onHint,
  }
}

const notRoot = (account: string, user: ContainerUser): ContainerUser => {
  if (user.uid > 0 && user.gid > 0) return user
  throw invalid(`The account ${account} would run as root.`, 'Map it to another user.')
}
