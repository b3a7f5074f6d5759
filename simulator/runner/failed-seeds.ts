/** The seeds that failed once (simulator/failed-seeds.yaml), and those that still do (simulator/open-seeds.yaml). */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Static, type TSchema, Type } from 'typebox'
import { problemIn } from '../../src/config/index.ts'
import { FAULT_LEVELS, type FaultLevel } from '../contract.ts'

const text = (description: string) => Type.String({ minLength: 1, description })

const FailedSeeds = Type.Array(
  Type.Object(
    {
      seed: Type.Integer({ minimum: 0, maximum: 4_294_967_295, description: 'a whole number of 32 bits' }),
      level: Type.Unsafe<FaultLevel>(Type.Enum([...FAULT_LEVELS], { description: `one of ${FAULT_LEVELS.join(', ')}` })),
      hours: Type.Integer({ minimum: 1, maximum: 168, description: 'a whole number from 1 to 168' }),
      story: text('what happened, in a sentence'),
      fixed: text('what was wrong and what is so now'),
    },
    { additionalProperties: false, description: 'fields, one a line as "field: value"' },
  ),
  { description: 'a list' },
)
export type FailedSeed = Static<typeof FailedSeeds>[number]

export const FAILED_SEEDS_FILE = join(import.meta.dirname, '../failed-seeds.yaml')

const OpenSeeds = Type.Array(
  Type.Object(
    {
      seed: Type.Integer({ minimum: 0, maximum: 4_294_967_295, description: 'a whole number of 32 bits' }),
      invariant: text('the name of the claim that it breaks'),
      found: text('what is found instead'),
    },
    { additionalProperties: false, description: 'seed, invariant and found' },
  ),
  { description: 'a list' },
)
export type OpenSeed = Static<typeof OpenSeeds>[number]

/** Rejects with an error that names the place in the file. */
export const readFailedSeeds = async (file = FAILED_SEEDS_FILE): Promise<readonly FailedSeed[]> =>
  (await readChecked(file, FailedSeeds)) as readonly FailedSeed[]

/** Seeds that fail and are not understood yet. Rejects as `readFailedSeeds` does. */
export const readOpenSeeds = async (file = join(import.meta.dirname, '../open-seeds.yaml')): Promise<readonly OpenSeed[]> =>
  (await readChecked(file, OpenSeeds)) as readonly OpenSeed[]

const readChecked = async (file: string, schema: TSchema): Promise<unknown> => {
  const { parse } = await import('yaml')
  const value: unknown = parse(await readFile(file, 'utf8'))
  const problem = problemIn(schema, value, '', 'docs/simulate.md')
  if (problem !== undefined) throw new Error(`${file}: ${problem}`)
  return value
}
