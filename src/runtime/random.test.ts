import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { backoffDelay } from './backoff.ts'
import { integer, nameSuffix, seededRandom } from './random.ts'

test('the same seed gives the same chance, another seed another', () => {
  const draw = (seed: number): number[] => {
    const random = seededRandom(seed)
    return Array.from({ length: 8 }, () => random.next())
  }
  assert.deepEqual(draw(7), draw(7))
  assert.notDeepEqual(draw(7), draw(8))
})

test('seeded chance is uniform enough: each tenth gets a tenth', () => {
  const random = seededRandom(42)
  const counts = new Array<number>(10).fill(0)
  for (let i = 0; i < 100_000; i++) {
    const tenth = integer(random, 10)
    counts[tenth] = (counts[tenth] ?? 0) + 1
  }
  for (const count of counts) assert.ok(Math.abs(count - 10_000) < 400, `a tenth got ${count}`)
})

test('a name’s suffix fits a DNS label', () => {
  fc.assert(
    fc.property(fc.integer(), fc.integer({ min: 1, max: 20 }), (seed, length) => {
      assert.match(nameSuffix(seededRandom(seed), length), new RegExp(`^[a-z0-9]{${length}}$`))
    }),
  )
})

test('back-off grows to its cap and is never less than half of it', () => {
  fc.assert(
    fc.property(fc.integer(), fc.integer({ min: 1, max: 60 }), (seed, failures) => {
      const backoff = { firstMs: 100, factor: 2, mostMs: 5_000 }
      const full = Math.min(5_000, 100 * 2 ** (failures - 1))
      const delay = backoffDelay(backoff, failures, seededRandom(seed))
      assert.ok(delay >= full / 2 && delay <= full)
    }),
  )
})
