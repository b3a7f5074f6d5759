import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { AgentView } from '../../../src/api/contract.ts'
import { spansOf, totalOf } from './spans.ts'

const agent: AgentView = {
  id: 'a1',
  controller: 'team-a',
  tenant: 'default',
  template: 'linux',
  item: '1',
  attempt: 1,
  task: 'job',
  label: 'linux',
  resources: { cpu: 1, memoryMb: 1, diskMb: 1 },
  phase: 'busy',
  phaseSince: 1_900,
  queuedAt: 1_000,
  placedAt: 1_200,
  launchedAt: 1_240,
  onlineAt: 1_880,
  busyAt: 1_900,
}

test('each phase lasts until the next that was reached, the last until now', () => {
  assert.deepEqual(spansOf(agent, 5_000), [
    { phase: 'queued', ms: 200 },
    { phase: 'placed', ms: 40 },
    { phase: 'launching', ms: 640 },
    { phase: 'online', ms: 20 },
    { phase: 'busy', ms: 3_100 },
  ])
})

test('an agent that ended stands still', () => {
  assert.equal(totalOf(spansOf({ ...agent, endedAt: 2_500 }, 9_000)), 1_500)
})

test('a phase that was skipped has no span', () => {
  const { placedAt: _placed, launchedAt: _launched, ...spare } = agent
  assert.deepEqual(
    spansOf(spare, 2_000).map(({ phase }) => phase),
    ['queued', 'online', 'busy'],
  )
})

test('no span is negative, also where clocks disagree', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(10_000), { minLength: 6, maxLength: 6 }), ([a = 0, b = 0, c = 0, d = 0, e = 0, now = 0]) =>
      spansOf({ ...agent, queuedAt: a, placedAt: b, launchedAt: c, onlineAt: d, busyAt: e }, now).every(({ ms }) => ms >= 0),
    ),
  )
})
