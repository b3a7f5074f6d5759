/**
 * What a host has and what tasks take of it. Holds Fenzo's BasicSchedulerTests, ScalarResourceTests and SingleOfferModelTests; offers that
 * expire or are summed are in fleet/offers.test.ts. Not held: its tracker of assigned and running tasks apart (what a pass placed runs at
 * once here).
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hostId } from '../../model/index.ts'
import { Scheduler } from '../scheduler.ts'
import { hostOf, offerOf, place, sizeOf, tally, taskOf, tasksOf, workOf } from '../testing.ts'
import type { FleetHost, Task } from '../types.ts'
import type { HostView } from './host-view.ts'

const withHosts = (...hosts: FleetHost[]): Scheduler => {
  const scheduler = new Scheduler()
  for (const host of hosts) scheduler.fleet.putHost(host)
  return scheduler
}

test('tasks fill a host exactly, and what is too large for it is not placed', () => {
  const table: [name: string, tasks: Task[], placed: string[]][] = [
    ['three fill four cores', [taskOf('1', { resources: sizeOf(2) }), taskOf('2'), taskOf('3')], ['1', '2', '3']],
    ['larger than the host', [taskOf('1', { resources: sizeOf(5) })], []],
    ['2 + 2 + 1 on 4', [taskOf('1', { resources: sizeOf(2) }), taskOf('2', { resources: sizeOf(2) }), taskOf('3')], ['1', '2']],
    ['a small one after one that is too large', [taskOf('1', { resources: sizeOf(9) }), taskOf('2')], ['2']],
  ]
  for (const [name, tasks, placed] of table) assert.deepEqual(Object.keys(place(withHosts(hostOf('h')), tasks)), placed, name)
})

test('placing stops at whichever resource ends first', () => {
  const wide = { cpu: 100, memoryMb: 100_000, diskMb: 1_000_000 }
  const one = { cpu: 1, memoryMb: 1000, diskMb: 1000 }
  const table: [name: string, host: Partial<FleetHost>, task: Partial<Task>][] = [
    ['cpu', { capacity: { ...wide, cpu: 2 } }, {}],
    ['memory', { capacity: { ...wide, memoryMb: 2500 } }, {}],
    ['disk', { capacity: { ...wide, diskMb: 2000 } }, {}],
    ['network', { capacity: wide, networkMbps: 250 }, { networkMbps: 100 }],
    ['ports', { capacity: wide, ports: [{ first: 9000, last: 9004 }] }, { ports: 2 }],
    ['a scalar', { capacity: wide, scalars: { gpu: 2 } }, { scalars: { gpu: 1 } }],
    ['one scalar of two', { capacity: wide, scalars: { gpu: 9, seats: 2 } }, { scalars: { gpu: 1, seats: 1 } }],
  ]
  for (const [name, host, change] of table) {
    const places = place(withHosts(hostOf('h', host)), tasksOf(4, '', { resources: one, ...change }))
    assert.equal(Object.keys(places).length, 2, name)
  }
})

test('a resource that no host has keeps its tasks waiting, and the reason names it', () => {
  const scheduler = withHosts(hostOf('h'))
  assert.deepEqual(place(scheduler, [taskOf('1', { scalars: { gpu: 1 } })]), {})
  assert.match(scheduler.explain('1')?.message ?? '', /1 gpu/)
})

test('scalars are taken over several hosts, each for itself', () => {
  const hosts = ['a', 'b', 'c'].map(id => hostOf(id, { capacity: sizeOf(16), scalars: { gpu: 2 } }))
  assert.deepEqual(tally(place(withHosts(...hosts), tasksOf(9, 't', { scalars: { gpu: 1 } }))), { a: 2, b: 2, c: 2 })
})

test('eight tasks of half a host fill four hosts', () => {
  const places = place(withHosts(...['a', 'b', 'c', 'd'].map(id => hostOf(id))), tasksOf(9, 't', { resources: sizeOf(2) }))
  assert.deepEqual(tally(places), { a: 2, b: 2, c: 2, d: 2 })
})

test('small tasks go where they fit and large ones to hosts of their size', () => {
  const scheduler = withHosts(hostOf('small'), hostOf('large', { capacity: sizeOf(16) }))
  assert.deepEqual(place(scheduler, [taskOf('small'), taskOf('large', { resources: sizeOf(16) })]), { large: 'large', small: 'small' })
})

test('ports come from all ranges, several per task, and no two tasks have the same', () => {
  const scheduler = withHosts(
    hostOf('h', {
      ports: [
        { first: 100, last: 102 },
        { first: 200, last: 202 },
      ],
    }),
  )
  for (const task of tasksOf(3, 't', { ports: 2 })) scheduler.queue.add(task)
  const { placed } = scheduler.pass({ now: 0 })
  assert.deepEqual(
    placed.flatMap(({ ports }) => ports),
    [100, 101, 102, 200, 201, 202],
  )
})

test('over many passes every port is used, none leaks, and one just given back rests longest', () => {
  const scheduler = withHosts(hostOf('h', { ports: [{ first: 1, last: 5 }] }))
  const seen: number[] = []
  for (let pass = 0; pass < 10; pass++) {
    scheduler.queue.add(taskOf(`t${pass}`, { ports: 1 }))
    const [placed] = scheduler.pass({ now: 0 }).placed
    seen.push(...(placed?.ports ?? []))
    scheduler.end(`t${pass}`)
  }
  assert.deepEqual(seen, [1, 2, 3, 4, 5, 1, 2, 3, 4, 5])
})

test('ports of running work that was found there are not given away', () => {
  const scheduler = withHosts(hostOf('h', { ports: [{ first: 1, last: 3 }] }))
  scheduler.fleet.adopt(workOf('r', 'h', { heldPorts: [1, 3] }))
  scheduler.queue.add(taskOf('a', { ports: 1 }))
  scheduler.queue.add(taskOf('b', { ports: 1 }))
  assert.deepEqual(
    scheduler.pass({ now: 0 }).placed.map(({ ports }) => ports),
    [[2]],
  )
})

test('a port range that is none is refused by name', () => {
  assert.throws(() => withHosts(hostOf('h', { ports: [{ first: 5, last: 1 }] })), /port range 5-1/)
})

test('a host keeps what is left of it from pass to pass', () => {
  const scheduler = withHosts(hostOf('h'))
  assert.deepEqual(tally(place(scheduler, tasksOf(2, 'a'))), { h: 2 })
  assert.deepEqual(tally(place(scheduler, tasksOf(1, 'b'))), { h: 1 })
  assert.deepEqual(tally(place(scheduler, tasksOf(2, 'c'))), { h: 1 })
})

test('work that runs when the host is first told takes its part, also if it was known before the host', () => {
  const scheduler = new Scheduler()
  scheduler.fleet.adopt(workOf('r', 'h', { resources: sizeOf(3) }))
  scheduler.fleet.putHost(hostOf('h'))
  assert.deepEqual(tally(place(scheduler, tasksOf(2, 't'))), { h: 1 })
})

test('a host that goes away and comes back has its work on it still', () => {
  const scheduler = withHosts(hostOf('h', { scalars: { gpu: 1 } }))
  place(scheduler, [taskOf('1', { scalars: { gpu: 1 } })])
  scheduler.fleet.removeHost(hostId('h'))
  assert.deepEqual(place(scheduler, [taskOf('2', { scalars: { gpu: 1 } })]), {})
  scheduler.fleet.putHost(hostOf('h', { scalars: { gpu: 1 } }))
  assert.deepEqual(place(scheduler, []), {})
  scheduler.end('1')
  assert.deepEqual(place(scheduler, []), { 2: 'h' })
})

test('a host that is told again has what it says now and no more, and its work still takes its part', () => {
  const scheduler = withHosts(hostOf('h', { capacity: sizeOf(2) }))
  assert.deepEqual(tally(place(scheduler, tasksOf(1, 'a'))), { h: 1 })
  scheduler.fleet.putHost(hostOf('h', { capacity: sizeOf(2) }))
  assert.deepEqual(tally(place(scheduler, tasksOf(2, 'b'))), { h: 1 })
  scheduler.fleet.putHost(hostOf('h', { capacity: sizeOf(3) }))
  assert.deepEqual(tally(place(scheduler, tasksOf(1, 'c'))), { h: 1 })
  scheduler.fleet.putHost(hostOf('h', { capacity: sizeOf(1) }))
  assert.deepEqual(place(scheduler, [taskOf('d')]), {})
})

test('a pass places at most as many as it may, and the rest goes on in the next', () => {
  const scheduler = withHosts(hostOf('h'))
  for (const task of tasksOf(4, 't')) scheduler.queue.add(task)
  const sizes = [1, 2].map(() => scheduler.pass({ now: 0, placements: 3 }))
  assert.deepEqual(
    sizes.map(({ placed, endedBy }) => [placed.length, endedBy]),
    [
      [3, 'placements'],
      [1, 'done'],
    ],
  )
})

test('functions of the caller see what runs on a host, what this pass placed there, and all its offers', () => {
  const views: HostView[] = []
  const scheduler = new Scheduler()
  scheduler.offers.add(offerOf('o1', 'h'))
  const see = { kind: 'custom' as const, name: 'see', score: (view: HostView) => Math.min(1, views.push(view)) }
  place(scheduler, [taskOf('1', { hard: [see] }), taskOf('2', { hard: [see] })])
  assert.deepEqual(
    views.map(({ running, offers, free }) => [running.map(({ id }) => id), offers.length, free.cpu]),
    [
      [[], 1, 4],
      [['1'], 1, 3],
    ],
  )
  scheduler.useOffers([{ task: '1', host: hostId('h'), ports: [], setHolds: [] }])
  scheduler.offers.add(offerOf('o2', 'h', { resources: sizeOf(1) }))
  scheduler.offers.add(offerOf('o3', 'h', { resources: sizeOf(1) }))
  views.length = 0
  place(scheduler, [taskOf('3', { hard: [see] })])
  assert.deepEqual(
    views[0]?.offers.map(({ offer }) => offer),
    ['o2', 'o3'],
  )
  assert.deepEqual(views[0]?.free.cpu, 2)
})
