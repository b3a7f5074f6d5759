import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Agent, agentId, controllerId, itemId, MINUTE, type Reason, SECOND, templateId, tenantId } from '../model/index.ts'
import { BREAKER_FAILURES, History, mayBeOnTheirWay } from './breaker.ts'

const T = templateId('t')
const ended = (at: number, code: Reason['code'] = 'exit-code', change: Partial<Agent> = {}): Agent => ({
  id: agentId(`a-${at}`),
  controller: controllerId('c'),
  tenant: tenantId('x'),
  template: T,
  item: itemId('1'),
  attempt: 1,
  task: '',
  label: '',
  resources: { cpu: 1, memoryMb: 1, diskMb: 0 },
  phase: 'ended',
  phaseSince: at,
  epoch: 1,
  queuedAt: 0,
  launchedAt: at - 1,
  endedAt: at,
  reason: { code, message: 'It ended.', since: at },
  ...change,
})
const healthOf = (agents: readonly Agent[], now: number, changedAt = new Map()) => new History(agents, changedAt).template(T, now)

test('a template is broken after three launches in a row that never came online, for longer each time', () => {
  const expected: [failures: number, brokenForMs: number | undefined][] = [
    [1, undefined],
    [2, undefined],
    [3, 30 * SECOND],
    [4, MINUTE],
    [5, 2 * MINUTE],
    [8, 10 * MINUTE],
    [20, 10 * MINUTE],
  ]
  for (const [failures, brokenForMs] of expected) {
    const agents = Array.from({ length: failures }, (_, i) => ended(i + 1))
    const { brokenUntil } = healthOf(agents, failures)
    assert.equal(brokenUntil === undefined ? undefined : brokenUntil - failures, brokenForMs, `${failures} failures`)
    assert.equal(healthOf(agents, failures + 11 * MINUTE).brokenUntil, undefined)
  }
})

test('one that came online forgives all before it, and what was nobody’s fault does not count', () => {
  const online = ended(10, 'exit-code', { onlineAt: 5 })
  assert.deepEqual(healthOf([ended(1), ended(2), ended(3), online], 10), { failures: 0, proven: true })
  assert.equal(healthOf([online, ended(11), ended(12)], 12).failures, 2)
  for (const code of ['superseded', 'stopped-by-user', 'node-lost'] as const) assert.equal(healthOf([ended(1, code)], 1).failures, 0, code)
  assert.equal(healthOf([ended(1), ended(2), ended(3)], 4, new Map([[T, 4]])).failures, 0)
})

test('a template that has not shown that it works starts only as many as would break it', () => {
  assert.equal(mayBeOnTheirWay({ failures: 0, proven: true }), Number.POSITIVE_INFINITY)
  assert.equal(mayBeOnTheirWay({ failures: 0, proven: false }), BREAKER_FAILURES)
  assert.deepEqual(
    [1, 2, 3, 9].map(failures => mayBeOnTheirWay({ failures, proven: true })),
    [2, 1, 1, 1],
  )
})

test('an item waits longer after each agent that died before it took the build', () => {
  const waits = [1, 2, 3].map(count => {
    const agents = Array.from({ length: count }, (_, i) => ended(i + 1))
    return (new History(agents, new Map()).itemBackoff(itemId('1'), count)?.until ?? 0) - count
  })
  assert.deepEqual(waits, [SECOND, 3 * SECOND, 9 * SECOND])
  assert.equal(new History([ended(1, 'superseded')], new Map()).itemBackoff(itemId('1'), 1), undefined)
  assert.equal(new History([ended(1, 'oom-child', { busyAt: 1, onlineAt: 1 })], new Map()).itemBackoff(itemId('1'), 1), undefined)
})
