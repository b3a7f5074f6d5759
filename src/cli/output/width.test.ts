import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { hang, pad, printable, truncate, widthOf } from './width.ts'

const WIDTHS: readonly (readonly [string, number])[] = [
  ['', 0],
  ['team-a', 6],
  ['日本語', 6],
  ['é', 1],
  ['e\u0301', 1],
  ['●…', 2],
  ['🚀', 2],
  ['👩‍👩‍👧', 2],
  ['🇩🇪', 2],
  ['❤️', 2],
  ['\u001b[32mok\u001b[0m', 2],
  ['ｆｕｌｌ', 8],
]
for (const [text, width] of WIDTHS) test(`${JSON.stringify(text)} is ${width} columns wide`, () => assert.equal(widthOf(text), width))

test('what is cut is never wider than it may be, and says that it was cut', () => {
  assert.equal(truncate('payments-nightly', 10), 'payments-…')
  assert.equal(truncate('日本語です', 6), '日本…')
  assert.equal(truncate('team-a', 6), 'team-a')
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 40 }), fc.integer({ min: 1, max: 30 }), (raw, columns) => {
      const text = printable(raw)
      const cut = truncate(text, columns)
      assert.ok(widthOf(cut) <= columns)
      assert.equal(cut === text, widthOf(text) <= columns)
      assert.ok(widthOf(pad(cut, columns)) === columns)
    }),
  )
})

test('what others wrote cannot move the cursor or set a title', () => {
  assert.equal(printable('a\u001b[2Jb\u001b]0;title\u0007c\rd\u0008\te'), 'abcd    e')
})

test('a long text hangs below its beginning, with whole words, and stays one line in a pipe', () => {
  const text = 'see http://localhost:8080/team-a/ for all of it'
  assert.equal(hang('why  ', text, 40), 'why  see http://localhost:8080/team-a/\n     for all of it')
  assert.equal(hang('why  ', text, undefined), `why  ${text}`)
  assert.equal(hang('w'.repeat(30), text, 40), 'w'.repeat(30) + text)
})
