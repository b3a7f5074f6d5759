import type { Worker } from 'node:worker_threads'
import type { FromReader } from '../../src/engines/mesos/stream-messages.ts'
import { systemClock } from '../../src/runtime/index.ts'
import type { Keeper } from './keeper.ts'
import { PassLoad } from './pass-load.ts'
import { updateKey } from './update-key.ts'
import { nowMs, type Span } from './waits.ts'

type Moments = (readonly [key: string, at: number])[]

/** What was read when by the reader's thread, when the engine's own heard of it, and which turns of its loop a pass held, in `nowMs`. */
export type Read = { readonly read: Moments; readonly heard: Moments; readonly passes: readonly Span[] }

/** Turns a scheduler without pause beside a keeper, and writes down which task's update was read and heard when. Made before the engine is. */
export class ReadTimes {
  #read: Moments = []

  constructor() {
    process.on('worker', (thread: Worker) => thread.on('message', (message: FromReader) => this.#note(message)))
  }

  async run(keeper: Keeper, forMs: number): Promise<Read> {
    const load = new PassLoad()
    const heard: Moments = []
    const passes: Span[] = []
    this.#read = []
    keeper.onSeen = ({ id, state }) => {
      if (state === 'running' || state === 'ended') heard.push([`${id} ${state}`, nowMs()])
    }
    const until = systemClock.monotonic() + forMs
    while (systemClock.monotonic() < until) {
      const from = nowMs()
      load.pass()
      passes.push({ from, to: nowMs() })
      // The loop's own turn: what was read is handled now.
      await new Promise<void>(resolve => setImmediate(resolve))
    }
    keeper.onSeen = () => undefined
    return { read: this.#read, heard, passes }
  }

  /** Told on the engine's thread, of a moment that the reader's wrote down. */
  #note(message: FromReader): void {
    if (message.kind !== 'events') return
    for (const event of message.events) {
      const key = event.type === 'UPDATE' ? updateKey(event.update.status) : undefined
      if (key !== undefined) this.#read.push([key, message.readAt])
    }
  }
}
