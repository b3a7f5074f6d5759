import type { HookService, protocol } from '../../src/agents/index.ts'
import type { ControllerId } from '../../src/model/index.ts'
import type { Clock } from '../../src/runtime/index.ts'

type Node = { online: boolean; used: boolean; building: { readonly job: string; readonly number: number } | undefined }

/** As the hook does where nothing changes. */
const REPORT_INTERVAL_MS = 10_000
/** From an agent's start to its connection; long enough to be a later event, short enough to keep the bench short. */
const CONNECT_MS = 50
const POLL_SECONDS = 25

/**
 * One controller's hook as Manor hears it (agents/protocol.ts): reports its whole queue at once on each change and every 10 s, keeps a long
 * poll open, tells of builds. A node takes the oldest item, builds for a while and is gone.
 */
export class BenchHook {
  readonly id: ControllerId
  readonly #hook: HookService
  readonly #clock: Clock
  readonly #epoch: number
  readonly #buildMs: number
  readonly #session: string
  readonly #stop = new AbortController()
  readonly #nodes = new Map<string, Node>()
  readonly #items: { readonly id: string; readonly task: string; readonly since: number }[] = []
  #seq = 0
  #eventSeq = 0
  #events: protocol.BuildEvent[] = []
  #applied = 0
  #nextItem = 1
  #isReporting = false
  #isDue = false
  #isTelling = false

  constructor(id: ControllerId, epoch: number, hook: HookService, clock: Clock, buildMs: number) {
    this.id = id
    this.#hook = hook
    this.#clock = clock
    this.#epoch = epoch
    this.#buildMs = buildMs
    this.#session = `session-${id}`
  }

  async start(): Promise<void> {
    await this.#hook.hello(this.id, {
      session: this.#session,
      epoch: this.#epoch,
      distribution: 'jenkins',
      version: '2.541.3',
      secured: true,
    })
    await this.#report()
    void this.#poll()
  }

  /** The report that comes whether anything changed or not, again and again from `afterMs` on. */
  beat(afterMs: number): void {
    this.#clock.after(afterMs, () => {
      if (this.#stop.signal.aborted) return
      this.#changed()
      this.beat(REPORT_INTERVAL_MS)
    })
  }

  stop(): void {
    this.#stop.abort()
  }

  /** A new item becomes buildable; gives its id. */
  enqueue(): string {
    const id = String(this.#nextItem++)
    this.#items.push({ id, task: `app-${Number(id) % 5}`, since: this.#clock.now() })
    this.#changed()
    return id
  }

  /** An agent's program was started. */
  connectSoon(name: string): void {
    this.#clock.after(CONNECT_MS, () => {
      const node = this.#nodes.get(name)
      if (node === undefined) return this.#stop.signal.aborted ? undefined : this.connectSoon(name)
      node.online = true
      this.#dispatch(name, node)
    })
  }

  get waiting(): number {
    return this.#items.length
  }

  #dispatch(name: string, node: Node): void {
    const item = this.#items.shift()
    if (item !== undefined) {
      const build = { job: item.task, number: Number(item.id) }
      node.building = build
      node.used = true
      void this.#tell({ type: 'build-started', node: name, ...build, item: item.id })
      this.#clock.after(this.#buildMs, () => {
        this.#nodes.delete(name)
        void this.#tell({ type: 'build-finished', node: name, ...build, result: 'SUCCESS', durationMs: this.#buildMs })
        this.#changed()
      })
    }
    this.#changed()
  }

  #changed(): void {
    if (this.#stop.signal.aborted) return
    this.#isDue = true
    void this.#report()
  }

  async #report(): Promise<void> {
    if (this.#isReporting) return
    this.#isReporting = true
    do {
      this.#isDue = false
      await this.#hook.report(this.id, {
        session: this.#session,
        seq: ++this.#seq,
        at: this.#clock.now(),
        items: [...this.#items],
        itemsLeftOut: 0,
        nodes: Array.from(this.#nodes, ([name, { online, used, building }]) => ({ name, online, used, ...(building ? { building } : {}) })),
        running: [...this.#nodes.values()].filter(({ building }) => building !== undefined).length,
        quieting: false,
        appliedRevision: this.#applied,
        load: { heapUsedMb: 300, heapMaxMb: 700, threads: 60, gcShare: 0.01, eventsDropped: 0 },
      })
    } while (this.#isDue && !this.#stop.signal.aborted)
    this.#isReporting = false
  }

  async #poll(): Promise<void> {
    let revision = 0
    while (!this.#stop.signal.aborted) {
      const wanted = await this.#hook.wanted(this.id, this.#session, revision, POLL_SECONDS, this.#stop.signal)
      if (this.#stop.signal.aborted) return
      if (wanted.revision === revision) continue
      revision = wanted.revision
      this.#applied = revision
      const names = new Set(wanted.nodes.map(({ name }) => name))
      for (const name of names) if (!this.#nodes.has(name)) this.#nodes.set(name, { online: false, used: false, building: undefined })
      for (const [name, { building }] of this.#nodes) if (!names.has(name) && building === undefined) this.#nodes.delete(name)
      this.#changed()
    }
  }

  async #tell(event: Omit<protocol.BuildEvent, 'seq' | 'at'>): Promise<void> {
    this.#events.push({ ...event, seq: ++this.#eventSeq, at: this.#clock.now() })
    if (this.#isTelling || this.#stop.signal.aborted) return
    this.#isTelling = true
    while (this.#events.length > 0) {
      const events = this.#events
      this.#events = []
      await this.#hook.events(this.id, { session: this.#session, events })
    }
    this.#isTelling = false
  }
}
