import type { Statistics } from '../world/statistics.ts'
import type { World } from '../world/world.ts'
import { noBuildLostByUs } from './builds.ts'
import type { Invariant } from './invariant.ts'
import { legalStates } from './legal-states.ts'
import { namesAreNew, oneAgentPerItem } from './one-agent.ts'
import { oneWriter } from './one-writer.ts'
import { endsAreTrue, noOrphans } from './orphans.ts'
import { comesToRest, lostHostsControllersAreBack, nothingLeaks, unrest, workConserving } from './progress.ts'
import { acknowledgedWritesSurvive, intentsAreKept, noBugs, staleEpochsAreRefused } from './promises.ts'
import { hostsHold, quotaHolds } from './room.ts'

/** Everything that must hold. docs/add-a-fault.md says how to add one. */
export const INVARIANTS: readonly Invariant[] = [
  oneWriter,
  oneAgentPerItem,
  namesAreNew,
  noBuildLostByUs,
  noOrphans,
  endsAreTrue,
  quotaHolds,
  hostsHold,
  acknowledgedWritesSurvive,
  intentsAreKept,
  staleEpochsAreRefused,
  legalStates,
  lostHostsControllersAreBack,
  workConserving,
  nothingLeaks,
  noBugs,
  comesToRest,
]

/** Has all of them watch the world. `isAtRest` asks whether liveness holds already. */
export const startInvariants = (world: World, statistics: Statistics): { readonly isAtRest: () => boolean } => {
  for (const { name, claim, watch } of INVARIANTS) {
    let isViolated = false
    const violated = (found: string): void => {
      if (isViolated) return
      isViolated = true
      world.violate(name, claim, found)
    }
    world.observers.push(watch(world, violated, statistics))
  }
  return { isAtRest: () => unrest(world, statistics.waiting) === undefined }
}
