import { realpath } from 'node:fs/promises'
import type { ImageReference, Workload, WorkloadId } from '../../model/index.ts'
import type { Clock, Random } from '../../runtime/index.ts'
import { EngineError } from '../engine.ts'
import { checkWorkload, invalid } from '../process/prepare.ts'
import type { Inspected } from './client/answers.ts'
import type { DockerClient } from './client/client.ts'
import { hasStatus } from './client/errors.ts'
import { type RegistryLogin, registryAuthHeader } from './client/image-reference.ts'
import { type TarEntry, tarOf } from './client/tar.ts'
import { type ContainerUser, containerSpec, privateFiles } from './container-spec.ts'
import { containerName, readLabels } from './labels.ts'
import type { Networks } from './networks.ts'
import { allMounts, checkMounts, PRIVATE_ROOT } from './policy.ts'
import { choosePorts, mayChoose } from './ports.ts'
import { isNetworkGone, isPortTaken, pullFailure, startFailure } from './start-failure.ts'
import type { StartLimiter } from './start-limiter.ts'
import { checkMemory, imageFor, imageNamed, Starts } from './starts.ts'
import { writeToVolume } from './volume-files.ts'

export type PullPolicy = 'missing' | 'always' | 'never'

export type SubmitterOptions = {
  readonly client: DockerClient
  readonly owner: string
  readonly clock: Clock
  readonly random: Random
  readonly networks: Networks
  readonly limiter: StartLimiter
  readonly end: AbortSignal
  /** Whether the daemon is on Manor's own machine, so that links can be followed. */
  readonly isLocal: boolean
  readonly closedPaths: () => readonly string[]
  /** Where its volumes are, if private files may be written there without it (volume-files.ts). */
  readonly volumes: () => string | undefined
  readonly publishOn: string
  readonly extraHosts: readonly string[]
  readonly pullPolicy: PullPolicy
  readonly loginOf: (registry: string) => RegistryLogin | undefined
  readonly imageOf: (workload: Workload) => string | undefined
  readonly userOf: (account: string) => ContainerUser
  readonly readOnlyRoot: (workload: Workload) => boolean
  readonly cpuCeilingOf: (workload: Workload) => number | undefined
  /** Ports of workloads that are there. */
  readonly takenPorts: () => ReadonlySet<number>
}

/** A daemon under load starts a container in seconds; one whose disk crawls takes longer. */
const START_TIMEOUT_MS = 120_000
/** Other choices of ports, or another network, before the start is given up for now. */
const MAX_TRIES = 5

/**
 * Takes workloads on, on one daemon. The name of the container makes a start happen once: whatever a crash or a lost answer leaves behind is
 * found by it. A container that was made but not started is gone on with; nothing is ever removed that has run.
 */
export class Submitter {
  readonly #options: SubmitterOptions
  readonly #starts: Starts
  readonly #pulls = new Map<string, Promise<void>>()

  constructor(options: SubmitterOptions) {
    this.#options = options
    this.#starts = new Starts(options)
  }

  isStarting(id: WorkloadId): boolean {
    return this.#starts.has(id)
  }

  submit(workload: Workload): Promise<void> {
    return this.#starts.share(workload.id, () => this.#submit(workload))
  }

  /** Resolves when no start of this workload is under way, however it went. */
  settled(id: WorkloadId): Promise<void> {
    return this.#starts.settled(id)
  }

  async #submit(workload: Workload): Promise<void> {
    const { limiter, end } = this.#options
    const image = await this.#check(workload)
    try {
      const there = await this.#find(workload.id)
      if (there !== undefined && there.State.Status !== 'created') return
      await this.#bring(image)
      await limiter.run(workload.tenant, () => this.#start(workload, image.text, there), end)
    } catch (cause) {
      throw startFailure(cause)
    }
  }

  /** Has an image there, as a start would; rejects with an EngineError where it cannot be had. */
  async bring(text: string): Promise<void> {
    await this.#bring(imageNamed(text))
  }

  async #check(workload: Workload): Promise<ImageReference & { readonly text: string }> {
    const { owner, isLocal, closedPaths, imageOf } = this.#options
    // Mounts have other rules in containers, and access to the host is theirs to give.
    const { access: _given, ...plain } = workload
    checkWorkload({ ...plain, mounts: [] }, owner)
    const mounts = allMounts(workload)
    const real = isLocal ? await Promise.all(mounts.map(({ source }) => realpath(source).catch(() => source))) : []
    checkMounts({ mounts }, real, closedPaths())
    checkMemory(workload)
    const image = imageFor(workload, imageOf, 'Docker')
    // The rest of what could be wrong with it (placeholders, ports) is found out before anything is made.
    containerSpec({ ...this.#specInput(workload, image.text, 'none'), ports: choosePorts(workload.ports, new Set(), this.#options.random) })
    privateFiles(workload, choosePorts(workload.ports, new Set(), this.#options.random), { uid: 0, gid: 0 })
    return image
  }

  async #find(id: WorkloadId): Promise<Inspected | undefined> {
    const { client, owner, end } = this.#options
    const found = await client.inspectContainer(containerName(owner, id), end)
    if (found === undefined) return undefined
    const told = readLabels(found.Config.Labels)
    if (told?.id !== id || told.labels.owner !== owner)
      throw invalid(`A container that is not Manor's has the name ${containerName(owner, id)}.`, 'Rename or remove it.')
    return found
  }

  /** Has the image there. Those who want the same one at the same time share one pull; a pull takes nobody's turn to start. */
  async #bring(image: ImageReference & { readonly text: string }): Promise<void> {
    const { client, end, pullPolicy } = this.#options
    if (pullPolicy !== 'always' && (await client.hasImage(image.text, end))) return
    if (pullPolicy === 'never')
      throw new EngineError(
        {
          code: 'image-pull',
          message: `The image ${image.text} is not on its host, and nothing is pulled.`,
          mend: 'Load it there (docker load, docker import), or let images be pulled.',
        },
        true,
      )
    const pull = this.#pulls.get(image.text) ?? this.#pull(image).finally(() => this.#pulls.delete(image.text))
    this.#pulls.set(image.text, pull)
    await pull
  }

  async #pull(image: ImageReference & { readonly text: string }): Promise<void> {
    const { client, end, loginOf } = this.#options
    const login = loginOf(image.registry)
    const auth = login === undefined ? undefined : registryAuthHeader(image.registry, login)
    try {
      await client.pullImage(image, auth, () => undefined, end)
      // A stream that just ends (the daemon was stopped) is no success either.
      if (!(await client.hasImage(image.text, end))) throw new Error('the daemon ended the pull without a word')
    } catch (cause) {
      throw pullFailure(image.text, cause)
    }
  }

  async #start(workload: Workload, image: string, found: Inspected | undefined): Promise<void> {
    let there = found
    for (let tries = 1; ; tries++) {
      const ports = there === undefined ? this.#starts.choosePorts(workload) : (readLabels(there.Config.Labels)?.ports ?? {})
      try {
        await this.#startOnce(workload, image, ports, there)
        return
      } catch (cause) {
        // Somebody made it between our look and our call: an earlier try of ours whose answer was lost, or another Manor.
        if (hasStatus(cause, 409) && there === undefined && tries < MAX_TRIES) {
          there = await this.#find(workload.id)
          if (there !== undefined && there.State.Status !== 'created') return
          continue
        }
        if (tries >= MAX_TRIES || !this.#mayTryAgain(workload, cause)) throw cause
        there = undefined
      }
    }
  }

  #mayTryAgain(workload: Workload, cause: unknown): boolean {
    if (isNetworkGone(cause)) {
      this.#options.networks.forget()
      return true
    }
    return isPortTaken(cause) && mayChoose(workload.ports)
  }

  async #startOnce(
    workload: Workload,
    image: string,
    ports: Readonly<Record<string, number>>,
    there: Inspected | undefined,
  ): Promise<void> {
    const { client, owner, networks, end } = this.#options
    const network = workload.access?.hostNetwork ? 'host' : await networks.ensure(workload.tenant, end)
    const input = { ...this.#specInput(workload, image, network), ports }
    const id = there?.Id ?? (await client.createContainer(containerName(owner, workload.id), containerSpec(input), end))
    try {
      await this.#fill(id, privateFiles(workload, ports, input.user))
      await client.startContainer(id, end, START_TIMEOUT_MS)
    } catch (cause) {
      // The daemon refused: nothing has run, and nothing is left. Without `force` one that runs after all stays.
      if (hasStatus(cause, 400, 404, 409, 500)) await client.removeContainer(id, false, end).catch(() => undefined)
      throw cause
    }
  }

  /** Puts the private files into a container that was made and has not run. */
  async #fill(id: string, files: readonly TarEntry[]): Promise<void> {
    const { client, clock, end, volumes } = this.#options
    const own = volumes()
    const made = own === undefined ? undefined : await client.inspectContainer(id, end)
    if (own !== undefined && made !== undefined && (await writeToVolume(made, own, files))) return
    await client.putArchive(id, PRIVATE_ROOT, tarOf(files, clock.now()), end)
  }

  #specInput(workload: Workload, image: string, network: string) {
    const { publishOn, extraHosts, userOf, readOnlyRoot, cpuCeilingOf } = this.#options
    const cpuCeiling = cpuCeilingOf(workload)
    return {
      workload,
      image,
      network,
      publishOn,
      extraHosts,
      user: userOf(workload.account),
      readOnlyRoot: readOnlyRoot(workload),
      ...(cpuCeiling === undefined ? {} : { cpuCeiling }),
    }
  }
}
