import { EngineError } from '../engines/engine.ts'
import { type Agent, type AgentId, agentId, type ControllerId, MINUTE, type Reason, SECOND } from '../model/index.ts'
import { deadline, ReconcileLoop } from '../runtime/index.ts'
import { AGENT_GRACE_MS, launchAgent, workloadOfAgent } from './launch.ts'
import type { AgentsPorts } from './ports.ts'

/** Agents that are worked on at the same time; nearly all of it is waiting for the engine. */
const CONCURRENCY = 64
const RESYNC_MS = 30 * SECOND
/** How long the engine may take to take a workload on. Programs are there already: their controller runs. */
const SUBMIT_TIMEOUT_MS = 2 * MINUTE
/** How long the engine may take to end one: the grace, and as long again for a slow host. */
const STOP_TIMEOUT_MS = 2 * AGENT_GRACE_MS + 20 * SECOND
const STOP_POLL_MS = 500

export type Ask = 'submit' | 'stop'

/**
 * Carries out what was decided of single agents, so that a slow engine call for one holds up no other. Writes no row: what it learns is read by the
 * next decision.
 */
export class Hands {
  readonly #ports: AgentsPorts
  readonly #onDone: (controller: ControllerId) => void
  readonly #loop: ReconcileLoop
  readonly #asks = new Map<AgentId, Ask>()
  readonly #submitting = new Set<AgentId>()
  readonly #submitted = new Set<AgentId>()
  /** Why an agent can never be started. */
  readonly refused = new Map<AgentId, Omit<Reason, 'since'>>()
  /** Agents whose place was taken back before they started: the same agent needs another. */
  readonly displaced = new Set<AgentId>()
  /** Why the last try to start it failed. */
  readonly trouble = new Map<AgentId, string>()

  constructor(ports: AgentsPorts, onDone: (controller: ControllerId) => void) {
    this.#ports = ports
    this.#onDone = onDone
    this.#loop = new ReconcileLoop({
      name: 'agents',
      clock: ports.clock,
      random: ports.random,
      concurrency: CONCURRENCY,
      resyncMs: RESYNC_MS,
      keys: () => this.#asks.keys(),
      reconcile: (key, signal) => this.#work(agentId(key), signal),
      onError: (key, cause) => ports.onError(key, cause),
    })
  }

  start(): void {
    this.#loop.start()
  }

  stop(): Promise<void> {
    return this.#loop.stop()
  }

  /** Whether the absence of its workload says anything: it was submitted by us, and no submit is on its way. */
  isSubmitted(id: AgentId): boolean {
    return this.#submitted.has(id) && !this.#submitting.has(id)
  }

  isSubmitting(id: AgentId): boolean {
    return this.#submitting.has(id)
  }

  ask(id: AgentId, ask: Ask | undefined): void {
    if (this.#asks.get(id) === ask) return
    if (ask === undefined) this.#asks.delete(id)
    else {
      this.#asks.set(id, ask)
      this.#loop.wake(id)
    }
  }

  /** Forgets an agent that has ended. */
  forget(id: AgentId): void {
    this.#asks.delete(id)
    this.#submitted.delete(id)
    this.refused.delete(id)
    this.displaced.delete(id)
    this.trouble.delete(id)
  }

  async #work(id: AgentId, signal: AbortSignal): Promise<number | undefined> {
    const ask = this.#asks.get(id)
    const agent = this.#ports.store.get('agent', id)
    if (ask === undefined || agent === undefined) return undefined
    if (ask === 'submit') return this.#submit(agent, signal)
    if (agent.phase !== 'ending') return undefined
    await this.#within(STOP_TIMEOUT_MS, signal, limit => this.#ports.engine.stop(workloadOfAgent(agent), AGENT_GRACE_MS, limit))
    this.#tellAfterList(agent)
    return STOP_POLL_MS
  }

  async #submit(agent: Agent, signal: AbortSignal): Promise<undefined> {
    const { observer } = this.#ports
    if (agent.phase !== 'launching' || this.#submitted.has(agent.id) || observer.get(workloadOfAgent(agent)) !== undefined) return undefined
    this.#submitting.add(agent.id)
    try {
      await this.#within(SUBMIT_TIMEOUT_MS, signal, limit => launchAgent(this.#ports, agent, limit))
      this.#submitted.add(agent.id)
      this.trouble.delete(agent.id)
    } catch (cause) {
      if (!signal.aborted && cause instanceof EngineError && cause.placeIsGone) {
        this.displaced.add(agent.id)
        this.#onDone(agent.controller)
        return undefined
      }
      if (signal.aborted || !(cause instanceof EngineError) || cause.retryable) {
        this.trouble.set(agent.id, cause instanceof Error ? cause.message : String(cause))
        throw cause
      }
      this.refused.set(agent.id, cause.reason)
      this.#ports.onError(agent.id, cause)
    } finally {
      this.#submitting.delete(agent.id)
    }
    this.#onDone(agent.controller)
    return undefined
  }

  /** What became of it is known with the next list. That is not waited for: of a large fleet lists come seconds apart, and others want these hands. */
  #tellAfterList({ controller }: Agent): void {
    this.#ports.observer.current().then(
      () => this.#onDone(controller),
      cause => this.#ports.onError(controller, cause),
    )
  }

  async #within(ms: number, signal: AbortSignal, work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const limit = deadline(this.#ports.clock, ms, signal)
    try {
      await work(limit.signal)
    } finally {
      limit.done()
    }
  }
}
