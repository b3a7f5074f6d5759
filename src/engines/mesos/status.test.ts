import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { hostId, workloadId } from '../../model/index.ts'
import { endReason, exitCodeOf } from './end-reason.ts'
import { TASK_STEPS, type TaskRecord } from './ports.ts'
import { applyStatus } from './status.ts'
import type { TaskStatus } from './wire.ts'

const STATES = [
  'TASK_STAGING',
  'TASK_STARTING',
  'TASK_RUNNING',
  'TASK_KILLING',
  'TASK_FINISHED',
  'TASK_FAILED',
  'TASK_KILLED',
  'TASK_ERROR',
  'TASK_DROPPED',
  'TASK_GONE',
  'TASK_GONE_BY_OPERATOR',
  'TASK_LOST',
  'TASK_UNREACHABLE',
  'TASK_UNKNOWN',
] as const

const record: TaskRecord = {
  workload: workloadId('w'),
  attempt: 1,
  labels: { owner: 'o', kind: 'agent', noun: 'n', epoch: 1 },
  host: hostId('S0'),
  ports: {},
  containerizer: 'mesos',
  program: 'java',
  memoryMb: 512,
  graceMs: 1_000,
  step: 'staging',
  intendedAt: 0,
}

const status = fc.record({
  task_id: fc.constant({ value: 'w.1' }),
  state: fc.constantFrom(...STATES),
  uuid: fc.option(fc.constant('u'), { nil: undefined }),
  reason: fc.option(fc.constantFrom('REASON_RECONCILIATION', 'REASON_AGENT_REREGISTERED'), { nil: undefined }),
  message: fc.option(fc.constant('Command exited with status 3'), { nil: undefined }),
})

test('a task never goes back a step, its end is final, and it starts once, whatever comes in whatever order', () => {
  fc.assert(
    fc.property(fc.array(status, { maxLength: 30 }), statuses => {
      let now = 1_000
      let current = record
      for (const one of statuses) {
        now += 1_000
        // fast-check's optional members are there and undefined; on the wire they are absent.
        const applied = applyStatus(current, JSON.parse(JSON.stringify(one)) as TaskStatus, now)
        if (applied.kind !== 'changed') continue
        const next = applied.record
        assert.notEqual(current.step, 'ended')
        assert.ok(TASK_STEPS.indexOf(next.step) >= TASK_STEPS.indexOf(current.step))
        assert.ok(current.startedAt === undefined || next.startedAt === current.startedAt)
        assert.equal(next.step === 'ended', next.end !== undefined)
        current = next
      }
    }),
  )
})

test('an end that is only hearsay waits for who knows the exit code, but not for ever', () => {
  const hearsay: TaskStatus = { task_id: { value: 'w.1' }, state: 'TASK_FAILED', reason: 'REASON_AGENT_REREGISTERED' }
  const first = applyStatus({ ...record, step: 'running' }, hearsay, 1_000)
  assert.ok(first.kind === 'changed' && first.record.step === 'running')
  assert.equal(applyStatus(first.record, hearsay, 5_000).kind, 'same')
  const known = applyStatus(
    first.record,
    { task_id: { value: 'w.1' }, state: 'TASK_FAILED', uuid: 'u', message: 'Command exited with status 6' },
    5_000,
  )
  assert.ok(known.kind === 'changed' && exitCodeOf(known.record.end?.message) === 6)
  const late = applyStatus(first.record, hearsay, 16_000)
  assert.ok(late.kind === 'changed' && late.record.step === 'ended')
})

const CODES: readonly (readonly [message: string | undefined, code: number | undefined])[] = [
  ['Command exited with status 0', 0],
  ['Container exited with status 137', 137],
  ['Command terminated with signal Terminated', 143],
  ['Command terminated with signal Killed', 137],
  ['Command terminated with signal Segmentation fault (core dumped)', 139],
  ['Command terminated with signal Real-time signal 3', undefined],
  ['Reconciliation: Latest task state', undefined],
  [undefined, undefined],
]
for (const [message, code] of CODES) test(`"${message}" has the exit code ${code}`, () => assert.equal(exitCodeOf(message), code))

const REASONS: readonly (readonly [state: string, reason: string | undefined, message: string | undefined, code: string])[] = [
  ['TASK_FAILED', 'CONTAINER_LIMITATION_MEMORY', 'Memory limit exceeded: Requested: 544MB', 'oom-container'],
  ['TASK_FAILED', 'CONTAINER_LIMITATION_DISK', 'Disk usage (70MB) exceeds quota (64MB)', 'disk-limit'],
  ['TASK_FAILED', 'CONTAINER_LIMITATION', undefined, 'quota'],
  ['TASK_FAILED', 'CONTAINER_PREEMPTED', undefined, 'evicted'],
  ['TASK_FAILED', 'CONTAINER_LAUNCH_FAILED', "Failed to run 'docker pull x'", 'image-pull'],
  ['TASK_FAILED', 'CONTAINER_LAUNCH_FAILED', 'Failed to create the sandbox', 'launch-timeout'],
  ['TASK_FAILED', 'EXECUTOR_REGISTRATION_TIMEOUT', undefined, 'launch-timeout'],
  ['TASK_FAILED', 'EXECUTOR_TERMINATED', 'Abnormal executor termination', 'node-lost'],
  ['TASK_GONE', 'AGENT_REMOVED', undefined, 'node-lost'],
  ['TASK_GONE_BY_OPERATOR', 'AGENT_REMOVED_BY_OPERATOR', undefined, 'node-lost'],
  ['TASK_DROPPED', 'INVALID_OFFERS', undefined, 'node-lost'],
  ['TASK_DROPPED', undefined, undefined, 'node-lost'],
  ['TASK_LOST', undefined, undefined, 'node-lost'],
  ['TASK_KILLED', 'AGENT_DRAINING', undefined, 'evicted'],
  ['TASK_KILLED', undefined, 'Command terminated with signal Terminated', 'evicted'],
  ['TASK_ERROR', 'TASK_INVALID', 'Task uses no resources', 'invalid-spec'],
  ['TASK_ERROR', 'TASK_UNAUTHORIZED', 'Not authorized to launch as user root', 'invalid-spec'],
  ['TASK_FINISHED', undefined, 'Command exited with status 0', 'exit-code'],
  ['TASK_FAILED', undefined, 'Command exited with status 126', 'invalid-spec'],
  ['TASK_FAILED', 'A_REASON_OF_LATER_VERSIONS', 'Command exited with status 5', 'exit-code'],
]
for (const [state, reason, message, code] of REASONS)
  test(`${state} ${reason ?? ''} ${message ?? ''} is ${code}`, () => {
    const end = { at: 0, state, ...(reason === undefined ? {} : { reason }), ...(message === undefined ? {} : { message }) }
    const found = endReason({ ...record, end })
    assert.equal(found.code, code)
    assert.match(found.message, /\.$/)
  })

test('whatever was asked to stop ended because of that', () => {
  for (const state of STATES)
    assert.equal(endReason({ ...record, stop: { askedAt: 0, killAt: 0 }, end: { at: 0, state } }).code, 'killed-by-us')
})
