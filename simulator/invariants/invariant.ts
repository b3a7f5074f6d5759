import type { Observer } from '../world/observer.ts'
import type { Statistics } from '../world/statistics.ts'
import type { World } from '../world/world.ts'

/** Something that must hold at every moment, or, for what is called liveness, once the world has had its time to come to rest. */
export type Invariant = {
  /** Words with hyphens. */
  readonly name: string
  /** What must hold, as a sentence. */
  readonly claim: string
  /** Watches the world and calls `violated` with what was found instead, the first time that it does not hold. */
  watch(world: World, violated: (found: string) => void, statistics: Statistics): Observer
}

/** Longest that an engine takes to carry a call out late. */
const CALL_BOUND_MS = 120_000

/** Whether the power was lost so lately that an engine may carry out a call for a row that has not come so far again. */
export const callsMayBeOfBefore = ({ powerLostAt, now }: World): boolean => powerLostAt > 0 && now - powerLostAt < CALL_BOUND_MS
