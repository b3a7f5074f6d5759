import { type HostId, hostId, type Milliseconds, type Observation, type Timestamp, type WorkloadId } from '../../model/index.ts'
import { type Clock, deadline, type Random } from '../../runtime/index.ts'
import { type DaemonEvent, parse } from '../docker/client/answers.ts'
import { compareVersions } from '../docker/client/api-version.ts'
import { DockerClient } from '../docker/client/client.ts'
import { followEvents } from '../docker/client/event-stream.ts'
import type { TlsFiles } from '../docker/client/transport.ts'
import { LABEL, ownerLabel } from '../docker/labels.ts'
import { Observed } from '../docker/observed.ts'
import { Outages } from '../docker/outages.ts'
import { NodeInfo } from './answers.ts'
import type { ReachSeen } from './nodes.ts'

/** A daemon of a node that Manor reaches. At least one is a manager; which ones are is found out. */
export type SwarmDaemonOptions = {
  /** As in DOCKER_HOST: unix:///var/run/docker.sock, tcp://manager-1:2376, ssh://manor@worker-1. */
  readonly address: string
  readonly tls?: TlsFiles
  readonly sshProgram?: string
}

export type NodeDaemonOptions = SwarmDaemonOptions & {
  readonly owner: string
  readonly clock: Clock
  readonly random: Random
  readonly timeoutMs: Milliseconds
  readonly eventsIdleMs: Milliseconds
  readonly stopOf: (id: WorkloadId) => { readonly askedAt: Timestamp; readonly killAt: Timestamp } | undefined
  /** Something happened to a workload's container here, as its daemon sees it. */
  readonly onContainer: (observation: Observation) => void
  /** Something happened in the Swarm: to a service (its id) or to a node. */
  readonly onSwarm: (what: 'service' | 'node', id: string) => void
  /** The stream of events was begun anew: what happened meanwhile may not have been told. */
  readonly onGap: () => void
  readonly onWarning: (sentence: string) => void
}

/** From which version daemons heed a service's NoNewPrivileges. */
const NO_NEW_PRIVILEGES_SINCE = '1.46'
/** Its place in the Swarm changes when somebody takes it out and back in. */
const PLACE_EVERY_MS = 60_000
/** What a call is given as the host until the Swarm says which it is; never told. */
const NOWHERE: HostId = hostId('a-node')

/** What a daemon says of its place in a Swarm. */
export const nodeInfoOf = async (client: DockerClient, signal: AbortSignal): Promise<NodeInfo> =>
  parse(NodeInfo, (await client.call({ method: 'GET', path: '/info' }, signal)).text)

/**
 * One node's own daemon: the only one that knows whether memory was the end of a container, what it uses, and how to send it a signal. All of
 * it is more than the Swarm needs: a node whose daemon is not reached runs workloads all the same.
 */
export class NodeDaemon {
  readonly client: DockerClient
  readonly #options: NodeDaemonOptions
  readonly #observed: Observed
  readonly #outages = new Outages()
  readonly #end = new AbortController()
  #place: { readonly at: number; readonly nodeId: string; readonly subnetSize?: number; readonly hasNoNewPrivileges: boolean } | undefined
  #isReached = false
  #caughtUp = false
  #loop: Promise<void> | undefined
  #told: string | undefined

  constructor(options: NodeDaemonOptions) {
    const { address, tls, sshProgram, clock, owner, stopOf, onWarning } = options
    this.#options = options
    this.client = new DockerClient({
      address,
      clock,
      ...(tls === undefined ? {} : { tls }),
      ...(sshProgram === undefined ? {} : { sshProgram }),
      onSaid: onWarning,
    })
    const isStarting = (): boolean => true
    this.#observed = new Observed({
      client: this.client,
      owner,
      clock,
      host: NOWHERE,
      reach: { address: '', peersByName: true },
      outages: this.#outages,
      stopOf,
      isStarting,
    })
  }

  start(): void {
    this.#loop = this.#follow()
  }

  get nodeId(): string | undefined {
    return this.#place?.nodeId
  }

  /** How many bits of an address tell overlays apart, as a manager says. */
  get subnetSize(): number | undefined {
    return this.#place?.subnetSize
  }

  get reach(): ReachSeen {
    return { isReached: this.#isReached, hasNoNewPrivileges: this.#place?.hasNoNewPrivileges ?? false }
  }

  /** Finds out which node it is. Where it is silent: keeps what was known. */
  async find(signal: AbortSignal): Promise<void> {
    const now = this.#options.clock.monotonic()
    if (this.#place !== undefined && this.#isReached && now - this.#place.at < PLACE_EVERY_MS) return
    await this.#within(signal, async until => {
      const { Swarm, SecurityOptions } = await nodeInfoOf(this.client, until)
      const version = await this.client.version(until)
      this.#place = {
        at: now,
        nodeId: Swarm.NodeID,
        ...(Swarm.Cluster?.SubnetSize === undefined ? {} : { subnetSize: Swarm.Cluster.SubnetSize }),
        hasNoNewPrivileges:
          compareVersions(version, NO_NEW_PRIVILEGES_SINCE) >= 0 ||
          (SecurityOptions ?? []).some(option => option.includes('no-new-privileges')),
      }
    })
  }

  /** Looks at every container of ours here. Where it is silent: what was seen stands. */
  async look(signal: AbortSignal): Promise<void> {
    await this.find(signal)
    if (!this.#isReached) return
    await this.#within(signal, async until => {
      if (!this.#caughtUp) await this.#catchUp(until)
      await this.#observed.list(until)
    })
  }

  /** Looks at one container anew. */
  async lookAt(containerId: string, signal: AbortSignal): Promise<Observation | undefined> {
    await this.#within(signal, until => this.#observed.container(containerId, until))
    return this.of(containerId)
  }

  /** A container as it was last seen. */
  of(containerId: string): Observation | undefined {
    return this.#observed.of(containerId)
  }

  async close(): Promise<void> {
    this.#end.abort(new DOMException('The Swarm engine was closed.', 'AbortError'))
    await this.#loop
    await this.client.close()
  }

  /** Memory kills are told by events alone while a container lives on; the daemon remembers the last ones. */
  async #catchUp(signal: AbortSignal): Promise<void> {
    const { owner, clock } = this.#options
    const filters = { type: ['container'], event: ['oom'], label: [ownerLabel(owner)] }
    const until = String(Math.floor(clock.now() / 1_000))
    for (const { Actor } of await this.client.pastEvents({ filters, since: '0', until }, signal))
      if (!this.#observed.ooms.has(Actor.ID)) this.#observed.ooms.set(Actor.ID, clock.now())
    this.#caughtUp = true
  }

  async #follow(): Promise<void> {
    const { clock, random, eventsIdleMs: idleMs } = this.#options
    const filters = { type: ['container', 'service', 'node'], event: ['start', 'die', 'oom', 'create', 'update', 'remove'] }
    const options = { client: this.client, clock, random, filters, onBroken: () => this.#outages.begin(clock.now()), idleMs }
    for await (const notice of followEvents(options, this.#end.signal)) {
      try {
        if (notice.kind === 'event') await this.#happened(notice.event)
        else {
          this.#observed.doubtAll()
          this.#caughtUp = false
          this.#place = this.#place === undefined ? undefined : { ...this.#place, at: Number.NEGATIVE_INFINITY }
          this.#options.onGap()
        }
      } catch (cause) {
        if (!this.#end.signal.aborted) this.#note(cause)
      }
    }
  }

  async #happened({ Type, Action, Actor }: DaemonEvent): Promise<void> {
    const { owner, clock, onContainer, onSwarm } = this.#options
    if (Type === 'service' || Type === 'node') {
      onSwarm(Type, Actor.ID)
      return
    }
    const labels = Actor.Attributes ?? {}
    if (Type !== 'container' || labels[LABEL.owner] !== owner || labels[LABEL.workload] === undefined) return
    if (Action === 'oom') this.#observed.ooms.set(Actor.ID, clock.now())
    const observation = await this.#observed.container(Actor.ID, this.#end.signal)
    if (observation !== undefined) onContainer(observation)
  }

  /** Asks, for a bounded time. Only an abort of the asker's is thrown: that a node's daemon is silent fails nothing. */
  async #within(signal: AbortSignal, ask: (until: AbortSignal) => Promise<unknown>): Promise<void> {
    const { clock, timeoutMs } = this.#options
    const limit = deadline(clock, timeoutMs, signal)
    try {
      await ask(limit.signal)
      this.#isReached = true
      this.#outages.end(clock.now())
      this.#told = undefined
    } catch (cause) {
      if (signal.aborted) throw signal.reason
      this.#isReached = false
      this.#outages.begin(clock.now())
      this.#note(cause)
    } finally {
      limit.done()
    }
  }

  /** Says a thing once, until it is well again or something else is the matter. */
  #note(cause: unknown): void {
    const sentence = `The daemon at ${this.client.address} did not answer: ${cause instanceof Error ? cause.message : String(cause)}`
    if (this.#told === sentence) return
    this.#told = sentence
    this.#options.onWarning(sentence)
  }
}
