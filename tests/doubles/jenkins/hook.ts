import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import {
  type BuildEvent,
  type EventAck,
  type Hello,
  MAX_EVENT_BATCH,
  type Report,
  type Wanted,
  type Welcome,
} from '../../../src/agents/protocol.ts'
import type { HookPolicy } from '../../../src/controllers/index.ts'
import type { Core } from './core.ts'
import { Files } from './files.ts'
import type { Build, Node } from './model.ts'
import { VERSION } from './pages.ts'

/** The bounds and periods of hook/manor.groovy. */
const COALESCE_MS = 15
const POLL_SECONDS = 25
const MAX_EVENTS = 4_000
const FIRST_RETRY_MS = 250
const LAST_RETRY_MS = 10_000
const REVOKED_RETRY_MS = 60_000
const USED_FILE = 'manor-used-nodes.txt'
const DESCRIPTION = 'manor:'

/** What Manor answered instead of what was asked for. */
class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly status: number
  constructor(status: number) {
    super(`Manor answered with status ${status}.`)
    this.status = status
  }
}

/**
 * What hook/manor.groovy says and does towards Manor, in TypeScript, since the double cannot run Groovy: levels told again, commands by long poll,
 * nodes that have one build, events kept until they are acknowledged. It is held to the same protocol by its types; what the Groovy one does
 * inside a real controller is tested there.
 */
export class Hook {
  readonly #core: Core
  readonly #policy: HookPolicy
  readonly #files: Files
  readonly #session = randomBytes(16).toString('hex')
  readonly #ending = new AbortController()
  readonly #used: Set<string>
  readonly #problems = new Map<string, string>()
  readonly #events: BuildEvent[] = []
  #eventSeq = 0
  #eventsDropped = 0
  #reportSeq = 0
  #wanted: Wanted | undefined
  #appliedRevision = -1
  #quietIsOurs = false
  /** The greeting under way or done; undefined: it is to be said (again). */
  #welcome: Promise<void> | undefined
  #welcomes = 0
  /** As Manor said in its welcome; nothing is reported before. */
  #reportIntervalMs = 0
  /** Which greeting what is wanted was asked for under; another Manor counts its revisions in its own way. */
  #greeted = -1
  #wakeReport: () => void = () => undefined
  #wakeEvents: () => void = () => undefined

  constructor(core: Core, policy: HookPolicy, home: string) {
    this.#core = core
    this.#policy = policy
    this.#files = new Files(home)
    this.#used = new Set(this.#files.readLines(USED_FILE))
    core.mayTake = (node, label) => !this.#used.has(node.name) || node.name === label
  }

  start(): void {
    const core = this.#core
    core.on('changed', () => {
      this.#reconcile()
      this.#wakeReport()
    })
    core.on('build-started', build => this.#began(build))
    core.on('build-finished', build => {
      const { job, number, node, item, result, durationMs } = build
      this.#tell({
        type: 'build-finished',
        node,
        job,
        number,
        item: String(item),
        ...(result === undefined ? {} : { result }),
        ...(durationMs === undefined ? {} : { durationMs }),
      })
    })
    core.on('node-online', node => this.#tell({ type: 'node-online', node }))
    core.on('node-offline', node => this.#tell({ type: 'node-offline', node, cause: 'Connection was broken' }))
    void this.#loop(() => this.#askWanted())
    void this.#loop(() => this.#report())
    void this.#loop(() => this.#sendEvents())
  }

  stop(): void {
    this.#ending.abort(new Error('The double ends.'))
  }

  // --- nodes

  #began(build: Build): void {
    const node = this.#core.nodes.get(build.node)
    if (node !== undefined && isOurs(node)) {
      node.accepting = false
      this.#used.add(node.name)
      this.#files.writeLines(USED_FILE, this.#used)
    }
    this.#tell({ type: 'build-started', node: build.node, job: build.job, number: build.number, item: String(build.item) })
  }

  /** One pass: what is there against what is wanted. */
  #reconcile(): void {
    const wanted = this.#wanted
    if (wanted === undefined || this.#core.ended) return
    this.#applyQuiet(wanted)
    this.#problems.clear()
    for (const node of wanted.nodes) this.#ensure(node)
    const names = new Set(wanted.nodes.map(({ name }) => name))
    for (const node of [...this.#core.nodes.values()])
      if (isOurs(node) && node.build === undefined && (!names.has(node.name) || this.#used.has(node.name))) this.#core.removeNode(node.name)
    for (const name of this.#used) if (!names.has(name) && !this.#core.nodes.has(name)) this.#used.delete(name)
    if (this.#problems.size > 0 || this.#appliedRevision === wanted.revision) return
    this.#appliedRevision = wanted.revision
    this.#wakeReport()
  }

  #applyQuiet({ quiet, quietReason }: Wanted): void {
    if (quiet && !this.#core.quieting) {
      this.#quietIsOurs = true
      this.#core.quiet(quietReason ?? 'Manor is about to stop this controller.')
    } else if (!quiet && this.#quietIsOurs) {
      this.#quietIsOurs = false
      if (this.#core.quieting) this.#core.cancelQuiet()
    }
  }

  #ensure({ name, labels, remoteDirectory, exclusive = true }: Wanted['nodes'][number]): void {
    const there = this.#core.nodes.get(name)
    if (there !== undefined && !isOurs(there))
      this.#problems.set(name, `A node named ${name} is there already, and it is not one of Manor's: rename or delete it.`)
    if (there !== undefined || this.#used.has(name)) return
    this.#core.addNode({
      name,
      labels: labels.split(/\s+/).filter(label => label !== ''),
      remoteDirectory,
      exclusive,
      description: `${DESCRIPTION}${this.#policy.epoch}`,
    })
  }

  // --- what is said

  #tell(event: Omit<BuildEvent, 'seq' | 'at'>): void {
    this.#events.push({ seq: ++this.#eventSeq, at: this.#core.clock.now(), ...event })
    if (this.#events.length > MAX_EVENTS) {
      this.#events.shift()
      this.#eventsDropped++
    }
    this.#wakeEvents()
  }

  async #askWanted(): Promise<void> {
    const before = this.#welcomes
    const known = this.#greeted === before ? (this.#wanted?.revision ?? -1) : -1
    const path = `/hook/v1/wanted?session=${this.#session}&revision=${known}&wait=${POLL_SECONDS}`
    const wanted = await this.#exchange('GET', path)
    this.#greeted = before
    if (wanted === undefined) return
    this.#wanted = wanted as Wanted
    this.#reconcile()
  }

  async #report(): Promise<void> {
    await this.#core.clock.sleep(COALESCE_MS, this.#ending.signal)
    const changed = new Promise<void>(resolved => {
      this.#wakeReport = resolved
    })
    await this.#exchange('PUT', '/hook/v1/report', this.#state())
    await this.#firstOf(changed)
  }

  async #sendEvents(): Promise<void> {
    const added = new Promise<void>(resolved => {
      this.#wakeEvents = resolved
    })
    if (this.#events.length === 0) return this.#firstOf(added)
    const answer = await this.#exchange('POST', '/hook/v1/events', {
      session: this.#session,
      events: this.#events.slice(0, MAX_EVENT_BATCH),
    })
    const { acknowledged } = answer as EventAck
    while (this.#events[0] !== undefined && this.#events[0].seq <= acknowledged) this.#events.shift()
  }

  /** Waits for a change, at most until the next report is due. */
  async #firstOf(change: Promise<void>): Promise<void> {
    const enough = new AbortController()
    const signal = AbortSignal.any([enough.signal, this.#ending.signal])
    const due = this.#core.clock.sleep(this.#reportIntervalMs, signal).catch((cause: unknown) => {
      if (!signal.aborted) throw cause
    })
    await Promise.race([change, due])
    enough.abort()
  }

  #state(): Report {
    const core = this.#core
    const items = core.items.filter(item => core.isBuildable(item))
    const { heapUsed, heapTotal } = process.memoryUsage()
    return {
      session: this.#session,
      seq: ++this.#reportSeq,
      at: core.clock.now(),
      nodes: [...core.nodes.values()]
        .filter(isOurs)
        .map(node => ({
          name: node.name,
          online: node.channel !== undefined,
          used: this.#used.has(node.name),
          ...(node.build === undefined ? {} : { building: { job: node.build.job, number: node.build.number } }),
        }))
        .concat([...this.#problems].map(([name, problem]) => ({ name, online: false, used: false, problem }))),
      // An item whose label is a node's name waits for that very node.
      items: items
        .filter(item => !core.nodes.has(core.jobs.get(item.job)?.label ?? ''))
        .map(item => {
          const label = core.jobs.get(item.job)?.label
          return {
            id: String(item.id),
            ...(label === undefined ? {} : { label }),
            task: item.job,
            since: item.since,
            why: core.why(item) ?? '',
          }
        }),
      itemsLeftOut: 0,
      running: core.running.length,
      quieting: core.quieting,
      appliedRevision: this.#appliedRevision,
      load: {
        heapUsedMb: Math.round(heapUsed / 1_048_576),
        heapMaxMb: Math.round(heapTotal / 1_048_576),
        threads: 1,
        gcShare: 0,
        eventsDropped: this.#eventsDropped,
      },
    }
  }

  // --- the connection

  async #loop(turn: () => Promise<void>): Promise<void> {
    let failures = 0
    while (!this.#ending.signal.aborted) {
      try {
        await turn()
        failures = 0
      } catch (cause) {
        if (this.#ending.signal.aborted) return
        failures++
        await this.#pause(failures, cause).catch(() => undefined)
      }
    }
  }

  async #pause(failures: number, cause: unknown): Promise<void> {
    const status = cause instanceof Refusal ? cause.status : undefined
    if (status === 409 && failures === 1) return
    const wait = status === 401 ? REVOKED_RETRY_MS : Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(failures - 1, 10))
    await this.#core.clock.sleep(wait, this.#ending.signal)
  }

  async #exchange(method: string, path: string, body?: object): Promise<unknown> {
    this.#welcome ??= this.#hello()
    try {
      await this.#welcome
      return await this.#request(method, path, body)
    } catch (cause) {
      // Greeted anew where Manor does not know this session, and where the greeting itself did not get there.
      if (this.#welcomes === 0 || (cause instanceof Refusal && cause.status === 409)) this.#welcome = undefined
      throw cause
    }
  }

  async #hello(): Promise<void> {
    const hello: Hello = { session: this.#session, epoch: this.#policy.epoch, distribution: 'jenkins', version: VERSION, secured: true }
    const { reportIntervalMs } = (await this.#request('POST', '/hook/v1/hello', hello)) as Welcome
    this.#reportIntervalMs = reportIntervalMs
    this.#welcomes++
    this.#wakeReport()
  }

  async #request(method: string, path: string, body?: object): Promise<unknown> {
    const response = await fetch(`${this.#address()}${path}`, {
      method,
      headers: { authorization: `Bearer ${this.#policy.token}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.any([this.#ending.signal, AbortSignal.timeout((POLL_SECONDS + 10) * 1_000)]),
    })
    const text = await response.text()
    if (!response.ok) throw new Refusal(response.status)
    return text === '' ? undefined : JSON.parse(text)
  }

  /** The file, where there is one, has the newest address. */
  #address(): string {
    const { url, urlFile } = this.#policy
    return (urlFile === undefined ? url : readFileOr(urlFile, url)).replace(/\/$/, '')
  }
}

const isOurs = ({ description }: Node): boolean => description.startsWith(DESCRIPTION)

const readFileOr = (path: string, otherwise: string): string => {
  try {
    return readFileSync(path, 'utf8').trim() || otherwise
  } catch {
    return otherwise
  }
}
