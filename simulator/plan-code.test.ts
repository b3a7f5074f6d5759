import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { FAULT_LEVELS, type Plan } from './contract.ts'
import { seedFleet, talkFleet } from './fleets.ts'
import { decodePlan, encodePlan } from './plan-code.ts'

const table: readonly (readonly [plan: Plan, text: string])[] = [
  [seedFleet(17, 'hard', 24), '17:hard:24'],
  [{ ...seedFleet(17, 'mild', 2), without: [3, 1, 2, 9] }, '17:mild:2:1-3,9'],
  [{ ...seedFleet(17, 'none', 1), mutation: 'no-intent' }, '17:none:1::no-intent'],
]

test('the fleet of a seed is its seed, level and hours, then what is left out', () => {
  for (const [plan, text] of table) assert.equal(encodePlan(plan), text)
})

test('any plan comes back as it was', () => {
  const numbers = fc.uniqueArray(fc.integer({ min: 0, max: 400 })).map(all => all.sort((a, b) => a - b))
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 0xffffffff }),
      fc.constantFrom(...FAULT_LEVELS),
      fc.integer({ min: 1, max: 48 }),
      numbers,
      (seed, level, hours, without) => {
        const plan: Plan = { ...seedFleet(seed, level, hours), ...(without.length === 0 ? {} : { without }) }
        assert.deepEqual(decodePlan(encodePlan(plan)), plan)
      },
    ),
    { numRuns: 50 },
  )
  const other: Plan = { ...talkFleet({ controllers: 20, jobs: 80, hosts: 4 }), without: [4] }
  assert.deepEqual(decodePlan(encodePlan(other)), other)
})

test('what is no plan is refused with the reason', () => {
  for (const [text, reason] of [
    ['x:hard:1', /no seed/],
    ['1:harder:1', /no level/],
    ['1:hard:0', /no number of hours/],
    ['1:hard:1:a-b', /no range/],
    ['plan:@@@', /no plan/],
  ] as const)
    assert.throws(() => decodePlan(text), reason)
})
