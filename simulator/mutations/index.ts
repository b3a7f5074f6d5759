import type { World } from '../world/world.ts'
import {
  directoriesLeft,
  hostsBelievedLarger,
  secondTaskLetIn,
  silenceIsDeath,
  staleList,
  submitNotIdempotent,
  sweepWithoutGrace,
  tracesLeft,
} from './asking.ts'
import { busyLooksIdle, epochCheckForgotten, minutesPassAsSeconds } from './hearing.ts'
import type { Mutation } from './mutation.ts'
import { ackBeforePersist, intentNotKept, oneTeamStarves, quotaForgotten } from './storing.ts'

export const MUTATIONS: readonly Mutation[] = [
  ackBeforePersist,
  intentNotKept,
  quotaForgotten,
  oneTeamStarves,
  submitNotIdempotent,
  secondTaskLetIn,
  silenceIsDeath,
  staleList,
  hostsBelievedLarger,
  tracesLeft,
  directoriesLeft,
  sweepWithoutGrace,
  epochCheckForgotten,
  busyLooksIdle,
  minutesPassAsSeconds,
]

/** Applies the mutation of a plan. Throws for a name that is not known. */
export const applyMutation = (world: World, name: string | undefined): void => {
  if (name === undefined) return
  const mutation = MUTATIONS.find(known => known.name === name)
  if (mutation === undefined) throw new Error(`There is no mutation "${name}": known are ${MUTATIONS.map(known => known.name).join(', ')}.`)
  mutation.apply(world)
}
