/**
 * Time as a parameter (design rule 7). Rooms get a Clock; the simulator gives them a virtual one.
 */
export interface Clock {
  /** Milliseconds since the Unix epoch. May step; never used to measure a length of time. */
  now(): number
  /** Milliseconds since some fixed moment; never steps back. */
  monotonic(): number
  /** Resolves after `ms`; rejects with the signal's reason if that aborts first. Does not keep the process alive. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
  /** Calls `work` after `ms`; the returned function cancels it. Does not keep the process alive. */
  after(ms: number, work: () => void): () => void
}

/** Longest delay that Node's timers take; a longer one would fire at once. */
const MAX_TIMER_MS = 2_147_483_647

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason)
        return
      }
      const onAbort = (): void => {
        clearTimeout(timer)
        reject(signal?.reason)
      }
      const timer = setTimeout(
        () => {
          signal?.removeEventListener('abort', onAbort)
          resolve()
        },
        Math.min(ms, MAX_TIMER_MS),
      )
      timer.unref()
      signal?.addEventListener('abort', onAbort, { once: true })
    }),
  after: (ms, work) => {
    const timer = setTimeout(work, Math.min(ms, MAX_TIMER_MS))
    timer.unref()
    return () => clearTimeout(timer)
  },
}

/** A signal that aborts with a TimeoutError after `ms` on this clock, or when `parent` does. Call `done` to free its timer. */
export const deadline = (clock: Clock, ms: number, parent?: AbortSignal): { readonly signal: AbortSignal; done(): void } => {
  const controller = new AbortController()
  const cancel = clock.after(ms, () => controller.abort(new DOMException(`No answer within ${ms} ms.`, 'TimeoutError')))
  const onAbort = (): void => controller.abort(parent?.reason)
  if (parent?.aborted) onAbort()
  else parent?.addEventListener('abort', onAbort, { once: true })
  return {
    signal: controller.signal,
    done: () => {
      cancel()
      parent?.removeEventListener('abort', onAbort)
    },
  }
}
