import type {
  Host,
  HostId,
  HostRole,
  Milliseconds,
  Observation,
  Reason,
  Resources,
  TenantId,
  Workload,
  WorkloadId,
} from '../../model/index.ts'
import { type Clock, deadline, type Random } from '../../runtime/index.ts'
import { EngineError } from '../engine.ts'
import { RESERVED } from '../process/host.ts'
import { parseAddress } from './client/address.ts'
import type { DaemonEvent, Info } from './client/answers.ts'
import { DockerClient } from './client/client.ts'
import { DaemonSilent, hasStatus } from './client/errors.ts'
import { followEvents } from './client/event-stream.ts'
import type { TlsFiles } from './client/transport.ts'
import { untilAborted } from './client/until-aborted.ts'
import type { DockerEngineOptions } from './docker-engine.ts'
import { applyFirewall, type FirewallOptions } from './firewall.ts'
import { describeDockerHost, type ImageNames, imageNamesOf, silentHost } from './host.ts'
import { LABEL, ownerLabel } from './labels.ts'
import { logTail } from './log-tail.ts'
import { Networks } from './networks.ts'
import { hasEnded } from './observe.ts'
import { Observed } from './observed.ts'
import { Outages } from './outages.ts'
import { PrePull } from './pre-pull.ts'
import { hostSilent } from './start-failure.ts'
import { StartLimiter } from './start-limiter.ts'
import { Stopper } from './stopper.ts'
import { Submitter, type SubmitterOptions } from './submitter.ts'
import { type AddressPool, bridgePrefix } from './subnets.ts'
import { ownVolumes } from './volume-files.ts'

/** One daemon, which is one host. */
export type DaemonOptions = {
  readonly host: HostId
  /** As in DOCKER_HOST: unix:///var/run/docker.sock, tcp://worker-1:2376, ssh://manor@worker-1. */
  readonly address: string
  readonly tls?: TlsFiles
  readonly sshProgram?: string
  readonly role?: HostRole
  readonly reservedFor?: TenantId
  readonly reserved?: Resources
  readonly attributes?: Readonly<Record<string, string>>
  /** Free disk for containers; needed where the daemon is on another machine. */
  readonly diskMb?: number
  /** The host's address on which ports are published. 127.0.0.1 where the daemon is on this machine, else all. */
  readonly publishOn?: string
  /** Whether private files may be written into its volumes without it, where that is possible (volume-files.ts). True unless told. */
  readonly volumesAreOwn?: boolean
  /** Under which address Manor reaches published ports. By default the daemon's own host name. */
  readonly reachAt?: string
  /** Closes the metadata address and the host's own services to containers. Left out, they are open, and the host says so. */
  readonly firewall?: FirewallOptions
}

/** What all daemons of an engine share. */
export type FleetOptions = Pick<
  SubmitterOptions,
  'owner' | 'clock' | 'random' | 'extraHosts' | 'pullPolicy' | 'loginOf' | 'imageOf' | 'userOf' | 'readOnlyRoot' | 'cpuCeilingOf'
> & {
  readonly clock: Clock
  readonly random: Random
  readonly pool: AddressPool
  readonly isInternal: (tenant: TenantId) => boolean
  readonly startsAtATime: number
  /** All workloads of a tenant share one network. */
  readonly peersByName: boolean
  readonly daemonTimeoutMs: Milliseconds
  readonly orphanGraceMs: Milliseconds
  readonly placedOn: NonNullable<DockerEngineOptions['placedOn']>
  /** A stream of events that is silent for so long is begun anew. */
  readonly eventsIdleMs: Milliseconds
  /** Images to have on every host before anything of them is started. */
  readonly imagesWanted: () => readonly string[]
  readonly onWarning: (sentence: string) => void
  readonly onHint: (observation: Observation) => void
}

/** What is swept is nobody's: a minute more or less does not matter. */
const SWEEP_EVERY_MS = 60_000
/** Which images a host has changes with pulls and prunings, and only decides between hosts that would all do. */
const IMAGES_EVERY_MS = 30_000
/** A daemon that answers was listed once within this after Manor's start. */
const FIRST_LIST_MS = 1_000
const EVENTS = ['start', 'die', 'oom', 'destroy']

/** One daemon and all that is known of it. Silence is not death: while it does not answer, what ran there is `unknown`. */
export class Daemon {
  readonly host: HostId
  readonly #options: DaemonOptions
  readonly #fleet: FleetOptions
  readonly #client: DockerClient
  readonly #end = new AbortController()
  readonly #outages = new Outages()
  readonly #observed: Observed
  readonly #networks: Networks
  readonly #stopper: Stopper
  readonly #submitter: Submitter
  #rootDir: string | undefined
  #volumes: string | undefined
  #lastHost: Host | undefined
  #images: { readonly at: number; readonly names: ImageNames } | undefined
  #listed = false
  #prepared = false
  #preparing: Promise<void> | undefined
  #loops: readonly Promise<void>[] = []
  #told: string | undefined
  /** Why the firewall's rules are not in force, once they were tried. */
  #openBecause: string | undefined

  constructor(options: DaemonOptions, fleet: FleetOptions) {
    const { owner, clock, onWarning } = fleet
    this.host = options.host
    this.#options = options
    this.#fleet = fleet
    const address = parseAddress(options.address, options.tls !== undefined)
    this.#client = new DockerClient({
      address: options.address,
      ...(options.tls === undefined ? {} : { tls: options.tls }),
      ...(options.sshProgram === undefined ? {} : { sshProgram: options.sshProgram }),
      clock,
      onSaid: onWarning,
    })
    const client = this.#client
    const end = this.#end.signal
    const reachAt =
      options.reachAt ?? (address.kind === 'tcp' ? address.host : address.kind === 'ssh' ? hostOf(address.destination) : '127.0.0.1')
    this.#stopper = new Stopper({ client, owner, clock, end, onProblem: cause => this.#note('A stop failed for now', cause) })
    this.#networks = new Networks({ client, owner, clock, pool: fleet.pool, isInternal: fleet.isInternal })
    this.#submitter = new Submitter({
      ...fleet,
      client,
      end,
      networks: this.#networks,
      limiter: new StartLimiter(fleet.startsAtATime),
      isLocal: client.isLocal,
      volumes: () => this.#volumes,
      closedPaths: () => [...(address.kind === 'unix' ? [address.path] : []), ...(this.#rootDir === undefined ? [] : [this.#rootDir])],
      publishOn: options.publishOn ?? (client.isLocal ? '127.0.0.1' : '0.0.0.0'),
      takenPorts: () => this.#observed.takenPorts(),
    })
    this.#observed = new Observed({
      client,
      owner,
      clock,
      host: options.host,
      reach: { address: reachAt, peersByName: fleet.peersByName },
      outages: this.#outages,
      stopOf: id => this.#stopper.stopOf(id),
      isStarting: id => this.#submitter.isStarting(id),
    })
  }

  /** Begins to follow events and to sweep. A daemon that is silent now is taken up when it is back. */
  start(): void {
    this.#loops = [this.#follow(), this.#sweepNowAndThen(), this.#prePull()]
  }

  /** Whether it was ever seen what is there. */
  get isKnown(): boolean {
    return this.#listed
  }

  async submit(workload: Workload, signal: AbortSignal): Promise<void> {
    await this.#prepare(signal)
    await untilAborted(this.#submitter.submit(workload), signal)
  }

  /** Everything of ours there; where the daemon is silent, what was there, as unknown. Rejects where that was never seen. */
  async list(signal: AbortSignal): Promise<readonly Observation[]> {
    try {
      const seen = await this.#within(signal, async until => {
        await this.#prepare(until)
        return this.#observed.list(until)
      })
      this.#listed = true
      return seen
    } catch (cause) {
      if (signal.aborted || !isSilence(cause)) throw cause
      const placed = this.#listed ? undefined : this.#fleet.placedOn(this.host)
      if (!this.#listed && placed === undefined) throw hostSilent(`What runs on ${this.host} is not known: ${messageOf(cause)}`, cause)
      if (placed !== undefined) return placed.map(observation => ({ ...observation, host: this.host, state: 'unknown' }))
      return this.#observed.known().map(observation => (observation.state === 'ended' ? observation : { ...observation, state: 'unknown' }))
    }
  }

  async describe(signal: AbortSignal): Promise<Host> {
    const { clock } = this.#fleet
    const { role = 'any', reservedFor, reserved = RESERVED, diskMb, attributes = {} } = this.#options
    try {
      const [info, images] = await this.#within(signal, async until => Promise.all([this.#client.info(until), this.#imagesThere(until)]))
      this.#learn(info)
      if (info.OSType !== 'linux')
        throw new DaemonSilent(`The daemon of ${this.host} runs ${info.OSType} containers, and Manor needs Linux ones.`)
      const description = {
        id: this.host,
        role,
        reserved,
        attributes,
        weaker: this.#weaker(),
        ...(reservedFor === undefined ? {} : { reservedFor }),
        ...(diskMb === undefined ? {} : { diskMb }),
      }
      this.#lastHost = await describeDockerHost(description, info, images, this.#client.isLocal, clock.now())
      return this.#lastHost
    } catch (cause) {
      if (signal.aborted) throw signal.reason
      return silentHost(this.host, role, this.#lastHost, messageOf(cause), this.#outages.since ?? clock.now())
    }
  }

  /** Whether a workload is there; looks, if only at what is under way here. */
  async has(id: WorkloadId, signal: AbortSignal): Promise<boolean> {
    return this.#submitter.isStarting(id) || (await this.#observed.one(id, signal)) !== undefined
  }

  async stop(id: WorkloadId, grace: Milliseconds, signal: AbortSignal): Promise<void> {
    await this.#prepare(signal)
    await untilAborted(this.#submitter.settled(id), signal)
    const found = await this.#observed.one(id, signal)
    if (found === undefined || hasEnded(found.seen)) return
    // Made, not started, and nobody is about to: there is nothing to end but the container.
    if (found.seen.status === 'created') await this.#client.removeContainer(found.seen.containerId, false, signal)
    else await this.#stopper.ask(id, found.seen.containerId, grace, signal)
  }

  async remove(id: WorkloadId, signal: AbortSignal): Promise<void> {
    await this.#prepare(signal)
    await untilAborted(this.#submitter.settled(id), signal)
    const found = await this.#observed.one(id, signal)
    if (found !== undefined) {
      const { seen } = found
      if (!hasEnded(seen) && seen.status !== 'created') throw notEnded(id)
      try {
        await this.#client.removeContainer(seen.containerId, false, signal)
      } catch (cause) {
        throw hasStatus(cause, 409) ? notEnded(id, cause) : cause
      }
      this.#observed.forget(seen.containerId)
    }
    await this.#stopper.forget(id, signal)
  }

  async explain(id: WorkloadId, signal: AbortSignal): Promise<Reason | undefined> {
    const found = await this.#observed.one(id, signal)
    if (found === undefined) return undefined
    const stop = this.#stopper.stopOf(id)
    return found.observation.reason ?? (stop === undefined ? undefined : stopping(stop, this.#fleet.clock.now()))
  }

  async logs(id: WorkloadId, bytes: number, signal: AbortSignal): Promise<string> {
    const found = await this.#observed.one(id, signal)
    return found === undefined ? '' : logTail(this.#client, found.seen.containerId, bytes, signal)
  }

  async close(): Promise<void> {
    this.#end.abort(new DOMException('The Docker engine was closed.', 'AbortError'))
    await Promise.allSettled(this.#loops)
    await this.#client.close()
  }

  /** What must be known before anything is said or done: which stops are under way. Done once, on the first answer. */
  async #prepare(signal: AbortSignal): Promise<void> {
    if (this.#prepared) return
    this.#preparing ??= this.#within(this.#end.signal, until => this.#adopt(until)).finally(() => {
      this.#preparing = undefined
    })
    await untilAborted(this.#preparing, signal)
  }

  async #adopt(signal: AbortSignal): Promise<void> {
    await this.#closeDoors()
    this.#learn(await this.#client.info(signal))
    await this.#stopper.load(signal)
    await this.#catchUp(signal)
    for (const { id, state } of await this.#observed.list(signal)) {
      const found = state === 'stopping' ? await this.#observed.one(id, signal) : undefined
      if (found !== undefined && !hasEnded(found.seen)) this.#stopper.resume(id, found.seen.containerId)
    }
    this.#prepared = true
  }

  #learn(info: Info): void {
    this.#rootDir = info.DockerRootDir
    this.#volumes = this.#options.volumesAreOwn === false ? undefined : ownVolumes(info, this.#client.isLocal)
  }

  /** Sets the firewall's rules, before anything is started and after each gap: a host that was booted anew has lost them. */
  async #closeDoors(): Promise<void> {
    const { firewall } = this.#options
    const { owner, clock, onWarning } = this.#fleet
    if (firewall === undefined) return
    try {
      await applyFirewall(bridgePrefix(owner), firewall, clock, this.#end.signal)
      this.#openBecause = undefined
    } catch (cause) {
      if (this.#end.signal.aborted) throw cause
      this.#openBecause = messageOf(cause)
      onWarning(`Docker on ${this.host}: its firewall could not be set: ${this.#openBecause}`)
    }
  }

  #weaker(): readonly string[] {
    const open = 'containers can reach the services of their host, and the metadata address of a cloud'
    if (this.#options.firewall === undefined) return [`No firewall is set for it: ${open}.`]
    return this.#openBecause === undefined ? [] : [`Its firewall could not be set (${this.#openBecause}): ${open}.`]
  }

  /** Out-of-memory kills of children are told by events alone until their container ends; the daemon remembers the last ones. */
  async #catchUp(signal: AbortSignal): Promise<void> {
    const { owner, clock } = this.#fleet
    const filters = { type: ['container'], event: ['oom'], label: [ownerLabel(owner)] }
    const until = String(Math.floor(clock.now() / 1_000))
    for (const { Actor } of await this.#client.pastEvents({ filters, since: '0', until }, signal))
      if (!this.#observed.ooms.has(Actor.ID)) this.#observed.ooms.set(Actor.ID, clock.now())
  }

  async #follow(): Promise<void> {
    const { owner, clock, random, onHint, eventsIdleMs } = this.#fleet
    const filters = { type: ['container'], event: EVENTS, label: [ownerLabel(owner), LABEL.workload] }
    const options = { client: this.#client, clock, random, filters, onBroken: () => this.#outages.begin(clock.now()), idleMs: eventsIdleMs }
    for await (const notice of followEvents(options, this.#end.signal)) {
      try {
        if (notice.kind === 'gap') await this.#resync()
        else await this.#happened(notice.event, onHint)
      } catch (cause) {
        if (!this.#end.signal.aborted) this.#note('An event could not be followed up', cause)
      }
    }
  }

  async #happened({ Action, Actor }: DaemonEvent, onHint: (observation: Observation) => void): Promise<void> {
    if (Action === 'oom') this.#observed.ooms.set(Actor.ID, this.#fleet.clock.now())
    const observation = await this.#observed.container(Actor.ID, this.#end.signal)
    if (observation !== undefined) onHint(observation)
  }

  /** After a gap: look at everything, and tell of what is not as it was. */
  async #resync(): Promise<void> {
    const before = new Map(this.#observed.known().map(observation => [observation.id, observation.state]))
    this.#observed.doubtAll()
    this.#networks.forget()
    await this.#closeDoors()
    await this.#within(this.#end.signal, until => this.#catchUp(until))
    for (const observation of await this.list(this.#end.signal))
      if (before.get(observation.id) !== observation.state) this.#fleet.onHint(observation)
  }

  async #sweepNowAndThen(): Promise<void> {
    const { clock } = this.#fleet
    const { signal } = this.#end
    while (!signal.aborted) {
      await clock.sleep(Math.min(SWEEP_EVERY_MS, this.#fleet.orphanGraceMs), signal).catch(() => undefined)
      if (!signal.aborted && this.#listed)
        await this.#sweep(signal).catch(cause => !signal.aborted && this.#note('A sweep failed for now', cause))
    }
  }

  /** A daemon is asked for nothing before it was listed once: one that is silent would only fail for each image. */
  async #prePull(): Promise<void> {
    const { clock, imagesWanted: wanted } = this.#fleet
    const { signal } = this.#end
    while (!this.#listed && !signal.aborted) await clock.sleep(FIRST_LIST_MS, signal).catch(() => undefined)
    const pulls = new PrePull({
      wanted,
      has: (image, until) => this.#client.hasImage(image, until),
      bring: async image => {
        await this.#submitter.bring(image)
        this.#images = undefined
      },
      clock,
      onProblem: (image, cause) => this.#note(`The image ${image} could not be brought in advance`, cause),
    })
    await pulls.run(signal)
  }

  /** Takes away what a crash between two calls left: containers that were made and never started, records of stops, unused networks. */
  async #sweep(signal: AbortSignal): Promise<void> {
    const { clock, orphanGraceMs } = this.#fleet
    await this.#within(signal, async until => {
      await this.#observed.list(until)
      for (const [id, madeAt] of this.#observed.abandoned) {
        if (clock.now() - madeAt < orphanGraceMs) continue
        await this.#client.removeContainer(id, false, until).catch(cause => {
          // Started at this very moment: then it is none.
          if (!hasStatus(cause, 409)) throw cause
        })
      }
      await this.#stopper.sweep(id => this.#observed.isThere(id) || this.#submitter.isStarting(id), until)
      await this.#networks.sweep(this.#observed.tenants(), until)
    })
  }

  async #imagesThere(signal: AbortSignal): Promise<ImageNames> {
    const now = this.#fleet.clock.monotonic()
    if (this.#images !== undefined && now - this.#images.at < IMAGES_EVERY_MS) return this.#images.names
    this.#images = { at: now, names: imageNamesOf(await this.#client.imageNames(signal)) }
    return this.#images.names
  }

  /** Bounds a question to the daemon, and keeps account of whether it answers. */
  async #within<Result>(signal: AbortSignal, ask: (until: AbortSignal) => Promise<Result>): Promise<Result> {
    const { clock, daemonTimeoutMs } = this.#fleet
    const limit = deadline(clock, daemonTimeoutMs, signal)
    try {
      const result = await ask(limit.signal)
      this.#outages.end(clock.now())
      this.#told = undefined
      return result
    } catch (cause) {
      if (signal.aborted) throw signal.reason
      if (isSilence(cause)) this.#outages.begin(clock.now())
      this.#note('It did not answer', cause)
      throw cause
    } finally {
      limit.done()
    }
  }

  /** Says a thing once, until it is well again or something else is the matter. */
  #note(what: string, cause: unknown): void {
    const sentence = `Docker on ${this.host}: ${what}: ${messageOf(cause)}`
    if (this.#told === sentence) return
    this.#told = sentence
    this.#fleet.onWarning(sentence)
  }
}

const isSilence = (cause: unknown): boolean =>
  cause instanceof DaemonSilent ||
  (cause instanceof DOMException && cause.name === 'TimeoutError') ||
  // A daemon that is starting or stopping, or a proxy without one behind it.
  hasStatus(cause, 502, 503, 504)

const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause))
const hostOf = (destination: string): string => destination.slice(destination.lastIndexOf('@') + 1)

const notEnded = (id: WorkloadId, cause?: unknown): EngineError =>
  new EngineError(
    { code: 'invalid-spec', message: `The workload ${id} has not ended: it cannot be removed.`, mend: 'Stop it first.' },
    true,
    { cause },
  )

const stopping = ({ askedAt, killAt }: { readonly askedAt: number; readonly killAt: number }, now: number): Reason => ({
  code: 'killed-by-us',
  message: `It was asked to stop${now < killAt ? ', and is killed if it has not when its grace is over' : ' and is being killed'}.`,
  since: askedAt,
})
