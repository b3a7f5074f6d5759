import type { EventLog } from '../kernel/event-log.ts'
import type { Kernel } from '../kernel/kernel.ts'

/**
 * Who can reach whom. Places are `manor`, `engine` and hosts by their id; what runs on a host is where its host is. A place that is cut off
 * reaches nobody but itself; a pair that is cut reaches everybody else.
 */
export class Network {
  readonly #kernel: Kernel
  readonly #log: EventLog
  /** How many things cut each place, or pair, at the moment. */
  readonly #cuts = new Map<string, number>()
  readonly #onCut: () => void

  /** `onCut`: called a while after something was cut, when connections over it have been noticed to be dead. */
  constructor(kernel: Kernel, log: EventLog, onCut: () => void) {
    this.#kernel = kernel
    this.#log = log
    this.#onCut = onCut
  }

  reaches(from: string, to: string): boolean {
    if (this.#cuts.size === 0 || from === to) return true
    return !this.#cuts.has(from) && !this.#cuts.has(to) && !this.#cuts.has(pairOf(from, to))
  }

  /** Cuts a place off, or a pair apart; returns what mends it. */
  cut(from: string, to?: string): () => void {
    const key = to === undefined ? from : pairOf(from, to)
    this.#cuts.set(key, (this.#cuts.get(key) ?? 0) + 1)
    this.#log.add(`network: ${key} is cut`)
    this.#kernel.clock.after(CONNECTION_DEAD_MS, this.#onCut)
    let mended = false
    return () => {
      if (mended) return
      mended = true
      const left = (this.#cuts.get(key) ?? 1) - 1
      if (left > 0) this.#cuts.set(key, left)
      else this.#cuts.delete(key)
      this.#log.add(`network: ${key} is whole again`)
    }
  }
}

/** A connection over which nothing comes is given up after so long: between Jenkins' ping timeout and a TCP reset. */
const CONNECTION_DEAD_MS = 30_000

const pairOf = (a: string, b: string): string => (a < b ? `${a} - ${b}` : `${b} - ${a}`)
