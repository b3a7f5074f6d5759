import type { Observation } from '../../model/index.ts'

/** A reader that is further behind has missed hints, which it may: the list has all of it. */
const MAX_HINTS = 1_000

/** Hints for whoever watches, each with a queue of its own. */
export class Hints {
  readonly #watchers = new Set<{ readonly queue: Observation[]; wake: () => void }>()

  tell(observation: Observation): void {
    for (const watcher of this.#watchers) {
      watcher.queue.push(observation)
      if (watcher.queue.length > MAX_HINTS) watcher.queue.shift()
      watcher.wake()
    }
  }

  async *watch(signal: AbortSignal): AsyncGenerator<Observation> {
    const watcher = { queue: [] as Observation[], wake: (): void => undefined }
    this.#watchers.add(watcher)
    const onAbort = (): void => watcher.wake()
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      while (!signal.aborted) {
        const next = watcher.queue.shift()
        if (next === undefined) await new Promise<void>(resolve => (watcher.wake = resolve))
        else yield next
      }
    } finally {
      this.#watchers.delete(watcher)
      signal.removeEventListener('abort', onAbort)
    }
  }
}
