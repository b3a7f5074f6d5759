import type { ProgramProgress } from '../distribution.ts'

type Shared<T> = {
  readonly result: Promise<T>
  readonly abort: AbortController
  readonly watchers: Set<ProgramProgress>
}

/**
 * The same call twice at once is one call. It goes on while one of those who wait for it still does, and tells all of them how far it is. Nothing is
 * kept afterwards.
 */
export class SharedCalls<T> {
  readonly #running = new Map<string, Shared<T>>()

  async run(
    key: string,
    progress: ProgramProgress,
    signal: AbortSignal,
    work: (progress: ProgramProgress, signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    signal.throwIfAborted()
    const shared = this.#running.get(key) ?? this.#start(key, work)
    // A function of its own, so that one watcher who asks twice is two.
    const watcher: ProgramProgress = step => progress(step)
    shared.watchers.add(watcher)
    const { promise: aborted, reject } = Promise.withResolvers<never>()
    const onAbort = (): void => reject(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      return await Promise.race([shared.result, aborted])
    } finally {
      signal.removeEventListener('abort', onAbort)
      shared.watchers.delete(watcher)
      if (shared.watchers.size === 0) {
        // Nobody waits any more; whoever asks from now on begins anew.
        if (this.#running.get(key) === shared) this.#running.delete(key)
        shared.abort.abort(new DOMException('Nobody waits for it any more.', 'AbortError'))
      }
    }
  }

  #start(key: string, work: (progress: ProgramProgress, signal: AbortSignal) => Promise<T>): Shared<T> {
    const abort = new AbortController()
    const watchers = new Set<ProgramProgress>()
    const tell: ProgramProgress = step => {
      for (const watcher of watchers) watcher(step)
    }
    const result = work(tell, abort.signal)
    const shared: Shared<T> = { result, abort, watchers }
    this.#running.set(key, shared)
    const done = (): void => {
      if (this.#running.get(key) === shared) this.#running.delete(key)
    }
    // Whoever waits sees a rejection; after the last has left there is nobody to tell.
    result.then(done, done)
    return shared
  }
}
