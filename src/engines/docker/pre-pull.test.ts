import assert from 'node:assert/strict'
import { test } from 'node:test'
import { settle, VirtualClock } from '../../runtime/index.ts'
import { MAX_PRE_PULLED, PrePull } from './pre-pull.ts'

const worldOf = (wanted: string[], there: string[] = [], broken: string[] = []) => {
  const clock = new VirtualClock()
  const has = new Set(there)
  const brought: string[] = []
  const problems: string[] = []
  const pulls = new PrePull({
    wanted: () => wanted,
    has: async image => has.has(image),
    bring: async image => {
      brought.push(image)
      if (broken.includes(image)) throw new Error('no such image')
      has.add(image)
    },
    clock,
    onProblem: image => problems.push(image),
  })
  return { clock, has, brought, problems, pulls, broken }
}

test('what is wanted and missing is brought, once, and what is there is left alone', async () => {
  const { pulls, brought, clock } = worldOf(['a:1', 'b:1', 'a:1'], ['b:1'])
  const end = new AbortController()
  const running = pulls.run(end.signal)
  await settle()
  assert.deepEqual(brought, ['a:1'])
  await clock.advance(120_000)
  assert.deepEqual(brought, ['a:1'])
  end.abort()
  await clock.advance(1)
  await running
})

test('what is wanted from now on is brought soon, and what was taken away comes back', async () => {
  const wanted = ['a:1']
  const { pulls, brought, has, clock } = worldOf(wanted)
  const end = new AbortController()
  void pulls.run(end.signal)
  await settle()
  wanted.push('c:1')
  has.delete('a:1')
  await clock.advance(31_000)
  assert.deepEqual(brought, ['a:1', 'a:1', 'c:1'])
  end.abort()
})

test('one that cannot be had keeps no other from coming, and is tried again after ten minutes', async () => {
  const { pulls, brought, problems, clock, broken } = worldOf(['bad:1', 'good:1'], [], ['bad:1'])
  const end = new AbortController()
  void pulls.run(end.signal)
  await settle()
  assert.deepEqual([brought, problems], [['bad:1', 'good:1'], ['bad:1']])
  await clock.advance(500_000)
  assert.equal(brought.length, 2)
  broken.length = 0
  await clock.advance(150_000)
  assert.deepEqual(brought, ['bad:1', 'good:1', 'bad:1'])
  end.abort()
})

test('no more are brought than a host has room to keep for nothing', async () => {
  const { pulls, brought } = worldOf(Array.from({ length: MAX_PRE_PULLED + 10 }, (_, index) => `i:${index}`))
  await pulls.look(new AbortController().signal)
  assert.equal(brought.length, MAX_PRE_PULLED)
})
