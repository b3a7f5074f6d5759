import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SharedCalls } from './shared-calls.ts'

const nothing = (): void => {}

test('the same call twice at once is one call, and both see how far it is', async () => {
  const calls = new SharedCalls<string>()
  const { signal } = new AbortController()
  const gate = Promise.withResolvers<void>()
  let runs = 0
  const seen: string[] = []
  const work = async (tell: (step: { message: string }) => void): Promise<string> => {
    runs++
    await gate.promise
    tell({ message: 'half' })
    return 'done'
  }
  const both = Promise.all([
    calls.run('a', ({ message }) => seen.push(`1 ${message}`), signal, work),
    calls.run('a', ({ message }) => seen.push(`2 ${message}`), signal, work),
  ])
  gate.resolve()
  assert.deepEqual(await both, ['done', 'done'])
  assert.deepEqual([runs, seen], [1, ['1 half', '2 half']])
  await calls.run('a', nothing, signal, work)
  assert.equal(runs, 2)
})

test('it goes on while one of those who wait still does, and ends with the last', async () => {
  const calls = new SharedCalls<string>()
  const [first, second] = [new AbortController(), new AbortController()]
  let inner: AbortSignal | undefined
  const work = (_: unknown, signal: AbortSignal): Promise<string> => {
    inner = signal
    return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
  }
  const one = calls.run('a', nothing, first.signal, work)
  const two = calls.run('a', nothing, second.signal, work)
  first.abort(new Error('first left'))
  await assert.rejects(one, /first left/)
  assert.equal(inner?.aborted, false)
  second.abort(new Error('second left'))
  await assert.rejects(two, /second left/)
  assert.equal(inner?.aborted, true)
})

test('a failure is for all who wait, and the next call tries again', async () => {
  const calls = new SharedCalls<string>()
  const { signal } = new AbortController()
  const fail = (): Promise<string> => Promise.reject(new Error('no'))
  const results = await Promise.allSettled([calls.run('a', nothing, signal, fail), calls.run('a', nothing, signal, fail)])
  assert.deepEqual(
    results.map(({ status }) => status),
    ['rejected', 'rejected'],
  )
  assert.equal(await calls.run('a', nothing, signal, async () => 'yes'), 'yes')
})
