import type { World } from '../world/world.ts'

/** A deliberate bug: changes a world before it begins. It shows that the invariants can fail; nothing else may use it. */
export type Mutation = { readonly name: string; readonly sentence: string; apply(world: World): void }

export const MUTATIONS: readonly Mutation[] = []

/** Applies the mutation of a plan. Throws for a name that is not known. */
export const applyMutation = (world: World, name: string | undefined): void => {
  if (name === undefined) return
  const mutation = MUTATIONS.find(known => known.name === name)
  if (mutation === undefined) throw new Error(`There is no mutation "${name}": known are ${MUTATIONS.map(known => known.name).join(', ')}.`)
  mutation.apply(world)
}
