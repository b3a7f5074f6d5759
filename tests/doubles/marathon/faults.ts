/** What a Marathon does on a bad day, on demand. Every fault can be played from a test and through the control port (README.md). */
import type { ServerResponse } from 'node:http'
import type { Core } from './core.ts'
import type { EventStreams } from './events.ts'

type Answers = { readonly method: string; readonly path: RegExp; readonly status: number; readonly body: unknown; left: number }

export class Faults {
  readonly #core: Core
  readonly #events: EventStreams
  readonly #abdicate: () => void
  #answers: Answers[] = []
  #lost: { readonly method: string; readonly path: RegExp; left: number }[] = []
  #hanging = false
  #waiting: ServerResponse[] = []
  #latency: { readonly path: RegExp; readonly ms: number } | undefined
  #latencyTimers = new Set<NodeJS.Timeout>()

  constructor(core: Core, events: EventStreams, abdicate: () => void) {
    this.#core = core
    this.#events = events
    this.#abdicate = abdicate
  }

  /** Answers requests with something else, `times` times: a 503 of a Marathon that has no leader, a 422 of a rule we do not know. */
  answer(method: string, path: RegExp, status: number, body: unknown, times = 1): void {
    this.#answers.push({ method, path, status, body, left: times })
  }

  /** Does what is asked and breaks the connection before the answer. */
  loseAnswer(method: string, path: RegExp, times = 1): void {
    this.#lost.push({ method, path, left: times })
  }

  /** Answers nothing any more, on any connection. */
  hang(): void {
    this.#hanging = true
  }

  /** Answers slowly: 5 s on /v2/apps was seen on large fleets. */
  slow(path: RegExp, ms: number): void {
    this.#latency = { path, ms }
  }

  /** A deployment that never ends and holds these apps, as one whose tasks find no room does. */
  stick(apps: readonly string[]): string {
    const version = this.#core.newVersion()
    return this.#core.deploy([apps.map(app => ({ action: 'RestartApplication', app }) as const)], version, new Map(), true).id
  }

  unstick(id: string): void {
    this.#core.deployments.delete(id)
  }

  loseEvents(): void {
    this.#events.lost = true
  }

  reorderEvents(): void {
    this.#events.reordered = true
  }

  /** What a slow consumer sees, and everybody when the leader steps down. */
  cutEvents(): void {
    this.#events.cut()
  }

  abdicate(): void {
    this.#abdicate()
  }

  /** Ends an app's task behind Marathon's back: it comes again on other ports, maybe on another host. */
  relaunch(app: string): void {
    this.#core.crash(app)
  }

  loseHost(hostname: string): void {
    this.#core.loseHost(hostname)
  }

  restoreHost(hostname: string): void {
    this.#core.restoreHost(hostname)
  }

  /** Back to a good day; what hangs is let go without an answer. */
  restore(): void {
    this.#hanging = false
    for (const response of this.#waiting) response.destroy()
    this.#waiting = []
    this.#answers = []
    this.#lost = []
    this.#latency = undefined
    for (const timer of this.#latencyTimers) clearTimeout(timer)
    this.#latencyTimers.clear()
    this.#events.lost = false
    this.#events.reordered = false
  }

  /** Faults by name, for the control port; whether there is one of that name. */
  play(name: string, args: readonly string[]): boolean {
    const [first = '', second = '', third = ''] = args
    const all: Readonly<Record<string, () => unknown>> = {
      hang: () => this.hang(),
      slow: () => this.slow(new RegExp(first), Number(second)),
      answer: () => this.answer(first, new RegExp(second), Number(third), { message: 'played' }),
      'lose-answer': () => this.loseAnswer(first, new RegExp(second)),
      stick: () => this.stick(args),
      'lose-events': () => this.loseEvents(),
      'reorder-events': () => this.reorderEvents(),
      'cut-events': () => this.cutEvents(),
      abdicate: () => this.abdicate(),
      relaunch: () => this.relaunch(first),
      'lose-host': () => this.loseHost(first),
      'restore-host': () => this.restoreHost(first),
      'add-host': () => this.#core.addHost({ hostname: first }),
      restore: () => this.restore(),
    }
    const fault = all[name]
    fault?.()
    return fault !== undefined
  }

  /** Whether a request goes on as it should. */
  async before(method: string, path: string, response: ServerResponse): Promise<boolean> {
    if (this.#hanging) {
      this.#waiting.push(response)
      return false
    }
    const wanted = this.#answers.find(each => each.left > 0 && each.method === method && each.path.test(path))
    if (wanted !== undefined) {
      wanted.left--
      const bytes = Buffer.from(JSON.stringify(wanted.body))
      response.writeHead(wanted.status, { 'content-type': 'application/json', 'content-length': bytes.length }).end(bytes)
      return false
    }
    const { path: slowPath, ms = 0 } = this.#latency ?? {}
    if (slowPath?.test(path))
      await new Promise<void>(resolve => {
        this.#latencyTimers.add(setTimeout(resolve, ms))
      })
    return true
  }

  losesAnswer(method: string, path: string): boolean {
    const wanted = this.#lost.find(each => each.left > 0 && each.method === method && each.path.test(path))
    if (wanted === undefined) return false
    wanted.left--
    return true
  }
}
