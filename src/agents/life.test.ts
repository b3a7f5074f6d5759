import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  AGENT_PHASES,
  type Agent,
  agentId,
  controllerId,
  itemId,
  MINUTE,
  OBSERVED_STATES,
  type Observation,
  SECOND,
  templateId,
  tenantId,
  workloadId,
} from '../model/index.ts'
import { decideLife, type LifeView, RESUME_GRACE_MS, SPARE_GRACE_MS } from './life.ts'

const NOW = 1_000_000
const agent = (phase: Agent['phase'], change: Partial<Agent> = {}): Agent => ({
  id: agentId('a'),
  controller: controllerId('c'),
  tenant: tenantId('t'),
  template: templateId('default'),
  item: itemId('1'),
  attempt: 1,
  task: 'job',
  label: 'linux',
  resources: { cpu: 1, memoryMb: 512, diskMb: 0 },
  phase,
  phaseSince: NOW - SECOND,
  epoch: 1,
  queuedAt: 0,
  ...(phase === 'online' || phase === 'busy' ? { onlineAt: NOW - SECOND } : {}),
  ...change,
})
const observed = (state: Observation['state'], reason?: NonNullable<Observation['reason']>['code']): Observation => ({
  id: workloadId('agent.a'),
  labels: { owner: 'o', kind: 'agent', noun: 'a', epoch: 1 },
  state,
  ports: {},
  ...(reason === undefined ? {} : { reason: { code: reason, message: 'So it was.', since: 0 } }),
})
const node = (change: Partial<NonNullable<NonNullable<LifeView['hook']>['node']>> = {}) => ({
  name: 'a',
  online: true,
  used: false,
  ...change,
})
const hook = (one: NonNullable<LifeView['hook']>['node'], change: Partial<NonNullable<LifeView['hook']>> = {}) => ({
  hook: { node: one, included: true, leftOut: false, reportedAt: NOW, ...change },
})
const view = (phase: Agent['phase'], change: Partial<LifeView> & { readonly row?: Partial<Agent> } = {}): LifeView => {
  const { row = {}, ...rest } = change
  return {
    agent: agent(phase, row),
    workload: observed('running'),
    controllerGone: false,
    needed: true,
    connectTimeoutMs: 120 * SECOND,
    marks: {},
    now: NOW,
    ...rest,
  }
}
const building = { job: 'job', number: 7 }

test('what becomes of an agent', () => {
  const table: [name: string, view: LifeView, to: Agent['phase'] | undefined, ask?: 'submit' | 'stop' | undefined, code?: string | null][] =
    [
      ['a launch that was not seen is asked for', view('launching', { workload: 'unsure' }), undefined, 'submit'],
      ['one that is seen is not asked for again', view('launching', hook(node({ online: false }))), undefined],
      ['a silent host is not a dead one', view('launching', { workload: observed('unknown'), needed: false }), undefined],
      ['connected', view('launching', hook(node())), 'online', undefined, null],
      ['building at once', view('launching', hook(node({ building }))), 'busy', undefined, null],
      ['used and gone quickly', view('launching', hook(node({ used: true }))), 'busy', undefined, null],
      ['process ended', view('launching', { workload: observed('ended', 'exit-code') }), 'ended', undefined, 'exit-code'],
      ['process lost', view('launching', { workload: 'absent' }), 'ended', undefined, 'node-lost'],
      [
        'refused by the engine',
        view('launching', { refused: { code: 'invalid-spec', message: 'No.' } }),
        'ending',
        undefined,
        'invalid-spec',
      ],
      ['refused by the controller', view('launching', hook(node({ problem: 'No.', online: false }))), 'ending', undefined, 'node-refused'],
      ['controller stopped', view('launching', { controllerGone: true }), 'ending', undefined, 'stopped-by-user'],
      ['node not there yet', view('launching', hook(undefined, { included: false })), undefined],
      ['node gone, not for long', view('launching', hook(undefined)), undefined],
      [
        'node gone for long',
        view('launching', { ...hook(undefined), marks: { gone: NOW - 5 * SECOND } }),
        'ending',
        undefined,
        'superseded',
      ],
      [
        'never connected',
        view('launching', { ...hook(node({ online: false })), marks: { connecting: NOW - 2 * MINUTE } }),
        'ending',
        undefined,
        'never-connected',
      ],
      ['controller is away', view('launching', { needed: false, marks: { connecting: 0, spare: 0, gone: 0 } }), undefined],
      ['spare, not for long', view('online', { ...hook(node()), needed: false }), undefined],
      [
        'spare for long',
        view('online', { ...hook(node()), needed: false, marks: { spare: NOW - SPARE_GRACE_MS } }),
        'ending',
        undefined,
        'superseded',
      ],
      ['online and its node gone', view('online', hook(undefined)), 'ending', undefined, 'superseded'],
      ['killed while connected', view('online', { workload: observed('ended', 'oom-container') }), 'ended', undefined, 'oom-container'],
      ['ended while connected, perhaps after a build', view('online', { workload: observed('ended', 'exit-code') }), undefined],
      ['ended after its node', view('online', { workload: observed('ended', 'exit-code'), ...hook(undefined) }), 'ended', undefined, null],
      ['busy', view('busy', hook(node({ used: true, building }))), undefined],
      [
        'killed under its build, of which the controller told first',
        view('ending', { row: { busyAt: NOW, build: { ...building, result: 'FAILURE' } }, workload: observed('ended', 'oom-container') }),
        'ended',
        undefined,
        'oom-container',
      ],
      [
        'killed after a build that went well',
        view('ending', { row: { busyAt: NOW, build: { ...building, result: 'SUCCESS' } }, workload: observed('ended', 'oom-container') }),
        'ended',
        undefined,
        null,
      ],
      [
        'stopped by us after a build that failed',
        view('ending', { row: { busyAt: NOW, build: { ...building, result: 'FAILURE' } }, workload: observed('ended', 'killed-by-us') }),
        'ended',
        undefined,
        null,
      ],
      ['its build is over', view('busy', hook(undefined)), 'ending', undefined, null],
      [
        'its build has just begun, and the report is from before',
        view('busy', { row: { busyAt: NOW - SECOND }, ...hook(undefined) }),
        undefined,
      ],
      [
        'its build has just begun, and is said to be over',
        view('busy', { row: { busyAt: NOW - SECOND, build: { ...building, result: 'SUCCESS' } }, ...hook(undefined) }),
        'ending',
        undefined,
        null,
      ],
      [
        'its build began a while before the report',
        view('busy', { row: { busyAt: NOW - 3 * SECOND }, ...hook(undefined) }),
        'ending',
        undefined,
        null,
      ],
      ['new session that has not made the node again', view('busy', hook(undefined, { included: false })), undefined],
      ['controller is away while it builds', view('busy'), undefined],
      [
        'killed while it builds',
        view('busy', { workload: observed('ended', 'oom-child'), ...hook(node({ building })) }),
        'ended',
        undefined,
        'oom-child',
      ],
      [
        'ended; the hook may not have told yet',
        view('busy', { workload: observed('ended', 'exit-code'), ...hook(node({ building })) }),
        undefined,
      ],
      [
        'ended, and the hook said nothing more',
        view('busy', { workload: observed('ended', 'exit-code'), ...hook(node({ building })), marks: { dead: NOW - 5 * SECOND } }),
        'ended',
        undefined,
        'exit-code',
      ],
      [
        'ended after its build',
        view('busy', { workload: observed('ended', 'exit-code'), row: { build: { ...building, result: 'FAILURE' } } }),
        'ended',
        undefined,
        null,
      ],
      ['a Pipeline is about to resume', view('busy', { ...hook(node({ awaited: true })), marks: { idle: 0 } }), undefined],
      ['nothing resumed, not for long', view('busy', hook(node())), undefined],
      ['nothing resumed', view('busy', { ...hook(node()), marks: { idle: NOW - RESUME_GRACE_MS } }), 'ending', undefined, 'superseded'],
      ['reconnecting', view('busy', hook(node({ online: false }))), undefined],
      [
        'did not come back',
        view('busy', { ...hook(node({ online: false })), marks: { offline: NOW - 3 * MINUTE } }),
        'ending',
        undefined,
        'never-connected',
      ],
      ['ending, node there', view('ending', hook(node())), undefined],
      ['ending, node gone', view('ending', { ...hook(undefined), row: { onlineAt: 1 } }), undefined, 'stop'],
      ['ending, never seen, may still be made', view('ending', hook(undefined)), undefined],
      ['ending, never seen, known not to be wanted', view('ending', hook(undefined, { leftOut: true })), undefined, 'stop'],
      ['ending, never seen, long ago', view('ending', { ...hook(undefined), row: { phaseSince: NOW - MINUTE } }), undefined, 'stop'],
      [
        'ending on an old word',
        view('ending', { ...hook(undefined, { reportedAt: NOW - MINUTE }), row: { phaseSince: NOW - MINUTE } }),
        undefined,
      ],
      ['ending, and it got a build', view('ending', hook(node({ building }))), 'busy', undefined, null],
      ['ending, controller away', view('ending'), undefined],
      ['ending, controller gone', view('ending', { controllerGone: true }), undefined, 'stop'],
      ['ending, process ended', view('ending', { workload: observed('ended') }), 'ended'],
      ['waiting for a place', view('queued'), undefined],
    ]
  for (const [name, given, to, ask, code] of table) {
    const { move, ask: asked } = decideLife(given)
    assert.equal(move?.to, to, name)
    assert.equal(asked, ask, name)
    if (code !== undefined) assert.equal(move?.reason === null ? null : move?.reason?.code, code, name)
  }
})

const anyView: fc.Arbitrary<LifeView> = fc
  .record({
    phase: fc.constantFrom(...AGENT_PHASES),
    state: fc.constantFrom(...OBSERVED_STATES, 'absent' as const, 'unsure' as const),
    reason: fc.constantFrom('exit-code' as const, 'oom-container' as const, undefined),
    hook: fc.boolean(),
    node: fc.option(
      fc.record({ online: fc.boolean(), used: fc.boolean(), awaited: fc.boolean(), building: fc.boolean(), problem: fc.boolean() }),
      { nil: undefined },
    ),
    included: fc.boolean(),
    leftOut: fc.boolean(),
    gone: fc.boolean(),
    needed: fc.boolean(),
    ages: fc.record({
      spare: fc.nat(200),
      idle: fc.nat(200),
      offline: fc.nat(200),
      gone: fc.nat(200),
      dead: fc.nat(200),
      connecting: fc.nat(200),
    }),
    since: fc.nat(200),
  })
  .map(({ phase, state, reason, hook: told, node: one, included, leftOut, gone, needed, ages, since }) =>
    view(phase, {
      row: { phaseSince: NOW - since * SECOND },
      workload: state === 'absent' || state === 'unsure' ? state : observed(state, reason),
      ...(told
        ? hook(
            one &&
              node({
                online: one.online,
                used: one.used,
                awaited: one.awaited,
                ...(one.building ? { building } : {}),
                ...(one.problem ? { problem: 'No.' } : {}),
              }),
            { included, leftOut },
          )
        : {}),
      controllerGone: gone,
      needed,
      marks: Object.fromEntries(Object.entries(ages).map(([name, age]) => [name, NOW - age * SECOND])),
    }),
  )
const lives = (workload: LifeView['workload']): boolean =>
  typeof workload === 'string' ? workload === 'unsure' : workload.state !== 'ended'

test('an agent that builds is never stopped, and none is reaped without its controller’s word', () => {
  fc.assert(
    fc.property(anyView, given => {
      const { move, ask } = decideLife(given)
      if (given.controllerGone || !lives(given.workload)) return
      if (given.hook?.node?.building || given.hook?.node?.awaited) assert.notEqual(ask, 'stop')
      if (given.hook?.node?.building) assert.ok(move === undefined || move.to === 'busy')
      if (given.hook === undefined) assert.ok(ask !== 'stop' && move === undefined)
    }),
    { numRuns: 2_000 },
  )
})

test('only an agent that is ending is stopped, and only one that is launching is submitted', () => {
  fc.assert(
    fc.property(anyView, given => {
      const { ask } = decideLife(given)
      if (ask === 'stop') assert.equal(given.agent.phase, 'ending')
      if (ask === 'submit') assert.ok(given.agent.phase === 'launching' && given.workload === 'unsure')
    }),
    { numRuns: 2_000 },
  )
})
