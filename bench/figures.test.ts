import assert from 'node:assert/strict'
import { test } from 'node:test'
import { against, median, quantile, table } from './figures.ts'

test('a figure is met up to its ratio and what may be added', () => {
  const figure = (ours: number) => against('online', 'ms', ours, { name: 'by hand', value: 1_000 }, { ratio: 1.1, plus: 100 })
  assert.equal(figure(1_200).met, true)
  assert.equal(figure(1_201).met, false)
  assert.equal(figure(1_100).ratio, 1.1)
})

test('median and quantiles', () => {
  assert.equal(median([5, 1, 3]), 3)
  assert.equal(median([4, 1, 3, 2]), 2)
  assert.equal(quantile([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], 0.9), 10)
  assert.throws(() => median([]), /nothing/)
})

test('the table names the opponent and says what was missed', () => {
  const text = table([
    against('online', 'ms', 2_000, { name: 'by hand', value: 1_000 }, { ratio: 1.1 }),
    { name: 'memory', value: 80, unit: 'MB' },
  ])
  assert.match(text, /online {2,}2000 ms {2,}1000 ms \(by hand\) {2,}2\.00 x {2,}<= 1\.10 x {2,}MISSED/)
  assert.match(text, /memory {2,}80\.0 MB/)
})

test('figures with cells are one line for each row, with ours, the opponent and what was missed', () => {
  const cell = (row: string, column: string, value: number, met: boolean) => ({
    ...{ name: `${row}: ${column}`, cell: { row, column }, value, unit: 'ms', goal: '<= 20', met },
    ...{ opponent: { name: 'Fenzo', value: 50 }, ratio: value / 50 },
  })
  const text = table([cell('small', 'pass', 10, true), cell('large', 'pass', 25, false), { name: 'load', value: 1, unit: '' }])
  assert.match(text, /^ +pass, ms {2}Fenzo {2}ratio$/m)
  assert.match(text, /^small +10\.0 +50\.0 +0\.20 x$/m)
  assert.match(text, /^large +25\.0 +50\.0 +0\.50 x {2}MISSED: pass$/m)
  assert.match(text, /^Goals: pass: <= 20$/m)
  assert.match(text, /^load +1\.00/m)
})
