import { systemClock } from '../../src/runtime/index.ts'

export type WaitOptions = {
  /** What is waited for, for the message of a failure. */
  readonly what: string
  readonly withinMs?: number
  readonly everyMs?: number
  /** Told with a failure: what was seen last. */
  readonly seen?: () => unknown
}

/** Asks until the answer is neither undefined nor false, with a deadline. An error of the question counts as "not yet" and is told at the end. */
export const waitFor = async <T>(question: () => T | Promise<T>, options: WaitOptions): Promise<Exclude<T, undefined | false>> => {
  const withinMs = options.withinMs ?? 30_000
  const started = systemClock.monotonic()
  let lastError: unknown
  for (;;) {
    try {
      const answer = await question()
      if (answer !== undefined && answer !== false) return answer as Exclude<T, undefined | false>
      lastError = undefined
    } catch (cause) {
      lastError = cause
    }
    if (systemClock.monotonic() - started > withinMs) {
      const seen = options.seen === undefined ? '' : ` Seen last: ${JSON.stringify(options.seen(), undefined, 1)}`
      throw new Error(`${options.what}: not within ${withinMs} ms.${seen}`, { cause: lastError })
    }
    await systemClock.sleep(options.everyMs ?? 50)
  }
}
