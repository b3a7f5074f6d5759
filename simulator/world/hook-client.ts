import type { HookService, protocol } from '../../src/agents/index.ts'
import type { ControllerId } from '../../src/model/index.ts'
import type { Random } from '../../src/runtime/index.ts'
import type { ProcessClock } from '../kernel/process-clock.ts'
import type { Jenkins } from './jenkins.ts'

/** Between what happens and the report of it; the other times are those of hook/manor.groovy too. */
const COALESCE_MS = 15
const FIRST_RETRY_MS = 250
const LAST_RETRY_MS = 10_000
const POLL_SECONDS = 25
const MAX_EVENTS = 4_000
const EVENT_BATCH = 500

export type HookClientOptions = {
  readonly controller: ControllerId
  readonly epoch: number
  readonly session: string
  readonly clock: ProcessClock
  readonly random: Random
  readonly jenkins: Jenkins
  /** Manor's door as it is reached from here; each call may be lost on either way, or refused while no Manor is there. */
  readonly door: HookService
  /** Manor says that this run is not the current one. */
  readonly onRefused: (code: string) => void
}

/** The hook inside one run of a controller's program: the loops of hook/manor.groovy, level-wise. When the program's clock is dead they end. */
export class HookClient {
  readonly #options: HookClientOptions
  /** A program that ends does not take its polls back: its connection breaks. One for each: adding to a signal is linear in who listens. */
  readonly #neverAborted = new AbortController().signal
  #greeting: Promise<void> | undefined
  #greeted = false
  #seq = 0
  #eventSeq = 0
  #events: protocol.BuildEvent[] = []
  #eventsDropped = 0
  #reportDue = true
  /** As Manor said in its welcome; nothing is reported before. */
  #reportIntervalMs = 0
  /** What is told of the nodes, until one changes. */
  #nodes: protocol.Report['nodes'] | undefined
  #wakeReport: (() => void) | undefined
  #wakeEvents: (() => void) | undefined

  constructor(options: HookClientOptions) {
    this.#options = options
  }

  start(): void {
    void this.#loop(() => this.#report())
    void this.#loop(() => this.#poll())
    void this.#loop(() => this.#tell())
  }

  changed(): void {
    this.#nodes = undefined
    this.#reportDue = true
    this.#wakeReport?.()
  }

  event(event: Omit<protocol.BuildEvent, 'seq' | 'at'>): void {
    this.#nodes = undefined
    this.#events.push({ ...event, seq: ++this.#eventSeq, at: this.#options.clock.now() })
    if (this.#events.length > MAX_EVENTS) {
      this.#events.shift()
      this.#eventsDropped++
    }
    this.#wakeEvents?.()
  }

  async #loop(step: () => Promise<void>): Promise<void> {
    const { clock, random, onRefused } = this.#options
    for (let failures = 0; ; ) {
      try {
        await this.#hello()
        await step()
        failures = 0
      } catch (cause) {
        if (!(cause instanceof Error)) throw cause
        failures++
        const code = 'code' in cause ? cause.code : undefined
        if (code === 'unknown-session') this.#greeted = false
        else if (code === 'stale-epoch' || code === 'unknown-controller') onRefused(code)
        const most = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(failures - 1, 10))
        await clock.sleep(most * (0.5 + 0.5 * random.next()))
      }
    }
  }

  async #hello(): Promise<void> {
    if (this.#greeted) return
    this.#greeting ??= this.#greet().finally(() => {
      this.#greeting = undefined
    })
    await this.#greeting
  }

  async #greet(): Promise<void> {
    const { door, controller, session, epoch } = this.#options
    const { reportIntervalMs } = await door.hello(controller, { session, epoch, distribution: 'jenkins', version: VERSION, secured: true })
    this.#greeted = true
    this.#reportIntervalMs = reportIntervalMs
    this.changed()
  }

  async #report(): Promise<void> {
    const { clock, controller, door } = this.#options
    if (!this.#reportDue) {
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#wakeReport = resolve
      const cancel = clock.after(this.#reportIntervalMs, resolve)
      await promise
      cancel()
      this.#wakeReport = undefined
    }
    await clock.sleep(COALESCE_MS)
    this.#reportDue = false
    try {
      await door.report(controller, this.#content())
    } catch (cause) {
      this.#reportDue = true
      throw cause
    }
  }

  async #poll(): Promise<void> {
    const { jenkins, controller, door, session } = this.#options
    jenkins.want(await door.wanted(controller, session, jenkins.revision, POLL_SECONDS, this.#neverAborted))
  }

  async #tell(): Promise<void> {
    const { controller, door, session } = this.#options
    if (this.#events.length === 0) {
      await new Promise<void>(resolve => {
        this.#wakeEvents = resolve
      })
      this.#wakeEvents = undefined
    }
    const { acknowledged } = await door.events(controller, { session, events: this.#events.slice(0, EVENT_BATCH) })
    this.#events = this.#events.filter(({ seq }) => seq > acknowledged)
  }

  #content(): protocol.Report {
    const { jenkins, clock, session } = this.#options
    const { queue, nodes } = jenkins.home
    this.#nodes ??= Array.from(nodes.values(), ({ name, online, used, building }) => ({
      name,
      online,
      used,
      ...(building ? { building: { job: building.job, number: building.number } } : {}),
    }))
    return {
      session,
      seq: ++this.#seq,
      at: clock.now(),
      items: queue.slice(0, MAX_ITEMS).map(({ id, label, since, job }) => ({ id, label, task: job.name, since })),
      itemsLeftOut: Math.max(0, queue.length - MAX_ITEMS),
      nodes: this.#nodes,
      running: jenkins.running,
      quieting: jenkins.isQuiet,
      appliedRevision: jenkins.applied,
      load: { heapUsedMb: 300, heapMaxMb: 1_500, threads: 60, gcShare: 0, eventsDropped: this.#eventsDropped },
    }
  }
}

/** Most items that a report has; the protocol's own bound. */
const MAX_ITEMS = 5_000
export const VERSION = '2.541.3'
