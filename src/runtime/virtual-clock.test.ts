import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { deadline } from './clock.ts'
import { VirtualClock } from './virtual-clock.ts'

test('timers run in order of their time, and in the order they were made at the same time', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 20 }), { maxLength: 60 }), delays => {
      const clock = new VirtualClock()
      const ran: number[] = []
      for (const [i, delay] of delays.entries()) clock.after(delay, () => ran.push(i))
      while (clock.step());
      const expected = delays.map((delay, i) => ({ delay, i })).toSorted((a, b) => a.delay - b.delay || a.i - b.i)
      assert.deepEqual(
        ran,
        expected.map(({ i }) => i),
      )
    }),
  )
})

test('a cancelled timer never runs', async () => {
  const clock = new VirtualClock()
  let ran = false
  const cancel = clock.after(10, () => {
    ran = true
  })
  cancel()
  await clock.advance(100)
  assert.equal(ran, false)
  assert.equal(clock.nextAt, undefined)
})

test('sleep ends with its signal’s reason and leaves no timer behind', async () => {
  const clock = new VirtualClock()
  const stop = new AbortController()
  const sleeping = clock.sleep(1_000, stop.signal)
  stop.abort(new Error('enough'))
  await assert.rejects(sleeping, /enough/)
  assert.equal(clock.nextAt, undefined)
})

test('a step of the wall clock moves no timer', async () => {
  const clock = new VirtualClock(1_000_000)
  let at = 0
  clock.after(100, () => {
    at = clock.monotonic()
  })
  clock.stepWallClock(-500_000)
  await clock.advance(100)
  assert.equal(at, 1_000_100)
  assert.equal(clock.now(), 500_100)
})

test('a deadline aborts with a TimeoutError, or with its parent’s reason, and is freed by done', async () => {
  const clock = new VirtualClock()
  const late = deadline(clock, 50)
  await clock.advance(50)
  assert.equal(late.signal.reason.name, 'TimeoutError')
  const parent = new AbortController()
  const child = deadline(clock, 50, parent.signal)
  parent.abort(new Error('parent'))
  assert.equal(child.signal.reason.message, 'parent')
  child.done()
  const freed = deadline(clock, 50)
  freed.done()
  await clock.advance(100)
  assert.equal(freed.signal.aborted, false)
})
