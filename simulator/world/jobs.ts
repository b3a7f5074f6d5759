import type { JobMix, Team } from '../contract.ts'

/** One thing to build, drawn when it is asked for. */
export type Job = {
  readonly name: string
  readonly team: string
  readonly mix: JobMix
  readonly buildMs: number
  readonly ends: 'SUCCESS' | 'FAILURE' | 'leak' | 'hang'
}

/** The label under which a mix's jobs ask for agents, and the name of its template. */
export const labelOf = (team: Team, mix: JobMix): string => `${team.name}-${mix.name}`
