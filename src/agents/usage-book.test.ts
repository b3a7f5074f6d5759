import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type Agent,
  agentId,
  type Controller,
  controllerId,
  itemId,
  MINUTE,
  type Observation,
  type Reason,
  RUNS_KEPT,
  type Run,
  SECOND,
  templateId,
  tenantId,
  usageId,
  type WorkloadId,
  workloadId,
} from '../model/index.ts'
import { VirtualClock } from '../runtime/index.ts'
import { openSqliteStore, type Store } from '../store/index.ts'
import { DEFAULT_TEMPLATE, deleteTemplate } from './templates.ts'
import { UsageBook } from './usage-book.ts'

type World = {
  readonly clock: VirtualClock
  readonly store: Store
  readonly book: UsageBook
  readonly seen: Map<WorkloadId, Observation>
  readonly errors: unknown[]
  runs(kind: 'template' | 'controller', name: string): readonly Run[]
}

const withBook = async (work: (world: World) => Promise<void>): Promise<void> => {
  const clock = new VirtualClock()
  const store = await openSqliteStore(':memory:', clock)
  const seen = new Map<WorkloadId, Observation>()
  const errors: unknown[] = []
  const book = new UsageBook({ store, clock, observer: { get: id => seen.get(id) }, onError: cause => errors.push(cause) })
  await put(store, 'template', DEFAULT_TEMPLATE)
  await put(store, 'controller', CONTROLLER)
  book.start()
  await work({ clock, store, book, seen, errors, runs: (kind, name) => store.get('usage', usageId(kind, name))?.runs ?? [] })
  await book.stop()
  await store.close()
  assert.deepEqual(errors, [])
}

const put = (
  store: Store,
  kind: 'template' | 'controller' | 'agent',
  row: never | Agent | Controller | typeof DEFAULT_TEMPLATE,
): Promise<void> =>
  store.transact(tx => {
    tx.put(kind, row as never)
    tx.event({ kind, subject: row.id, type: 'put', actor: 'test', message: '' })
  })

const CONTROLLER: Controller = {
  id: controllerId('ci'),
  tenant: tenantId('default'),
  wanted: 'running',
  spec: { memoryMb: 3_072, cpu: 1, diskMb: 0, graceMs: 0, distribution: 'jenkins' },
  createdAt: 0,
  restartsWanted: 0,
  restartsDone: 0,
  phase: 'ready',
  phaseSince: 0,
  epoch: 7,
  failures: 0,
}

const anAgent = (name: string, change: Partial<Agent> = {}): Agent => ({
  id: agentId(name),
  controller: controllerId('ci'),
  tenant: tenantId('default'),
  template: templateId('default'),
  item: itemId('1'),
  attempt: 1,
  task: 'job',
  label: 'linux',
  resources: { cpu: 1, memoryMb: 512, diskMb: 0 },
  phase: 'busy',
  phaseSince: 0,
  epoch: 7,
  queuedAt: 0,
  busyAt: 5,
  ...change,
})

const agentSeen = (name: string, state: Observation['state'], change: Partial<Observation> = {}): Observation => ({
  id: workloadId(`agent.${name}`),
  labels: { owner: 'o', kind: 'agent', noun: name, epoch: 7 },
  state,
  ports: {},
  startedAt: 1_000,
  ...(state === 'ended' ? { endedAt: 61_000 } : {}),
  ...change,
})
const why = (code: Reason['code']): Reason => ({ code, message: 'x', since: 0 })

test('an ended agent is remembered with its template: what it took, for how long, of how much', () =>
  withBook(async ({ clock, store, book, runs }) => {
    await put(store, 'agent', anAgent('a'))
    book.observed(agentSeen('a', 'ended', { peakMemoryMb: 300, reason: why('killed-by-us') }))
    // Seen once more as it is taken away, and after a restart of Manor.
    book.observed(agentSeen('a', 'ended', { peakMemoryMb: 300, reason: why('killed-by-us') }))
    await clock.advance(6 * SECOND)
    assert.deepEqual(runs('template', 'default'), [{ id: 'agent.a', at: 61_000, ranMs: 60_000, limitMb: 512, peakMemoryMb: 300 }])
    book.observed(agentSeen('a', 'ended', { peakMemoryMb: 300, reason: why('killed-by-us') }))
    await clock.advance(6 * SECOND)
    assert.equal(runs('template', 'default').length, 1)
  }))

test('what an agent ran out of is remembered, also where its child was killed and it was stopped by us later', () =>
  withBook(async ({ clock, store, book, runs }) => {
    for (const name of ['limit', 'child', 'later', 'well', 'heap', 'none']) await put(store, 'agent', anAgent(name))
    book.observed(agentSeen('limit', 'ended', { reason: why('oom-container') }))
    book.observed(agentSeen('child', 'ended', { reason: why('oom-child') }))
    book.observed(agentSeen('later', 'ended', { reason: why('killed-by-us'), ranOutOfMemory: true }))
    book.observed(agentSeen('well', 'ended', { reason: why('exit-code'), exitCode: 0, ranOutOfMemory: true }))
    book.observed(agentSeen('heap', 'ended', { reason: why('oom-heap') }))
    book.observed(agentSeen('none', 'ended', { reason: why('exit-code') }))
    await clock.advance(6 * SECOND)
    const found = new Map(runs('template', 'default').map(({ id, ranOutOf }) => [String(id), ranOutOf]))
    const expected = { limit: 'limit', child: 'limit', later: 'limit', well: 'limit', heap: 'heap', none: undefined }
    assert.deepEqual(Object.fromEntries(found), Object.fromEntries(Object.entries(expected).map(([name, of]) => [`agent.${name}`, of])))
  }))

test('an engine that learns a moment after the end what was run out of is heard', () =>
  withBook(async ({ clock, store, book, runs }) => {
    await put(store, 'agent', anAgent('a'))
    for (const code of ['exit-code', 'oom-heap', 'exit-code'] as const) {
      book.observed(agentSeen('a', 'ended', { reason: why(code) }))
      await clock.advance(6 * SECOND)
    }
    assert.deepEqual(
      runs('template', 'default').map(({ ranOutOf }) => ranOutOf),
      ['heap'],
    )
  }))

test('an agent that never had a build, one whose row is gone, and one that runs say nothing', () =>
  withBook(async ({ clock, store, book, runs }) => {
    const { busyAt: _none, ...idle } = anAgent('idle')
    await put(store, 'agent', idle)
    await put(store, 'agent', anAgent('busy'))
    book.observed(agentSeen('idle', 'ended', { peakMemoryMb: 20 }))
    book.observed(agentSeen('gone', 'ended', { peakMemoryMb: 20 }))
    book.observed(agentSeen('busy', 'running', { peakMemoryMb: 20 }))
    await clock.advance(6 * SECOND)
    assert.deepEqual(runs('template', 'default'), [])
  }))

test('the newest runs are kept, whatever their number', () =>
  withBook(async ({ clock, store, book, runs }) => {
    for (let index = 0; index < RUNS_KEPT + 20; index++) {
      await put(store, 'agent', anAgent(`n${index}`))
      book.observed(agentSeen(`n${index}`, 'ended', { endedAt: 2_000 + index, peakMemoryMb: index }))
    }
    await clock.advance(6 * SECOND)
    assert.deepEqual(
      runs('template', 'default').map(({ peakMemoryMb }) => peakMemoryMb),
      Array.from({ length: RUNS_KEPT }, (_, index) => RUNS_KEPT + 19 - index),
    )
  }))

test('a controller is looked at while it runs, and its run has the size that it was started with', () =>
  withBook(async ({ clock, store, book, seen, runs }) => {
    const id = workloadId('ci.7')
    const startedAt = clock.now()
    const running: Observation = {
      id,
      labels: { owner: 'o', kind: 'controller', noun: 'ci', epoch: 7 },
      state: 'running',
      ports: {},
      startedAt,
      peakMemoryMb: 900,
    }
    seen.set(id, running)
    book.observed(running)
    await put(store, 'controller', { ...CONTROLLER, spec: { ...CONTROLLER.spec, memoryMb: 1_024 } })
    await clock.advance(11 * MINUTE)
    assert.deepEqual(runs('controller', 'ci'), [{ id, at: startedAt + 10 * MINUTE, ranMs: 10 * MINUTE, limitMb: 3_072, peakMemoryMb: 900 }])
    book.observed({ ...running, state: 'ended', endedAt: clock.now(), peakMemoryMb: 1_300 })
    seen.clear()
    await clock.advance(11 * MINUTE)
    assert.deepEqual(runs('controller', 'ci'), [
      { id, at: startedAt + 11 * MINUTE, ranMs: 11 * MINUTE, limitMb: 3_072, peakMemoryMb: 1_300 },
    ])
  }))

test('what is written goes with its template, and what ends after that is not written', () =>
  withBook(async ({ clock, store, book, runs }) => {
    await put(store, 'agent', anAgent('a'))
    await put(store, 'agent', anAgent('b'))
    book.observed(agentSeen('a', 'ended', { peakMemoryMb: 300 }))
    await clock.advance(6 * SECOND)
    assert.equal(runs('template', 'default').length, 1)
    await deleteTemplate(store, 'default', 'test')
    book.observed(agentSeen('b', 'ended', { peakMemoryMb: 300 }))
    await clock.advance(6 * SECOND)
    assert.deepEqual(store.list('usage'), [])
    await put(store, 'template', DEFAULT_TEMPLATE)
    assert.deepEqual(runs('template', 'default'), [])
  }))

test('what waits to be written is written at the end', async () => {
  const clock = new VirtualClock()
  const store = await openSqliteStore(':memory:', clock)
  const book = new UsageBook({ store, clock, observer: { get: () => undefined }, onError: cause => assert.fail(String(cause)) })
  await put(store, 'template', DEFAULT_TEMPLATE)
  await put(store, 'agent', anAgent('a'))
  book.start()
  book.observed(agentSeen('a', 'ended', { peakMemoryMb: 300 }))
  await book.stop()
  assert.equal(store.get('usage', 'template/default')?.runs.length, 1)
  await store.close()
})
