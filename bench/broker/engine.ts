import type { Engine } from '../../src/engines/index.ts'
import { type Host, type HostId, hostId, type Observation, type Workload, type WorkloadId } from '../../src/model/index.ts'
import type { Clock } from '../../src/runtime/index.ts'

/** An engine in memory: takes everything on at once, and tells who listens when it was asked. */
export class MemoryEngine implements Engine {
  readonly name = 'memory'
  readonly placement = 'manor'
  readonly volumes = 'service'
  /** Called in the moment in which a workload is asked for. */
  onSubmit: (workload: Workload) => void = () => undefined
  readonly #clock: Clock
  readonly #hosts: readonly Host[]
  readonly #workloads = new Map<WorkloadId, Observation>()
  #hint: (() => void) | undefined

  constructor(clock: Clock, hosts: number, cores: number) {
    this.#clock = clock
    this.#hosts = Array.from({ length: hosts }, (_, i) => ({
      id: hostId(`host-${String(i).padStart(4, '0')}`),
      engine: this.name,
      role: 'any',
      capacity: { cpu: cores, memoryMb: cores * 4_096, diskMb: 4_000_000 },
      attributes: { zone: `zone-${i % 3}` },
      state: 'ready',
      seenAt: clock.now(),
      limits: { memory: true, cpu: true },
    }))
  }

  async submit(workload: Workload, on: HostId | undefined): Promise<void> {
    if (this.#workloads.has(workload.id)) return
    this.run(workload, on)
    this.onSubmit(workload)
  }

  /** Puts a workload there as if it had been submitted. */
  run({ id, labels }: Pick<Workload, 'id' | 'labels'>, on: HostId | undefined): void {
    this.#set({ id, labels, state: 'running', ports: {}, startedAt: this.#clock.now(), ...(on === undefined ? {} : { host: on }) })
  }

  async stop(id: WorkloadId): Promise<void> {
    const known = this.#workloads.get(id)
    if (known !== undefined && known.state !== 'ended') this.#set({ ...known, state: 'ended', endedAt: this.#clock.now(), exitCode: 0 })
  }

  async remove(id: WorkloadId): Promise<void> {
    this.#workloads.delete(id)
  }

  async list(): Promise<readonly Observation[]> {
    return [...this.#workloads.values()]
  }

  async *watch(signal: AbortSignal): AsyncIterable<Observation> {
    signal.addEventListener('abort', () => this.#hint?.(), { once: true })
    while (!signal.aborted) {
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#hint = resolve
      await promise
      const any = this.#workloads.values().next().value
      if (any !== undefined) yield any
    }
  }

  async hosts(): Promise<readonly Host[]> {
    return this.#hosts
  }

  async explain(): Promise<undefined> {
    return undefined
  }

  async logs(): Promise<string> {
    return ''
  }

  #set(observation: Observation): void {
    this.#workloads.set(observation.id, observation)
    this.#hint?.()
  }
}
