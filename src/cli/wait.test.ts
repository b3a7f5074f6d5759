import assert from 'node:assert/strict'
import { test } from 'node:test'
import { controllerView } from '../../tests/support/views.ts'
import type { ControllerView } from '../api/contract.ts'
import { type Goal, judge } from './wait.ts'

type Case = {
  readonly why: string
  readonly goal: Goal
  readonly asked: Partial<ControllerView>
  readonly now: Partial<ControllerView> | null
  readonly verdict: 'waiting' | 'reached' | 'failed'
}

const CASES: readonly Case[] = [
  { why: 'a new controller is on its way', goal: 'ready', asked: { phase: 'pending' }, now: { phase: 'starting' }, verdict: 'waiting' },
  { why: 'it is ready', goal: 'ready', asked: { phase: 'pending' }, now: { phase: 'ready' }, verdict: 'reached' },
  { why: 'it failed', goal: 'ready', asked: { phase: 'pending' }, now: { phase: 'failed' }, verdict: 'failed' },
  { why: 'the failure is older than the request', goal: 'ready', asked: { phase: 'failed' }, now: { phase: 'failed' }, verdict: 'waiting' },
  {
    why: 'it failed anew',
    goal: 'ready',
    asked: { phase: 'failed', phaseSince: 1 },
    now: { phase: 'failed', phaseSince: 2 },
    verdict: 'failed',
  },
  {
    why: 'it is still the run from before',
    goal: 'restarted',
    asked: { phase: 'ready', epoch: 3 },
    now: { phase: 'ready', epoch: 3 },
    verdict: 'waiting',
  },
  {
    why: 'it is a later run',
    goal: 'restarted',
    asked: { phase: 'ready', epoch: 3 },
    now: { phase: 'ready', epoch: 4 },
    verdict: 'reached',
  },
  {
    why: 'builds still run',
    goal: 'stopped',
    asked: { wanted: 'stopped' },
    now: { wanted: 'stopped', phase: 'quieting' },
    verdict: 'waiting',
  },
  { why: 'it is stopped', goal: 'stopped', asked: { wanted: 'stopped' }, now: { wanted: 'stopped', phase: 'stopped' }, verdict: 'reached' },
  {
    why: 'somebody else stopped it',
    goal: 'ready',
    asked: { phase: 'pending' },
    now: { wanted: 'stopped', phase: 'pending' },
    verdict: 'failed',
  },
  { why: 'it is gone, as asked', goal: 'deleted', asked: { wanted: 'deleted' }, now: null, verdict: 'reached' },
  { why: 'it is gone, though nobody here asked', goal: 'ready', asked: {}, now: null, verdict: 'failed' },
]
for (const { goal, asked, now, verdict, why } of CASES)
  test(`waiting for ${goal}: ${why}`, () => {
    const found = judge(goal, controllerView('a', asked), now === null ? null : controllerView('a', now))
    assert.equal(typeof found === 'string' ? found : 'failed', verdict)
  })

test('a failure says why, and what would mend it', () => {
  const reason = { code: 'oom-container', message: 'It needed more than its 512 MB.', since: 1, mend: 'Give it more.' }
  assert.deepEqual(judge('ready', controllerView('a', { phase: 'pending' }), controllerView('a', { phase: 'failed', reason })), {
    failed: 'Controller a failed: It needed more than its 512 MB. Give it more.',
  })
})
