import type { Milliseconds } from '../../model/index.ts'
import type { Clock } from '../../runtime/index.ts'

/** How long a sign of life counts: calls that come side by side share one, and an answer is no older than that. */
const GOOD_MS: Milliseconds = 100
/** A question that has been under way for so long is not joined any more: its connection may be dead where a new one is not. */
const JOIN_MS: Milliseconds = 2_000

type Asked = { readonly origin: string; readonly begunAt: Milliseconds; answeredAt?: Milliseconds; readonly done: Promise<void> }

/**
 * Whether a leader answers, asked for all calls of the engine together. What the engine knows is in its memory, so each of its answers first
 * sees that the leader is there; with thousands of submits and lists a second that would be as many requests. A call that it has just taken on
 * is an answer too: a start follows the REVIVE that brought its offer within milliseconds, and waits for no other.
 */
export class Liveness {
  readonly #clock: Clock
  readonly #ask: (origin: string) => Promise<void>
  #last: Asked | undefined

  /** `ask` resolves if the leader at that address answers. */
  constructor(clock: Clock, ask: (origin: string) => Promise<void>) {
    this.#clock = clock
    this.#ask = ask
  }

  /** Resolves once this leader has answered, a moment ago or now; rejects as asking does. */
  of(origin: string): Promise<void> {
    const now = this.#clock.monotonic()
    const last = this.#last
    if (last?.origin === origin) {
      const { begunAt, answeredAt } = last
      if (answeredAt === undefined ? now - begunAt < JOIN_MS : now - answeredAt < GOOD_MS) return last.done
    }
    const asked: Asked = { origin, begunAt: now, done: this.#ask(origin) }
    this.#last = asked
    asked.done.then(
      () => {
        asked.answeredAt = this.#clock.monotonic()
      },
      () => {
        // What went wrong is told to those who waited; the next one asks anew.
        if (this.#last === asked) this.#last = undefined
      },
    )
    return asked.done
  }

  /** This leader has answered something that it was asked by others. */
  answered(origin: string): void {
    const now = this.#clock.monotonic()
    this.#last = { origin, begunAt: now, answeredAt: now, done: Promise.resolve() }
  }
}
