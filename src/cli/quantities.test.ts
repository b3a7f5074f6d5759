import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { CliError } from './errors.ts'
import { formatDuration, formatSize } from './output/units.ts'
import { orNone, parseCores, parseCount, parseDuration, parseSize, parseWeight } from './quantities.ts'

const SIZES: readonly (readonly [string, number])[] = [
  ['512m', 512],
  ['1g', 1024],
  ['1.5GiB', 1536],
  ['1.5 gb', 1536],
  [' 50G ', 51_200],
  ['1t', 1_048_576],
  ['0.5g', 512],
]
for (const [text, expected] of SIZES)
  test(`the size "${text}" is ${expected} MB`, () => assert.equal(parseSize('--memory', text), expected))

const DURATIONS: readonly (readonly [string, number])[] = [
  ['45s', 45_000],
  ['20m', 1_200_000],
  ['1h30m', 5_400_000],
  ['1d2h3m4s5ms', 93_784_005],
  ['500ms', 500],
  ['1.5h', 5_400_000],
  ['0', 0],
  ['20M', 1_200_000],
]
for (const [text, expected] of DURATIONS)
  test(`the duration "${text}" is ${expected} ms`, () => assert.equal(parseDuration('--grace', text), expected))

test('an amount or none', () => {
  assert.deepEqual([orNone(parseSize)('--x', '1g'), orNone(parseSize)('--x', 'None')], [1_024, 'none'])
  assert.equal(parseWeight('--x', '0.5'), 0.5)
})

const REFUSED: readonly (readonly [read: (what: string, text: string) => number, text: string, sentence: RegExp])[] = [
  [parseSize, '12', /^--x is "12": it lacks its unit, for example 12m or 12g\.$/],
  [parseSize, '', /^--x is "": give a size with its unit/],
  [parseSize, '-1g', /give a size/],
  [parseSize, '0m', /give a size/],
  [parseSize, '1gg', /give a size/],
  [parseSize, '512k', /give a size/],
  [parseDuration, '20', /^--x is "20": it lacks its unit, for example 20s or 20m\.$/],
  [parseDuration, '', /give a length of time/],
  [parseDuration, '30m1h', /largest unit first/],
  [parseDuration, '1m1m', /largest unit first/],
  [parseDuration, '5 minutes', /give a length of time/],
  [parseCores, '0', /number of cores/],
  [parseCores, 'two', /number of cores/],
  ...['0', '-1', 'NaN', '1e3', ''].map(
    text => [parseWeight, text, /^--x is .*: give a number larger than 0, for example 2 or 0\.5\.$/] as const,
  ),
  [(what, text) => Number(orNone(parseSize)(what, text)), 'all', /for example 512m, 1g or 1\.5GiB, or none\.$/],
  [(what, text) => parseCount(what, text, 1, 10), '11', /a whole number from 1 to 10/],
  [(what, text) => parseCount(what, text, 1, 10), '1.5', /a whole number from 1 to 10/],
]
for (const [read, text, sentence] of REFUSED)
  test(`"${text}" is refused with what it may be`, () => {
    assert.throws(
      () => read('--x', text),
      error => error instanceof CliError && sentence.test(error.message) && error.exitCode === 2,
    )
  })

test('what is shown as a size or a duration is read back to within what was rounded off', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 100_000_000 }), mebibytes => {
      const back = parseSize('it', formatSize(mebibytes))
      assert.ok(Math.abs(back - mebibytes) <= Math.max(1, mebibytes * 0.06), `${mebibytes} became ${back}`)
    }),
  )
  fc.assert(
    fc.property(fc.integer({ min: 100, max: 10_000_000_000 }), ms => {
      const back = parseDuration('it', formatDuration(ms))
      assert.ok(Math.abs(back - ms) <= Math.max(60, ms * 0.06), `${ms} became ${back}`)
    }),
  )
})
