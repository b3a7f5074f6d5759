/**
 * Consumable sets with pieces that are bound to a value. Holds Fenzo's ResourceSetsTests (the one about scaling up is in
 * autoscale/autoscale.test.ts, the ones about offers that expire in offers.test.ts). Unlike there a task that asks for none takes none,
 * unless the set says that everyone needs one.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hostId } from '../../model/index.ts'
import { Scheduler } from '../scheduler.ts'
import { hostOf, place, sizeOf, tally, taskOf, workOf } from '../testing.ts'
import type { ConsumableSet, Task } from '../types.ts'
import { NO_VALUE } from './set-pool.ts'

/** Hosts of 3 pieces of 2 units, with more of the rest than is needed. */
const withSets = (count: number, set: Partial<ConsumableSet> = {}): Scheduler => {
  const scheduler = new Scheduler()
  for (let at = 1; at <= count; at++)
    scheduler.fleet.putHost(hostOf(`h${at}`, { capacity: sizeOf(64), sets: [{ name: 'eni', pieces: 3, unitsPerPiece: 2, ...set }] }))
  return scheduler
}
const asking = (id: string, value: string, units = 1): Task => taskOf(id, { sets: [{ name: 'eni', value, units }] })
const statusOf = (scheduler: Scheduler, host: string) => {
  const slot = scheduler.fleet.slotOf(hostId(host))
  return slot === undefined ? undefined : scheduler.fleet.record(slot)?.sets?.status().eni
}
const valuesOf = (scheduler: Scheduler, host: string) => statusOf(scheduler, host)?.map(({ value }) => value)

test('tasks of two values use two pieces of three, and those of one value share', () => {
  const scheduler = withSets(1)
  place(scheduler, [asking('1', 'web'), asking('2', 'web'), asking('3', 'db')])
  assert.deepEqual(statusOf(scheduler, 'h1'), [
    { value: 'web', users: 2, units: 2 },
    { value: 'db', users: 1, units: 1 },
    { value: undefined, users: 0, units: 0 },
  ])
})

test('a fourth value finds no piece, and the reason names the set', () => {
  const scheduler = withSets(1)
  const places = place(
    scheduler,
    ['a', 'b', 'c', 'd'].map(value => asking(value, value)),
  )
  assert.deepEqual(Object.keys(places), ['a', 'b', 'c'])
  assert.match(scheduler.explain('d')?.message ?? '', /eni/)
})

test('a value whose piece is full binds the next one, then fails', () => {
  const scheduler = withSets(1)
  const places = place(
    scheduler,
    Array.from({ length: 7 }, (_, at) => asking(`${at}`, 'web')),
  )
  assert.equal(Object.keys(places).length, 6)
  assert.deepEqual(valuesOf(scheduler, 'h1'), ['web', 'web', 'web'])
})

test('tasks that need none of a piece share it without limit', () => {
  const scheduler = withSets(1)
  const places = place(
    scheduler,
    Array.from({ length: 20 }, (_, at) => asking(`${at}`, 'web', 0)),
  )
  assert.equal(Object.keys(places).length, 20)
  assert.deepEqual(valuesOf(scheduler, 'h1'), ['web', undefined, undefined])
})

test('a task that asks for more than a piece holds is never placed', () => {
  assert.deepEqual(place(withSets(1), [asking('1', 'web', 3)]), {})
})

test('tasks without an ask take nothing, or one common piece where everyone needs one', () => {
  const free = withSets(1)
  place(free, [taskOf('1'), taskOf('2')])
  assert.deepEqual(valuesOf(free, 'h1'), [undefined, undefined, undefined])
  const bound = withSets(1, { everyoneNeedsOne: true })
  place(bound, [taskOf('1'), taskOf('2'), asking('3', 'web')])
  assert.deepEqual(valuesOf(bound, 'h1'), [NO_VALUE, 'web', undefined])
  place(bound, [asking('4', 'db')])
  bound.end('1')
  bound.end('2')
  place(bound, [asking('5', 'mail')])
  assert.deepEqual(place(bound, [taskOf('6')]), {})
})

test('after a restart running work has its pieces again', () => {
  const scheduler = withSets(1)
  const hold = (value: string, piece: number) => ({ setHolds: [{ name: 'eni', value, units: 2, piece }] })
  for (const [at, value] of ['a', 'b', 'c'].entries()) scheduler.fleet.adopt(workOf(value, 'h1', hold(value, at)))
  assert.deepEqual(valuesOf(scheduler, 'h1'), ['a', 'b', 'c'])
  assert.deepEqual(place(scheduler, [asking('1', 'd')]), {})
  scheduler.end('b')
  assert.deepEqual(place(scheduler, []), { 1: 'h1' })
})

test('four values of three pieces a host go to two hosts, three and one', () => {
  const places = place(
    withSets(2),
    ['a', 'b', 'c', 'd'].map(value => asking(value, value)),
  )
  assert.deepEqual(tally(places), { h1: 3, h2: 1 })
})

test('a task rather joins a piece of its value than binds a new one', () => {
  const scheduler = withSets(2)
  scheduler.fleet.adopt(workOf('r', 'h2', { setHolds: [{ name: 'eni', value: 'web', units: 1, piece: 0 }], resources: sizeOf(0) }))
  assert.deepEqual(place(scheduler, [asking('1', 'web')]), { 1: 'h2' })
})

test('a piece is free for another value once its last user left', () => {
  const scheduler = withSets(1)
  place(scheduler, [asking('1', 'a'), asking('2', 'a'), asking('3', 'b'), asking('4', 'c')])
  scheduler.end('1')
  assert.deepEqual(place(scheduler, [asking('5', 'd')]), {})
  scheduler.end('2')
  assert.deepEqual(place(scheduler, []), { 5: 'h1' })
})

test('a set that no host has keeps its tasks waiting', () => {
  assert.deepEqual(place(withSets(1), [taskOf('1', { sets: [{ name: 'gpu-slice', value: 'x', units: 1 }] })]), {})
})

test('two asks of one task each get a piece, or the task none', () => {
  const both = (id: string): Task =>
    taskOf(id, {
      sets: [
        { name: 'eni', value: `${id}-in`, units: 2 },
        { name: 'eni', value: `${id}-out`, units: 2 },
      ],
    })
  const scheduler = withSets(1)
  assert.deepEqual(place(scheduler, [both('1'), both('2')]), { 1: 'h1' })
  assert.deepEqual(valuesOf(scheduler, 'h1'), ['1-in', '1-out', undefined])
})
