import type { Random } from './random.ts'

/** How long to wait before the next try. */
export type Backoff = { readonly firstMs: number; readonly factor: number; readonly mostMs: number }

/**
 * The delay before try `failures + 1`: exponential, capped, with "equal jitter" (half fixed, half by chance), so that many that failed at the
 * same moment do not come back at the same moment (M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015).
 */
export const backoffDelay = (backoff: Backoff, failures: number, random: Random): number => {
  const full = Math.min(backoff.mostMs, backoff.firstMs * backoff.factor ** Math.max(0, failures - 1))
  return full / 2 + (full / 2) * random.next()
}
