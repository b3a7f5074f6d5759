import { SECOND } from '../../model/index.ts'
import type { Clock } from '../../runtime/index.ts'

export type PrePullOptions = {
  /** Images that should be there, as of now: the first ones first. */
  readonly wanted: () => readonly string[]
  readonly has: (image: string, signal: AbortSignal) => Promise<boolean>
  /** Has it there; shares the pull with whoever starts something of it meanwhile. */
  readonly bring: (image: string) => Promise<void>
  readonly clock: Clock
  readonly onProblem: (image: string, cause: unknown) => void
}

/** A new template's image is begun to be fetched within this. */
const LOOK_EVERY_MS = 30 * SECOND
/** One that could not be had is tried again after this: whoever needs it before that asks for it anyway. */
const RETRY_AFTER_MS = 600 * SECOND
/** Of those that are wanted; more would fill a host's disk with what it may never run. */
export const MAX_PRE_PULLED = 50

/**
 * Brings the images that will be wanted to a daemon before anything waits for them, one at a time. It only ever saves time: what it did not bring is
 * brought by the start that needs it.
 */
export class PrePull {
  readonly #options: PrePullOptions
  readonly #failedAt = new Map<string, number>()

  constructor(options: PrePullOptions) {
    this.#options = options
  }

  /** Looks again and again, until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.look(signal)
      await this.#options.clock.sleep(LOOK_EVERY_MS, signal).catch(() => undefined)
    }
  }

  /** One look: brings what is missing. Never rejects. */
  async look(signal: AbortSignal): Promise<void> {
    const { wanted, has, bring, clock, onProblem } = this.#options
    const images = [...new Set(wanted())].slice(0, MAX_PRE_PULLED)
    for (const image of this.#failedAt.keys()) if (!images.includes(image)) this.#failedAt.delete(image)
    for (const image of images) {
      if (signal.aborted) return
      const failedAt = this.#failedAt.get(image)
      if (failedAt !== undefined && clock.monotonic() - failedAt < RETRY_AFTER_MS) continue
      try {
        if (!(await has(image, signal))) await bring(image)
        this.#failedAt.delete(image)
      } catch (cause) {
        if (signal.aborted) return
        this.#failedAt.set(image, clock.monotonic())
        onProblem(image, cause)
      }
    }
  }
}
