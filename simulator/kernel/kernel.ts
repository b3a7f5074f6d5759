import { VirtualClock } from '../../src/runtime/index.ts'

/** Steps between two looks of the event loop at the outside world: a worker's messages are read within milliseconds. */
const BREATH_STEPS = 20_000

/**
 * Runs everything that is in virtual time, one timer after the other, each to its last consequence before the next.
 *
 * All that the simulated programs do asynchronously are promises, so a timer's consequences are over when the queue of microtasks is empty. Node
 * runs the queue of `process.nextTick` only once that of microtasks is empty (lib/internal/process/task_queues.js), so a step that asks for the
 * next one by a microtask that asks for a tick is sound: whatever the microtasks before it bring about comes first. A turn of the event
 * loop for each timer, as `VirtualClock.advance` takes, costs ten times as much.
 */
export class Kernel {
  readonly clock: VirtualClock
  readonly #start: number
  #stopped = false
  #steps = 0

  constructor(start: number) {
    this.#start = start
    this.clock = new VirtualClock(start)
  }

  /** Virtual milliseconds since the start. */
  get elapsedMs(): number {
    return this.clock.monotonic() - this.#start
  }

  get steps(): number {
    return this.#steps
  }

  get isStopped(): boolean {
    return this.#stopped
  }

  /** Ends the run after the step that calls it. */
  stop(): void {
    this.#stopped = true
  }

  /** Runs what is due up to `elapsedMs` after the start, or until it is stopped. Rejects with what a timer threw. */
  run(elapsedMs: number): Promise<void> {
    const until = this.#start + elapsedMs
    this.clock.after(until - this.clock.monotonic(), () => undefined)
    return new Promise((resolve, reject) => {
      const settled = Promise.resolve()
      const askTick = (): void => process.nextTick(step)
      const step = (): void => {
        try {
          if (this.#stopped || !this.clock.step(until)) {
            resolve()
            return
          }
        } catch (cause) {
          reject(cause)
          return
        }
        if (++this.#steps % BREATH_STEPS === 0) setImmediate(step)
        else void settled.then(askTick)
      }
      setImmediate(step)
    })
  }
}
