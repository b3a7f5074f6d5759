import assert from 'node:assert/strict'
import { test } from 'node:test'
import { closest, didYouMean } from './closest.ts'

const NAMES = ['team-a', 'team-b', 'payments', 'hello', 'attic']
const CASES: readonly (readonly [string, readonly string[]])[] = [
  ['tema-a', ['team-a', 'team-b']],
  ['helo', ['hello']],
  ['PAYMENTS', ['payments']],
  ['pay', ['payments']],
  ['team-c', ['team-a', 'team-b']],
  ['zzz', []],
  ['x', []],
]
for (const [word, expected] of CASES)
  test(`${word} is close to ${expected.join(', ') || 'nothing'}`, () => assert.deepEqual(closest(word, NAMES), expected))

test('a question is asked only where there is something to suggest', () => {
  assert.equal(didYouMean([]), '')
  assert.equal(didYouMean(['a']), ' Did you mean a?')
  assert.equal(didYouMean(['a', 'b', 'c']), ' Did you mean a, b or c?')
})
