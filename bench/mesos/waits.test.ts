import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Arrival, waitsOf } from './waits.ts'

const passes = [
  { from: 0, to: 10 },
  { from: 11, to: 21 },
  { from: 22, to: 32 },
]
const came = (key: string, from: number, sentAt = from): Arrival => ({ key, from, sentAt })

test('a record waited from its coming to its being read; told again, it counts the first time', () => {
  const arrived = [came('a', 5), came('b', 10.5), came('told again', 1), came('told again', 30), came('never read', 3)]
  const read = [
    ['a', 10.2],
    ['b', 21.5],
    ['told again', 10.3],
    ['told again', 33],
    ['came by another way', 12],
  ] as const
  const { records, medianMs, longestMs } = waitsOf(arrived, read, passes)
  assert.equal(records, 3)
  assert.ok(Math.abs(medianMs - 9.3) < 1e-9, String(medianMs))
  assert.equal(longestMs, 11)
})

test('who waits for the pass under way reads none during a pass, and outlasts each pass, which is no chance', () => {
  const arrived = [came('early', 1), came('late', 9), came('next', 12), came('between', 10.5)]
  const read = [
    ['early', 10],
    ['late', 10],
    ['next', 21],
    ['between', 10.6],
  ] as const
  const { duringPass, outlasted, outlastedByChance } = waitsOf(arrived, read, passes)
  // They took 9, 1 and 9 ms of passes that had as much left: all but two pairs of nine.
  assert.deepEqual([duringPass, outlasted, outlastedByChance], [0, 1, 7 / 9])
})

test('who reads in its own time outlasts a pass only where little of it was left, as by chance', () => {
  const arrived = [came('early', 1), came('late', 9.5), came('handed on late', 12, 14), came('told of late', 23, 25)]
  const read = [
    ['early', 2],
    ['late', 11.5],
    ['handed on late', 15],
    ['told of late', 24],
  ] as const
  // They took 1, 2, 1 and 0 ms, and 9, 0.5, 7 and 7 ms of the passes were left: three pairs of sixteen.
  const { duringPass, outlasted, outlastedByChance, longestMs } = waitsOf(arrived, read, passes)
  assert.deepEqual([duringPass, outlasted, outlastedByChance, longestMs], [1, 1 / 4, 3 / 16, 3])
})

test('nothing came', () => {
  const none = { records: 0, medianMs: 0, p99Ms: 0, longestMs: 0, duringPass: 0, outlasted: 0, outlastedByChance: 0 }
  assert.deepEqual(waitsOf([], [], []), none)
})
