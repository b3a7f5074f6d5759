import type { Milliseconds, Timestamp, WorkloadId } from '../../model/index.ts'
import { workloadId } from '../../model/index.ts'
import type { Clock } from '../../runtime/index.ts'
import type { DockerClient } from './client/client.ts'
import { LABEL, ownerLabel, stopRecordName } from './labels.ts'
import { isDiskFull } from './start-failure.ts'

type Stop = {
  readonly askedAt: Timestamp
  killAt: Timestamp
  /** Ends the wait when the kill is brought forward. */
  hurry: AbortController
  readonly forgotten: AbortController
  isDriven: boolean
}

export type StopperOptions = {
  readonly client: DockerClient
  readonly owner: string
  readonly clock: Clock
  /** Aborts when the engine is closed. */
  readonly end: AbortSignal
  readonly onProblem: (cause: unknown) => void
}

/** How long one signal may take to be sent before it is sent again. A daemon that hangs must not hold up the kill. */
const SIGNAL_TIMEOUT_MS = 5_000
/** A signal that did not get through, or a kill that did not end it yet. */
const AGAIN_MS = 1_000

/**
 * Ends containers: polite signal, grace, kill. Not by Docker's own stop, which holds a connection for the whole grace and is lost where that
 * hangs. That a stop was asked for is recorded on the daemon before anything is sent, as the labels of a volume of a name of its own: so it goes
 * on after a crash of Manor, and the end is known to be ours.
 */
export class Stopper {
  readonly #options: StopperOptions
  readonly #stops = new Map<WorkloadId, Stop>()

  constructor(options: StopperOptions) {
    this.#options = options
  }

  stopOf(id: WorkloadId): Pick<Stop, 'askedAt' | 'killAt'> | undefined {
    return this.#stops.get(id)
  }

  /** Reads the records that are on the daemon. */
  async load(signal: AbortSignal): Promise<void> {
    const { client, owner } = this.#options
    for (const { Labels: labels } of await client.listVolumes([ownerLabel(owner), LABEL.stop], signal)) {
      const id = labels?.[LABEL.stop]
      const askedAt = Number(labels?.[LABEL.askedAt])
      const killAt = Number(labels?.[LABEL.killAt])
      if (id === undefined || !Number.isFinite(askedAt) || !Number.isFinite(killAt)) continue
      if (!this.#stops.has(workloadId(id))) this.#keep(workloadId(id), askedAt, killAt)
    }
  }

  /** Takes a stop up that was recorded by an earlier Manor. Whether its polite signal was sent is not known, so it is sent. */
  resume(id: WorkloadId, containerId: string): void {
    const stop = this.#stops.get(id)
    if (stop === undefined || stop.isDriven) return
    void this.#drive(id, containerId, stop)
  }

  /** Resolves when the stop is recorded and under way. A second one sends nothing, and brings the kill forward where its grace is shorter. */
  async ask(id: WorkloadId, containerId: string, graceMs: Milliseconds, signal: AbortSignal): Promise<void> {
    const { client, owner, clock, onProblem } = this.#options
    const askedAt = clock.now()
    const killAt = askedAt + graceMs
    const known = this.#stops.get(id)
    if (known === undefined) {
      const stop = this.#keep(id, askedAt, killAt)
      const labels = { [LABEL.owner]: owner, [LABEL.stop]: id, [LABEL.askedAt]: String(askedAt), [LABEL.killAt]: String(killAt) }
      try {
        await client.createVolume(stopRecordName(owner, id), labels, signal)
      } catch (cause) {
        if (!isDiskFull(cause)) {
          if (this.#stops.get(id) === stop) this.#stops.delete(id)
          throw cause
        }
        // Whoever filled the disk must not be safe by that: it is ended without a record, and asked for again should Manor die meanwhile.
        onProblem(cause)
      }
      void this.#drive(id, containerId, stop)
    } else if (killAt < known.killAt) {
      known.killAt = killAt
      known.hurry.abort()
    }
  }

  /** Takes the record away, once the container is gone. */
  async forget(id: WorkloadId, signal: AbortSignal): Promise<void> {
    const { client, owner } = this.#options
    this.#stops.get(id)?.forgotten.abort()
    if (this.#stops.has(id)) await client.removeVolume(stopRecordName(owner, id), signal)
    this.#stops.delete(id)
  }

  /** Takes away records whose container is gone: of a crash between the two. */
  async sweep(isThere: (id: WorkloadId) => boolean, signal: AbortSignal): Promise<void> {
    for (const id of [...this.#stops.keys()]) if (!isThere(id)) await this.forget(id, signal)
  }

  #keep(id: WorkloadId, askedAt: Timestamp, killAt: Timestamp): Stop {
    const stop: Stop = { askedAt, killAt, hurry: new AbortController(), forgotten: new AbortController(), isDriven: false }
    this.#stops.set(id, stop)
    return stop
  }

  async #drive(id: WorkloadId, containerId: string, stop: Stop): Promise<void> {
    const { client, clock, end, onProblem } = this.#options
    const done = AbortSignal.any([end, stop.forgotten.signal])
    stop.isDriven = true
    let asked = false
    while (!done.aborted && this.#stops.get(id) === stop) {
      const isDue = clock.now() >= stop.killAt
      try {
        if (isDue || !asked) {
          if (!(await client.killContainer(containerId, isDue && asked ? 'SIGKILL' : 'SIGTERM', done, SIGNAL_TIMEOUT_MS))) return
          // Where the grace is over before the polite signal was sent, it still comes first: a moment for whoever can use it.
          if (!asked && isDue) {
            asked = true
            continue
          }
          asked = true
        }
      } catch (cause) {
        if (!done.aborted) onProblem(cause)
        // Whether it was sent is not known. The kill needs no politeness before it.
        asked ||= isDue
      }
      const left = stop.killAt - clock.now()
      await this.#wait(isDue || !asked ? AGAIN_MS : Math.max(0, left), stop, done)
    }
  }

  async #wait(ms: Milliseconds, stop: Stop, done: AbortSignal): Promise<void> {
    const { clock } = this.#options
    await clock.sleep(ms, AbortSignal.any([done, stop.hurry.signal])).catch(() => undefined)
    if (stop.hurry.signal.aborted) stop.hurry = new AbortController()
  }
}
