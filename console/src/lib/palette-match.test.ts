import assert from 'node:assert/strict'
import { test } from 'node:test'
import { matchPalette } from './palette-match.ts'

const entries = ['stop payments-api', 'payments-api payments', 'payments-web payments', 'repayments ledger', 'queue'].map(haystack => ({
  key: haystack,
  title: haystack,
  hint: '',
  haystack,
}))
const found = (typed: string): readonly string[] => matchPalette(entries, typed).map(({ key }) => key)

test('every word must occur, and the start of a word goes first', () => {
  assert.deepEqual(found('pay web'), ['payments-web payments'])
  assert.deepEqual(found('STOP api'), ['stop payments-api'])
  assert.equal(found('payments').at(-1), 'repayments ledger')
  assert.deepEqual(found('zzz'), [])
})

test('nothing typed offers everything, up to the limit', () => {
  assert.equal(found('').length, entries.length)
  const many = Array.from({ length: 2_000 }, (_, index) => ({ key: `c${index}`, title: '', hint: '', haystack: `c${index}` }))
  assert.equal(matchPalette(many, 'c').length, 14)
})
