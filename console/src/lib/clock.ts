/**
 * The console's only sense of time. `now` follows the server's clock (its offset is learnt from /status) and ticks once a second; whoever
 * shows a relative time derives a text signal from it, so that a tick changes text nodes and renders nothing.
 */
import { signal } from '@preact/signals'

const TICK_MS = 1_000

let offsetMs = 0
export const now = signal(Date.now())

export const learnServerTime = (serverNow: number): void => {
  offsetMs = serverNow - Date.now()
  now.value = serverNow
}

/** Starts the ticking; returns what stops it. A hidden page does not tick, and catches up when it is shown. */
export const startClock = (): (() => void) => {
  const tick = (): void => {
    if (document.visibilityState === 'visible') now.value = Date.now() + offsetMs
  }
  const timer = setInterval(tick, TICK_MS)
  document.addEventListener('visibilitychange', tick)
  return () => {
    clearInterval(timer)
    document.removeEventListener('visibilitychange', tick)
  }
}

/** Calls `work` after `ms`; the returned function cancels it. */
export const after = (ms: number, work: () => void): (() => void) => {
  const timer = setTimeout(work, ms)
  return () => clearTimeout(timer)
}
