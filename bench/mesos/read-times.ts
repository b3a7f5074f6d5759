import { systemClock } from '../../src/runtime/index.ts'
import type { Keeper } from './keeper.ts'
import { PassLoad } from './pass-load.ts'
import { nowMs, type Span } from './waits.ts'

/** What was read when, and which turns of the loop a pass held, on the clock that all processes of a machine share. */
export type Read = {
  readonly heard: readonly (readonly [key: string, at: number])[]
  readonly passes: readonly Span[]
}

/** Turns a scheduler without pause beside a keeper, and writes down when it heard of which task. */
export class ReadTimes {
  readonly #keeper: Keeper
  readonly #load = new PassLoad()

  constructor(keeper: Keeper) {
    this.#keeper = keeper
  }

  async run(forMs: number): Promise<Read> {
    const heard: [string, number][] = []
    const passes: Span[] = []
    this.#keeper.onSeen = ({ id, state }) => {
      if (state === 'running' || state === 'ended') heard.push([`${id} ${state}`, nowMs()])
    }
    const until = systemClock.monotonic() + forMs
    while (systemClock.monotonic() < until) {
      const from = nowMs()
      this.#load.pass()
      passes.push({ from, to: nowMs() })
      // The loop's own turn: whoever has something to read reads it now.
      await new Promise<void>(resolve => setImmediate(resolve))
    }
    this.#keeper.onSeen = () => undefined
    return { heard, passes }
  }
}
