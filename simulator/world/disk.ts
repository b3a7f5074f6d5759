import type { Random } from '../../src/runtime/index.ts'
import { type Batch, type Durable, StoreError } from '../../src/store/index.ts'
import type { Spread } from '../contract.ts'
import { draw } from '../kernel/chance.ts'

/** Of one commit that is not forced. */
const COMMIT: Spread = { median: 1, p95: 4 }

/** The disk under Manor's database, and what can be wrong with it. */
export class Disk implements Durable {
  readonly #durable: Durable
  readonly #random: Random
  /** How many faults have it full at the moment. */
  full = 0
  /** So many commits are refused, once each. */
  refusals = 0
  slowMs = 0

  constructor(durable: Durable, random: Random) {
    this.#durable = durable
    this.#random = random
  }

  load(): ReturnType<Durable['load']> {
    return this.#durable.load()
  }

  /** How long the next commit takes, in milliseconds; whoever commits waits for it on a clock that dies with it. */
  nextCommitMs(): number {
    return draw(this.#random, COMMIT) + this.slowMs
  }

  async commit(batch: Batch, isForced: boolean): ReturnType<Durable['commit']> {
    if (this.full > 0) throw new StoreError('store-full', 'The disk is full.')
    if (this.refusals > 0) {
      this.refusals--
      throw new StoreError('store-full', 'The disk refused one write.')
    }
    return this.#durable.commit(batch, isForced)
  }

  events(query: Parameters<Durable['events']>[0]): ReturnType<Durable['events']> {
    return this.#durable.events(query)
  }

  builds(query: Parameters<Durable['builds']>[0]): ReturnType<Durable['builds']> {
    return this.#durable.builds(query)
  }

  pruneEvents(keep: number): Promise<void> {
    return this.#durable.pruneEvents(keep)
  }

  flush(): void {
    this.#durable.flush()
  }

  close(): Promise<void> {
    return this.#durable.close()
  }
}
