import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VirtualClock } from '../../runtime/index.ts'
import { Liveness } from './liveness.ts'

const asking = () => {
  const clock = new VirtualClock()
  const asked: { readonly origin: string; readonly answer: PromiseWithResolvers<void> }[] = []
  const liveness = new Liveness(clock, origin => {
    const answer = Promise.withResolvers<void>()
    asked.push({ origin, answer })
    return answer.promise
  })
  return { clock, asked, liveness }
}

test('a thousand calls side by side are one question, and those of the next moment are none', async () => {
  const { clock, asked, liveness } = asking()
  const all = Array.from({ length: 1_000 }, () => liveness.of('http://a'))
  assert.equal(asked.length, 1)
  asked[0]?.answer.resolve()
  await Promise.all(all)
  await clock.advance(99)
  await liveness.of('http://a')
  assert.equal(asked.length, 1)
  await clock.advance(1)
  void liveness.of('http://a')
  assert.equal(asked.length, 2)
})

test('another leader is another question', () => {
  const { asked, liveness } = asking()
  void liveness.of('http://a')
  void liveness.of('http://b')
  assert.deepEqual(
    asked.map(({ origin }) => origin),
    ['http://a', 'http://b'],
  )
})

test('what goes wrong is told to all who waited, and the next one asks anew', async () => {
  const { asked, liveness } = asking()
  const both = [liveness.of('http://a'), liveness.of('http://a')]
  asked[0]?.answer.reject(new Error('gone'))
  for (const one of both) await assert.rejects(one, /gone/)
  const next = liveness.of('http://a')
  asked[1]?.answer.resolve()
  await next
  assert.equal(asked.length, 2)
})

test('a question that hangs holds up only who was there for it', async () => {
  const { clock, asked, liveness } = asking()
  void liveness.of('http://a')
  await clock.advance(2_000)
  const next = liveness.of('http://a')
  asked[1]?.answer.resolve()
  await next
  assert.equal(asked.length, 2)
})

test('what it answered of others is as good as a question, for as long, and also while one hangs', async () => {
  const { clock, asked, liveness } = asking()
  void liveness.of('http://a')
  liveness.answered('http://a')
  await clock.advance(99)
  await liveness.of('http://a')
  assert.equal(asked.length, 1)
  void liveness.of('http://b')
  assert.equal(asked.length, 2, 'it says nothing of another leader')
  liveness.answered('http://a')
  await clock.advance(100)
  void liveness.of('http://a')
  assert.equal(asked.length, 3)
})
