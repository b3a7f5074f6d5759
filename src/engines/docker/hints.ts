import type { Observation, WorkloadId } from '../../model/index.ts'

/**
 * Hints for those who watch. What a slow one has not taken yet is kept once for each workload, the newest: memory is bound by the workloads
 * there are, and nobody waits for anybody.
 */
export class Hints {
  readonly #watchers = new Set<Watcher>()
  #closed = false

  tell(observation: Observation): void {
    for (const watcher of this.#watchers) watcher.tell(observation)
  }

  async *follow(signal: AbortSignal): AsyncGenerator<Observation> {
    const watcher = new Watcher()
    const onAbort = (): void => watcher.end()
    this.#watchers.add(watcher)
    signal.addEventListener('abort', onAbort, { once: true })
    if (signal.aborted || this.#closed) watcher.end()
    try {
      for (let next = await watcher.next(); next !== undefined; next = await watcher.next()) yield next
    } finally {
      signal.removeEventListener('abort', onAbort)
      this.#watchers.delete(watcher)
    }
  }

  close(): void {
    this.#closed = true
    for (const watcher of this.#watchers) watcher.end()
  }
}

class Watcher {
  readonly #waiting = new Map<WorkloadId, Observation>()
  #ended = false
  #wake: (() => void) | undefined

  tell(observation: Observation): void {
    this.#waiting.set(observation.id, observation)
    this.#wake?.()
  }

  end(): void {
    this.#ended = true
    this.#wake?.()
  }

  /** Undefined once it was ended. */
  async next(): Promise<Observation | undefined> {
    while (!this.#ended) {
      for (const [id, observation] of this.#waiting) {
        this.#waiting.delete(id)
        return observation
      }
      await new Promise<void>(resolve => {
        this.#wake = resolve
      })
    }
    return undefined
  }
}
