/**
 * What the cost of a pass is linear in: a crowd of fixed measure, of which one number at a time is changed. The formula that it bears out
 * stands at the head of src/scheduler/pass/pass.ts.
 */
import { loadavg } from 'node:os'
import { type Bench, type Figure, median, quantile } from '../figures.ts'
import { CROWD, type Crowd, timeCrowd } from '../scheduler/crowd.ts'

const PASSES = 100
const QUICK_PASSES = 20

const POINTS: readonly (readonly [keyof Crowd, readonly number[]])[] = [
  ['hosts', [1_000, 5_000, 10_000, 25_000, 50_000]],
  ['waiting', [5_000, 10_000, 20_000, 40_000]],
  ['tenants', [20, 200, 2_000, 5_000]],
  ['shapes', [4, 40, 200]],
  ['changes', [20, 200, 1_000]],
]
/** The ends of each line are enough for a first look. */
const ends = (values: readonly number[]): readonly number[] => [...new Set([values[0] ?? 0, values.at(-1) ?? 0])]

export const bench: Bench = {
  name: 'scheduler-curve',
  about: `The cost of a pass of the scheduler as one number changes, the others being ${Object.entries(CROWD)
    .map(([name, value]) => `${name} ${value}`)
    .join(', ')}.`,
  run: async ({ quick, say }) => {
    const figures: Figure[] = []
    for (const [name, values] of POINTS)
      for (const value of quick ? ends(values) : values) {
        const row = `${name} ${value}`
        const { passes, processor } = timeCrowd({ ...CROWD, [name]: value }, quick ? QUICK_PASSES : PASSES)
        say(`${row}: ${median(processor).toFixed(2)} ms`)
        for (const [column, took] of [
          ['shortest pass', Math.min(...passes)],
          ['median', median(passes)],
          ['median, processor time', median(processor)],
          ['p99, processor time', quantile(processor, 0.99)],
        ] as const)
          figures.push({ name: `${row}: ${column}`, cell: { row, column }, value: took, unit: 'ms' })
      }
    return [...figures, { name: 'load of the machine, mean of a minute', value: loadavg()[0] ?? 0, unit: '' }]
  },
}
