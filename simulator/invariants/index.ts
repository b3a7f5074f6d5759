import type { Statistics } from '../world/statistics.ts'
import type { World } from '../world/world.ts'

export const startInvariants = (world: World, statistics: Statistics): { readonly isAtRest: () => boolean } => ({
  isAtRest: () => statistics.waiting.size === 0 && statistics.liveAgents === 0 && world.manor !== undefined,
})
