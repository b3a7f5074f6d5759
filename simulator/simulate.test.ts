/** Short runs that show that the simulator is what it says: the same every time, and able to fail. The many seeds are CI's (simulator/runner). */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { ENGINE_SHAPES, type Plan } from './contract.ts'
import { FAULTS } from './faults/index.ts'
import { denseFleet, seedFleet } from './fleets.ts'
import { INVARIANTS } from './invariants/index.ts'
import { minimise } from './minimise.ts'
import { simulate } from './simulate.ts'

const dense = (seed: number, change: Partial<Plan> = {}): Plan => ({ ...denseFleet(seed, 6), ...change })

test('the same plan gives the same log, here and in another process, and another seed another', async () => {
  const plan = dense(7)
  const here = await simulate(plan)
  assert.ok(here.logLines > 100 && here.faults.length > 5)
  assert.equal((await simulate(plan)).logHash, here.logHash)
  const program = `import { simulate } from ${JSON.stringify(join(import.meta.dirname, 'simulate.ts'))}
    console.log((await simulate(${JSON.stringify(plan)})).logHash)`
  const there = execFileSync(process.execPath, ['--disable-warning=ExperimentalWarning', '--input-type=module', '--eval', program], {
    encoding: 'utf8',
  })
  assert.equal(there.trim(), here.logHash)
  assert.notEqual((await simulate(dense(8))).logHash, here.logHash)
})

for (const engine of ENGINE_SHAPES)
  test(`a fleet on an engine of shape ${engine} builds all and comes to rest, whatever goes wrong`, async () => {
    const outcome = await simulate(dense(3, { engine }))
    assert.deepEqual(outcome.violations, [])
    assert.ok(outcome.builds.succeeded > 0 && outcome.manorRestarts > 0)
  })

test('a fleet that keeps warm spares builds all and comes to rest with them, and no team ever uses more than its quota', async () => {
  for (const seed of [2, 5]) {
    const plan = dense(seed)
    const teams = plan.teams.map(team => ({ ...team, jobs: team.jobs.map(mix => ({ ...mix, spares: 1 })) }))
    const outcome = await simulate({ ...plan, teams })
    assert.deepEqual(outcome.violations, [])
    assert.ok(outcome.builds.succeeded > 0)
  }
})

test('a fault that is left out does not happen, and the others happen when they did', async () => {
  const all = await simulate(dense(7))
  const without = all.faults.slice(0, 3).map(({ number }) => number)
  const fewer = await simulate(dense(7, { without }))
  assert.ok(!fewer.faults.some(({ number }) => without.includes(number)))
  const times = new Map(all.faults.map(({ number, at }) => [number, at]))
  for (const { number, at } of fewer.faults) assert.equal(at, times.get(number) ?? at)
})

test('a failure is made smaller until every fault that is left is needed', async () => {
  // A run that fails where two faults of three kinds have happened: as real ones do, in a form that costs nothing.
  const needed = [3, 17]
  const outcomeOf = async (plan: Plan) => {
    const left = Array.from({ length: 40 }, (_, number) => number).filter(number => plan.without?.includes(number) !== true)
    const fails = needed.every(number => left.includes(number))
    return {
      ...EMPTY,
      plan,
      faults: left.map(number => ({ number, name: 'host-dies', at: number, detail: '' })),
      violations: fails ? [{ invariant: 'one-writer', claim: '', at: 1, found: '' }] : [],
    }
  }
  const EMPTY = await simulate(seedFleet(1, 'none', 0.01))
  const smallest = await minimise(seedFleet(1, 'hard', 1), { run: outcomeOf })
  assert.deepEqual(
    smallest?.faults.map(({ number }) => number),
    needed,
  )
  assert.equal(await minimise({ ...seedFleet(1, 'hard', 1), without: [3] }, { run: outcomeOf }), undefined)
})

test('every fault and every invariant has a name of its own and a sentence', () => {
  for (const all of [FAULTS, INVARIANTS]) assert.equal(new Set(all.map(({ name }) => name)).size, all.length)
  for (const { name, sentence } of FAULTS) assert.match(`${name}: ${sentence}`, /^[a-z-]+: [A-Z].*\.$/)
  for (const { name, claim } of INVARIANTS) assert.match(`${name}: ${claim}`, /^[a-z-]+: [A-Z].*\.$/)
})
