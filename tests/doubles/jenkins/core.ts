import { EventEmitter } from 'node:events'
import type { Clock } from '../../../src/runtime/index.ts'
import type { FromAgent } from './agent-messages.ts'
import type { Files } from './files.ts'
import { type Build, type BuildResult, type Channel, type Item, type Job, labelMatches, type Node, type NodeConfig } from './model.ts'

/** The quiet period of a build that is asked for without a delay. */
const QUIET_PERIOD_MS = 5_000
/** Items that left the queue are told of for a while. */
const MAX_LEFT_ITEMS = 1_000

type CoreEvents = {
  /** Anything that a report would tell. */
  readonly changed: []
  readonly 'build-started': [Build]
  readonly 'build-finished': [Build]
  readonly 'node-online': [string]
  readonly 'node-offline': [string]
  /** The program has ended, with this exit code. */
  readonly ended: [number]
}

/** The inside of a Jenkins: jobs, queue, nodes and builds, without any of the outside. */
export class Core extends EventEmitter<CoreEvents> {
  readonly jobs = new Map<string, Job>()
  readonly nodes = new Map<string, Node>()
  readonly builds = new Map<string, Build>()
  readonly #queue = new Map<number, Item>()
  readonly #left = new Map<number, Item>()
  readonly #files: Files
  readonly clock: Clock
  #nextId: number
  quietReason: string | undefined
  quieting = false
  /** Whether a node may be given an item with that label; the hook's gate. */
  mayTake: (node: Node, label: string | undefined) => boolean = () => true
  /** Set where the program ends: nothing is written any more. */
  ended = false

  constructor(files: Files, clock: Clock) {
    super()
    this.#files = files
    this.clock = clock
    for (const job of files.loadJobs()) {
      this.jobs.set(job.name, job)
      for (const build of files.loadBuilds(job.name)) this.builds.set(keyOf(build), build)
    }
    for (const config of files.loadNodes()) this.nodes.set(config.name, { ...config, accepting: true, wasConnected: false })
    const { nextId, items } = files.loadQueue()
    this.#nextId = nextId
    for (const item of items) this.#queue.set(item.id, item)
    this.on('changed', () => this.#saveQueue())
  }

  get running(): Build[] {
    return [...this.nodes.values()].flatMap(({ build }) => build ?? [])
  }

  get items(): Item[] {
    return [...this.#queue.values()]
  }

  item(id: number): Item | undefined {
    return this.#queue.get(id) ?? this.#left.get(id)
  }

  /** Whether the item's quiet period is over. */
  isBuildable(item: Item): boolean {
    return item.buildableSince !== undefined
  }

  addJob(job: Job): void {
    this.jobs.set(job.name, job)
    this.#files.saveJob(job)
  }

  buildsOf(job: string): Build[] {
    return [...this.builds.values()].filter(build => build.job === job).sort((one, other) => other.number - one.number)
  }

  /** Queues a build. One of a job without parameters that waits already takes it in. */
  schedule(job: Job, user: string, parameters: Readonly<Record<string, string>>, delayMs = QUIET_PERIOD_MS): Item {
    const same = this.items.find(item => item.job === job.name && JSON.stringify(item.parameters) === JSON.stringify(parameters))
    if (same !== undefined) return same
    const now = this.clock.now()
    const item: Item = { id: ++this.#nextId, job: job.name, since: now, due: now + delayMs, user, parameters }
    this.#queue.set(item.id, item)
    if (delayMs === 0) this.maintain()
    else this.clock.after(delayMs, () => this.maintain())
    this.emit('changed')
    return item
  }

  cancel(item: Item): void {
    item.cancelled = true
    this.#leave(item)
    this.emit('changed')
  }

  /** Gives items to executors. */
  maintain(): void {
    if (this.ended) return
    const now = this.clock.now()
    let changed = false
    for (const item of this.items) {
      if (item.buildableSince === undefined && item.due <= now) {
        item.buildableSince = now
        changed = true
      }
      const job = this.jobs.get(item.job)
      if (item.buildableSince === undefined || this.quieting || job === undefined) continue
      const node = [...this.nodes.values()].find(candidate => this.#canRun(candidate, job))
      if (node === undefined) continue
      this.#start(item, job, node)
      changed = true
    }
    if (changed) this.emit('changed')
  }

  /** Why an item waits, in the real one's words. */
  why(item: Item): string | null {
    const { label } = this.jobs.get(item.job) ?? {}
    if (item.buildableSince === undefined)
      return `In the quiet period. Expires in ${((item.due - this.clock.now()) / 1000).toFixed(1).replace('.0', '')} sec`
    if (this.quieting) return 'Jenkins is about to shut down'
    if (label === undefined || this.nodes.size === 0) return 'Waiting for next available executor'
    const matching = [...this.nodes.values()].filter(node => labelMatches(label, node))
    if (matching.length === 0) return `There are no nodes with the label ‘${label}’`
    const [only] = matching
    if (matching.every(({ channel }) => channel === undefined))
      return matching.length === 1 ? `‘${only?.name}’ is offline` : `All nodes of label ‘${label}’ are offline`
    return matching.length === 1
      ? `Waiting for next available executor on ‘${only?.name}’`
      : `Waiting for next available executor on ‘${label}’`
  }

  addNode(config: NodeConfig): void {
    this.nodes.set(config.name, { ...config, accepting: true, wasConnected: false })
    this.#files.saveNode(config)
    this.maintain()
    this.emit('changed')
  }

  removeNode(name: string): void {
    const node = this.nodes.get(name)
    if (node === undefined) return
    this.nodes.delete(name)
    this.#files.removeNode(name)
    if (node.build !== undefined) this.#finish(node, node.build, 'FAILURE', LOST_CHANNEL)
    node.channel?.close()
    this.emit('changed')
  }

  connect(node: Node, channel: Channel): void {
    node.channel = channel
    node.wasConnected = true
    this.emit('node-online', node.name)
    this.maintain()
    this.emit('changed')
  }

  disconnect(node: Node): void {
    delete node.channel
    if (this.ended) return
    this.emit('node-offline', node.name)
    if (node.build !== undefined) this.#finish(node, node.build, 'FAILURE', LOST_CHANNEL)
    this.emit('changed')
  }

  hear(node: Node, message: FromAgent): void {
    const { build } = node
    if (build === undefined || keyOf(build) !== message.build) return
    switch (message.type) {
      case 'output':
        build.log += message.text
        return
      case 'ended':
        this.#finish(node, build, message.exitCode === 0 ? 'SUCCESS' : 'FAILURE', message.exitCode === 0 ? '' : FAILED_STEP)
        return
    }
  }

  quiet(reason: string | undefined): void {
    this.quieting = true
    this.quietReason = reason
    this.emit('changed')
  }

  cancelQuiet(): void {
    this.quieting = false
    this.quietReason = undefined
    this.maintain()
    this.emit('changed')
  }

  /** The program ends: the queue is kept, builds that run are not, since a build is only written at its end. */
  end(): void {
    this.#saveQueue()
    this.ended = true
    for (const node of this.nodes.values()) node.channel?.close()
  }

  #canRun(node: Node, { label }: Job): boolean {
    if (node.channel === undefined || node.build !== undefined || !node.accepting) return false
    const fits = label === undefined ? !node.exclusive : labelMatches(label, node)
    return fits && this.mayTake(node, label)
  }

  #start(item: Item, job: Job, node: Node): void {
    const number = job.nextNumber++
    this.#files.saveNextNumber(job)
    item.build = number
    this.#leave(item)
    const labels = node.labels.join(' ')
    const script = `/tmp/jenkins${1_000_000_000 + item.id}.sh`
    const build: Build = {
      job: job.name,
      number,
      item: item.id,
      node: node.name,
      user: item.user,
      startedAt: this.clock.now(),
      log: `Started by user ${item.user}\nRunning as SYSTEM\nBuilding remotely on ${node.name}${labels === '' ? '' : ` (${labels})`} in workspace ${node.remoteDirectory}/workspace/${job.name}\n[${job.name}] $ /bin/sh -xe ${script}\n`,
    }
    node.build = build
    this.builds.set(keyOf(build), build)
    const environment = { BUILD_NUMBER: String(number), JOB_NAME: job.name, NODE_NAME: node.name, ...job.parameters, ...item.parameters }
    node.channel?.run(keyOf(build), job.scripts.join('\n'), environment, `workspace/${job.name}`)
    this.emit('build-started', build)
  }

  #finish(node: Node, build: Build, result: BuildResult, last: string): void {
    if (this.ended) return
    delete node.build
    build.log += `${last}Finished: ${result}\n`
    build.result = result
    build.durationMs = this.clock.now() - build.startedAt
    this.#files.saveBuild(build)
    this.emit('build-finished', build)
    this.maintain()
    this.emit('changed')
  }

  #leave(item: Item): void {
    this.#queue.delete(item.id)
    this.#left.set(item.id, item)
    const [oldest] = this.#left.keys()
    if (this.#left.size > MAX_LEFT_ITEMS && oldest !== undefined) this.#left.delete(oldest)
  }

  #saveQueue(): void {
    if (!this.ended) this.#files.saveQueue(this.#nextId, this.items)
  }
}

const LOST_CHANNEL = 'FATAL: command execution failed\njava.nio.channels.ClosedChannelException\n'
const FAILED_STEP = "Build step 'Execute shell' marked build as failure\n"

export const keyOf = ({ job, number }: Pick<Build, 'job' | 'number'>): string => `${job}#${number}`
