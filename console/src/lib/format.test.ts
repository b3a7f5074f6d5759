import assert from 'node:assert/strict'
import { test } from 'node:test'
import { counted, formatAge, formatCores, formatDuration, formatMemory, percentOf } from './format.ts'

test('a length of time has at most two units', () => {
  const table: readonly (readonly [number, string])[] = [
    [-5, '0 s'],
    [0, '0 s'],
    [430, '0.4 s'],
    [45_900, '45 s'],
    [60_000, '1 min'],
    [185_000, '3 min 5 s'],
    [7_800_000, '2 h 10 min'],
    [273_600_000, '3 d 4 h'],
  ]
  for (const [ms, text] of table) assert.equal(formatDuration(ms), text)
})

test('an age has one unit', () => {
  assert.deepEqual([0, 999, 1_000, 59_999, 60_000, 3_600_000, 172_800_000].map(formatAge), [
    'now',
    'now',
    '1 s',
    '59 s',
    '1 min',
    '1 h',
    '2 d',
  ])
})

test('sizes are in the largest unit that fits', () => {
  assert.deepEqual([512, 1_024, 1_536, 262_144, 4_000_000].map(formatMemory), ['512 MB', '1 GB', '1.5 GB', '256 GB', '3.8 TB'])
})

test('cores and counts read as English', () => {
  assert.deepEqual([1, 2, 0.5, 0.25, 12.34].map(formatCores), ['1 core', '2 cores', '0.5 cores', '0.25 cores', '12.3 cores'])
  assert.equal(counted(1, 'host'), '1 host')
  assert.equal(counted(2_000, 'host'), '2,000 hosts')
})

test('a share is within 0 and 100, also where there is no total', () => {
  assert.deepEqual([percentOf(1, 0), percentOf(5, 4), percentOf(-1, 4), percentOf(1, 4)], [0, 100, 0, 25])
})
