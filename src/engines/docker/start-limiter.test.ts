import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { tenantId } from '../../model/index.ts'
import { settle } from '../../runtime/index.ts'
import { EngineError } from '../engine.ts'
import { StartLimiter } from './start-limiter.ts'

const never = new AbortController().signal

/** Starts whose ends are the test's to say, and the order in which they began. */
const bench = (limiter: StartLimiter) => {
  const began: string[] = []
  const ends: (() => void)[] = []
  const start = (tenant: string, signal = never): Promise<void> =>
    limiter.run(
      tenantId(tenant),
      () => {
        began.push(tenant)
        return new Promise<void>(resolve => ends.push(resolve))
      },
      signal,
    )
  return { began, ends, start }
}

test('no more start at a time than allowed, and all come to their turn', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 5 }), fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 30 }), async (most, tenants) => {
      const limiter = new StartLimiter(most)
      const { began, ends, start } = bench(limiter)
      const all = Promise.all(tenants.map(tenant => start(tenant)))
      for (let done = 0; done < tenants.length; done++) {
        await settle()
        assert.equal(began.length, Math.min(tenants.length, done + most))
        ends[done]?.()
      }
      await all
      assert.deepEqual(limiter.depth, { running: 0, waiting: 0 })
    }),
  )
})

test('a burst of one tenant delays another by no more than its turn', async () => {
  const limiter = new StartLimiter(1)
  const { began, ends, start } = bench(limiter)
  const all = [...Array.from({ length: 6 }, () => start('big')), start('small'), start('other'), start('small')]
  for (let done = 0; done < all.length; done++) {
    await settle()
    ends[done]?.()
  }
  await Promise.all(all)
  assert.deepEqual(began, ['big', 'big', 'small', 'other', 'big', 'small', 'big', 'big', 'big'])
})

test('whoever gives up while waiting takes no turn, and a failed start gives its own back', async () => {
  const limiter = new StartLimiter(1)
  const { began, ends, start } = bench(limiter)
  const giveUp = new AbortController()
  const first = start('a')
  const second = start('b', giveUp.signal)
  const third = limiter.run(tenantId('c'), () => Promise.reject(new Error('failed')), never)
  const fourth = start('d')
  giveUp.abort(new Error('given up'))
  await assert.rejects(second, /given up/)
  ends[0]?.()
  await first
  await assert.rejects(third, /failed/)
  await settle()
  ends[1]?.()
  await fourth
  assert.deepEqual(began, ['a', 'd'])
  assert.deepEqual(limiter.depth, { running: 0, waiting: 0 })
})

test('more than may wait are sent away, to ask again', async () => {
  const limiter = new StartLimiter(1, 2)
  const { ends, start } = bench(limiter)
  const all = [start('a'), start('a'), start('b')]
  await assert.rejects(start('c'), cause => cause instanceof EngineError && cause.retryable)
  for (let done = 0; done < all.length; done++) {
    await settle()
    ends[done]?.()
  }
  await Promise.all(all)
})
