import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { workloadId } from './ids.ts'
import { adviceFor, enoughMemoryMb, LEAST_RUN_MS, LEAST_RUNS } from './memory-advice.ts'
import { RUNS_KEPT, type Run, usageId, withRuns } from './usage.ts'

let count = 0
const run = (peakMemoryMb: number | undefined, change: Partial<Run> = {}): Run => ({
  id: workloadId(`agent.${++count}`),
  at: count,
  ranMs: 60_000,
  limitMb: 2_048,
  ...(peakMemoryMb === undefined ? {} : { peakMemoryMb }),
  ...change,
})
const runs = (number: number, ...args: Parameters<typeof run>): Run[] => Array.from({ length: number }, () => run(...args))

type Row = readonly [
  what: string,
  of: 'template' | 'controller',
  asks: number,
  runs: readonly Run[],
  kind: string,
  memoryMb: number | undefined,
  message: string,
]
const TABLE: readonly Row[] = [
  [
    'far less was used',
    'template',
    2_048,
    [...runs(39, 300), run(610)],
    'less',
    768,
    'It asks for 2,048 MB; the highest of its last 40 agents was 610 MB: 768 MB would do.',
  ],
  [
    'a little less was used',
    'template',
    1_024,
    runs(20, 700),
    'fits',
    undefined,
    'It asks for 1,024 MB; the highest of its last 20 agents was 700 MB: that fits.',
  ],
  [
    'some were ended at their limit',
    'template',
    512,
    [...runs(17, 200, { limitMb: 512 }), ...runs(3, 512, { limitMb: 512, ranOutOf: 'limit' })],
    'more',
    768,
    '3 of its last 20 agents ran out of memory at the limit of 512 MB: give it 768 MB.',
  ],
  [
    'one was, though nothing is measured',
    'template',
    512,
    [run(undefined, { limitMb: 512, ranOutOf: 'limit' })],
    'more',
    768,
    'Its last agent ran out of memory at the limit of 512 MB: give it 768 MB.',
  ],
  [
    'limits differed',
    'template',
    512,
    [run(512, { limitMb: 512, ranOutOf: 'limit' }), run(256, { limitMb: 256, ranOutOf: 'limit' })],
    'more',
    768,
    '1 of its last 2 agents ran out of memory at the limit of 512 MB: give it 768 MB.',
  ],
  [
    'it was given enough since',
    'template',
    1_024,
    [run(512, { limitMb: 512, ranOutOf: 'limit' }), ...runs(8, 700)],
    'fits',
    undefined,
    'It asks for 1,024 MB; the highest of its last 9 agents was 700 MB: that fits.',
  ],
  [
    'the heap was full and the limit was not',
    'template',
    512,
    [run(230, { limitMb: 512, ranOutOf: 'heap' }), ...runs(3, 200)],
    'heap',
    768,
    "1 of its last 4 agents filled Java's own heap, and not what they were given (512 MB). The heap is a share of that: give it 768 MB.",
  ],
  [
    'it was made smaller than what was used',
    'template',
    512,
    runs(2, 900),
    'more',
    1_152,
    'It asks for 512 MB, and the highest of its last 2 agents was 900 MB: give it 1,152 MB.',
  ],
  ['nothing has run', 'template', 512, [], 'too-few', undefined, 'None of its agents has ended yet.'],
  [
    'little has run',
    'template',
    2_048,
    runs(LEAST_RUNS - 1, 100),
    'too-few',
    undefined,
    'It asks for 2,048 MB; the highest of its last 4 agents was 100 MB. 5 must have been seen before less is advised.',
  ],
  [
    'the engine cannot tell',
    'template',
    512,
    runs(30, undefined),
    'not-measured',
    undefined,
    'It asks for 512 MB. Its engine does not tell how much memory its agents use.',
  ],
  [
    'a controller has run for a day',
    'controller',
    3_072,
    [run(1_000, { ranMs: LEAST_RUN_MS })],
    'less',
    1_280,
    'It asks for 3,072 MB; the highest of its last run was 1,000 MB: 1,280 MB would do.',
  ],
  [
    'a controller has run for an hour',
    'controller',
    3_072,
    runs(9, 1_000),
    'too-few',
    undefined,
    'It asks for 3,072 MB; the highest of its last 9 runs was 1,000 MB. It must have run for a day before less is advised.',
  ],
]
for (const [what, of, memoryMb, last, kind, expected, message] of TABLE)
  test(`advice where ${what}`, () => {
    const advice = adviceFor({ of, memoryMb, runs: last })
    assert.deepEqual([advice.kind, advice.memoryMb, advice.message], [kind, expected, message])
  })

test('what would have done is more than the limit, in sizes that people use', () => {
  for (const [limit, enough] of [
    [64, 128],
    [512, 768],
    [1_000, 1_536],
  ] as const)
    assert.equal(enoughMemoryMb(limit), enough)
})

const aRun = (): fc.Arbitrary<Run> =>
  fc
    .record({
      peak: fc.option(fc.integer({ min: 0, max: 20_000 }), { nil: undefined }),
      limitMb: fc.integer({ min: 96, max: 16_384 }),
      ranMs: fc.integer({ min: 0, max: 3 * LEAST_RUN_MS }),
      ranOutOf: fc.constantFrom('limit', 'heap', undefined),
    })
    .map(({ peak, limitMb, ranMs, ranOutOf }) => run(peak, { limitMb, ranMs, ...(ranOutOf === undefined ? {} : { ranOutOf }) }))

test('property: no size is advised that is below the highest seen, or no more than one that was too little', () => {
  fc.assert(
    fc.property(
      fc.constantFrom('template', 'controller'),
      fc.integer({ min: 96, max: 16_384 }),
      fc.array(aRun(), { maxLength: 40 }),
      (of, memoryMb, last) => {
        const advice = adviceFor({ of, memoryMb, runs: last })
        const { kind, memoryMb: advised, highestMb = 0 } = advice
        assert.equal(advised !== undefined, kind === 'more' || kind === 'heap' || kind === 'less')
        assert.doesNotMatch(advice.message, /NaN|undefined|Infinity/)
        if (advised === undefined) return
        assert.ok(advised >= highestMb)
        for (const { ranOutOf, limitMb, peakMemoryMb = 0 } of last) {
          assert.ok(advised >= peakMemoryMb)
          if (ranOutOf === 'limit') assert.ok(advised >= enoughMemoryMb(limitMb))
        }
        if (kind === 'less') assert.ok(advised < memoryMb)
        else assert.ok(advised > memoryMb)
      },
    ),
    { numRuns: 1_000 },
  )
})

test('property: of each run the last word is kept, of all runs the newest', () => {
  const known = fc.record({ id: fc.constantFrom(...'abcdefgh'), at: fc.integer({ min: 0, max: 1_000 }) })
  fc.assert(
    fc.property(fc.array(fc.array(known, { maxLength: 12 }), { maxLength: 12 }), batches => {
      let usage = { id: usageId('template', 'x'), runs: [] as readonly Run[] }
      const last = new Map<string, number>()
      for (const batch of batches) {
        usage = withRuns(
          usage,
          batch.map(({ id, at }) => run(1, { id: workloadId(id), at })),
        ) as typeof usage
        for (const { id, at } of batch) last.set(id, Math.max(at, last.get(id) ?? 0))
        assert.equal(withRuns(usage, usage.runs), usage)
      }
      assert.deepEqual(new Map(usage.runs.map(({ id, at }) => [String(id), at])), last)
    }),
  )
  const many = withRuns({ id: 'template/x', runs: [] }, runs(RUNS_KEPT + 10, 5))
  assert.equal(many.runs.length, RUNS_KEPT)
  assert.deepEqual(
    many.runs,
    [...many.runs].sort((a, b) => b.at - a.at),
  )
})
