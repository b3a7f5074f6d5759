import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type ShareBar, shareBar } from './share-bar.ts'
import { terminalOf } from './terminal.ts'
import { widthOf } from './width.ts'

const TERMINAL = terminalOf({ write: () => true }, { LANG: 'en_GB.UTF-8' })
const ASCII = terminalOf({ write: () => true }, { LANG: 'C' })
const bar = (change: Partial<ShareBar>): string => shareBar({ used: 0, waiting: 0, marks: [], whole: 10, ...change }, 10, TERMINAL)

const table: readonly (readonly [what: string, change: Partial<ShareBar>, shown: string])[] = [
  ['nothing', {}, '░░░░░░░░░░'],
  ['half', { used: 5 }, '█████░░░░░'],
  ['what waits stands behind what is used', { used: 3, waiting: 2 }, '███▒▒░░░░░'],
  ['a trifle is still something', { used: 0.01, waiting: 0.01 }, '█▒░░░░░░░░'],
  ['more than all is all', { used: 8, waiting: 9 }, '████████▒▒'],
  ['what waits behind a full bar has no place left', { used: 10, waiting: 3 }, '██████████'],
  ['marks stand at the end of what they bound', { used: 3, marks: [5, 10] }, '███░│░░░░│'],
  ['marks beyond the end, of nothing or absent are not shown', { marks: [11, 0, undefined] }, '░░░░░░░░░░'],
  ['a whole of nothing', { used: 3, waiting: 1, marks: [1], whole: 0 }, '▒░░░░░░░░░'],
]
for (const [what, change, shown] of table) test(`a bar: ${what}`, () => assert.equal(bar(change), shown))

test('without Unicode a bar has other shapes', () => {
  assert.equal(shareBar({ used: 3, waiting: 2, marks: [7], whole: 10 }, 10, ASCII), '###++.|...')
})

test('property: a bar is always as wide as it shall be', () => {
  const amount = fc.oneof(fc.double({ min: 0, noNaN: true }), fc.nat(20))
  fc.assert(
    fc.property(amount, amount, fc.array(amount), amount, fc.integer({ min: 1, max: 40 }), (used, waiting, marks, whole, columns) => {
      assert.equal(widthOf(shareBar({ used, waiting, marks, whole }, columns, TERMINAL)), columns)
    }),
  )
})
