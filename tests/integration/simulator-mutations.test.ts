/** Shows that the simulator can fail: each deliberate bug is caught, by any invariant, within so many seeds. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { denseFleet, type Outcome, simulate } from '../../simulator/index.ts'
import { MUTATIONS } from '../../simulator/mutations/index.ts'

const SEEDS = 50
/** Of virtual time for each seed: the fleet boots within two, and something goes wrong every few seconds. */
const MINUTES = 30

test('there are at least ten deliberate bugs, each with a name of its own', () => {
  assert.ok(MUTATIONS.length >= 10)
  assert.equal(new Set(MUTATIONS.map(({ name }) => name)).size, MUTATIONS.length)
})

for (const { name, sentence } of MUTATIONS)
  test(`${name} is caught: ${sentence}`, async context => {
    let caught: Outcome | undefined
    for (let seed = 1; seed <= SEEDS && caught === undefined; seed++) {
      const outcome = await simulate({ ...denseFleet(seed, MINUTES), mutation: name })
      if (outcome.violations.length > 0) caught = outcome
    }
    assert.ok(caught, `not within ${SEEDS} seeds`)
    context.diagnostic(`seed ${caught.plan.seed}: ${caught.violations[0]?.invariant}: ${caught.violations[0]?.found}`)
  })
