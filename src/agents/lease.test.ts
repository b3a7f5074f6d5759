import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { HOUR, MINUTE, type Observation, workloadId } from '../model/index.ts'
import { VirtualClock } from '../runtime/index.ts'
import { explainedByLease, keepLease } from './lease.ts'

const LEASE = 2 * HOUR
const GONE_AT = 1_000_000
const ended = (change: Partial<Observation>): Observation => ({
  id: workloadId('agent.a1'),
  labels: { owner: 'test', kind: 'agent', noun: 'a1', epoch: 1 },
  state: 'ended',
  ports: {},
  exitCode: 143,
  endedAt: GONE_AT + LEASE + MINUTE,
  reason: { code: 'exit-code', message: 'It was ended by SIGTERM (exit code 143).', since: 0 },
  ...change,
})
const absence = { from: GONE_AT, to: GONE_AT + 10 * HOUR }

const TABLE: readonly (readonly [what: string, seen: Observation, isExplained: boolean])[] = [
  ['an agent that was told to end after the lease', ended({}), true],
  ['one that had to be killed', ended({ exitCode: 137 }), true],
  ['one whose host’s clock is a little behind', ended({ endedAt: GONE_AT + LEASE - MINUTE }), true],
  ['one that was told to end before the lease was over', ended({ endedAt: GONE_AT + HOUR }), false],
  ['one that was told to end after Manor was back', ended({ endedAt: GONE_AT + 11 * HOUR }), false],
  ['one that ended with its build', ended({ exitCode: 0 }), false],
  ['one whose end is not known', (({ endedAt: _at, ...rest }) => rest)(ended({})), false],
  ['one that its engine explains', ended({ reason: { code: 'oom-container', message: '', since: 0 } }), false],
  ['one that runs', ended({ state: 'running' }), false],
  ['a controller', ended({ labels: { owner: 'test', kind: 'controller', noun: 'c1', epoch: 1 } }), false],
]
for (const [what, seen, isExplained] of TABLE)
  test(`${what} ${isExplained ? 'ended by itself' : 'is as its engine tells'}`, () => {
    const told = explainedByLease(seen, absence, LEASE)
    if (!isExplained) return assert.equal(told, seen)
    assert.equal(told.reason?.code, 'lease-ended')
    assert.match(told.reason?.message ?? '', /^It ended by itself: Manor had been gone for (2 h|119 min)\.$/)
  })

test('the file changes with each renewal, keeps its length, and goes on where it was, whatever the clock says', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'manor-lease-unit-'))
  try {
    const clock = new VirtualClock()
    const file = join(directory, 'lease', 'beat')
    const open = () => keepLease({ file, leaseMs: 10 * MINUTE, clock, onError: cause => assert.fail(String(cause)) })
    const read = () => readFile(file, 'utf8')
    const first = await open()
    assert.equal(first.absence, undefined, 'a new home was never without its Manor')
    const begun = await read()
    await clock.advance(MINUTE)
    await first.stop()
    const renewed = await read()
    assert.notEqual(renewed, begun)
    assert.equal(renewed.length, begun.length)
    await clock.advance(HOUR)
    const second = await open()
    await second.stop()
    assert.ok(second.absence && second.absence.to - second.absence.from === HOUR, JSON.stringify(second.absence))
    const earlier = new VirtualClock(1_000)
    const third = await keepLease({ file, leaseMs: 10 * MINUTE, clock: earlier, onError: cause => assert.fail(String(cause)) })
    await third.stop()
    assert.equal(third.absence, undefined, 'a clock that was set back says nothing of how long')
    assert.notEqual(await read(), renewed)
  } finally {
    await rm(directory, { recursive: true })
  }
})
