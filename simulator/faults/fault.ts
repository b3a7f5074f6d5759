import type { Random } from '../../src/runtime/index.ts'
import type { FaultLevel } from '../contract.ts'
import type { World } from '../world/world.ts'

/** One thing that can go wrong. */
export type Fault = {
  /** Words with hyphens; the key in a plan's `faults`. */
  readonly name: string
  /** What happens, for a person who reads a failure. */
  readonly sentence: string
  /** How often in a virtual hour, for the fleet of a seed. */
  readonly rates: Readonly<Record<Exclude<FaultLevel, 'none'>, number>>
  /**
   * Makes it happen now, drawing whom from `random`. What lasts is ended by `world.during`, so that it is over when the world settles. Returns
   * what was done to whom, or undefined where there is nobody to do it to.
   */
  begin(world: World, random: Random): string | undefined
}
