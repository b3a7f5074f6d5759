import { type Backoff, backoffDelay, type Clock, type Random } from '../../runtime/index.ts'
import type { LeaderDiscovery } from './discovery.ts'
import { type Answer, type MesosHttp, MesosHttpError } from './http.ts'
import type { EventStream, StreamReader } from './stream-reader.ts'
import type { Call, FrameworkInfo, MesosEvent } from './wire.ts'

const PATH = '/api/v1/scheduler'
/** A leader that has fallen or recovers answers within seconds; Mesos' documents ask for no more than 15 between tries. */
const RECONNECT: Backoff = { firstMs: 200, factor: 2, mostMs: 15_000 }

/** What the leader says last is on its way when it refuses a call. */
const LAST_WORDS_MS = 500

/** What the leader said that ends this framework's connection for good. */
export type Farewell = {
  /** `superseded`: another instance has taken the framework over. `removed`: the framework is dead. `refused`: its description is not taken. */
  readonly kind: 'superseded' | 'removed' | 'refused'
  readonly message: string
}

export type ConnectionHandler = {
  /** The description and which of its roles want no offers, asked before each subscription. */
  describe(): { readonly info: FrameworkInfo; readonly suppressed: readonly string[] }
  /** A new subscription stands: everything of the older one is void. */
  subscribed(origin: string): void
  event(event: MesosEvent): void
  /** The leader has taken a call on: a sign of life. */
  answered(origin: string): void
  disconnected(cause: unknown): void
  /** Nothing is tried any more. */
  farewell(farewell: Farewell): void
}

export type ConnectionOptions = {
  /** The framework's id, which each call carries. */
  readonly framework: string
  /** For calls; the stream is read by the reader. */
  readonly http: MesosHttp
  readonly reader: StreamReader
  readonly discovery: LeaderDiscovery
  readonly clock: Clock
  readonly random: Random
  readonly handler: ConnectionHandler
  /** Asked before each subscription: whoever may not lead any more would otherwise take the framework from who does, after a partition. */
  readonly mayLead?: () => Promise<boolean>
}

type Open = { readonly origin: string; readonly streamId: string; readonly abort: AbortController }

/**
 * The subscription of one framework with the leader: found, opened, opened again. It is read and watched by the reader's thread; events are
 * handed on here in the order of the stream, synchronously, and a handler that waits for something keeps it to itself.
 */
export class Connection {
  readonly #options: ConnectionOptions
  readonly #stop = new AbortController()
  #leader: string | undefined
  #leaderKnown: (() => void) | undefined
  #open: Open | undefined
  #running: Promise<void> | undefined
  #unfollow: (() => void) | undefined
  #subscriptions = 0
  #parted = false
  #givenUp: Open | undefined

  constructor(options: ConnectionOptions) {
    this.#options = options
  }

  start(): void {
    this.#unfollow = this.#options.discovery.follow(origin => this.#leads(origin))
    this.#running = this.#run()
  }

  async close(): Promise<void> {
    this.#unfollow?.()
    this.#stop.abort(new DOMException('The connection to Mesos was closed.', 'AbortError'))
    await this.#running
  }

  /** Ends the stream and opens no other: somebody else speaks for the framework. Its tasks and its offers are theirs. */
  stepBack(message: string): void {
    if (this.#parted) return
    this.#part({ kind: 'superseded', message })
    this.#open?.abort.abort(new Error(message))
  }

  /** Where the leader answers, while a subscription stands. */
  get origin(): string | undefined {
    return this.#parted ? undefined : this.#open?.origin
  }

  /** How often it subscribed. */
  get subscriptions(): number {
    return this.#subscriptions
  }

  /** Ends the stream; it is opened anew at once, with the description as it is then. */
  resubscribe(why: string): void {
    this.#open?.abort.abort(new Error(why))
  }

  /**
   * Asks the leader. Resolves when it has taken the call on (202) or done it (200), which says nothing of how it ends. Rejects with a
   * MesosHttpError: a status from 400 up means that nothing was done, 0 and 5xx that nobody knows.
   */
  async call(call: Call, signal?: AbortSignal): Promise<Answer> {
    const open = this.#open
    if (open === undefined || this.#parted) throw new MesosHttpError(403, 'There is no subscription with a leader.')
    const { framework, http, handler } = this.#options
    const body = { framework_id: { value: framework }, ...call }
    const answer = await http.post(open.origin, PATH, body, { 'Mesos-Stream-Id': open.streamId }, signal)
    if (answer.status === 202 || answer.status === 200) {
      handler.answered(open.origin)
      return answer
    }
    if (answer.status === 403 || /cannot be found/.test(answer.body)) this.#giveUp(open, new MesosHttpError(answer.status, answer.body))
    throw new MesosHttpError(answer.status, `Mesos refused ${call.type} with ${answer.status}: ${answer.body.slice(0, 500)}`)
  }

  /**
   * A stream that the leader does not know any more is of no use, though its socket may still be open. One that somebody else's has taken the place
   * of says so itself, and its thread may read that after this refusal was: it is waited for, since whoever is superseded may not subscribe again.
   */
  #giveUp(open: Open, cause: unknown): void {
    if (this.#givenUp === open) return
    this.#givenUp = open
    this.#options.clock.after(LAST_WORDS_MS, () => open.abort.abort(cause))
  }

  #leads(origin: string | undefined): void {
    const before = this.#leader
    this.#leader = origin
    this.#leaderKnown?.()
    // Only a leader that is known to be another one ends a stream that works: a standby's address leads to the same leader by its redirect.
    if (before !== undefined && origin !== undefined && before !== origin && this.#open !== undefined && this.#open.origin !== origin)
      this.#open.abort.abort(new Error(`${origin} leads now.`))
  }

  async #run(): Promise<void> {
    const { clock, random, discovery, handler } = this.#options
    const { signal } = this.#stop
    let failures = 0
    while (!signal.aborted && !this.#parted) {
      const origin = this.#leader ?? (await this.#someLeader())
      if (origin === undefined) break
      const before = this.#subscriptions
      try {
        if ((await this.#options.mayLead?.()) === false) {
          this.stepBack('Another Manor leads.')
          break
        }
        if (await this.#subscribe(origin)) return
      } catch (cause) {
        if (signal.aborted || this.#parted) break
        handler.disconnected(cause)
        discovery.failed(origin)
      }
      failures = this.#subscriptions > before ? 1 : failures + 1
      await clock.sleep(backoffDelay(RECONNECT, failures, random), signal).catch(() => undefined)
    }
  }

  #part(farewell: Farewell): void {
    this.#parted = true
    this.#options.handler.farewell(farewell)
  }

  /** Resolves once somebody leads; undefined where it is closed before. */
  #someLeader(): Promise<string | undefined> {
    return new Promise(resolve => {
      const onAbort = (): void => resolve(undefined)
      this.#stop.signal.addEventListener('abort', onAbort, { once: true })
      this.#leaderKnown = () => {
        if (this.#leader === undefined) return
        this.#leaderKnown = undefined
        this.#stop.signal.removeEventListener('abort', onAbort)
        resolve(this.#leader)
      }
    })
  }

  /** Subscribes and reads until the stream ends. Resolves to true where there will be no other; rejects with the cause of any other end. */
  async #subscribe(leader: string): Promise<boolean> {
    const { reader, handler } = this.#options
    const abort = new AbortController()
    const onStop = (): void => abort.abort(this.#stop.signal.reason)
    this.#stop.signal.addEventListener('abort', onStop, { once: true })
    try {
      const { info, suppressed } = handler.describe()
      const call = { type: 'SUBSCRIBE', framework_id: info.id, subscribe: { framework_info: info, suppressed_roles: suppressed } }
      const stream = await reader.open(leader, PATH, call, abort.signal)
      this.#open = undefined
      return await this.#read(stream, { origin: stream.origin, streamId: stream.streamId, abort })
    } catch (cause) {
      throw abort.signal.aborted ? abort.signal.reason : cause
    } finally {
      this.#open = undefined
      this.#stop.signal.removeEventListener('abort', onStop)
      abort.abort()
    }
  }

  async #read({ batches }: EventStream, open: Open): Promise<boolean> {
    for await (const events of batches) {
      for (const event of events) {
        if (this.#parted) return true
        if (event.type === 'ERROR') {
          const farewell = farewellOf(event.error.message)
          if (farewell === undefined) throw new Error(`Mesos ended the subscription: ${event.error.message}`)
          this.#part(farewell)
          return true
        }
        if (event.type === 'SUBSCRIBED') {
          this.#open = open
          this.#subscriptions++
          this.#options.handler.subscribed(open.origin)
        }
        this.#options.handler.event(event)
      }
    }
    throw new Error('The leader closed the stream.')
  }
}

/** Mesos' own sentences (1.5 to 1.11, its leader's source); any other end is tried again, since a leader that recovers says many things. */
const FAREWELLS: readonly (readonly [pattern: RegExp, kind: Farewell['kind']])[] = [
  [/Framework failed over/, 'superseded'],
  [/Framework has been removed/, 'removed'],
  [/FrameworkInfo|invalid role|not authorized|root submissions/i, 'refused'],
]

export const farewellOf = (message: string): Farewell | undefined => {
  const found = FAREWELLS.find(([pattern]) => pattern.test(message))
  return found && { kind: found[1], message }
}
