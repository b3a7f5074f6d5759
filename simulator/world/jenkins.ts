import type { protocol } from '../../src/agents/index.ts'
import type { ControllerId } from '../../src/model/index.ts'
import type { ProcessClock } from '../kernel/process-clock.ts'
import type { Job } from './jobs.ts'

/** An item of a controller's queue. */
export type Item = { readonly id: string; readonly label: string; readonly since: number; readonly job: Job }
export type Build = { readonly job: string; readonly number: number; readonly item: Item; readonly startedAt: number }

/** A node of a controller, as its configuration and its memory have it. */
export type Node = {
  readonly name: string
  readonly labels: ReadonlySet<string>
  online: boolean
  used: boolean
  building: Build | undefined
}

/** What lies on a controller's disk: it outlives the program. */
export type Home = {
  readonly controller: ControllerId
  readonly queue: Item[]
  readonly nodes: Map<string, Node>
  /** Nodes that have had their one build; the hook keeps their names in the home. */
  readonly used: Set<string>
  nextItem: number
  nextBuild: number
}

export const newHome = (controller: ControllerId): Home => ({
  controller,
  queue: [],
  nodes: new Map(),
  used: new Set(),
  nextItem: 1,
  nextBuild: 1,
})

export type JenkinsEvents = {
  /** The queue, the nodes or a build changed: the next report is due. */
  changed(): void
  event(event: Omit<protocol.BuildEvent, 'seq' | 'at'>): void
  began(build: Build, node: string): void
  /** `LOST`: the program ended under it. */
  ended(build: Build, node: string, result: string): void
  /** Its connection was closed: the node is gone, or the program ends. */
  closed(node: string): void
}

/** As ManorBounds.USED_NAMES of hook/manor.groovy. */
const USED_NAMES = 1_000

/**
 * A controller's program as it gives items to nodes: to whichever idle one has the label, as Jenkins does, each node once. One object is one run of
 * the program over a home.
 */
export class Jenkins {
  readonly home: Home
  readonly #clock: ProcessClock
  readonly #events: JenkinsEvents
  #wanted: protocol.Wanted | undefined
  /** The revision that has been carried out in full. */
  applied = 0
  isServing = false

  constructor(home: Home, clock: ProcessClock, events: JenkinsEvents) {
    this.home = home
    this.#clock = clock
    this.#events = events
    for (const node of home.nodes.values()) {
      node.online = false
      node.building = undefined
    }
  }

  get revision(): number {
    return this.#wanted?.revision ?? 0
  }

  get isQuiet(): boolean {
    return this.#wanted?.quiet ?? false
  }

  get running(): number {
    let count = 0
    for (const { building } of this.home.nodes.values()) if (building) count++
    return count
  }

  enqueue(item: Item): void {
    this.home.queue.push(item)
    if (!this.isServing) return
    this.#dispatch()
    this.#events.changed()
  }

  serve(): void {
    this.isServing = true
    this.#dispatch()
    this.#events.changed()
  }

  /** An agent wants in. False where there is no such node, or it is connected already. */
  connect(name: string): boolean {
    const node = this.home.nodes.get(name)
    if (node === undefined || node.online || !this.isServing) return false
    node.online = true
    this.#dispatch()
    this.#events.changed()
    return true
  }

  /** The connection to an agent broke: what it ran fails. */
  disconnect(name: string): void {
    const node = this.home.nodes.get(name)
    if (node === undefined || !node.online) return
    node.online = false
    if (node.building) this.#finish(node, 'FAILURE')
    this.#events.changed()
  }

  /** A build on a node ends by itself. */
  finish(name: string, build: Build, result: string): void {
    const node = this.home.nodes.get(name)
    if (node?.building === build) this.#finish(node, result)
  }

  /** The program ends, however: what runs is lost, the queue and the nodes stay on the disk. */
  end(): void {
    this.isServing = false
    for (const node of this.home.nodes.values()) {
      const { building } = node
      node.building = undefined
      if (node.online) this.#events.closed(node.name)
      node.online = false
      if (building) this.#events.ended(building, node.name, 'LOST')
    }
  }

  /** The hook was told what is wanted. */
  want(wanted: protocol.Wanted): void {
    // A poll that ran out. Where all was carried out, a pass would find what the last one left.
    if (wanted.revision === this.#wanted?.revision && wanted.revision === this.applied) return
    this.#wanted = wanted
    this.#carryOut()
  }

  /** One pass of the hook over its nodes, as hook/manor.groovy does it: a report is due only where it changed something. */
  #carryOut(): void {
    const wanted = this.#wanted
    if (wanted === undefined || !this.isServing) return
    const { nodes, used } = this.home
    let changed = this.applied !== wanted.revision
    const names = new Set(wanted.nodes.map(({ name }) => name))
    for (const { name, labels } of wanted.nodes) {
      if (nodes.has(name) || used.has(name)) continue
      nodes.set(name, { name, labels: new Set(labels.split(' ')), online: false, used: false, building: undefined })
      changed = true
    }
    for (const node of nodes.values()) {
      if ((names.has(node.name) && !node.used) || node.building) continue
      nodes.delete(node.name)
      changed = true
      if (node.online) this.#events.closed(node.name)
    }
    const old = used.size > USED_NAMES ? [...used].filter(name => !names.has(name) && !nodes.has(name)) : []
    for (const name of old.slice(0, -USED_NAMES)) used.delete(name)
    this.applied = wanted.revision
    this.#dispatch()
    if (changed) this.#events.changed()
  }

  #dispatch(): void {
    if (this.isQuiet || !this.isServing) return
    const { queue, nodes } = this.home
    if (queue.length === 0) return
    for (const node of nodes.values()) {
      if (!node.online || node.used || node.building) continue
      const at = queue.findIndex(({ label }) => node.labels.has(label))
      if (at < 0) continue
      const [item] = queue.splice(at, 1)
      if (item) this.#begin(node, item)
    }
  }

  #begin(node: Node, item: Item): void {
    const build: Build = { job: item.job.name, number: this.home.nextBuild++, item, startedAt: this.#clock.monotonic() }
    node.building = build
    node.used = true
    this.home.used.add(node.name)
    this.#events.event({ type: 'build-started', node: node.name, job: build.job, number: build.number, item: item.id })
    this.#events.began(build, node.name)
  }

  #finish(node: Node, result: string): void {
    const { building } = node
    if (building === undefined) return
    node.building = undefined
    const { job, number, startedAt } = building
    const durationMs = this.#clock.monotonic() - startedAt
    this.#events.event({ type: 'build-finished', node: node.name, job, number, result, durationMs })
    this.#events.ended(building, node.name, result)
    this.#carryOut()
    this.#events.changed()
  }
}
