import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { fakeOutcome, fakePlan } from '../runner/fake-simulate.ts'
import { html } from './html.ts'
import { bytes, duration, number } from './numbers.ts'
import { reportPage } from './report.ts'
import { linear, logarithmic, time } from './scale.ts'

const OPTIONS = { title: 'A run', command: './manor simulate --replay x' }
const FAULTS = { 'host-dies': 1 }

const WRITTEN: readonly (readonly [ms: number, text: string])[] = [
  [0, '0'],
  [250, '250 ms'],
  [4_200, '4.2 s'],
  [60_000, '1 min'],
  [200_000, '3 min 20 s'],
  [7_500_000, '2 h 5 min'],
  [97_200_000, '1 d 3 h'],
]
for (const [ms, text] of WRITTEN) test(`${ms} ms are written as ${text}`, () => assert.equal(duration(ms), text))

test('numbers have separators where they are long and places where they are small', () => {
  assert.deepEqual([12_345, 12.34, 1.234, 3].map(number), ['12,345', '12.3', '1.23', '3'])
  assert.deepEqual([2_048, 1_572_864, 3 * 1_073_741_824].map(bytes), ['2 KB', '1.5 MB', '3.0 GB'])
})

test('an axis begins at or below the least value, ends at or above the most, and has few ticks', () => {
  fc.assert(
    fc.property(fc.double({ min: 0.001, max: 1e9, noNaN: true }), fc.double({ min: 0.001, max: 1, noNaN: true }), (most, share) => {
      for (const scale of [linear(most), time(most), logarithmic(most * share, most)]) {
        assert.ok(scale.ticks.length >= 1 && scale.ticks.length <= 14, `${scale.ticks}`)
        assert.ok(scale.place(most) <= 1 + 1e-9 && scale.place(most) >= 0)
      }
    }),
  )
})

test('what is put into a page is escaped, what is HTML already is not', () => {
  assert.equal(html`<p>${'<b>&"'}${html`<i>${1}</i>`}${[html`a`, undefined]}</p>`.text, '<p>&lt;b&gt;&amp;&quot;<i>1</i>a</p>')
})

test('a page reads nothing from elsewhere and runs nothing', () => {
  const page = reportPage(fakeOutcome(fakePlan({ faults: FAULTS })), OPTIONS)
  assert.doesNotMatch(page, /<script|https?:|url\(|@import|<link|<img/)
  assert.match(page, /default-src 'none'/)
})

test('a page tells the totals, the teams, every kind of fault, and the command that repeats it', () => {
  const outcome = fakeOutcome(fakePlan({ faults: FAULTS }))
  const page = reportPage(outcome, OPTIONS)
  for (const text of ['Every claim held', 'team-a', 'host-dies', 'Waiting in the queue', outcome.logHash, OPTIONS.command])
    assert.ok(page.includes(text), text)
})

test('a failed run says first which claim does not hold and what was found', () => {
  const page = reportPage(fakeOutcome(fakePlan({ mutation: 'violates' })), OPTIONS)
  assert.match(page, /no-orphan does not hold, at 08:00:00\.000/)
  assert.match(page, /still runs &lt;here&gt; &amp; now/)
})

test('a run without samples, faults, teams and log is still a page', () => {
  const page = reportPage(fakeOutcome(fakePlan(), { samples: [], teams: [], log: [] }), OPTIONS)
  assert.match(page, /ended before its first sample/)
  assert.doesNotMatch(page, /NaN|Infinity|undefined/)
})

test('a long run makes no larger page than a short one does, but for its numbers', () => {
  const short = reportPage(fakeOutcome(fakePlan()), OPTIONS).length
  const long = reportPage(fakeOutcome(fakePlan({ activeMs: 30 * 86_400_000, sampleMs: 10_000 })), OPTIONS).length
  assert.ok(long < short * 2.5, `${short} and ${long}`)
})
