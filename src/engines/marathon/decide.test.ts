import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { recordedMarathon } from '../../../tests/support/recorded-marathon.ts'
import { decide, LOCK_PATIENCE_MS, type Situation } from './decide.ts'
import type { Known } from './records.ts'
import { type Deployment, type MarathonApp, type MarathonTask, parseApp } from './wire.ts'

const ID = '/manor/team-a/c-17'
const task = (id: string, state = 'TASK_RUNNING', stagedAt = `2026-11-24T03:06:3${id.length}.000Z`): MarathonTask => ({
  id,
  state,
  stagedAt,
})
const app = (tasks: readonly MarathonTask[], instances = 1): MarathonApp => ({ id: ID, instances, tasks: [...tasks] })
const deployment = (...affectedApps: string[]): Deployment => ({ id: 'd', affectedApps })
const claimed = (id: string): Known => ({ accepted: true, claim: { task: id, at: 0, ports: {} } })
const STOPPED: Known = { accepted: true, stop: { at: 0, graceMs: 0 } }
const KNOWN: Known = { accepted: true }

const situation = (change: Partial<Situation>): Situation => ({
  app: app([task('a')]),
  known: KNOWN,
  ended: false,
  deployments: [],
  lockedMs: 0,
  isOurs: id => id === ID,
  ...change,
})

const table: readonly (readonly [name: string, change: Partial<Situation>, kind: string, detail?: unknown])[] = [
  ['one that runs is left alone', {}, 'nothing'],
  ['one that is held by a deployment is left alone', { deployments: [deployment(ID)] }, 'nothing'],
  ['a stopped one is taken away', { known: STOPPED }, 'scale-to-zero', false],
  ['an ended one is taken away', { ended: true }, 'scale-to-zero', false],
  ['a stop goes through a deployment of its own', { known: STOPPED, deployments: [deployment(ID)] }, 'scale-to-zero', true],
  ['a stop waits for a deployment of others too', { known: STOPPED, deployments: [deployment(ID, '/other')] }, 'wait'],
  [
    'a stop waits for it only so long',
    { known: STOPPED, deployments: [deployment(ID, '/other')], lockedMs: LOCK_PATIENCE_MS },
    'scale-to-zero',
    true,
  ],
  ['nothing is wanted of an app without instances', { known: STOPPED, app: app([], 0) }, 'nothing'],
  ['of two that run the newer is ended', { app: app([task('bb'), task('a')]) }, 'end-task', 'bb'],
  ['of two that run the one that holds the home is kept', { app: app([task('bb'), task('a')]), known: claimed('bb') }, 'end-task', 'a'],
  ['one that is being killed already counts no more', { app: app([task('a'), task('bb', 'TASK_KILLING')]) }, 'nothing'],
  ['one that has failed counts no more', { app: app([task('a'), task('bb', 'TASK_FAILED')]) }, 'nothing'],
  ['one that is out of reach cannot be ended', { app: app([task('a'), task('bb', 'TASK_UNREACHABLE')]) }, 'nothing'],
  [
    'two that do not both run wait for the deployment',
    { app: app([task('a'), task('bb', 'TASK_STAGING')]), deployments: [deployment(ID)] },
    'wait',
  ],
  ['two that both run wait for none', { app: app([task('a'), task('bb')]), deployments: [deployment(ID)] }, 'end-task', 'bb'],
]
for (const [name, change, kind, detail] of table)
  test(name, () => {
    const step = decide(situation(change))
    assert.equal(step.kind, kind)
    if (step.kind === 'scale-to-zero') assert.equal(step.force, detail)
    if (step.kind === 'end-task') assert.equal(step.surplus.task.id, detail)
  })

test('of two that are taken away one was too many, and that is told', () => {
  const step = decide(situation({ ended: true, app: app([task('bb'), task('a')]) }))
  assert.ok(step.kind === 'scale-to-zero')
  assert.equal(step.surplus?.task.id, 'bb')
})

test('of the two tasks that a real Marathon left, the one that was staged later is ended, and the cause is told', () => {
  const real = parseApp(recordedMarathon('two-tasks-3-after').json)
  const step = decide(situation({ app: real, isOurs: () => true }))
  assert.ok(step.kind === 'end-task')
  assert.match(step.surplus.task.id, /101afe9e/)
  assert.match(step.surplus.cause, /ran 2 tasks of \/manor\/team-a\/c-17, which has 1 instance/)
})

const anyTask = fc.record({
  id: fc.stringMatching(/^[a-f]{1,3}$/),
  state: fc.constantFrom('TASK_STAGING', 'TASK_STARTING', 'TASK_RUNNING', 'TASK_KILLING', 'TASK_UNREACHABLE', 'TASK_FAILED'),
  stagedAt: fc.constantFrom('2026-11-24T03:06:39.812Z', '2026-11-24T03:06:39.815Z'),
})
const anySituation = fc.record({
  tasks: fc.uniqueArray(anyTask, { maxLength: 4, selector: ({ id }) => id }),
  instances: fc.constantFrom(0, 1),
  stopped: fc.boolean(),
  ended: fc.boolean(),
  claim: fc.option(fc.stringMatching(/^[a-f]{1,3}$/), { nil: undefined }),
  deployments: fc.array(fc.constantFrom(deployment(ID), deployment(ID, '/other')), { maxLength: 2 }),
  lockedMs: fc.nat({ max: 2 * LOCK_PATIENCE_MS }),
})

test('whatever it sees: the holder is never ended, no change goes unforced to a locked app, one of several is always kept', () => {
  fc.assert(
    fc.property(anySituation, ({ tasks, instances, stopped, ended, claim, deployments, lockedMs }) => {
      const known: Known = {
        accepted: true,
        ...(claim === undefined ? {} : { claim: { task: claim, at: 0, ports: {} } }),
        ...(stopped ? { stop: { at: 0, graceMs: 0 } } : {}),
      }
      const step = decide(situation({ app: app(tasks, instances), known, ended, deployments, lockedMs }))
      if (step.kind === 'scale-to-zero') {
        assert.ok(stopped || ended, 'something that is wanted was taken away')
        assert.equal(step.force, deployments.length > 0)
      }
      if (step.kind === 'end-task') {
        const { task: surplus, kept } = step.surplus
        assert.notEqual(surplus.id, claim)
        assert.notEqual(surplus.id, kept.id)
        assert.ok(tasks.some(({ id }) => id === kept.id))
      }
    }),
  )
})
