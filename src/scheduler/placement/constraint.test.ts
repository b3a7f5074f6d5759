/**
 * Where tasks may go and would like to go. Holds Fenzo's ConstraintsTests and ActiveVmGroupsTests (their offers: fleet/offers.test.ts).
 * Where its test of a throwing constraint expects an empty result, ours leaves over the task that has it and places the others.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hostId } from '../../model/index.ts'
import { HOST } from '../fleet/fleet.ts'
import { Scheduler } from '../scheduler.ts'
import { hostOf, place, sizeOf, tally, taskOf, tasksOf } from '../testing.ts'
import type { Task } from '../types.ts'
import type { Constraint } from './constraint.ts'

const ZONES = ['a', 'b', 'c']
/** Two hosts in each of three zones: a1, a2, b1, b2, c1, c2. */
const zoned = (): Scheduler => {
  const scheduler = new Scheduler()
  for (const zone of ZONES) for (const at of [1, 2]) scheduler.fleet.putHost(hostOf(`${zone}${at}`, { attributes: { zone } }))
  return scheduler
}
const byZone = (places: Readonly<Record<string, string>>): Record<string, number> =>
  tally(Object.fromEntries(Object.entries(places).map(([task, host]) => [task, host.charAt(0)])))
const hard = (...constraints: Constraint[]): Partial<Task> => ({ group: 'g', hard: constraints })
const soft = (...constraints: Constraint[]): Partial<Task> => ({
  group: 'g',
  soft: constraints.map(constraint => ({ constraint, weight: 1 })),
})

test('three of a group go to three zones, in one pass or one a pass; without the constraint to one host', () => {
  const unique: Constraint = { kind: 'unique', attribute: 'zone' }
  assert.deepEqual(byZone(place(zoned(), tasksOf(3, 't', hard(unique)))), { a: 1, b: 1, c: 1 })
  const scheduler = zoned()
  const all = ['1', '2', '3'].map(id => place(scheduler, [taskOf(id, hard(unique))]))
  assert.deepEqual(byZone(Object.assign({}, ...all)), { a: 1, b: 1, c: 1 })
  assert.deepEqual(tally(place(zoned(), tasksOf(3, 't', { group: 'g' }))), { a1: 3 })
})

test('a fourth of three zones waits while the constraint is hard and is placed while it is soft', () => {
  const unique: Constraint = { kind: 'unique', attribute: 'zone' }
  assert.deepEqual(byZone(place(zoned(), tasksOf(4, 't', hard(unique)))), { a: 1, b: 1, c: 1 })
  assert.deepEqual(byZone(place(zoned(), tasksOf(4, 't', soft(unique)))), { a: 2, b: 1, c: 1 })
})

test('when one of the group ends its zone is free again', () => {
  const unique: Constraint = { kind: 'unique', attribute: 'zone' }
  const scheduler = zoned()
  const places = place(scheduler, tasksOf(4, 't', hard(unique)))
  scheduler.end('t1')
  assert.equal(place(scheduler, []).t3?.charAt(0), places.t1?.charAt(0))
})

test('other groups do not count', () => {
  const scheduler = zoned()
  const unique: Constraint = { kind: 'unique', attribute: 'zone' }
  place(scheduler, tasksOf(3, 'other', { group: 'other' }))
  assert.equal(Object.keys(place(scheduler, tasksOf(3, 't', hard(unique)))).length, 3)
})

test('five of a group go to five hosts', () => {
  const places = place(zoned(), tasksOf(7, 't', hard({ kind: 'unique', attribute: HOST })))
  assert.deepEqual(tally(places), { a1: 1, a2: 1, b1: 1, b2: 1, c1: 1, c2: 1 })
})

test('six tasks are balanced two by two over three zones, hard or soft', () => {
  const balanced: Constraint = { kind: 'balanced', attribute: 'zone', expectedValues: 3 }
  for (const kind of [hard, soft]) assert.deepEqual(byZone(place(zoned(), tasksOf(6, 't', kind(balanced)))), { a: 2, b: 2, c: 2 })
})

test('balance does not start over with zones that are yet to come', () => {
  const scheduler = new Scheduler()
  const balanced: Constraint = { kind: 'balanced', attribute: 'zone', expectedValues: 3 }
  scheduler.fleet.putHost(hostOf('a1', { attributes: { zone: 'a' } }))
  // Two more zones are expected, so a second task waits for them.
  assert.deepEqual(byZone(place(scheduler, tasksOf(2, 't', hard(balanced)))), { a: 1 })
  scheduler.fleet.putHost(hostOf('b1', { attributes: { zone: 'b' } }))
  assert.deepEqual(byZone(place(scheduler, [])), { b: 1 })
})

test('a host without the attribute cannot be told apart, so it is not used', () => {
  const scheduler = new Scheduler()
  scheduler.fleet.putHost(hostOf('h'))
  for (const kind of ['unique', 'balanced'] as const)
    assert.deepEqual(place(scheduler, [taskOf(kind, hard({ kind, attribute: 'zone', expectedValues: 1 }))]), {})
})

test('work that wants to be alone goes to an empty host, and the other task joins the used one', () => {
  const scheduler = zoned()
  place(scheduler, [taskOf('first')])
  assert.deepEqual(place(scheduler, [taskOf('alone', { exclusive: true }), taskOf('other')]), { alone: 'a2', other: 'a1' })
})

test('a host with work that wants to be alone takes nothing else, until it ends', () => {
  const scheduler = new Scheduler()
  scheduler.fleet.putHost(hostOf('h'))
  place(scheduler, [taskOf('alone', { exclusive: true })])
  assert.deepEqual(place(scheduler, [taskOf('other')]), {})
  assert.match(scheduler.explain('other')?.message ?? '', /wants to be alone/)
  scheduler.end('alone')
  assert.deepEqual(place(scheduler, []), { other: 'h' })
})

test('an empty host may be asked for without keeping others off', () => {
  const scheduler = zoned()
  place(scheduler, [taskOf('first')])
  assert.deepEqual(place(scheduler, [taskOf('1', hard({ kind: 'empty-host' }))]), { 1: 'a2' })
  assert.equal(Object.keys(place(scheduler, [taskOf('2'), taskOf('3')])).length, 2)
})

test('a task lands in the named zone, in one of several, or on the named host', () => {
  const table: [Partial<Task>, RegExp][] = [
    [{ constraints: { zone: 'b' } }, /^b1$/],
    [hard({ kind: 'attribute', attribute: 'zone', oneOf: ['c', 'b'] }), /^b1$/],
    [hard({ kind: 'host', oneOf: [hostId('c2')] }), /^c2$/],
    [soft({ kind: 'host', oneOf: [hostId('c2')] }), /^c2$/],
  ]
  for (const [change, host] of table) assert.match(place(zoned(), [taskOf('1', change)])[1] ?? '', host)
  assert.deepEqual(place(zoned(), [taskOf('1', hard({ kind: 'attribute', attribute: 'zone', oneOf: ['d'] }))]), {})
})

test('of soft constraints the heavier decides', () => {
  const wish = (zone: string, weight: number) => ({ constraint: { kind: 'attribute', attribute: 'zone', oneOf: [zone] } as const, weight })
  assert.match(place(zoned(), [taskOf('1', { soft: [wish('b', 1), wish('c', 3)] })])[1] ?? '', /^c/)
  assert.match(place(zoned(), [taskOf('1', { soft: [wish('b', 3), wish('c', 1)] })])[1] ?? '', /^b/)
})

test('work goes beside the work it wants to be near, by host or by zone', () => {
  for (const [attribute, where] of [
    [HOST, /^b1$/],
    ['zone', /^b/],
  ] as const) {
    const scheduler = zoned()
    place(scheduler, [taskOf('db', { group: 'db', hard: [{ kind: 'host', oneOf: [hostId('b1')] }] })])
    assert.match(place(scheduler, [taskOf('1', hard({ kind: 'affinity', group: 'db', attribute }))])[1] ?? '', where)
  }
})

test('who wants to be near what does not run waits; the first of a group that wants to be together does not', () => {
  const near = (group: string) => hard({ kind: 'affinity', group, attribute: 'zone' })
  assert.deepEqual(place(zoned(), [taskOf('1', near('nothing'))]), {})
  const scheduler = zoned()
  assert.equal(Object.keys(byZone(place(scheduler, tasksOf(8, 't', near('g'))))).length, 1)
})

test('work keeps away from the work it does not want to meet', () => {
  const scheduler = zoned()
  place(scheduler, [taskOf('loud', { group: 'loud' })])
  assert.match(place(scheduler, [taskOf('1', hard({ kind: 'anti-affinity', group: 'loud', attribute: 'zone' }))])[1] ?? '', /^b/)
  assert.match(place(scheduler, [taskOf('2', hard({ kind: 'anti-affinity', group: 'loud', attribute: HOST }))])[2] ?? '', /^(a2|b1)/)
})

test('a constraint that throws is contained and named: its task waits, the others are placed', () => {
  const broken: Constraint = {
    kind: 'custom',
    name: 'licence server',
    score: () => {
      throw new Error('no answer')
    },
  }
  const scheduler = zoned()
  for (const task of [taskOf('1', hard(broken)), taskOf('2'), taskOf('3', soft(broken))]) scheduler.queue.add(task)
  const { placed, leftOver, faults } = scheduler.pass({ now: 0 })
  assert.deepEqual(placed.map(({ task }) => task).sort(), ['2', '3'])
  assert.deepEqual(leftOver, [{ task: '1', cause: { kind: 'no-room' } }])
  assert.deepEqual([...faults], [['licence server', 'no answer']])
  scheduler.queue.remove('1')
  assert.equal(scheduler.pass({ now: 0 }).faults.size, 0)
})

test('a constraint that gives no number from 0 to 1 is named as well', () => {
  const scheduler = zoned()
  scheduler.queue.add(taskOf('1', hard({ kind: 'custom', name: 'odd', score: () => Number.NaN })))
  assert.match(scheduler.pass({ now: 0 }).faults.get('odd') ?? '', /NaN/)
})

test('hosts of groups that are not in use get nothing, also with several groups in use', () => {
  const scheduler = zoned()
  scheduler.fleet.setActive({ attribute: 'zone', oneOf: ['b'] })
  assert.deepEqual(byZone(place(scheduler, tasksOf(10, 't'))), { b: 8 })
  scheduler.fleet.setActive({ attribute: 'zone', oneOf: ['b', 'c'] })
  assert.deepEqual(byZone(place(scheduler, [])), { c: 2 })
  scheduler.fleet.setActive(undefined)
  assert.deepEqual(byZone(place(scheduler, tasksOf(10, 'u', { resources: sizeOf(2) }))), { a: 4, c: 3 })
})

test('a host that is cordoned by the caller gets nothing, however often it is told as ready', () => {
  const scheduler = new Scheduler()
  scheduler.fleet.cordon(hostId('h'))
  scheduler.fleet.putHost(hostOf('h'))
  assert.deepEqual(place(scheduler, [taskOf('1')]), {})
  scheduler.fleet.putHost(hostOf('h', { attributes: { changed: 'yes' } }))
  assert.deepEqual(place(scheduler, []), {})
  scheduler.fleet.uncordon(hostId('h'))
  assert.deepEqual(place(scheduler, []), { 1: 'h' })
})

test('what was worked out for a shape is brought up to date when hosts come, change and go', () => {
  const scheduler = new Scheduler()
  scheduler.fleet.putHost(hostOf('b', { capacity: sizeOf(8) }))
  place(scheduler, tasksOf(3, 'warm-up'))
  scheduler.fleet.putHost(hostOf('a', { capacity: sizeOf(1) }))
  assert.deepEqual(place(scheduler, [taskOf('1')]), { 1: 'a' })
  scheduler.fleet.removeHost(hostId('b'))
  assert.deepEqual(place(scheduler, [taskOf('2')]), {})
  scheduler.fleet.putHost(hostOf('a', { capacity: sizeOf(2) }))
  assert.deepEqual(place(scheduler, []), { 2: 'a' })
})
