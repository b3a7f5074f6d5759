/**
 * What every room runs on: time, chance, back-off and the level-triggered loop. Knows no noun. The only room below cli and api that may touch
 * the system's clock and chance (design rule 7).
 */
export { type Backoff, backoffDelay } from './backoff.ts'
export { type Clock, deadline, systemClock } from './clock.ts'
export { ElapsedTime } from './elapsed-time.ts'
export { integer, nameSuffix, type Random, seededRandom, systemRandom } from './random.ts'
export { ReconcileLoop, type ReconcileLoopOptions } from './reconcile-loop.ts'
export { hasCode } from './system-error.ts'
export { settle, VirtualClock } from './virtual-clock.ts'
