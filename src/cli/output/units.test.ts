import assert from 'node:assert/strict'
import { test } from 'node:test'
import { count, formatCores, formatDuration, formatRelative, formatSize, formatTime } from './units.ts'

const CASES: readonly (readonly [shown: string, expected: string])[] = [
  [formatDuration(-5), '0s'],
  [formatDuration(420), '0.4s'],
  [formatDuration(9_960), '10s'],
  [formatDuration(59_400), '59s'],
  [formatDuration(59_600), '1m'],
  [formatDuration(200_000), '3m20s'],
  [formatDuration(3_599_700), '1h'],
  [formatDuration(3_900_000), '1h05m'],
  [formatDuration(86_399_000), '1d'],
  [formatDuration(51 * 3_600_000), '2d3h'],
  [formatSize(0), '0 MB'],
  [formatSize(512), '512 MB'],
  [formatSize(1_000), '1 GB'],
  [formatSize(1_536), '1.5 GB'],
  [formatSize(51_200), '50 GB'],
  [formatSize(2_097_152), '2 TB'],
  [formatCores(1), '1'],
  [formatCores(0.25), '0.25'],
  [formatCores(3.5), '3.5'],
  [formatRelative(1_000, 46_000), '45s ago'],
  [formatRelative(46_000, 1_000), 'in 45s'],
  [formatRelative(1_000, 1_400), 'just now'],
  [count(1, 'host'), '1 host'],
  [count(0, 'item'), '0 items'],
]
for (const [shown, expected] of CASES) test(`${expected} reads so`, () => assert.equal(shown, expected))

test('a time of another day has its date', () => {
  const noon = new Date(2026, 2, 4, 12, 30, 5).getTime()
  assert.equal(formatTime(noon, noon + 60_000), '12:30:05')
  assert.equal(formatTime(noon, noon + 86_400_000), '2026-03-04 12:30:05')
})
