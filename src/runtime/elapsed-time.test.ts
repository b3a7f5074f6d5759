import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ElapsedTime } from './elapsed-time.ts'
import { VirtualClock } from './virtual-clock.ts'

const table: readonly (readonly [behaviour: string, steps: readonly number[]])[] = [
  ['nobody sets the clock', []],
  ['it is set forward by an hour', [3_600_000]],
  ['it is set back by an hour', [-3_600_000]],
  ['it is set forward, then back', [3_600_000, -1_800_000]],
  ['it is set back by less than a second', [-900]],
]

for (const [behaviour, steps] of table)
  test(`what has passed is told right though ${behaviour}`, async () => {
    const clock = new VirtualClock()
    const elapsed = new ElapsedTime(clock)
    const at = clock.now()
    assert.equal(elapsed.since('a', at), 0)
    await clock.advance(5_000)
    for (const step of steps) {
      clock.stepWallClock(step)
      await clock.advance(5_000)
    }
    assert.equal(elapsed.since('a', at), 5_000 + steps.length * 5_000)
    // The clock may say again what it said before it was set back: a moment of its own all the same.
    const later = clock.now()
    assert.equal(elapsed.since('a', later), 0)
    await clock.advance(2_000)
    assert.equal(elapsed.since('a', later), 2_000)
  })

test('a moment from before this began is as long ago as the wall clock says, and one that is still to come was no time ago', async () => {
  const clock = new VirtualClock()
  const elapsed = new ElapsedTime(clock)
  assert.equal(elapsed.since('a', clock.now() - 3_000), 3_000)
  const toCome = clock.now() + 1_000
  assert.equal(elapsed.since('b', toCome), 0)
  await clock.advance(5_000)
  assert.equal(elapsed.since('b', toCome), 5_000)
})

test('what is forgotten is asked of the wall clock anew', async () => {
  const clock = new VirtualClock()
  const elapsed = new ElapsedTime(clock)
  const at = clock.now()
  elapsed.since('a', at)
  clock.stepWallClock(60_000)
  elapsed.forget('a')
  assert.equal(elapsed.since('a', at), 60_000)
})
