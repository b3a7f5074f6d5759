import type { Engine } from '../../src/engines/engine.ts'
import type { Host, Observation, Reason, WorkloadId } from '../../src/model/index.ts'
import type { Clock } from '../../src/runtime/index.ts'
import { hosts } from './fleet.ts'

/** An engine that has what it has, answers at once, and counts whatever would change it. */
export class StillEngine implements Engine {
  readonly name = 'memory'
  readonly placement = 'manor'
  readonly volumes = 'service'
  /** Calls that a restart must not make: `submit ID`, `stop ID`, `remove ID`. */
  readonly touched: string[] = []
  lists = 0
  readonly #clock: Clock
  readonly #observations: readonly Observation[]

  constructor(clock: Clock, observations: readonly Observation[]) {
    this.#clock = clock
    this.#observations = observations
  }

  async submit({ id }: { readonly id: WorkloadId }): Promise<void> {
    this.touched.push(`submit ${id}`)
  }
  async stop(id: WorkloadId): Promise<void> {
    this.touched.push(`stop ${id}`)
  }
  async remove(id: WorkloadId): Promise<void> {
    this.touched.push(`remove ${id}`)
  }
  async list(): Promise<readonly Observation[]> {
    this.lists++
    return this.#observations
  }
  async *watch(signal: AbortSignal): AsyncIterable<Observation> {
    await new Promise<void>(resolve => signal.addEventListener('abort', () => resolve(), { once: true }))
  }
  async hosts(): Promise<readonly Host[]> {
    return hosts(this.#clock.now())
  }
  async explain(): Promise<Reason | undefined> {
    return undefined
  }
  async logs(): Promise<string> {
    return ''
  }
}
