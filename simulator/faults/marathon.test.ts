import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Plan } from '../contract.ts'
import { denseFleet, simulate } from '../index.ts'

const MINUTES = 15

/** Nothing else goes wrong, and this every few minutes. */
const plan: Plan = { ...denseFleet(1, MINUTES), engine: 'own-placement', faults: { 'marathon-two-tasks': 40 }, keepLog: true }

test('a second task of a controller is not let in, whether it comes beside the one that runs or in its place', async () => {
  const { violations, faults, log } = await simulate(plan)
  assert.deepEqual(violations, [])
  const done = faults.map(({ detail }) => detail)
  assert.ok(done.some(detail => / beside /.test(detail)) && done.some(detail => / in the place of /.test(detail)), done.join('\n'))
  const refused = log.filter(({ what }) => /has ended: its place is held by .+: a volume has one writer/.test(what))
  assert.ok(refused.length > done.length / 2, `${refused.length} of ${done.length} were refused`)
})

test('with the door open to all, a home gets two writers', async () => {
  const { violations } = await simulate({ ...plan, mutation: 'second-task-let-in' })
  assert.equal(violations[0]?.invariant, 'one-writer')
})
