import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ElapsedTime } from './elapsed-time.ts'
import { VirtualClock } from './virtual-clock.ts'

const table: readonly (readonly [behaviour: string, steps: readonly number[]])[] = [
  ['nobody sets the clock', []],
  ['it is set forward by an hour', [3_600_000]],
  ['it is set back by an hour', [-3_600_000]],
  ['it is set forward, then back', [3_600_000, -1_800_000]],
]

for (const [behaviour, steps] of table)
  test(`what has passed is told right though ${behaviour}`, async () => {
    const clock = new VirtualClock()
    const elapsed = new ElapsedTime(clock)
    const at = clock.now()
    await clock.advance(5_000)
    for (const step of steps) {
      elapsed.since(at)
      clock.stepWallClock(step)
      elapsed.since(at)
      await clock.advance(5_000)
    }
    assert.equal(elapsed.since(at), 5_000 + steps.length * 5_000)
    const later = clock.now()
    await clock.advance(2_000)
    if (!steps.some(step => step < 0)) assert.equal(elapsed.since(later), 2_000)
  })

test('a moment that is still to come was no time ago', () => {
  const clock = new VirtualClock()
  assert.equal(new ElapsedTime(clock).since(clock.now() + 1_000), 0)
})
