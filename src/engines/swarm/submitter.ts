import type { HostId, Workload, WorkloadId } from '../../model/index.ts'
import { type Clock, nameSuffix, type Random } from '../../runtime/index.ts'
import { DaemonSilent, hasStatus } from '../docker/client/errors.ts'
import { type RegistryLogin, registryAuthHeader } from '../docker/client/image-reference.ts'
import type { ContainerUser } from '../docker/container-spec.ts'
import { LABEL, ownerLabel } from '../docker/labels.ts'
import { allMounts, checkMounts } from '../docker/policy.ts'
import { choosePorts, mayChoose } from '../docker/ports.ts'
import { isPortTaken } from '../docker/start-failure.ts'
import type { StartLimiter } from '../docker/start-limiter.ts'
import { checkMemory, imageFor, Starts } from '../docker/starts.ts'
import { EngineError } from '../engine.ts'
import { checkWorkload, invalid } from '../process/prepare.ts'
import { isWithin } from '../process/view.ts'
import type { SwarmClient } from './client.ts'
import { hasRun, isPortsAlone, neverRan, noLongerFits } from './end-reason.ts'
import { secretName, serviceName } from './names.ts'
import { isTooOld, type NodeSeen } from './nodes.ts'
import { isOver, mainTask, readService, readTask, type ServiceSeen, type TaskSeen } from './observe.ts'
import type { Overlays } from './overlays.ts'
import { payloadOf } from './payload.ts'
import type { BroughtImage } from './preparations.ts'
import { constraintsOf, type KeptSecret, serviceSpec, togetherOf } from './service-spec.ts'

export type SubmitterOptions = {
  readonly client: SwarmClient
  readonly owner: string
  readonly clock: Clock
  readonly random: Random
  readonly overlays: Overlays
  readonly limiter: StartLimiter
  readonly end: AbortSignal
  readonly extraHosts: readonly string[]
  /** Directories that every node has at the same place, with the same content. */
  readonly sharedPaths: readonly string[]
  /** The node whose directories Manor makes: its own machine's. */
  readonly homeNode: (signal: AbortSignal) => Promise<string | undefined>
  readonly nodes: (signal: AbortSignal) => Promise<readonly NodeSeen[]>
  readonly loginOf: (registry: string) => RegistryLogin | undefined
  readonly imageOf: (workload: Workload) => string | undefined
  /** Of an image that Manor itself brought to nodes; undefined of all others. */
  readonly brought: (image: string) => BroughtImage | undefined
  readonly userOf: (account: string) => ContainerUser
  readonly readOnlyRoot: (workload: Workload) => boolean
  readonly cpuCeilingOf: (workload: Workload) => number | undefined
  /** Ports of workloads that are there. */
  readonly takenPorts: () => ReadonlySet<number>
}

/** Other choices of ports before the start is given up for now. */
const MAX_TRIES = 5
/** How long a submit stays to see whether its task can begin at all. What takes longer (a pull) goes on without it. */
const FATE_WITHIN_MS = 15_000
const LOOK_EVERY_MS = 150
/** Two tries of one start at the same time must not share their secrets. */
const ATTEMPT_CHARACTERS = 4
/** What stands in the way of the engine's own mounts. */
const TAKEN_TARGETS: readonly string[] = ['/tmp/.manor', '/run/secrets']

/** How a start went, as far as it was watched. */
type Fate = 'begun' | 'waits' | EngineError

/**
 * Takes workloads on. The name of the service makes a start happen once: whatever a crash or a lost answer leaves behind is found by it. Secrets
 * come first and are swept where no service came to use them.
 */
export class Submitter {
  readonly #options: SubmitterOptions
  readonly #starts: Starts

  constructor(options: SubmitterOptions) {
    this.#options = options
    this.#starts = new Starts(options)
  }

  isStarting(id: WorkloadId): boolean {
    return this.#starts.has(id)
  }

  submit(workload: Workload, on: HostId | undefined): Promise<void> {
    return this.#starts.share(workload.id, () => this.#submit(workload, on))
  }

  /** Resolves when no start of this workload is under way, however it went. */
  settled(id: WorkloadId): Promise<void> {
    return this.#starts.settled(id)
  }

  async #submit(workload: Workload, on: HostId | undefined): Promise<void> {
    const { limiter, end, overlays } = this.#options
    this.#check(workload)
    if ((await this.#find(workload.id)) !== undefined) return
    try {
      for (let tries = 1; ; tries++) {
        const serviceId = await limiter.run(workload.tenant, () => this.#create(workload, on), end)
        if (serviceId === undefined) return
        const fate = await this.#fateOf(serviceId)
        if (!(fate instanceof EngineError)) return
        await this.#takeBack(workload.id, serviceId)
        if (tries >= MAX_TRIES || !this.#mayTryAgain(workload, fate)) throw fate
      }
    } catch (cause) {
      overlays.release(workload.id)
      throw cause
    }
  }

  /** Whether another choice of ports, or of a node, may do. */
  #mayTryAgain(workload: Workload, fate: EngineError): boolean {
    return noLongerFits(fate.message) || (isPortTaken(fate.cause) && mayChoose(workload.ports))
  }

  #check(workload: Workload): void {
    const { owner, random } = this.#options
    // Mounts have other rules in containers, and access to the host is theirs to give.
    const { access, ...plain } = workload
    checkWorkload({ ...plain, mounts: [] }, owner)
    if (access?.privileged)
      throw invalid(`${workload.id} asks for a privileged container, and a Swarm has none.`, 'Ask for the capabilities that it needs.')
    const mounts = allMounts(workload)
    checkMounts({ mounts }, [], [])
    for (const { target } of mounts)
      if (target === '/tmp' || TAKEN_TARGETS.some(taken => isWithin(target, taken)))
        throw invalid(`Nothing can be mounted at ${target}: that place in a container is the engine's own.`, 'Mount it elsewhere.')
    checkMemory(workload)
    this.#imageOf(workload)
    // The rest of what could be wrong with it (placeholders, ports, sizes) is found out before anything is made.
    const ports = choosePorts(workload.ports, new Set(), random)
    serviceSpec({ ...this.#specInput(workload, ports), network: '', secrets: [], constraints: [] })
    payloadOf(workload, ports, { uid: 1, gid: 1 }, 0)
  }

  /** An image that Manor brought is named by its id: daemons ask a registry for every name, and somebody else's may have it there. */
  #imageOf(workload: Workload): { readonly text: string; readonly auth: string | undefined; readonly on?: ReadonlySet<string> } {
    const { imageOf, loginOf, brought } = this.#options
    const { text, registry } = imageFor(workload, imageOf, 'Swarm')
    const own = brought(text)
    if (own !== undefined) return { text: own.id, auth: undefined, on: own.nodes }
    const login = loginOf(registry)
    return { text, auth: login === undefined ? undefined : registryAuthHeader(registry, login) }
  }

  async #find(id: WorkloadId): Promise<ServiceSeen | undefined> {
    const { client, owner, end } = this.#options
    const name = serviceName(owner, id)
    const found = await client.service(name, end)
    if (found === undefined) return undefined
    const seen = readService(found)
    if (seen?.told.id !== id || seen.told.labels.owner !== owner)
      throw invalid(`A service that is not Manor's has the name ${name}.`, 'Remove it, or make it under another name.')
    return seen
  }

  /** Resolves to the service's id, or undefined where somebody made it between our look and our call. */
  async #create(workload: Workload, on: HostId | undefined): Promise<string | undefined> {
    const { client, owner, clock, random, overlays, end } = this.#options
    const constraints = await this.#constraintsOf(workload, on)
    const network = await overlays.ensure(workload.id, workload.tenant, togetherOf(workload), end)
    const ports = this.#starts.choosePorts(workload)
    const input = { ...this.#specInput(workload, ports), network, constraints }
    const secrets: KeptSecret[] = []
    try {
      const attempt = nameSuffix(random, ATTEMPT_CHARACTERS)
      for (const [part, data] of payloadOf(workload, ports, input.user, clock.now()).entries()) {
        const name = secretName(owner, workload.id, attempt, part)
        const labels = { [LABEL.owner]: owner, [LABEL.workload]: workload.id }
        secrets.push({ id: await client.keep('secrets', name, labels, data, end), name })
      }
      return await client.createService(serviceSpec({ ...input, secrets }), this.#imageOf(workload).auth, end)
    } catch (cause) {
      for (const { id } of secrets) await client.forget('secrets', id, end).catch(() => undefined)
      // An earlier try of ours whose answer was lost, or another Manor.
      if (hasStatus(cause, 409) && (await this.#find(workload.id)) !== undefined) return undefined
      throw cause
    }
  }

  async #constraintsOf(workload: Workload, on: HostId | undefined): Promise<string[]> {
    const { nodes, end } = this.#options
    const there = await nodes(end)
    const reservations = new Set(there.flatMap(({ reservedFor }) => (reservedFor === undefined ? [] : [reservedFor])))
    const named = on === undefined ? undefined : there.find(({ host }) => host === on)
    if (on !== undefined && named === undefined)
      throw invalid(
        `${workload.id} is for host ${on}, which the Swarm does not have.`,
        `It has: ${there.map(({ host }) => host).join(', ')}.`,
      )
    const nodeId = named?.nodeId ?? (await this.#nodeOfMounts(workload))
    const { on: having } = this.#imageOf(workload)
    const without = there.flatMap(node => (isTooOld(node) || having?.has(node.nodeId) === false ? [node.nodeId] : []))
    return constraintsOf({ workload, reservations, without, ...(nodeId === undefined ? {} : { nodeId }) })
  }

  /** Directories that only Manor's own machine has bind a workload to it. */
  async #nodeOfMounts({ id, mounts }: Workload): Promise<string | undefined> {
    const { sharedPaths, homeNode, end } = this.#options
    const local = mounts.find(({ source }) => !sharedPaths.some(shared => isWithin(source, shared)))
    if (local === undefined) return undefined
    const home = await homeNode(end)
    if (home !== undefined) return home
    throw invalid(
      `${id} needs ${local.source}, which only this machine has, and this machine is no node of the Swarm that Manor reaches.`,
      'Put it on a file system that every node has at the same place, and name that under sharedPaths.',
    )
  }

  /** Watches its task until it runs, ended, or turned out to wait for a node. An EngineError where it never began and cannot. */
  async #fateOf(serviceId: string): Promise<Fate> {
    const { client, clock, end } = this.#options
    const until = clock.monotonic() + FATE_WITHIN_MS
    let waited = 0
    while (clock.monotonic() < until) {
      // Whether it can be seen is no part of taking it on.
      const tasks = await client.tasks({ service: [serviceId] }, end).catch((): undefined => undefined)
      const main = mainTask((tasks ?? []).map(readTask))
      const fate = main === undefined ? undefined : fateIn(main, waited)
      if (fate !== undefined) return fate
      if (main?.state === 'pending' && main.err !== '') waited++
      await clock.sleep(LOOK_EVERY_MS, end)
    }
    return 'waits'
  }

  /**
   * Takes away what never began. Resolves when its task is over: another start of the same workload must not meet it. Of one that the Swarm took
   * off its node, that is only known when it is gone.
   */
  async #takeBack(id: WorkloadId, serviceId: string): Promise<void> {
    const { client, owner, clock, end } = this.#options
    await client.removeService(serviceId, end)
    const labels = [ownerLabel(owner), `${LABEL.workload}=${id}`]
    const until = clock.monotonic() + FATE_WITHIN_MS
    const isLeft = (task: TaskSeen): boolean => task.serviceId === serviceId && (!isOver(task) || noLongerFits(task.err))
    while ((await client.tasks({ label: labels }, end)).map(readTask).some(isLeft)) {
      if (clock.monotonic() > until) throw new DaemonSilent(`What is left of ${id} does not go.`)
      await clock.sleep(LOOK_EVERY_MS, end)
    }
    for (const { ID } of await client.kept('secrets', labels, end)) await client.forget('secrets', ID, end)
  }

  #specInput(workload: Workload, ports: Readonly<Record<string, number>>) {
    const { owner, extraHosts, userOf, readOnlyRoot, cpuCeilingOf } = this.#options
    const cpuCeiling = cpuCeilingOf(workload)
    return {
      workload,
      ports,
      extraHosts,
      name: serviceName(owner, workload.id),
      image: this.#imageOf(workload).text,
      user: userOf(workload.account),
      readOnlyRoot: readOnlyRoot(workload),
      ...(cpuCeiling === undefined ? {} : { cpuCeiling }),
    }
  }
}

/** Looks at a task that waits, before it is believed: the first pass of the scheduler may have been too early. */
const WAITING_LOOKS = 3

const fateIn = (task: TaskSeen, waited: number): Fate | undefined => {
  if (task.state === 'running') return 'begun'
  if (isOver(task)) return task.state === 'shutdown' || hasRun(task) ? 'begun' : neverRan(task)
  if (task.state !== 'pending' || task.err === '' || waited < WAITING_LOOKS) return undefined
  return isPortsAlone(task.err) ? portRefused(task.err) : 'waits'
}

const portRefused = (err: string): EngineError => neverRan({ err: `port is already allocated on every node that could run it: ${err}` })
