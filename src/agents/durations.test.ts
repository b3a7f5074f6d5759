import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Agent, type BuildResult, controllerId, MINUTE } from '../model/index.ts'
import { Durations } from './durations.ts'

const ran = (
  minutes: number,
  result: BuildResult | undefined = 'SUCCESS',
  job = 'app',
): Pick<Agent, 'controller' | 'build' | 'busyAt' | 'endedAt'> => ({
  controller: controllerId('team-a'),
  build: { job, number: 1, ...(result === undefined ? {} : { result }) },
  busyAt: 0,
  endedAt: minutes * MINUTE,
})
const runs = { controller: controllerId('team-a'), build: { job: 'app', number: 9 }, busyAt: 100 * MINUTE }

test('a busy agent is expected to end after its job’s median, then after its longest, then no end is promised', () => {
  const table: [name: string, known: ReturnType<typeof ran>[], afterMinutes: number, endsAfterMinutes: number | undefined][] = [
    ['nothing is known', [], 1, undefined],
    ['the median', [ran(2), ran(9), ran(3)], 1, 3],
    ['past the median', [ran(2), ran(9), ran(3)], 4, 9],
    ['past all', [ran(2), ran(9), ran(3)], 10, undefined],
    ['builds that failed or were cut off say nothing', [ran(1, 'FAILURE'), ran(1, 'ABORTED'), ran(1, undefined), ran(5)], 1, 5],
    ['an unstable one went its whole way', [ran(4, 'UNSTABLE')], 1, 4],
    ['another job', [ran(4, 'SUCCESS', 'other')], 1, undefined],
    ['old ones are forgotten', [...Array.from({ length: 20 }, () => ran(60)), ...Array.from({ length: 9 }, () => ran(3))], 1, 3],
  ]
  for (const [name, known, after, ends] of table) {
    const durations = new Durations()
    for (const one of known) durations.learn(one)
    const end = durations.endOf(runs, runs.busyAt + after * MINUTE)
    assert.equal(end, ends === undefined ? undefined : runs.busyAt + ends * MINUTE, name)
  }
})
