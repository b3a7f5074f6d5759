import { type Engine, EngineError } from '../../src/engines/engine.ts'
import {
  ACCESS_KINDS,
  type AccessKind,
  type Host,
  type HostId,
  hostId,
  type Observation,
  type Reason,
  type Workload,
  type WorkloadId,
} from '../../src/model/index.ts'
import type { Clock } from '../../src/runtime/index.ts'
import type { FakeLender } from './fake-lender.ts'

/** What becomes of one call, for tests that want it to go wrong. */
export type CallFault =
  /** Nothing was done. */
  | { readonly kind: 'refused'; readonly retryable: boolean }
  /** It was done, and the answer was lost. */
  | { readonly kind: 'answer-lost' }

export type FakeEngineOptions = {
  readonly clock: Clock
  readonly hosts?: readonly Partial<Host>[]
  /** Who picks hosts; `manor` where absent. */
  readonly placement?: Engine['placement']
  /** Set where its hosts are lent in pieces. */
  readonly lender?: FakeLender
  /** How long each call takes. */
  readonly latencyMs?: number
  /** Asked before each submit, stop and remove. */
  readonly faultOf?: (call: 'submit' | 'stop' | 'remove', id: WorkloadId) => CallFault | undefined
  /** Told of each stop before it is carried out. */
  readonly onStop?: (id: WorkloadId) => void
  /** A workload runs; what it does is the test's to say. */
  readonly onRunning?: (workload: Workload) => void
}

type Running = { workload: Workload; observation: Observation }

/** An engine in memory that keeps the contract of engines/engine.ts level-wise, and can be told to break in the ways that real ones do. */
export class FakeEngine implements Engine {
  readonly name = 'fake'
  readonly placement: Engine['placement']
  readonly volumes = 'service'
  /** What it can give of its hosts; tests take some of it away. */
  gives: readonly AccessKind[] = ACCESS_KINDS
  /** Every workload that was really started, in order: an id that is in here twice was started twice. */
  readonly started: WorkloadId[] = []
  readonly offers?: FakeLender
  /** Asked before each submit: after how long it is carried out though its caller hears at once that it failed; undefined is as it should be. */
  submitLate: ((id: WorkloadId) => number | undefined) | undefined
  readonly #options: FakeEngineOptions
  readonly #workloads = new Map<WorkloadId, Running>()
  #hints: (() => void)[] = []

  constructor(options: FakeEngineOptions) {
    this.#options = options
    this.placement = options.placement ?? 'manor'
    if (options.lender) this.offers = options.lender
  }

  async submit(workload: Workload, on: HostId | undefined): Promise<void> {
    const lateMs = this.submitLate?.(workload.id)
    if (lateMs !== undefined) {
      this.#options.clock.after(lateMs, () => void this.submit(workload, on))
      throw new Error('The engine did not answer.')
    }
    await this.#call('submit', workload.id, () => {
      if (this.#workloads.has(workload.id)) return
      this.offers?.launch(workload, on)
      this.started.push(workload.id)
      const { id, labels } = workload
      const observation: Observation = {
        id,
        labels,
        state: 'running',
        host: on ?? hostId('host-0'),
        ports: {},
        startedAt: this.#options.clock.now(),
      }
      this.#workloads.set(id, { workload, observation })
      this.#options.onRunning?.(workload)
    })
  }

  async stop(id: WorkloadId): Promise<void> {
    await this.#call('stop', id, () => {
      this.#options.onStop?.(id)
      this.end(id, { code: 'killed-by-us', message: 'It was stopped by Manor.' })
    })
  }

  async remove(id: WorkloadId): Promise<void> {
    await this.#call('remove', id, () => {
      const running = this.#workloads.get(id)
      if (running && running.observation.state !== 'ended') throw new EngineError(REFUSED, false)
      this.#workloads.delete(id)
    })
  }

  async list(): Promise<readonly Observation[]> {
    await this.#latency()
    return [...this.#workloads.values()].map(({ observation }) => observation)
  }

  async *watch(signal: AbortSignal): AsyncIterable<Observation> {
    while (!signal.aborted) {
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#hints.push(resolve)
      signal.addEventListener('abort', () => resolve(), { once: true })
      await promise
      const any = [...this.#workloads.values()].at(-1)
      if (any) yield any.observation
    }
  }

  async hosts(): Promise<readonly Host[]> {
    return (this.#options.hosts ?? [{}]).map((host, i) => ({
      id: hostId(`host-${i}`),
      engine: this.name,
      role: 'any',
      capacity: { cpu: 16, memoryMb: 16_384, diskMb: 1_000_000 },
      attributes: {},
      state: 'ready',
      seenAt: this.#options.clock.now(),
      limits: { memory: true, cpu: true },
      ...host,
    }))
  }

  async explain(id: WorkloadId): Promise<Reason | undefined> {
    return this.#workloads.get(id)?.observation.reason
  }

  async logs(): Promise<string> {
    return ''
  }

  /** Ends a workload from outside, as a crash or a kill does. Of one that has ended: does nothing. */
  end(id: WorkloadId, reason: Omit<Reason, 'since'>, exitCode = 1): void {
    const running = this.#workloads.get(id)
    if (running === undefined || running.observation.state === 'ended') return
    this.offers?.ended(id)
    const now = this.#options.clock.now()
    running.observation = { ...running.observation, state: 'ended', endedAt: now, exitCode, reason: { ...reason, since: now } }
    this.#hint()
  }

  /** Puts a workload there that no row tells of. */
  plant(observation: Observation, workload: Workload): void {
    this.#workloads.set(observation.id, { workload, observation })
  }

  workload(id: WorkloadId): Workload | undefined {
    return this.#workloads.get(id)?.workload
  }

  isRunning(id: WorkloadId): boolean {
    return this.#workloads.get(id)?.observation.state === 'running'
  }

  /** Workloads of agents that run now. */
  running(): Workload[] {
    return [...this.#workloads.values()]
      .filter(({ observation, workload }) => observation.state !== 'ended' && workload.labels.kind === 'agent')
      .map(({ workload }) => workload)
  }

  async #call(call: 'submit' | 'stop' | 'remove', id: WorkloadId, act: () => void): Promise<void> {
    await this.#latency()
    const fault = this.#options.faultOf?.(call, id)
    if (fault?.kind === 'refused') throw new EngineError(REFUSED, fault.retryable)
    act()
    this.#hint()
    await this.#latency()
    if (fault?.kind === 'answer-lost') throw new Error('The answer was lost.')
  }

  #latency(): Promise<void> {
    return this.#options.clock.sleep(this.#options.latencyMs ?? 2)
  }

  #hint(): void {
    for (const resolve of this.#hints.splice(0)) resolve()
  }
}

const REFUSED: Omit<Reason, 'since'> = { code: 'invalid-spec', message: 'The engine refused it.' }
