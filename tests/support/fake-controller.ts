import type { HookService, protocol } from '../../src/agents/index.ts'
import { parseLabelExpression } from '../../src/agents/label-expression.ts'
import type { ControllerId } from '../../src/model/index.ts'
import type { Clock } from '../../src/runtime/index.ts'

type Item = { readonly id: string; readonly label?: string; readonly task: string; readonly since: number; readonly buildMs: number }
type Build = { readonly job: string; readonly number: number; readonly item: Item }
type Node = {
  readonly wanted: protocol.WantedNode
  online: boolean
  used: boolean
  awaited: boolean
  building: Build | undefined
}

export type FakeControllerOptions = {
  readonly id: ControllerId
  readonly clock: Clock
  /** Manor's side as it is now; throws or rejects while Manor is away. */
  readonly hook: () => HookService
  readonly epoch: number
}

/** Between what happens and the report of it. */
const REPORT_DELAY_MS = 20
const RETRY_MS = 500
const RECONNECT_MS = 1_000
const BOOT_MS = 4_000

/**
 * A controller with its hook, as Manor sees them, in virtual time: gives items to whichever idle node has their label, as Jenkins does, and keeps
 * the protocol level-wise (agents/protocol.ts). Agents are connected by whoever plays the engine.
 */
export class FakeController {
  readonly id: ControllerId
  /** Every build that ran: item, node, and how it ended. */
  readonly builds: { readonly item: string; readonly node: string; result: string | undefined }[] = []
  /** Nodes that cannot be made, with the reason. */
  readonly refuseNodes = new Map<string, string>()
  /** Answers for any node that is not in `refuseNodes`. */
  refuseAll: string | undefined
  readonly #options: FakeControllerOptions
  readonly #nodes = new Map<string, Node>()
  /** Names that have had their build; kept over a restart, as the hook keeps them in the home. */
  readonly #used = new Set<string>()
  readonly #connected = new Set<string>()
  #queue: Item[] = []
  #session = 0
  #life = new AbortController()
  #seq = 0
  #eventSeq = 0
  #events: protocol.BuildEvent[] = []
  #applied = 0
  #wanted: protocol.Wanted | undefined
  #nextItem = 1
  #nextBuild = 1
  #reportDue = false
  /** As Manor said in its welcome; nothing is reported before. */
  #reportIntervalMs = 0

  constructor(options: FakeControllerOptions) {
    this.id = options.id
    this.#options = options
  }

  start(): void {
    this.#life = new AbortController()
    this.#session++
    this.#seq = 0
    this.#eventSeq = 0
    this.#events = []
    this.#applied = 0
    this.#wanted = undefined
    const { signal } = this.#life
    void this.#talk(signal)
  }

  /** Ends as a killed program does: running builds are lost, nodes and queue are on its disk. */
  kill(): void {
    this.#life.abort(new Error('The controller was killed.'))
    for (const [name, node] of this.#nodes) {
      if (node.building) this.#finish(name, node, undefined)
      node.online = false
    }
    this.#connected.clear()
  }

  /** Killed and started again; agents that live come back. */
  async restart(): Promise<void> {
    this.kill()
    await this.#options.clock.sleep(BOOT_MS)
    this.start()
  }

  enqueue(
    count: number,
    { label, buildMs = 5_000, task }: { readonly label?: string; readonly buildMs?: number; readonly task?: string } = {},
  ): string[] {
    const items = Array.from({ length: count }, (): Item => {
      const id = String(this.#nextItem++)
      return { id, ...(label === undefined ? {} : { label }), task: task ?? `job-${id}`, since: this.#options.clock.now(), buildMs }
    })
    this.#queue.push(...items)
    this.#dispatch()
    this.#changed()
    return items.map(({ id }) => id)
  }

  /** Someone takes an item out of the queue. */
  cancel(id: string): void {
    this.#queue = this.#queue.filter(item => item.id !== id)
    this.#changed()
  }

  get waiting(): number {
    return this.#queue.length
  }

  get nodeNames(): string[] {
    return [...this.#nodes.keys()]
  }

  nodeOf(item: string): string | undefined {
    return this.builds.find(build => build.item === item)?.node
  }

  /** Marks a node as one that a Pipeline is about to resume on. */
  setAwaited(name: string, awaited: boolean): void {
    const node = this.#nodes.get(name)
    if (node) node.awaited = awaited
    this.#changed()
  }

  /** The agent's process wants to connect; tries again until it is let or `isAlive` says that it is gone. */
  async connect(name: string, isAlive: () => boolean): Promise<void> {
    while (isAlive()) {
      const node = this.#nodes.get(name)
      if (node && !this.#life.signal.aborted && !this.#connected.has(name)) {
        node.online = true
        this.#connected.add(name)
        this.#dispatch()
        this.#changed()
      }
      await this.#options.clock.sleep(RECONNECT_MS)
    }
    this.disconnect(name)
  }

  /** The agent's process is gone: what it ran fails. */
  disconnect(name: string): void {
    if (!this.#connected.delete(name)) return
    const node = this.#nodes.get(name)
    if (node === undefined) return
    node.online = false
    if (node.building) this.#finish(name, node, 'FAILURE')
    this.#changed()
  }

  #dispatch(): void {
    if (this.#wanted?.quiet || this.#life.signal.aborted) return
    for (const item of [...this.#queue]) {
      const found = [...this.#nodes].find(([, node]) => node.online && !node.used && !node.building && mayTake(node.wanted, item))
      if (found) this.#begin(found[0], found[1], item)
    }
  }

  #begin(name: string, node: Node, item: Item): void {
    const build: Build = { job: item.task, number: this.#nextBuild++, item }
    this.#queue = this.#queue.filter(other => other !== item)
    node.building = build
    node.used = true
    this.#used.add(name)
    this.builds.push({ item: item.id, node: name, result: undefined })
    this.#event({ type: 'build-started', node: name, job: build.job, number: build.number, item: item.id })
    this.#options.clock.after(item.buildMs, () => {
      if (node.building === build) this.#finish(name, node, 'SUCCESS')
    })
  }

  #finish(name: string, node: Node, result: string | undefined): void {
    const { building } = node
    if (building === undefined) return
    node.building = undefined
    const record = this.builds.findLast(({ node: on, item }) => on === name && item === building.item.id)
    if (record) record.result = result ?? 'LOST'
    if (result !== undefined) this.#event({ type: 'build-finished', node: name, job: building.job, number: building.number, result })
    this.#carryOut()
    this.#changed()
  }

  #event(event: Omit<protocol.BuildEvent, 'seq' | 'at'>): void {
    this.#events.push({ ...event, seq: ++this.#eventSeq, at: this.#options.clock.now() })
  }

  #changed(): void {
    this.#reportDue = true
  }

  /** One pass of the hook over its nodes, as hook/manor.groovy does it. */
  #carryOut(): void {
    const wanted = this.#wanted
    if (wanted === undefined || this.#life.signal.aborted) return
    const names = new Set(wanted.nodes.map(({ name }) => name))
    let refused = false
    for (const one of wanted.nodes) {
      if (this.#nodes.has(one.name) || this.#used.has(one.name)) continue
      if (this.refuseAll !== undefined || this.refuseNodes.has(one.name)) refused = true
      else this.#nodes.set(one.name, { wanted: one, online: false, used: false, awaited: false, building: undefined })
    }
    for (const [name, node] of this.#nodes)
      if ((!names.has(name) || node.used) && !node.building && !node.awaited) {
        this.#nodes.delete(name)
        this.#connected.delete(name)
      }
    if (!refused && this.#applied !== wanted.revision) this.#applied = wanted.revision
    this.#dispatch()
    this.#changed()
  }

  /** The hook's loops; whatever fails is tried again. */
  async #talk(signal: AbortSignal): Promise<void> {
    const session = `session-${this.id}-${this.#session}`
    let greeted = false
    const hello = async (): Promise<void> => {
      if (greeted) return
      const { reportIntervalMs } = await this.#options
        .hook()
        .hello(this.id, { session, epoch: this.#options.epoch, distribution: 'jenkins', version: '2.541.3', secured: true })
      greeted = true
      this.#reportIntervalMs = reportIntervalMs
      this.#changed()
    }
    const loop = async (step: () => Promise<void>): Promise<void> => {
      while (!signal.aborted) {
        try {
          await hello()
          await step()
        } catch (cause) {
          if (cause instanceof Error && 'code' in cause && cause.code === 'unknown-session') greeted = false
          await this.#options.clock.sleep(RETRY_MS)
        }
      }
    }
    await Promise.all([loop(() => this.#reportOnce(session)), loop(() => this.#pollOnce(session, signal)), loop(() => this.#tell(session))])
  }

  async #reportOnce(session: string): Promise<void> {
    for (let waited = 0; !this.#reportDue && waited < this.#reportIntervalMs; waited += REPORT_DELAY_MS)
      await this.#options.clock.sleep(REPORT_DELAY_MS)
    this.#reportDue = false
    try {
      await this.#options.hook().report(this.id, this.#report(session))
    } catch (cause) {
      this.#reportDue = true
      throw cause
    }
  }

  async #pollOnce(session: string, signal: AbortSignal): Promise<void> {
    const wanted = await this.#options.hook().wanted(this.id, session, this.#wanted?.revision ?? 0, 25, signal)
    if (signal.aborted) return
    this.#wanted = wanted
    this.#carryOut()
    await this.#options.clock.sleep(1)
  }

  async #tell(session: string): Promise<void> {
    await this.#options.clock.sleep(REPORT_DELAY_MS)
    const events = this.#events.slice(0, 500)
    if (events.length === 0) return
    const { acknowledged } = await this.#options.hook().events(this.id, { session, events })
    this.#events = this.#events.filter(({ seq }) => seq > acknowledged)
  }

  #report(session: string): protocol.Report {
    const nodes = [...this.#nodes].map(([name, node]) => ({
      name,
      online: node.online,
      used: node.used,
      ...(node.awaited ? { awaited: true } : {}),
      ...(node.building ? { building: { job: node.building.job, number: node.building.number } } : {}),
    }))
    const problems = (this.#wanted?.nodes ?? []).flatMap(({ name }) => {
      const problem = this.refuseNodes.get(name) ?? this.refuseAll
      return problem === undefined || this.#nodes.has(name) ? [] : [{ name, online: false, used: false, problem }]
    })
    return {
      session,
      seq: ++this.#seq,
      at: this.#options.clock.now(),
      items: this.#queue.map(({ id, label, task, since }) => ({ id, task, since, ...(label === undefined ? {} : { label }) })),
      itemsLeftOut: 0,
      nodes: [...nodes, ...problems],
      running: nodes.filter(({ building }) => building !== undefined).length,
      quieting: this.#wanted?.quiet ?? false,
      appliedRevision: this.#applied,
      load: { heapUsedMb: 100, heapMaxMb: 400, threads: 40, gcShare: 0, eventsDropped: 0 },
    }
  }
}

const mayTake = ({ labels, exclusive = true }: protocol.WantedNode, { label }: Item): boolean =>
  label === undefined ? !exclusive : parseLabelExpression(label)(new Set(labels.split(' ')))
