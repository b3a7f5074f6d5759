/** The seeds that failed once (simulator/failed-seeds.yaml). */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Static, Type } from 'typebox'
import { problemIn } from '../../src/config/index.ts'
import { FAULT_LEVELS, type FaultLevel, type Plan } from '../contract.ts'
import { denseFleet, seedFleet } from '../fleets.ts'

const text = (description: string) => Type.String({ minLength: 1, description })

const FailedSeeds = Type.Array(
  Type.Object(
    {
      seed: Type.Integer({ minimum: 0, maximum: 4_294_967_295, description: 'a whole number of 32 bits' }),
      level: Type.Unsafe<FaultLevel>(Type.Enum([...FAULT_LEVELS], { description: `one of ${FAULT_LEVELS.join(', ')}` })),
      hours: Type.Optional(Type.Integer({ minimum: 1, maximum: 168, description: 'a whole number from 1 to 168' })),
      denseMinutes: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_440, description: 'a whole number from 1 to 1440' })),
      story: text('what happened, in a sentence'),
      fixed: text('what was wrong and what is so now'),
    },
    { additionalProperties: false, description: 'fields, one a line as "field: value"' },
  ),
  { description: 'a list' },
)
export type FailedSeed = Static<typeof FailedSeeds>[number]

export const FAILED_SEEDS_FILE = join(import.meta.dirname, '../failed-seeds.yaml')

/** Rejects with an error that names the place in the file. */
export const readFailedSeeds = async (file = FAILED_SEEDS_FILE): Promise<readonly FailedSeed[]> => {
  const { parse } = await import('yaml')
  const value: unknown = parse(await readFile(file, 'utf8'))
  const problem = problemIn(FailedSeeds, value, '', 'docs/simulate.md')
  if (problem !== undefined) throw new Error(`${file}: ${problem}`)
  const seeds = value as readonly FailedSeed[]
  for (const { seed, hours, denseMinutes } of seeds)
    if ((hours === undefined) === (denseMinutes === undefined))
      throw new Error(`${file}: seed ${seed} has ${hours === undefined ? 'neither' : 'both'}: give one of hours and denseMinutes.`)
  return seeds
}

/** What the seed was run as when it failed. */
export const planOfFailed = ({ seed, level, hours, denseMinutes }: FailedSeed): Plan =>
  denseMinutes === undefined ? seedFleet(seed, level, hours ?? 1) : denseFleet(seed, denseMinutes)
