import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from '../../../src/runtime/index.ts'
import { SMALL_SIZE, seedFleet } from '../../dev/seeded-fleet.ts'
import { parseFilter } from './filter.ts'
import { controllerMatches, groupControllers, keepUnchanged } from './wall-groups.ts'

const controllers = [...seedFleet(seededRandom(1), 1_000_000, SMALL_SIZE).controllers.values()]

test('every controller is in exactly one group, that of its tenant, in the order of names', () => {
  const groups = groupControllers(controllers, true)
  assert.deepEqual(
    groups.map(({ tenant }) => tenant),
    ['checkout', 'payments', 'search'],
  )
  assert.deepEqual(groups.flatMap(({ ids }) => ids).toSorted(), controllers.map(({ id }) => id).toSorted())
  for (const { tenant, ids } of groups) assert.ok(ids.every(id => id.startsWith(tenant)))
})

test('ungrouped, there is one group; of nothing there is none', () => {
  assert.equal(groupControllers(controllers, false).length, 1)
  assert.deepEqual(groupControllers([], true), [])
  assert.deepEqual(groupControllers([], false), [])
})

test('groups whose members did not change are the same objects', () => {
  const before = groupControllers(controllers, true)
  assert.equal(keepUnchanged(before, groupControllers(controllers, true)), before)
  const gone = controllers.find(({ tenant }) => tenant === 'payments')?.id
  const after = keepUnchanged(
    before,
    groupControllers(
      controllers.filter(({ id }) => id !== gone),
      true,
    ),
  )
  assert.deepEqual(
    after.map((group, index) => group === before[index]),
    [true, false, true],
  )
})

test('phases and words narrow together', () => {
  const [first] = controllers
  assert.ok(first)
  assert.ok(controllerMatches(first, parseFilter(`tenant:${first.tenant}`), new Set([first.phase])))
  assert.ok(!controllerMatches(first, parseFilter('tenant:nobody'), new Set([first.phase])))
  assert.ok(!controllerMatches({ ...first, phase: 'ready' }, [], new Set(['failed'])))
})
