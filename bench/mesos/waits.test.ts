import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Arrival, waitsOf } from './waits.ts'

test('a record waited from its coming to its being read, and for the passes that ran between', () => {
  const passes = [
    { from: 0, to: 10 },
    { from: 11, to: 21 },
    { from: 22, to: 32 },
  ]
  const came = (key: string, from: number, sentAt = from): Arrival => ({ key, from, sentAt })
  const arrived = [
    came('during a pass', 5),
    came('between two', 10.5),
    came('told again', 1),
    came('told again', 30),
    came('never read', 3),
  ]
  const heard = [
    ['during a pass', 10.2],
    ['between two', 21.5],
    ['told again', 10.3],
    ['told again', 33],
    ['came by another way', 12],
  ] as const
  const { records, medianMs, longestMs, mostPasses } = waitsOf(arrived, heard, passes)
  assert.equal(records, 3)
  assert.ok(Math.abs(medianMs - 9.3) < 1e-9, String(medianMs))
  assert.equal(longestMs, 11)
  assert.equal(mostPasses, 1)
  const slow = waitsOf(
    [...arrived, came('slow', 5), came('held up on its way', 5, 25)],
    [...heard, ['slow', 33], ['held up on its way', 33]],
    passes,
  )
  assert.deepEqual([slow.mostPasses, slow.afterOnePass, slow.longestMs], [3, 0.8, 28])
  assert.deepEqual(waitsOf([], [], []), { records: 0, medianMs: 0, p99Ms: 0, longestMs: 0, mostPasses: 0, afterOnePass: 0 })
})
