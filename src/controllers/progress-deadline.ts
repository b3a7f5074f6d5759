import type { Clock } from '../runtime/index.ts'

/**
 * A signal that aborts with a TimeoutError when `ms` pass between two calls of `progress`, or when `parent` aborts. For streams, which may take
 * as long as they like while they move. `pause` stops the count while it is not the other side's turn; `done` frees all.
 */
export type ProgressDeadline = { readonly signal: AbortSignal; progress(): void; pause(): void; done(): void }

export const progressDeadline = (clock: Clock, ms: number, parent: AbortSignal): ProgressDeadline => {
  const controller = new AbortController()
  let cancel = (): void => {}
  const onAbort = (): void => controller.abort(parent.reason)
  if (parent.aborted) onAbort()
  else parent.addEventListener('abort', onAbort, { once: true })
  const pause = (): void => cancel()
  const progress = (): void => {
    cancel()
    cancel = clock.after(ms, () => controller.abort(new DOMException(`Nothing came for ${ms} ms.`, 'TimeoutError')))
  }
  progress()
  return {
    signal: controller.signal,
    progress,
    pause,
    done: () => {
      cancel()
      parent.removeEventListener('abort', onAbort)
    },
  }
}
