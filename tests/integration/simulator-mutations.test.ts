/** Shows that the simulator can fail: each deliberate bug is caught, by any invariant, within so many seeds. Two cores take seeds at the same time. */
import assert from 'node:assert/strict'
import { availableParallelism } from 'node:os'
import { after, describe, test } from 'node:test'
import { denseFleet, type Outcome } from '../../simulator/index.ts'
import { MUTATIONS } from '../../simulator/mutations/index.ts'
import { Pool } from '../../simulator/runner/pool.ts'

const SEEDS = 50
/** Of virtual time for each seed: the fleet boots within two, and something goes wrong every few seconds. */
const MINUTES = 30
/** Short ones first: most bugs show as soon as the fleet has booted. */
const SHORT_MINUTES = 10
const SHORT_SEEDS = 4

const workers = Math.min(2, availableParallelism())
const pool = new Pool({ workers })
after(() => pool[Symbol.asyncDispose]())
const never = new AbortController().signal

test('there are at least ten deliberate bugs, each with a name of its own', () => {
  assert.ok(MUTATIONS.length >= 10)
  assert.equal(new Set(MUTATIONS.map(({ name }) => name)).size, MUTATIONS.length)
})

const catchIt = async (mutation: string): Promise<Outcome | undefined> => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const plan = denseFleet(seed, seed <= SHORT_SEEDS ? SHORT_MINUTES : MINUTES)
    const outcome = await pool.simulate({ ...plan, mutation }, never)
    if (outcome.violations.length > 0) return outcome
  }
  return undefined
}

// One bug for each worker at a time.
describe('each deliberate bug', { concurrency: workers }, () => {
  for (const { name, sentence } of MUTATIONS)
    test(`${name} is caught: ${sentence}`, async context => {
      const caught = await catchIt(name)
      assert.ok(caught, `not within ${SEEDS} seeds`)
      context.diagnostic(`seed ${caught.plan.seed}: ${caught.violations[0]?.invariant}: ${caught.violations[0]?.found}`)
    })
})
