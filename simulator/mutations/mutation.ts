import type { World } from '../world/world.ts'

/** A deliberate bug: changes a world before it begins. It shows that the invariants can fail; nothing else may use it. */
export type Mutation = {
  /** Words with hyphens; a plan's `mutation`. */
  readonly name: string
  /** What Manor does wrong, as a sentence. */
  readonly sentence: string
  apply(world: World): void
}
