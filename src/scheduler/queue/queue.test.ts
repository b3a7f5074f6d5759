/**
 * Whose turn it is. Holds Fenzo's queue tests (TieredQueueTest, QueueBucketTest, SortedBucketsTest, TierTest, TieredQueueSlasTest,
 * ResAllocsUtilTest), ResAllocsTests and TaskSchedulingServiceTest. Not held: its loop's delays between idle passes (testMaxSchedIterDelay)
 * and its call-backs, which are the broker's; its conversions between two classes of amounts, of which there is one here. Which hosts may be
 * used at all (testAssignableVMsEvaluator) is told by their state, cordons and active groups (placement/constraint.test.ts).
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { controllerId, hostId, tenantId } from '../../model/index.ts'
import { type Amounts, amountOf, fits, nothing } from '../resources.ts'
import { Scheduler } from '../scheduler.ts'
import { hostOf, place, sizeOf, tally, taskOf, tasksOf, workOf } from '../testing.ts'
import type { Task } from '../types.ts'
import type { GroupLimits } from './allowance.ts'
import { sharesProblems, type TenantShare, turnKey } from './shares.ts'

const withRoom = (cpu: number): Scheduler => {
  const scheduler = new Scheduler()
  scheduler.fleet.putHost(hostOf('h', { capacity: sizeOf(cpu) }))
  return scheduler
}
const of = (tenant: string, change: Partial<Task> = {}): Partial<Task> => ({
  tenant: tenantId(tenant),
  controller: controllerId(tenant),
  ...change,
})
const share = (id: string, change: Partial<TenantShare> = {}): TenantShare => ({ id: tenantId(id), weight: 1, ...change })
/** How many tasks of each tenant were placed, tasks being named after their tenant. */
const byTenant = (places: Readonly<Record<string, string>>): Record<string, number> =>
  tally(Object.fromEntries(Object.keys(places).map(task => [task, task.charAt(0)])))
const orderOf = (scheduler: Scheduler): string[] => scheduler.pass({ now: 0 }).placed.map(({ task }) => task)

test('a task waits once; taken off it is not placed', () => {
  const scheduler = withRoom(4)
  scheduler.queue.add(taskOf('1'))
  assert.throws(() => scheduler.queue.add(taskOf('1')), /1 waits already/)
  assert.equal(scheduler.queue.remove('1'), true)
  assert.equal(scheduler.queue.remove('1'), false)
  assert.deepEqual(place(scheduler, []), {})
  assert.equal(scheduler.queue.size, 0)
})

test('a task that runs cannot be adopted again', () => {
  const scheduler = withRoom(4)
  place(scheduler, [taskOf('1')])
  assert.throws(() => scheduler.fleet.adopt(workOf('1', 'h')), /1 runs already/)
})

test('a task that asks for what is no amount is refused with its mend', () => {
  const table: [Partial<Task>, RegExp][] = [
    [{ resources: { cpu: Number.NaN, memoryMb: 1, diskMb: 1 } }, /1 asks for NaN cpu; it has to be a number of 0 or more/],
    [{ resources: { cpu: 1, memoryMb: Number.POSITIVE_INFINITY, diskMb: 1 } }, /asks for Infinity memoryMb/],
    [{ ports: -1 }, /-1 ports/],
    [{ ports: 1.5 }, /1.5 ports; it has to be a whole number/],
    [{ scalars: { gpu: -2 } }, /-2 gpu/],
    [{ sets: [{ name: 'eni', value: 'web', units: -1 }] }, /-1 units of eni/],
    [{ soft: [{ constraint: { kind: 'empty-host' }, weight: 0 }] }, /does not weigh more than 0/],
    [{ priority: Number.NaN }, /priority of 1 is NaN/],
    [{ readyAt: Number.NaN }, /When 1 is ready/],
  ]
  for (const [change, problem] of table) assert.throws(() => new Scheduler().queue.add(taskOf('1', change)), problem)
})

test('tasks that are not ready are passed over, and placed once they are', () => {
  const scheduler = withRoom(4)
  assert.deepEqual(place(scheduler, [taskOf('late', { readyAt: 10 }), taskOf('now')], 5), { now: 'h' })
  assert.deepEqual(place(scheduler, [], 10), { late: 'h' })
})

test('within a controller priority goes first, then who waits longer', () => {
  const scheduler = withRoom(8)
  for (const task of [
    taskOf('late', { readyAt: -1 }),
    taskOf('early', { readyAt: -2 }),
    taskOf('urgent', { priority: 5 }),
    taskOf('idle', { priority: -1, readyAt: -9 }),
  ])
    scheduler.queue.add(task)
  assert.deepEqual(orderOf(scheduler), ['urgent', 'early', 'late', 'idle'])
})

test('priority counts within a tenant over its controllers, and not against other tenants', () => {
  const scheduler = withRoom(8)
  scheduler.queue.add(taskOf('calm', of('a', { controller: controllerId('a1') })))
  scheduler.queue.add(taskOf('urgent', of('a', { controller: controllerId('a2'), priority: 1 })))
  scheduler.queue.add(taskOf('other', of('b')))
  assert.deepEqual(orderOf(scheduler), ['urgent', 'other', 'calm'])
})

test('the tenant that uses least is first', () => {
  const scheduler = withRoom(10)
  scheduler.fleet.adopt(workOf('r', 'h', { ...of('a'), id: 'r', resources: sizeOf(2) }))
  for (const name of ['a', 'b']) for (const task of tasksOf(4, name, of(name))) scheduler.queue.add(task)
  assert.deepEqual(orderOf(scheduler), ['b0', 'b1', 'a0', 'b2', 'a1', 'b3', 'a2', 'a3'])
})

test('what counts is the dominant resource, not cpu alone', () => {
  const scheduler = new Scheduler()
  scheduler.fleet.putHost(hostOf('h', { capacity: { cpu: 100, memoryMb: 1000, diskMb: 1000 }, networkMbps: 1000 }))
  const asks: Record<string, Partial<Task>> = {
    c: { resources: { cpu: 10, memoryMb: 10, diskMb: 0 } },
    m: { resources: { cpu: 1, memoryMb: 200, diskMb: 0 } },
    n: { resources: { cpu: 1, memoryMb: 10, diskMb: 0 }, networkMbps: 50 },
  }
  for (const [name, ask] of Object.entries(asks)) for (const task of tasksOf(9, name, of(name, ask))) scheduler.queue.add(task)
  const first = scheduler.pass({ now: 0, placements: 7 }).placed.map(({ task }) => task)
  // Shares of 10, 20 and 5 % a task.
  assert.deepEqual(byTenant(Object.fromEntries(first.map(task => [task, 'h']))), { c: 2, m: 1, n: 4 })
})

test('shares are taken of what the fleet has now: hosts that come or go may change whose turn it is', () => {
  const scheduler = new Scheduler()
  const size = (cpu: number, memoryMb: number) => ({ cpu, memoryMb, diskMb: 0 })
  scheduler.fleet.putHost(hostOf('h', { capacity: size(10, 100) }))
  scheduler.fleet.adopt(workOf('ra', 'h', { ...of('a'), id: 'ra', resources: size(5, 0) }))
  scheduler.fleet.adopt(workOf('rb', 'h', { ...of('b'), id: 'rb', resources: size(0, 60) }))
  const first = (): string | undefined => scheduler.pass({ now: 0, placements: 1 }).placed[0]?.task.charAt(0)
  for (const name of ['a', 'b']) for (const task of tasksOf(4, name, of(name, { resources: size(0.1, 1) }))) scheduler.queue.add(task)
  assert.equal(first(), 'a', '50 % of the cores against 60 % of the memory')
  scheduler.fleet.putHost(hostOf('memory', { capacity: size(0, 300) }))
  assert.equal(first(), 'b', '51 % against 15 %')
  scheduler.fleet.putHost(hostOf('memory', { capacity: size(0, 1) }))
  assert.equal(first(), 'a', 'the host shrank')
  scheduler.fleet.putHost(hostOf('memory', { capacity: size(0, 300) }))
  assert.equal(first(), 'b', 'it grew again')
  scheduler.fleet.removeHost(hostId('memory'))
  assert.equal(first(), 'a', 'the host is gone')
})

test('what a tenant uses is counted anew after all that it had ended', () => {
  const scheduler = withRoom(10)
  const one = (name: string) => of(name, { resources: sizeOf(1) })
  const first = (): string | undefined => scheduler.pass({ now: 0, placements: 1 }).placed[0]?.task
  for (const name of ['a', 'b']) for (const task of tasksOf(3, name, one(name))) scheduler.queue.add(task)
  scheduler.fleet.adopt(workOf('ra', 'h', { ...one('a'), id: 'ra' }))
  assert.equal(first(), 'b0')
  scheduler.end('ra')
  scheduler.fleet.adopt(workOf('more', 'h', { ...one('a'), id: 'more', resources: sizeOf(5) }))
  assert.equal(first(), 'b1', 'five cores against one')
})

test('equals take turns from pass to pass, tenants and controllers of one, whether they go on waiting or come again each time', () => {
  const controllerOf = (name: string): Partial<Task> => ({ controller: controllerId(name) })
  for (const owner of [of, controllerOf])
    for (const comesAgain of [false, true]) {
      const scheduler = withRoom(1)
      const served: string[] = []
      const add = (name: string, at: number): void => scheduler.queue.add(taskOf(`${name}${at}`, owner(name)))
      for (const name of ['a', 'b', 'c']) for (let at = 0; at < (comesAgain ? 1 : 9); at++) add(name, at)
      for (let pass = 0; pass < 9; pass++) {
        const [placed] = scheduler.pass({ now: 0 }).placed
        const name = placed?.task.charAt(0) ?? ''
        served.push(name)
        scheduler.end(placed?.task ?? '')
        if (comesAgain) add(name, pass + 10)
      }
      assert.equal(served.join(''), 'abcabcabc')
    }
})

test('a strict tier starves the next', () => {
  const scheduler = withRoom(4)
  const controllers = tasksOf(3, 'c', of('c', { tier: 'controller' }))
  const spares = tasksOf(3, 's', of('s', { tier: 'spare' }))
  assert.deepEqual(byTenant(place(scheduler, [...spares, ...tasksOf(3, 'a', of('a')), ...controllers])), { c: 3, a: 1 })
})

test('weights of 1, 2 and 1 share 40 cores as 10, 20 and 10, with what runs already counted', () => {
  for (const running of [0, 5]) {
    const scheduler = withRoom(40)
    scheduler.queue.setShares('agent', [share('a'), share('b', { weight: 2 }), share('c')])
    for (let at = 0; at < running; at++) scheduler.fleet.adopt(workOf(`r${at}`, 'h', { ...of('a'), id: `r${at}` }))
    const placed = byTenant(
      place(
        scheduler,
        ['a', 'b', 'c'].flatMap(name => tasksOf(40, name, of(name))),
      ),
    )
    assert.deepEqual(placed, { a: 10 - running, b: 20, c: 10 })
  }
})

test('weights that change hold from the next pass on: whoever has more than its share gets nothing until the others have theirs', () => {
  const scheduler = withRoom(20)
  scheduler.queue.setShares('agent', [share('a'), share('b')])
  const tasks = ['a', 'b'].flatMap(name => tasksOf(40, name, of(name)))
  assert.deepEqual(byTenant(place(scheduler, tasks)), { a: 10, b: 10 })
  scheduler.queue.setShares('agent', [share('a'), share('b', { weight: 3 })])
  scheduler.fleet.putHost(hostOf('second', { capacity: sizeOf(20) }))
  assert.deepEqual(byTenant(place(scheduler, [])), { b: 20 })
})

test('the share of a tenant that wants nothing goes to the others', () => {
  const scheduler = withRoom(20)
  scheduler.queue.setShares('agent', [share('a'), share('b'), share('c', { weight: 8 })])
  assert.deepEqual(
    byTenant(
      place(
        scheduler,
        ['a', 'b'].flatMap(name => tasksOf(40, name, of(name))),
      ),
    ),
    { a: 10, b: 10 },
  )
})

test('a guarantee comes before anybody bursts, whatever the weights; what is above it is shared by weight', () => {
  const scheduler = withRoom(20)
  scheduler.queue.setShares('agent', [share('a', { guarantee: sizeOf(8) }), share('b', { weight: 99 })])
  const tasks = ['a', 'b'].flatMap(name => tasksOf(40, name, of(name)))
  assert.deepEqual(byTenant(place(scheduler, tasks)), { a: 8, b: 12 })
})

test('a guarantee that is not wanted is lent, unless it is held', () => {
  for (const [guaranteeIsHeld, placed] of [
    [false, { b: 20 }],
    [true, { b: 12 }],
  ] as const) {
    const scheduler = withRoom(20)
    scheduler.queue.setShares('agent', [share('a', { guarantee: sizeOf(8), guaranteeIsHeld })])
    assert.deepEqual(byTenant(place(scheduler, tasksOf(40, 'b', of('b')))), placed)
    assert.deepEqual(byTenant(place(scheduler, tasksOf(40, 'a', of('a')))), guaranteeIsHeld ? { a: 8 } : {})
  }
})

test('who waits for what is held is told so; without the guarantee it is free', () => {
  const scheduler = withRoom(4)
  scheduler.queue.setShares('agent', [share('a', { guarantee: sizeOf(4), guaranteeIsHeld: true })])
  assert.deepEqual(place(scheduler, [taskOf('1', of('b'))]), {})
  assert.match(scheduler.explain('1')?.message ?? '', /held for the guarantees/)
  scheduler.queue.setShares('agent', [])
  assert.deepEqual(place(scheduler, []), { 1: 'h' })
})

test('how far a guarantee is met decides among those that have less than theirs', () => {
  const total = amountOf(sizeOf(100))
  const guarantee = sizeOf(10)
  const key = (used: Amounts, weight = 1) => turnKey({ weight, guarantee }, amountOf(used), total)
  assert.ok(key(sizeOf(2)) < key(sizeOf(5)))
  assert.ok(key(sizeOf(9)) < 0)
  assert.equal(key(sizeOf(10)), 0.1)
  assert.equal(turnKey({ weight: 1 }, amountOf(sizeOf(25)), total), 0.25)
  assert.equal(turnKey({ weight: 2 }, amountOf(sizeOf(25)), total), 0.125)
  assert.equal(turnKey({ weight: 1, guarantee: nothing() }, nothing(), total), 0)
})

test('a quota is kept over all controllers of a tenant, and a smaller task behind one that is too large still goes', () => {
  const scheduler = withRoom(20)
  scheduler.queue.setShares('agent', [share('a', { quota: sizeOf(4) })])
  const tasks = [
    taskOf('1', of('a', { resources: sizeOf(3) })),
    taskOf('2', of('a', { resources: sizeOf(2), readyAt: -1, controller: controllerId('other') })),
    taskOf('3', of('a', { readyAt: 0, controller: controllerId('third') })),
  ]
  assert.deepEqual(Object.keys(place(scheduler, tasks)).sort(), ['1', '3'])
  assert.equal(scheduler.explain('2')?.code, 'quota')
})

test('shares that cannot be right are refused with the mend', () => {
  const total = sizeOf(10)
  const table: [TenantShare[], RegExp][] = [
    [[share('a', { weight: 0 })], /weight of a is 0; it has to be a number larger than 0/],
    [[share('a', { weight: Number.NaN })], /weight of a is NaN/],
    [[share('a', { quota: { ...total, cpu: -1 } })], /quota of a is -1 cpu/],
    [[share('a', { quota: sizeOf(1), guarantee: sizeOf(2) })], /guarantee of a is 2 cpu, above its quota of 1/],
    [[share('a', { guarantee: sizeOf(11) })], /guarantee of a is 11 cpu, and all hosts together have 10/],
    [[share('a', { guarantee: sizeOf(6) }), share('b', { guarantee: sizeOf(6) })], /All guarantees together are 12 cpu/],
  ]
  for (const [shares, problem] of table) assert.match(sharesProblems(shares, total)[0] ?? '', problem)
  assert.deepEqual(sharesProblems([share('a', { guarantee: sizeOf(6) }), share('b', { guarantee: sizeOf(4) })], total), [])
  assert.throws(() => new Scheduler().queue.setShares('agent', [share('a', { weight: 0 })]), RangeError)
})

test('groups are limited each for itself, live; without limits not at all, with limits a group that has none gets nothing', () => {
  const scheduler = withRoom(40)
  const tasks = ['a', 'b', 'c'].flatMap(group => tasksOf(6, group, { group }))
  for (const task of [...tasks, taskOf('free')]) scheduler.queue.add(task)
  const pass = (limits: Record<string, number> | undefined) => {
    const groupLimits: GroupLimits | undefined = limits && new Map(Object.entries(limits).map(([group, cpu]) => [group, sizeOf(cpu)]))
    const { placed } = scheduler.pass({ now: 0, ...(groupLimits === undefined ? {} : { groupLimits }) })
    return tally(Object.fromEntries(placed.map(({ task }) => [task, task.charAt(0)])))
  }
  assert.deepEqual(pass({ a: 2, b: 3 }), { a: 2, b: 3, f: 1 })
  assert.match(scheduler.explain('a5')?.message ?? '', /group a uses 2 cores/)
  assert.match(scheduler.explain('c0')?.message ?? '', /Group c has no limit/)
  assert.deepEqual(pass({ a: 4, b: 3, c: 1 }), { a: 2, c: 1 })
  scheduler.end('b0')
  assert.deepEqual(pass({ a: 4, b: 3, c: 1 }), { b: 1 })
  assert.deepEqual(pass(undefined), { a: 2, b: 2, c: 5 })
})

test('amounts fit resource by resource, and a limit that does not name the network does not limit it', () => {
  assert.equal(fits(sizeOf(2), sizeOf(2)), true)
  assert.equal(fits({ ...sizeOf(2), memoryMb: 9999 }, sizeOf(2)), false)
  assert.equal(fits({ ...sizeOf(1), networkMbps: 5 }, sizeOf(2)), true)
  assert.equal(fits({ ...sizeOf(1), networkMbps: 5 }, { ...sizeOf(2), networkMbps: 4 }), false)
})

test('twenty thousand running works are adopted and counted', () => {
  const scheduler = new Scheduler()
  for (let at = 0; at < 500; at++) scheduler.fleet.putHost(hostOf(`h${at}`, { capacity: sizeOf(41) }))
  for (let at = 0; at < 20_000; at++) scheduler.fleet.adopt(workOf(`r${at}`, `h${at % 500}`))
  assert.equal(scheduler.fleet.ledger.ofTenant('agent', tenantId('t')).cpu, 20_000)
  assert.equal(Object.keys(place(scheduler, tasksOf(600, 't'))).length, 500)
})

test('the accounts of work that ended are gone', () => {
  const scheduler = withRoom(4)
  const ask = { resources: { cpu: 0.1, memoryMb: 0.1, diskMb: 0 }, group: 'g' }
  place(scheduler, tasksOf(4, 't', ask))
  for (const at of [0, 1, 2, 3]) scheduler.end(`t${at}`)
  for (const column of scheduler.fleet.columns.used)
    assert.equal(column[scheduler.fleet.slotOf(hostId('h')) ?? -1], 0, 'nothing is left of rounding')
  assert.deepEqual(scheduler.fleet.ledger.ofTenant('agent', tenantId('t')), nothing())
  assert.deepEqual(scheduler.fleet.ledger.ofGroup('g'), nothing())
})
