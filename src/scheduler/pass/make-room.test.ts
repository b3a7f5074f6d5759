/** Room that is made: hosts emptied for tasks that waited long, and work stopped where policy allows. Fenzo has neither. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hostId, tenantId } from '../../model/index.ts'
import { Scheduler } from '../scheduler.ts'
import { hostOf, sizeOf, taskOf, workOf } from '../testing.ts'
import type { RunningWork, Task } from '../types.ts'
import { NO_DRAIN } from './drain.ts'
import { PREEMPTION_RULES } from './preempt.ts'

const withWork = (hosts: readonly string[], ...work: RunningWork[]): Scheduler => {
  const scheduler = new Scheduler()
  for (const id of hosts) scheduler.fleet.putHost(hostOf(id))
  for (const one of work) scheduler.fleet.adopt(one)
  return scheduler
}
const large = (change: Partial<Task> = {}): Task => taskOf('large', { resources: sizeOf(4), ...change })
const drain = { afterMs: 100, atMost: 1 }

test('small work that goes on coming does not starve a large task: a host empties for it', () => {
  const scheduler = withWork(['a'], workOf('r0', 'a'), workOf('r1', 'a'), workOf('r2', 'a'), workOf('r3', 'a'))
  scheduler.queue.add(large({ tenant: tenantId('other') }))
  let waitedFor = -1
  for (let round = 0; round < 20 && waitedFor < 0; round++) {
    // Every round one ends and a small one comes that would take its room.
    scheduler.end(`r${round}`)
    scheduler.queue.add(taskOf(`r${round + 4}`, { readyAt: round * 50 }))
    const { placed } = scheduler.pass({ now: round * 50, drain })
    if (placed.some(({ task }) => task === 'large')) waitedFor = round
  }
  assert.ok(waitedFor > 0 && waitedFor <= 6, `placed in round ${waitedFor}`)
  assert.equal(scheduler.draining().get('large'), undefined)
})

test('before its time nothing is kept, and without draining never', () => {
  for (const [now, rules, kept] of [
    [99, drain, 0],
    [100, drain, 1],
    [9999, NO_DRAIN, 0],
  ] as const) {
    const scheduler = withWork(['a'], workOf('r', 'a'))
    scheduler.queue.add(large())
    scheduler.pass({ now, drain: rules })
    assert.equal(scheduler.draining().size, kept)
  }
})

test('the host that empties soonest by known ends is kept, else the one with the least to wait for', () => {
  const ends = withWork(
    ['a', 'b'],
    workOf('1', 'a', { endsAt: 9000 }),
    workOf('2', 'b', { endsAt: 300 }),
    workOf('3', 'b', { endsAt: 400 }),
  )
  ends.queue.add(large())
  assert.deepEqual(ends.pass({ now: 100, drain }).leftOver, [{ task: 'large', cause: { kind: 'draining', host: 'b' } }])
  assert.match(ends.explain('large', 100)?.message ?? '', /host b is being emptied for it; 2 agents there end within about 1 s/)
  const unknown = withWork(['a', 'b'], workOf('1', 'a'), workOf('2', 'a'), workOf('3', 'b'))
  unknown.queue.add(large())
  unknown.pass({ now: 100, drain })
  assert.deepEqual([...unknown.draining()], [['large', 'b']])
})

test('a kept host is let go when its task is taken off, is placed elsewhere, or the host is cordoned', () => {
  const kept = (): Scheduler => {
    const scheduler = withWork(['a'], workOf('r', 'a'))
    scheduler.queue.add(large())
    scheduler.pass({ now: 100, drain })
    return scheduler
  }
  const removed = kept()
  removed.queue.remove('large')
  removed.queue.add(taskOf('small'))
  assert.deepEqual(
    removed.pass({ now: 100, drain }).placed.map(({ host }) => host),
    ['a'],
  )
  const elsewhere = kept()
  elsewhere.fleet.putHost(hostOf('b'))
  elsewhere.queue.add(taskOf('small'))
  assert.deepEqual(
    elsewhere.pass({ now: 100, drain }).placed.map(({ task, host }) => [task, host]),
    [
      ['large', 'b'],
      ['small', 'a'],
    ],
  )
  const cordoned = kept()
  cordoned.fleet.cordon(hostId('a'))
  cordoned.pass({ now: 100, drain })
  assert.equal(cordoned.draining().size, 0)
})

test('where only those are helped that were overtaken, waiting long among equals keeps no host', () => {
  const rules = { ...drain, onlyOvertaken: true }
  const equals = withWork(['a'], workOf('r', 'a', { resources: sizeOf(4) }))
  for (const id of ['1', '2']) equals.queue.add(taskOf(id, { resources: sizeOf(4) }))
  equals.pass({ now: 9999, drain: rules })
  assert.equal(equals.draining().size, 0)
  const overtaken = withWork(['a'], workOf('r', 'a', { resources: sizeOf(3) }))
  overtaken.queue.add(large({ readyAt: -1 }))
  overtaken.queue.add(taskOf('small'))
  // It is seen to be overtaken by what is placed after it, so the pass after that helps it.
  assert.deepEqual(
    overtaken.pass({ now: 9999, drain: rules }).placed.map(({ task }) => task),
    ['small'],
  )
  overtaken.pass({ now: 9999, drain: rules })
  assert.equal(overtaken.draining().get('large'), 'a')
})

test('no more hosts are kept at a time than the rules allow', () => {
  const scheduler = withWork(['a', 'b', 'c'], workOf('1', 'a'), workOf('2', 'b'), workOf('3', 'c'))
  for (const id of ['x', 'y', 'z']) scheduler.queue.add(taskOf(id, { resources: sizeOf(4) }))
  scheduler.pass({ now: 100, drain: { afterMs: 100, atMost: 2 } })
  assert.equal(scheduler.draining().size, 2)
})

const stopsOf = (scheduler: Scheduler, task = large()) => {
  scheduler.queue.add(task)
  return scheduler.pass({ now: 0, preemption: PREEMPTION_RULES }).stops
}
const spare = { tier: 'spare' as const }
const cheap = (cost: number): Partial<RunningWork> => ({ preemptible: { cost } })

test('warm spares are stopped for work, and the task has the room once they are gone', () => {
  const scheduler = withWork(['a'], workOf('s1', 'a', spare), workOf('s2', 'a', spare))
  assert.deepEqual(stopsOf(scheduler), [{ forTask: 'large', host: 'a', stop: ['s2', 's1'] }])
  // Meanwhile nothing else is stopped for it, and nobody takes the room.
  scheduler.end('s1')
  scheduler.queue.add(taskOf('small'))
  const between = scheduler.pass({ now: 0, preemption: PREEMPTION_RULES })
  assert.deepEqual([between.stops, between.placed], [[], []])
  scheduler.end('s2')
  assert.deepEqual(
    scheduler.pass({ now: 0 }).placed.map(({ task }) => task),
    ['large'],
  )
})

test('never more is stopped than needed: what was taken first is spared where a larger one has to go anyway', () => {
  const scheduler = withWork(
    ['a'],
    workOf('tiny', 'a', { ...spare, resources: sizeOf(0.5) }),
    workOf('big', 'a', { ...spare, resources: sizeOf(2), preemptible: { cost: 1 } }),
    workOf('stays', 'a', { resources: sizeOf(1) }),
  )
  assert.deepEqual(stopsOf(scheduler, large({ resources: sizeOf(2) })), [{ forTask: 'large', host: 'a', stop: ['big'] }])
})

test('nothing is stopped where it would not help, where nothing may be stopped, or for a spare', () => {
  const owed = { tier: 'controller' as const }
  const table: [string, Scheduler, Task][] = [
    ['too large anyway', withWork(['a'], workOf('s', 'a', spare)), large({ resources: sizeOf(5) })],
    ['not allowed', withWork(['a'], workOf('r', 'a')), large(owed)],
    ['not enough', withWork(['a'], workOf('r', 'a'), workOf('s', 'a', spare)), large()],
    ['a spare for a spare', withWork(['a'], workOf('s', 'a', spare)), large({ tier: 'spare' })],
    ['there is room', withWork(['a', 'b'], workOf('s', 'a', spare)), large()],
    ['an equal without a guarantee', withWork(['a'], workOf('r', 'a', cheap(1))), large({ tenant: tenantId('u') })],
  ]
  for (const [name, scheduler, task] of table) assert.deepEqual(stopsOf(scheduler, task), [], name)
})

test('spares go before agents, then the host where the least is lost', () => {
  const scheduler = withWork(
    ['a', 'b', 'c'],
    workOf('dear', 'a', { ...cheap(9), resources: sizeOf(4) }),
    workOf('cheap', 'b', { ...cheap(2), resources: sizeOf(4) }),
    workOf('spare', 'c', { ...spare, resources: sizeOf(4), preemptible: { cost: 100 } }),
  )
  const stopped = ['1', '2', '3'].map(
    id => stopsOf(scheduler, large({ id, tier: 'controller' })).find(({ forTask }) => forTask === id)?.stop,
  )
  assert.deepEqual(stopped, [['spare'], ['cheap'], ['dear']])
})

test('an agent is stopped for an equal only where that is owed its guarantee and the victim has its own', () => {
  const guarantee = (id: string) => ({ id: tenantId(id), weight: 1, guarantee: sizeOf(4) })
  const full = (): Scheduler => withWork(['a'], workOf('r', 'a', { ...cheap(1), tenant: tenantId('greedy'), resources: sizeOf(4) }))
  const owed = full()
  owed.queue.setShares('agent', [guarantee('owed')])
  assert.deepEqual(
    stopsOf(owed, large({ tenant: tenantId('owed') })).map(({ stop }) => stop),
    [['r']],
  )
  const both = withWork(['a'], workOf('r', 'a', { ...cheap(1), tenant: tenantId('greedy'), resources: sizeOf(3) }))
  both.queue.setShares('agent', [guarantee('owed'), guarantee('greedy')])
  assert.deepEqual(stopsOf(both, large({ tenant: tenantId('owed') })), [])
})

test('what a pass placed may be stopped later where its task said so, and what has no name never is', () => {
  const scheduler = withWork(['a'])
  scheduler.queue.add(taskOf('agent', { resources: sizeOf(4), preemptible: { cost: 1 } }))
  scheduler.pass({ now: 0 })
  assert.deepEqual(
    stopsOf(scheduler, large({ tier: 'controller' })).map(({ stop }) => stop),
    [['agent']],
  )
  const { id: _unnamed, ...nameless } = workOf('s', 'a', spare)
  assert.deepEqual(stopsOf(withWork(['a'], nameless)), [])
})

test('an end that becomes known later decides which host is emptied', () => {
  const scheduler = withWork(['a', 'b'], workOf('1', 'a'), workOf('2', 'b'))
  scheduler.fleet.expectEnd('2', 500)
  scheduler.fleet.expectEnd('never there', 1)
  scheduler.queue.add(large())
  scheduler.pass({ now: 100, drain })
  assert.equal(scheduler.draining().get('large'), 'b')
})

test('one pass stops work for no more tasks than its rules allow', () => {
  const scheduler = withWork(['a', 'b'], workOf('s1', 'a', spare), workOf('s2', 'b', spare))
  scheduler.queue.add(large({ id: '1' }))
  scheduler.queue.add(large({ id: '2' }))
  assert.equal(scheduler.pass({ now: 0, preemption: { atMost: 1 } }).stops.length, 1)
})
