import {
  type Host,
  type HostId,
  type Milliseconds,
  type Observation,
  type Reason,
  type TenantId,
  type Workload,
  type WorkloadId,
  workloadId,
} from '../../model/index.ts'
import { type Clock, deadline, type Random } from '../../runtime/index.ts'
import { untilAborted } from '../docker/client/until-aborted.ts'
import { ownerLabel } from '../docker/labels.ts'
import { logTail } from '../docker/log-tail.ts'
import { hostSilent } from '../docker/start-failure.ts'
import { StartLimiter } from '../docker/start-limiter.ts'
import { EngineError } from '../engine.ts'
import { SwarmClient } from './client.ts'
import { Drains } from './drains.ts'
import { forgetLeftovers, sweepLeftovers } from './leftovers.ts'
import { isLeaderless, Managers, mayAskAnother } from './managers.ts'
import { serviceName } from './names.ts'
import { NodeDaemon, type SwarmDaemonOptions } from './node-daemon.ts'
import { hostOf, type NodeSeen, type ReachSeen, readNodes } from './nodes.ts'
import { afterEnd, isOver, type Looked, look, mainTask, readService, readTask, type ServiceSeen, type TaskSeen } from './observe.ts'
import { capacityOf, Overlays } from './overlays.ts'
import { heldOn, parked } from './service-spec.ts'
import { Stops, type StopTarget } from './stops.ts'
import { Submitter, type SubmitterOptions } from './submitter.ts'

export type ClusterOptions = Pick<
  SubmitterOptions,
  | 'owner'
  | 'clock'
  | 'random'
  | 'extraHosts'
  | 'sharedPaths'
  | 'loginOf'
  | 'imageOf'
  | 'brought'
  | 'userOf'
  | 'readOnlyRoot'
  | 'cpuCeilingOf'
> & {
  readonly clock: Clock
  readonly random: Random
  readonly daemons: readonly SwarmDaemonOptions[]
  readonly startsAtATime: number
  readonly daemonTimeoutMs: Milliseconds
  readonly eventsIdleMs: Milliseconds
  readonly lookEveryMs: Milliseconds
  readonly orphanGraceMs: Milliseconds
  readonly isInternal: (tenant: TenantId) => boolean
  readonly isEncrypted: boolean
  readonly workloadsPerOverlay: number
  readonly onWarning: (sentence: string) => void
  readonly onHint: (observation: Observation) => void
}

/** What is swept is nobody's: a minute more or less does not matter. */
const SWEEP_EVERY_MS = 60_000
/** What ended before was looked at on its node, or never will be. */
const ENDED_LATELY_MS = 60_000
const NO_REACH: ReachSeen = { isReached: false, hasNoNewPrivileges: false }

type Entry = { readonly service: ServiceSeen; readonly tasks: readonly TaskSeen[]; readonly looked: Looked }

/**
 * One Swarm and all that is known of it. A list costs four calls to a manager, and to each node whose daemon is reached one, and one more for
 * each container that changed. Silence is not death: while no manager answers, what ran is `unknown`.
 */
export class Cluster {
  readonly drains: Drains
  readonly #options: ClusterOptions
  readonly #client: SwarmClient
  readonly #daemons: readonly NodeDaemon[]
  readonly #stops: Stops
  readonly #overlays: Overlays
  readonly #submitter: Submitter
  readonly #end = new AbortController()
  #entries = new Map<WorkloadId, Entry>()
  #nodes: readonly NodeSeen[] = []
  #isListed = false
  /** Whether events may have been missed since the last look at everything. */
  #hasGap = false
  #loops: readonly Promise<void>[] = []
  #told: string | undefined

  constructor(options: ClusterOptions) {
    const { owner, clock, random, daemons, daemonTimeoutMs: timeoutMs, eventsIdleMs, onWarning } = options
    this.#options = options
    this.#daemons = daemons.map(
      daemon =>
        new NodeDaemon({
          ...daemon,
          owner,
          clock,
          random,
          timeoutMs,
          eventsIdleMs,
          stopOf: id => this.#stops.of(id),
          onContainer: observation => this.#containerChanged(observation),
          onSwarm: (what, id) => this.#swarmChanged(what, id),
          onGap: () => {
            this.#hasGap = true
          },
          onWarning,
        }),
    )
    const end = this.#end.signal
    const managers = new Managers(
      this.#daemons.map(({ client }) => client),
      clock,
      timeoutMs,
    )
    const client = new SwarmClient(managers)
    this.#client = client
    const nodes = (signal: AbortSignal) => this.#readNodes(signal)
    this.drains = new Drains({ client, nodes, now: () => clock.now() })
    this.#stops = new Stops({
      client,
      owner,
      clock,
      end,
      targetOf: (id, signal) => this.#targetOf(id, signal),
      onProblem: cause => this.#note('A stop failed for now', cause),
    })
    this.#overlays = new Overlays({ ...options, client, capacity: () => this.#overlayCapacity() })
    this.#submitter = new Submitter({
      ...options,
      client,
      end,
      nodes,
      overlays: this.#overlays,
      limiter: new StartLimiter(options.startsAtATime),
      homeNode: signal => this.#homeNode(signal),
      takenPorts: () => new Set([...this.#entries.values()].flatMap(({ service }) => Object.values(service.told.ports))),
    })
  }

  start(): void {
    for (const daemon of this.#daemons) daemon.start()
    this.#loops = [this.#lookNowAndThen(), this.#sweepNowAndThen()]
  }

  submit(workload: Workload, on: HostId | undefined): Promise<void> {
    return this.#submitter.submit(workload, on)
  }

  /** Everything of ours; where no manager answers, what was there, as unknown. Rejects where that was never seen. */
  async list(signal: AbortSignal): Promise<readonly Observation[]> {
    try {
      await this.#look(signal)
      this.#told = undefined
    } catch (cause) {
      if (signal.aborted) throw signal.reason
      if (!mayAskAnother(cause)) throw cause
      this.#note('The Swarm did not answer', cause)
      if (!this.#isListed) throw isLeaderless(cause) ? cause : hostSilent(`What runs in the Swarm is not known: ${messageOf(cause)}`, cause)
      return this.#known().map(observation => (observation.state === 'ended' ? observation : { ...observation, state: 'unknown' }))
    }
    return this.#known()
  }

  async hosts(signal: AbortSignal): Promise<readonly Host[]> {
    const { clock } = this.#options
    try {
      const [nodes] = await Promise.all([this.#readNodes(signal), ...this.#daemons.map(daemon => daemon.find(signal))])
      return nodes.map(node => hostOf(node, this.#daemonOf(node.nodeId)?.reach ?? NO_REACH, clock.now()))
    } catch (cause) {
      if (signal.aborted) throw signal.reason
      if (!mayAskAnother(cause)) throw cause
      const said = 'No manager of the Swarm answers'
      return this.#nodes.map(node => hostOf({ ...node, isReady: false, said }, NO_REACH, clock.now()))
    }
  }

  async stop(id: WorkloadId, grace: Milliseconds, signal: AbortSignal): Promise<void> {
    await untilAborted(this.#submitter.settled(id), signal)
    const entry = await this.#one(id, signal)
    if (entry === undefined || entry.looked.observation.state === 'ended') return
    await this.#stops.ask(id, grace, signal)
  }

  async remove(id: WorkloadId, signal: AbortSignal): Promise<void> {
    await untilAborted(this.#submitter.settled(id), signal)
    const entry = await this.#one(id, signal)
    if (entry !== undefined) {
      if (entry.looked.observation.state !== 'ended') throw notEnded(id)
      await this.#client.removeService(entry.service.serviceId, signal)
    }
    await this.#forget(id, signal)
  }

  async explain(id: WorkloadId, signal: AbortSignal): Promise<Reason | undefined> {
    const { clock } = this.#options
    const entry = await this.#one(id, signal)
    if (entry === undefined) return undefined
    const { observation } = entry.looked
    const stop = this.#stops.of(id)
    if (observation.state === 'ended' || stop === undefined) return observation.reason
    const message = `It was asked to stop${clock.now() < stop.killAt ? ', and is killed if it has not when its grace is over' : ' and is being killed'}.`
    return { code: 'killed-by-us', message, since: stop.askedAt }
  }

  /** From its node where that is reached, else through a manager. */
  async logs(id: WorkloadId, bytes: number, signal: AbortSignal): Promise<string> {
    const entry = await this.#one(id, signal)
    const main = entry === undefined ? undefined : mainTask(entry.tasks)
    if (entry === undefined || main?.containerId === undefined) return ''
    const daemon = this.#daemonOf(main.nodeId)
    if (daemon?.reach.isReached) return logTail(daemon.client, main.containerId, bytes, signal)
    const limit = deadline(this.#options.clock, this.#options.daemonTimeoutMs, signal)
    const source = { logs: (service: string, lines: number, until: AbortSignal) => this.#client.serviceLogs(service, lines, until) }
    return logTail(source, entry.service.serviceId, bytes, limit.signal).finally(() => limit.done())
  }

  async close(): Promise<void> {
    this.#end.abort(new DOMException('The Swarm engine was closed.', 'AbortError'))
    await Promise.allSettled([...this.#loops, ...this.#daemons.map(daemon => daemon.close())])
  }

  /** What runs there is held there first: the Swarm would end what its new labels keep off. */
  async assign(host: HostId, purpose: Pick<Host, 'role' | 'reservedFor'>, signal: AbortSignal): Promise<void> {
    await this.#look(signal)
    const nodeId = this.#nodes.find(node => node.host === host)?.nodeId
    for (const { service, tasks } of this.#entries.values()) {
      const main = mainTask(tasks)
      if (nodeId !== undefined && main?.nodeId === nodeId && !isOver(main))
        await this.#client.changeService(service.serviceId, spec => heldOn(spec, nodeId), signal)
    }
    await this.drains.assign(host, purpose, signal)
  }

  async #look(signal: AbortSignal): Promise<void> {
    const label = ownerLabel(this.#options.owner)
    const client = this.#client
    const servicesAndTasks = async () => {
      const services = await client.services(label, signal)
      // In this order: of a service that is parked by then no task comes that could run, so one that has none has ended.
      return { services, tasks: await client.tasks({ label: [label] }, signal) }
    }
    const [{ services, tasks }, records] = await Promise.all([
      servicesAndTasks(),
      client.kept('configs', [label], signal),
      this.#readNodes(signal),
      ...this.#daemons.map(daemon => daemon.look(signal)),
    ])
    this.#stops.take(records)
    const seen = tasks.map(readTask)
    await this.#lookAtEnds(seen, signal)
    const byService = Map.groupBy(seen, ({ serviceId }) => serviceId)
    const entries = new Map<WorkloadId, Entry>()
    for (const each of services) {
      const service = readService(each)
      if (service?.told.labels.owner !== this.#options.owner) continue
      const ofIt = byService.get(each.ID) ?? []
      entries.set(service.told.id, { service, tasks: ofIt, looked: this.#judge(service, ofIt) })
    }
    this.#entries = entries
    this.#isListed = true
    this.#overlays.take([...entries.values()].map(({ service: { told, together, networks } }) => ({ id: told.id, together, networks })))
    for (const [id, entry] of entries) this.#goOn(id, entry)
  }

  /** Nodes and managers were asked at once, and those may know of an end that was not there when its node was asked. */
  async #lookAtEnds(tasks: readonly TaskSeen[], signal: AbortSignal): Promise<void> {
    const since = this.#options.clock.now() - ENDED_LATELY_MS
    await Promise.all(
      tasks.map(async task => {
        const daemon = this.#daemonOf(task.nodeId)
        if (task.containerId === undefined || daemon === undefined || !isOver(task) || task.at < since) return
        if (daemon.of(task.containerId)?.state !== 'ended') await daemon.lookAt(task.containerId, signal)
      }),
    )
  }

  /** Looks at one workload; undefined where it is not there. */
  async #one(id: WorkloadId, signal: AbortSignal): Promise<Entry | undefined> {
    const { owner } = this.#options
    const [found] = await Promise.all([this.#client.service(serviceName(owner, id), signal), this.#prepare(signal)])
    const service = found === undefined ? undefined : readService(found)
    if (service?.told.id !== id || service.told.labels.owner !== owner) return undefined
    const [tasks] = await Promise.all([this.#client.tasks({ service: [service.serviceId] }, signal), this.#readNodes(signal)])
    const seen = tasks.map(readTask)
    const main = mainTask(seen)
    if (main?.containerId !== undefined) await this.#daemonOf(main.nodeId)?.lookAt(main.containerId, signal)
    return { service, tasks: seen, looked: this.#judge(service, seen) }
  }

  /** What must be known before anything is said: which stops are under way, and which daemon is which node's. Once. */
  async #prepare(signal: AbortSignal): Promise<void> {
    if (!this.#isListed) await this.#look(signal)
  }

  #judge(service: ServiceSeen, tasks: readonly TaskSeen[]): Looked {
    const main = mainTask(tasks)
    const onNode = main?.containerId === undefined ? undefined : this.#daemonOf(main.nodeId)?.of(main.containerId)
    const stop = this.#stops.of(service.told.id)
    const known = this.#entries.get(service.told.id)
    const told = known?.service.serviceId === service.serviceId ? known.looked.observation : undefined
    const looked = look(service, tasks, {
      nodeOf: nodeId => this.#nodes.find(node => node.nodeId === nodeId),
      ...(stop === undefined ? {} : { stop }),
      ...(onNode === undefined ? {} : { onNode }),
      nodeTellsMore: this.#daemonOf(main?.nodeId) !== undefined,
      now: this.#options.clock.now(),
    })
    return afterEnd(told, looked)
  }

  /** What a look asks for: stops that an earlier Manor began, and services that must start nothing more. */
  #goOn(id: WorkloadId, { service, looked }: Entry): void {
    if (looked.observation.state !== 'ended' && this.#stops.of(id) !== undefined) this.#stops.resume(id)
    if (looked.mustPark)
      this.#park(service.serviceId, this.#end.signal).catch(
        cause => !this.#end.signal.aborted && this.#note('A service could not be parked', cause),
      )
  }

  #park(serviceId: string, signal: AbortSignal): Promise<void> {
    return this.#client.changeService(serviceId, parked, signal)
  }

  async #targetOf(id: WorkloadId, signal: AbortSignal): Promise<StopTarget> {
    const entry = await this.#one(id, signal)
    if (entry === undefined || entry.looked.observation.state === 'ended') return { kind: 'over' }
    const main = mainTask(entry.tasks)
    const daemon = this.#daemonOf(main?.nodeId)
    const { containerId } = main ?? {}
    const isThere = main !== undefined && !isOver(main) && main.state === 'running'
    if (isThere && containerId !== undefined && daemon?.reach.isReached)
      return {
        kind: 'container',
        send: (name, until) => daemon.client.killContainer(containerId, name, until, this.#options.daemonTimeoutMs),
      }
    return { kind: 'swarm', park: until => this.#park(entry.service.serviceId, until) }
  }

  #known(): readonly Observation[] {
    return [...this.#entries.values()].map(({ looked }) => looked.observation)
  }

  #daemonOf(nodeId: string | undefined): NodeDaemon | undefined {
    return nodeId === undefined ? undefined : this.#daemons.find(daemon => daemon.nodeId === nodeId)
  }

  async #readNodes(signal: AbortSignal): Promise<readonly NodeSeen[]> {
    this.#nodes = readNodes(await this.#client.nodes(signal))
    return this.#nodes
  }

  async #homeNode(signal: AbortSignal): Promise<string | undefined> {
    const local = this.#daemons.find(({ client }) => client.isLocal)
    await local?.find(signal)
    return local?.nodeId
  }

  #overlayCapacity(): number {
    const subnetSize = this.#daemons.map(daemon => daemon.subnetSize).find(size => size !== undefined)
    return capacityOf(this.#nodes.length, subnetSize, this.#options.workloadsPerOverlay)
  }

  #containerChanged(observation: Observation): void {
    const known = this.#entries.get(observation.id)?.looked.observation
    const { host: _nowhere, address: _none, ...seen } = observation
    this.#options.onHint({ ...seen, ...(known?.host === undefined ? {} : { host: known.host }) })
  }

  #swarmChanged(what: 'service' | 'node', id: string): void {
    const host = this.#nodes.find(({ nodeId }) => nodeId === id)?.host
    for (const { service, looked } of this.#entries.values())
      if (what === 'service' ? service.serviceId === id : looked.observation.host === host && host !== undefined)
        this.#options.onHint(looked.observation)
  }

  /** Tasks come and go without an event where a node's daemon is not reached or its stream broke, and drains have deadlines. */
  async #lookNowAndThen(): Promise<void> {
    const { clock, lookEveryMs, onHint } = this.#options
    const { signal } = this.#end
    while (!signal.aborted) {
      try {
        if (!this.#isListed || this.#hasGap || !this.#isAllReached() || this.#nodes.some(({ drainBy }) => drainBy !== undefined)) {
          this.#hasGap = false
          const before = new Map(this.#known().map(observation => [observation.id, observation.state]))
          for (const observation of await this.list(signal)) if (before.get(observation.id) !== observation.state) onHint(observation)
          await this.#drain(signal)
        } else await this.#readNodes(signal)
      } catch (cause) {
        if (!signal.aborted) this.#note('The Swarm did not answer', cause)
      }
      await clock.sleep(lookEveryMs, signal).catch(() => undefined)
    }
  }

  #isAllReached(): boolean {
    return this.#nodes.every(({ nodeId, isReady }) => !isReady || this.#daemonOf(nodeId)?.reach.isReached === true)
  }

  async #drain(signal: AbortSignal): Promise<void> {
    const residents = [...this.#entries.values()].flatMap(({ service, tasks, looked }) => {
      const nodeId = mainTask(tasks)?.nodeId
      if (looked.observation.state === 'ended' || nodeId === undefined) return []
      return [{ kind: service.told.labels.kind, nodeId }]
    })
    await this.drains.step(this.#nodes, residents, signal)
  }

  async #sweepNowAndThen(): Promise<void> {
    const { clock, orphanGraceMs } = this.#options
    const { signal } = this.#end
    while (!signal.aborted) {
      await clock.sleep(Math.min(SWEEP_EVERY_MS, orphanGraceMs), signal).catch(() => undefined)
      if (!signal.aborted && this.#isListed)
        await this.#sweep(signal).catch(cause => !signal.aborted && this.#note('A sweep failed for now', cause))
    }
  }

  /** Takes away what a crash between two calls left: secrets and records of stops without a service, unused overlays. */
  async #sweep(signal: AbortSignal): Promise<void> {
    const { clock, owner, orphanGraceMs } = this.#options
    const isThere = (id: string): boolean => this.#entries.has(workloadId(id))
    await sweepLeftovers(this.#client, owner, isThere, clock.now() - orphanGraceMs, signal)
    await this.#look(signal)
    await this.#overlays.sweep(signal)
  }

  /** Takes away what of an ended workload is left beside its service. */
  async #forget(id: WorkloadId, signal: AbortSignal): Promise<void> {
    this.#stops.forget(id)
    this.#entries.delete(id)
    await forgetLeftovers(this.#client, this.#options.owner, id, signal)
  }

  /** Says a thing once, until it is well again or something else is the matter. */
  #note(what: string, cause: unknown): void {
    const sentence = `Swarm: ${what}: ${messageOf(cause)}`
    if (this.#told === sentence) return
    this.#told = sentence
    this.#options.onWarning(sentence)
  }
}

const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause))

const notEnded = (id: WorkloadId): EngineError =>
  new EngineError(
    { code: 'invalid-spec', message: `The workload ${id} has not ended: it cannot be removed.`, mend: 'Stop it first.' },
    true,
  )
