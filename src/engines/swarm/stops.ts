import { type Milliseconds, type Timestamp, type WorkloadId, workloadId } from '../../model/index.ts'
import type { Clock } from '../../runtime/index.ts'
import { LABEL } from '../docker/labels.ts'
import type { Kept } from './answers.ts'
import type { SwarmClient } from './client.ts'
import { stopName } from './names.ts'

/** Where a stop has to be sent now. */
export type StopTarget =
  | { readonly kind: 'over' }
  /** A container on a node whose daemon is reached; sends it a signal by name. False where it does not run any more. */
  | { readonly kind: 'container'; send(signalName: string, signal: AbortSignal): Promise<boolean> }
  /** No container, or none that is reached: the Swarm is told to end it. */
  | { readonly kind: 'swarm'; park(signal: AbortSignal): Promise<void> }

export type Stop = {
  readonly askedAt: Timestamp
  readonly killAt: Timestamp
}

type Driven = {
  askedAt: Timestamp
  killAt: Timestamp
  hurry: AbortController
  forgotten: AbortController
  isDriven: boolean
}

export type StopsOptions = {
  readonly client: SwarmClient
  readonly owner: string
  readonly clock: Clock
  /** Aborts when the engine is closed. */
  readonly end: AbortSignal
  readonly targetOf: (id: WorkloadId, signal: AbortSignal) => Promise<StopTarget>
  readonly onProblem: (cause: unknown) => void
}

/** A signal that did not get through, a kill that did not end it yet, a task whose container is being made. */
const AGAIN_MS = 500
/** A config cannot be empty. */
const NOTHING = Buffer.from('-')

/**
 * Ends workloads: polite signal, grace, kill. That a stop was asked for is recorded in the Swarm before anything is sent, as the labels of a
 * config of a name of its own, so it goes on after a crash of Manor, and the end is known to be ours. Where the daemon of the node is not
 * reached, the Swarm does the same with the grace that the workload was made with.
 */
export class Stops {
  readonly #options: StopsOptions
  readonly #stops = new Map<WorkloadId, Driven>()

  constructor(options: StopsOptions) {
    this.#options = options
  }

  of(id: WorkloadId): Stop | undefined {
    return this.#stops.get(id)
  }

  /** Takes up the records that are in the Swarm. */
  take(records: readonly Kept[]): void {
    for (const { Spec } of records) {
      const labels = Spec.Labels ?? {}
      const id = labels[LABEL.stop]
      const askedAt = Number(labels[LABEL.askedAt])
      const killAt = Number(labels[LABEL.killAt])
      if (id === undefined || !Number.isFinite(askedAt) || !Number.isFinite(killAt) || this.#stops.has(workloadId(id))) continue
      this.#keep(workloadId(id), askedAt, killAt)
    }
  }

  /** Goes on with a stop that an earlier Manor recorded. Whether its polite signal was sent is not known, so it is sent. */
  resume(id: WorkloadId): void {
    const stop = this.#stops.get(id)
    if (stop !== undefined && !stop.isDriven) void this.#drive(id, stop)
  }

  /** Resolves when the stop is recorded and under way. A second one sends nothing, and brings the kill forward where its grace is shorter. */
  async ask(id: WorkloadId, graceMs: Milliseconds, signal: AbortSignal): Promise<void> {
    const { client, owner, clock } = this.#options
    const askedAt = clock.now()
    const killAt = askedAt + graceMs
    const known = this.#stops.get(id)
    if (known !== undefined) {
      if (killAt < known.killAt) {
        known.killAt = killAt
        known.hurry.abort()
      }
      this.resume(id)
      return
    }
    const stop = this.#keep(id, askedAt, killAt)
    const labels = { [LABEL.owner]: owner, [LABEL.stop]: id, [LABEL.askedAt]: String(askedAt), [LABEL.killAt]: String(killAt) }
    try {
      await client.keep('configs', stopName(owner, id), labels, NOTHING, signal)
    } catch (cause) {
      if (this.#stops.get(id) === stop) this.#stops.delete(id)
      throw cause
    }
    this.resume(id)
  }

  /** Lets go of a stop whose workload is gone. Its record is taken away by whoever takes away the workload. */
  forget(id: WorkloadId): void {
    this.#stops.get(id)?.forgotten.abort()
    this.#stops.delete(id)
  }

  #keep(id: WorkloadId, askedAt: Timestamp, killAt: Timestamp): Driven {
    const stop = { askedAt, killAt, hurry: new AbortController(), forgotten: new AbortController(), isDriven: false }
    this.#stops.set(id, stop)
    return stop
  }

  async #drive(id: WorkloadId, stop: Driven): Promise<void> {
    const { clock, end, targetOf, onProblem } = this.#options
    const done = AbortSignal.any([end, stop.forgotten.signal])
    stop.isDriven = true
    let asked = false
    while (!done.aborted) {
      let isSent = false
      try {
        const target = await targetOf(id, done)
        if (target.kind === 'over') break
        if (target.kind === 'swarm') await target.park(done)
        else {
          const isDue = clock.now() >= stop.killAt
          if ((isDue || !asked) && !(await target.send(isDue && asked ? 'SIGKILL' : 'SIGTERM', done))) isSent = false
          else isSent = !isDue
          // Where the grace was over before the polite signal was sent, it still comes first: a moment for whoever can use it.
          if (isDue && !asked) {
            asked = true
            continue
          }
          asked = true
        }
      } catch (cause) {
        if (!done.aborted) onProblem(cause)
      }
      await this.#wait(isSent ? Math.max(0, stop.killAt - clock.now()) : AGAIN_MS, stop, done)
    }
    stop.isDriven = false
  }

  async #wait(ms: Milliseconds, stop: Driven, done: AbortSignal): Promise<void> {
    await this.#options.clock.sleep(ms, AbortSignal.any([done, stop.hurry.signal])).catch(() => undefined)
    if (stop.hurry.signal.aborted) stop.hurry = new AbortController()
  }
}
