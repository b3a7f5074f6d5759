/** What holds for any fleet and any work, through several passes with work ending, hosts coming and hosts going in between. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { controllerId, hostId, tenantId } from '../model/index.ts'
import { CPU, DISK_MB, MEMORY_MB, NETWORK_MBPS, PORTS } from './fleet/dimensions.ts'
import { NO_DRAIN } from './pass/drain.ts'
import type { PassResult } from './pass/pass.ts'
import { PREEMPTION_RULES } from './pass/preempt.ts'
import { binPacking, spreading } from './placement/fitness.ts'
import { dominantShare, EPSILON } from './resources.ts'
import { Scheduler, type SchedulerOptions } from './scheduler.ts'
import { hostOf, sizeOf, taskOf, tasksOf } from './testing.ts'
import type { FleetHost, Task } from './types.ts'

const PORT_RANGE = { first: 1000, last: 1005 }
const anyHost = fc.record({
  capacity: fc.record({ cpu: fc.integer({ min: 0, max: 16 }), memoryMb: fc.integer({ min: 0, max: 16_000 }), diskMb: fc.constant(8000) }),
  role: fc.constantFrom('any' as const, 'any' as const, 'controllers' as const, 'builds' as const),
  state: fc.constantFrom('ready' as const, 'ready' as const, 'ready' as const, 'cordoned' as const),
  attributes: fc.constantFrom({ zone: 'a' }, { zone: 'b' }, { zone: 'c' }),
  networkMbps: fc.constant(1000),
  ports: fc.constantFrom([PORT_RANGE], []),
  scalars: fc.constantFrom({ gpu: 2 }, {}),
  sets: fc.constantFrom([{ name: 'eni', pieces: 2, unitsPerPiece: 2 }], []),
})
const anyTask = fc.record(
  {
    tier: fc.constantFrom('agent' as const, 'agent' as const, 'controller' as const, 'spare' as const),
    tenant: fc.constantFrom('x', 'y', 'z').map(tenantId),
    controller: fc.constantFrom('c1', 'c2').map(controllerId),
    resources: fc.record({
      cpu: fc.integer({ min: 0, max: 40 }).map(tenths => tenths / 10),
      memoryMb: fc.integer({ min: 0, max: 4000 }),
      diskMb: fc.integer({ min: 0, max: 2000 }),
    }),
    readyAt: fc.integer({ min: 0, max: 5 }),
    networkMbps: fc.integer({ min: 0, max: 400 }),
    ports: fc.integer({ min: 0, max: 3 }),
    scalars: fc.constantFrom({ gpu: 1 }, {}),
    sets: fc.constantFrom([{ name: 'eni', value: 'web', units: 1 }], [{ name: 'eni', value: 'db', units: 2 }], []),
    exclusive: fc.boolean(),
    group: fc.constantFrom('g', 'h'),
    hard: fc.constantFrom(
      [],
      [],
      [{ kind: 'unique' as const, attribute: 'zone' }],
      [{ kind: 'balanced' as const, attribute: 'zone', expectedValues: 3 }],
      [{ kind: 'affinity' as const, group: 'g', attribute: 'zone' }],
    ),
    priority: fc.integer({ min: 0, max: 2 }),
  },
  { requiredKeys: ['tier', 'tenant', 'controller', 'resources', 'readyAt'] },
)
const anyRound = fc.record({
  tasks: fc.array(anyTask, { maxLength: 12 }),
  /** Which of what runs ends, by a number modulo how many run. */
  ends: fc.array(fc.nat(), { maxLength: 4 }),
  changes: fc.array(fc.record({ at: fc.nat({ max: 6 }), host: fc.option(anyHost, { nil: undefined }) }), { maxLength: 2 }),
})
const anyOptions = fc.constantFrom<SchedulerOptions>(
  {},
  { goodEnough: 0.3 },
  { candidates: 2, seed: 3 },
  { fitness: spreading() },
  { fitness: binPacking('memoryMb') },
)
const anyStory = fc.record({
  hosts: fc.array(anyHost, { minLength: 1, maxLength: 6 }),
  rounds: fc.array(anyRound, { minLength: 1, maxLength: 5 }),
  options: anyOptions,
})
type Story = typeof anyStory extends fc.Arbitrary<infer T> ? T : never

/** Plays a story; `look` sees the scheduler after each pass. Gives everything that was placed, in order. */
const play = (
  { hosts, rounds, options }: Story,
  look: (scheduler: Scheduler, round: number, result: PassResult) => void = () => undefined,
  makeRoom = false,
): string[] => {
  const scheduler = new Scheduler(options)
  const running: string[] = []
  const log: string[] = []
  for (const [at, host] of hosts.entries()) scheduler.fleet.putHost(hostOf(`h${at}`, host))
  for (const [round, { tasks, ends, changes }] of rounds.entries()) {
    for (const { at, host } of changes) {
      if (host === undefined) scheduler.fleet.removeHost(hostId(`h${at}`))
      else scheduler.fleet.putHost(hostOf(`h${at}`, host))
    }
    for (const [at, task] of tasks.entries()) scheduler.queue.add(taskOf(`t${round}-${at}`, task))
    for (const end of ends) {
      const [id] = running.length === 0 ? [] : running.splice(end % running.length, 1)
      if (id !== undefined) scheduler.end(id)
    }
    const result = scheduler.pass({
      now: 10,
      ...(makeRoom ? { drain: { afterMs: 5, atMost: 2 }, preemption: PREEMPTION_RULES } : { drain: NO_DRAIN }),
    })
    for (const { task, host, ports } of result.placed) {
      running.push(task)
      log.push(`${round} ${task} ${host} ${ports.join()}`)
    }
    look(scheduler, round, result)
  }
  return log
}

const hostsOf = (scheduler: Scheduler): number[] => [...scheduler.fleet.order.slots()]

test('no host gives more of anything than it has, by its columns and by a plain sum', () => {
  fc.assert(
    fc.property(anyStory, fc.boolean(), (story, makeRoom) => {
      // A host may shrink below what runs on it; then alone it may be over.
      const still = { ...story, rounds: story.rounds.map(round => ({ ...round, changes: [] })) }
      play(
        still,
        scheduler => {
          for (const slot of hostsOf(scheduler)) {
            const { columns } = scheduler.fleet
            const residents = [...(scheduler.fleet.record(slot)?.residents ?? [])]
            const sums = [
              [CPU, residents.reduce((sum, { claim }) => sum + claim.resources.cpu, 0)],
              [MEMORY_MB, residents.reduce((sum, { claim }) => sum + claim.resources.memoryMb, 0)],
              [DISK_MB, residents.reduce((sum, { claim }) => sum + claim.resources.diskMb, 0)],
              [NETWORK_MBPS, residents.reduce((sum, { claim }) => sum + (claim.networkMbps ?? 0), 0)],
              [PORTS, residents.reduce((sum, { ports }) => sum + ports.length, 0)],
            ] as const
            for (const [dimension, sum] of sums) {
              assert.ok(Math.abs(columns.usedOf(dimension, slot) - sum) < 1e-3)
              assert.ok(sum <= columns.totalOf(dimension, slot) + 1e-3)
            }
            if (residents.some(({ claim }) => claim.exclusive)) assert.equal(residents.length, 1)
          }
        },
        makeRoom,
      )
    }),
  )
})

test('no port has two owners and no piece of a set holds more than it can', () => {
  fc.assert(
    fc.property(anyStory, story => {
      play(story, scheduler => {
        for (const slot of hostsOf(scheduler)) {
          const record = scheduler.fleet.record(slot)
          const ports = [...(record?.residents ?? [])].flatMap(one => one.ports)
          assert.equal(new Set(ports).size, ports.length)
          for (const { units } of record?.sets?.status().eni ?? []) assert.ok(units <= 2)
        }
      })
    }),
  )
})

test('nothing waits that fits: a second pass with nothing changed places nothing', () => {
  fc.assert(
    fc.property(anyStory, story => {
      play(story, scheduler => {
        // A scheduler without memory of what was refused is asked, so that remembering is checked as well.
        const fresh = new Scheduler()
        for (const slot of hostsOf(scheduler)) {
          const record = scheduler.fleet.record(slot)
          if (record) fresh.fleet.putHost(record.host)
        }
        for (const { id, claim, host, ports, setHolds } of scheduler.fleet.residents())
          fresh.fleet.adopt({ ...claim, id, host, heldPorts: ports, setHolds })
        for (const task of scheduler.queue.tasks()) {
          const reachesOut = task.hard?.some(({ kind }) => kind === 'balanced' || kind === 'affinity') ?? false
          // What others placed later made possible is the next pass's.
          if (!reachesOut) fresh.queue.add(task)
        }
        assert.deepEqual(fresh.pass({ now: 10, drain: NO_DRAIN }).placed, [])
      })
    }),
  )
})

test('each ready task is placed or left over, once, and whoever is left over is told the cause', () => {
  fc.assert(
    fc.property(anyStory, fc.boolean(), (story, makeRoom) => {
      play(
        story,
        (scheduler, _round, { placed, leftOver }) => {
          const ready = [...scheduler.queue.tasks()].filter(({ readyAt }) => readyAt <= 10).map(({ id }) => id)
          assert.deepEqual(leftOver.map(({ task }) => task).toSorted(), ready.toSorted())
          for (const { task, cause } of leftOver) assert.equal(scheduler.cause(task), cause)
          for (const { task } of placed) assert.equal(scheduler.cause(task), undefined)
        },
        makeRoom,
      )
    }),
  )
})

test('what a pass says of many that wait is what a scheduler without memory says', () => {
  const names = ['u', 'v', 'w', 'x', 'y'].map(tenantId)
  const anyPlain = fc.record({
    tenant: fc.constantFrom(...names),
    controller: fc.constantFrom('c1', 'c2').map(controllerId),
    resources: fc.constantFrom(1, 2, 3, 6).map(sizeOf),
    readyAt: fc.integer({ min: 0, max: 3 }),
    priority: fc.integer({ min: 0, max: 1 }),
    tier: fc.constantFrom('agent' as const, 'agent' as const, 'controller' as const),
  })
  const anyCrowd = fc.array(
    fc.record({
      tasks: fc.array(anyPlain, { maxLength: 12 }),
      ends: fc.array(fc.nat(), { maxLength: 2 }),
      removed: fc.array(fc.nat(), { maxLength: 2 }),
      quota: fc.option(fc.integer({ min: 0, max: 4 }), { nil: undefined, freq: 4 }),
      reserved: fc.option(fc.constantFrom(...names), { nil: undefined, freq: 4 }),
    }),
    { minLength: 2, maxLength: 6 },
  )
  fc.assert(
    fc.property(anyCrowd, rounds => {
      const scheduler = new Scheduler()
      const running: string[] = []
      for (const id of ['h0', 'h1']) scheduler.fleet.putHost(hostOf(id))
      for (const [now, { tasks, ends, removed, quota, reserved }] of rounds.entries()) {
        const shares = names.map(id => ({ id, weight: 1, ...(quota === undefined || id !== names[0] ? {} : { quota: sizeOf(quota) }) }))
        scheduler.queue.setShares('agent', shares)
        scheduler.fleet.putHost(hostOf('h1', reserved === undefined ? {} : { reservedFor: reserved }))
        for (const [at, task] of tasks.entries()) scheduler.queue.add(taskOf(`t${now}-${at}`, task))
        for (const end of ends) {
          const [id] = running.length === 0 ? [] : running.splice(end % running.length, 1)
          if (id !== undefined) scheduler.end(id)
        }
        for (const one of removed) {
          const waiting = [...scheduler.queue.tasks()]
          scheduler.queue.remove(waiting[one % Math.max(1, waiting.length)]?.id ?? '')
        }
        const { placed, leftOver } = scheduler.pass({ now, drain: NO_DRAIN })
        running.push(...placed.map(({ task }) => task))
        const fresh = new Scheduler()
        fresh.queue.setShares('agent', shares)
        for (const slot of hostsOf(scheduler)) fresh.fleet.putHost(scheduler.fleet.record(slot)?.host ?? hostOf('none'))
        for (const { id, claim, host } of scheduler.fleet.residents()) fresh.fleet.adopt({ ...claim, id, host })
        for (const task of scheduler.queue.tasks()) fresh.queue.add(task)
        const second = fresh.pass({ now, drain: NO_DRAIN })
        // Who had no room in its turn may be at its quota by the end of the pass, so causes are compared where there is none.
        const told = (result: Pick<PassResult, 'leftOver'>) =>
          result.leftOver.map(({ task, cause }) => (quota === undefined ? `${task} ${cause.kind}` : task)).sort()
        assert.deepEqual(second.placed, [])
        assert.deepEqual(told({ leftOver }), told(second))
        for (const { task, cause } of leftOver) assert.equal(scheduler.cause(task), cause)
      }
    }),
    { numRuns: 300 },
  )
})

test('a quota that was lifted is not named any more, though nothing else changed', () => {
  for (const limited of ['u', 'v'].map(tenantId)) {
    const scheduler = new Scheduler()
    scheduler.fleet.putHost(hostOf('h'))
    const add = (tenant: string, size: number, readyAt: number): void =>
      scheduler.queue.add(taskOf(`of-${tenant}`, { tenant: tenantId(tenant), resources: sizeOf(size), readyAt }))
    add('u', 99, 0)
    add('v', 99, 0)
    const causes = [undefined, 1, undefined].map((size, now) => {
      scheduler.queue.setShares('agent', size === undefined ? [] : [{ id: limited, weight: 1, quota: sizeOf(size) }])
      if (size !== undefined) add('w', 1, now)
      scheduler.pass({ now, drain: NO_DRAIN })
      return scheduler.cause(`of-${limited}`)?.kind
    })
    assert.deepEqual(causes, ['no-room', 'quota', 'no-room'])
  }
})

test('what others placed in the same pass can make room for who comes after them', () => {
  const scheduler = new Scheduler()
  scheduler.fleet.putHost(hostOf('h', { attributes: { zone: 'a' } }))
  const near: Task['hard'] = [{ kind: 'affinity', group: 'db', attribute: 'zone' }]
  const inTurn = [
    taskOf('early', { group: 'app', hard: near, readyAt: 0 }),
    taskOf('db', { group: 'db', readyAt: 1 }),
    taskOf('too-large', { resources: sizeOf(9), readyAt: 2 }),
    taskOf('late', { group: 'app', hard: near, readyAt: 3 }),
  ]
  for (const at of [0, 2, 1, 3]) scheduler.queue.add(inTurn[at] ?? taskOf('none'))
  assert.deepEqual(
    scheduler.pass({ now: 3, drain: NO_DRAIN }).placed.map(({ task }) => task),
    ['db', 'late'],
  )
})

test('the same seed draws the same sample of hosts, another seed another', () => {
  const hosts = (seed: number): string => {
    const scheduler = new Scheduler({ candidates: 3, seed })
    for (let at = 0; at < 100; at++) scheduler.fleet.putHost(hostOf(`h${at}`, { attributes: { zone: `z${at}` } }))
    for (const task of tasksOf(10, 't', { group: 'g', hard: [{ kind: 'unique', attribute: 'zone' }] })) scheduler.queue.add(task)
    return scheduler
      .pass({ now: 0, drain: NO_DRAIN })
      .placed.map(({ host }) => host)
      .join()
  }
  assert.equal(hosts(5), hosts(5))
  assert.notEqual(hosts(5), hosts(6))
})

test('the same story gives the same answers', () => {
  fc.assert(
    fc.property(anyStory, fc.boolean(), (story, makeRoom) => {
      assert.deepEqual(play(story, undefined, makeRoom), play(story, undefined, makeRoom))
    }),
  )
})

test('the order in which hosts and tasks come does not matter', () => {
  const settled = (hosts: readonly FleetHost[], tasks: readonly Task[]): string[] => {
    const scheduler = new Scheduler()
    for (const host of hosts) scheduler.fleet.putHost(host)
    for (const task of tasks) scheduler.queue.add(task)
    return scheduler.pass({ now: 10 }).placed.map(({ task, host }) => `${task} ${host}`)
  }
  fc.assert(
    fc.property(
      fc.array(anyHost, { maxLength: 6 }),
      fc.array(anyTask, { maxLength: 30 }),
      fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })),
      (some, work, chance) => {
        // Half of the hosts are alike, so that who comes first of equals is asked as well.
        const hosts = some.map((host, at) =>
          hostOf(`h${at}`, at % 2 === 0 ? { ...host, capacity: sizeOf(4), role: 'any', state: 'ready' } : host),
        )
        const tasks = work.map((task, at) => taskOf(`t${at}`, task))
        const shuffled = <T>(all: readonly T[]): T[] =>
          all
            .map(one => ({ one, key: chance.next().value ?? 0 }))
            .sort((a, b) => a.key - b.key)
            .map(({ one }) => one)
        assert.deepEqual(settled(shuffled(hosts), shuffled(tasks)), settled(hosts, tasks))
      },
    ),
  )
})

test('no tenant with demand stays below its guarantee, and shares beyond are within one task at equal weight', () => {
  const anyTenants = fc.array(
    fc.record({ guarantee: fc.integer({ min: 0, max: 8 }), size: fc.integer({ min: 1, max: 4 }), demand: fc.nat({ max: 30 }) }),
    {
      minLength: 2,
      maxLength: 5,
    },
  )
  fc.assert(
    fc.property(anyTenants, fc.integer({ min: 40, max: 60 }), (tenants, room) => {
      const scheduler = new Scheduler()
      for (let at = 0; at < room; at++) scheduler.fleet.putHost(hostOf(`h${at}`, { capacity: sizeOf(4) }))
      const ids = tenants.map((_, at) => tenantId(`tenant-${at}`))
      scheduler.queue.setShares(
        'agent',
        tenants.map(({ guarantee }, at) => ({ id: ids[at] ?? tenantId('none'), weight: 1, guarantee: sizeOf(guarantee) })),
      )
      for (const [at, { size, demand }] of tenants.entries())
        for (const task of tasksOf(demand, `t${at}-`, { tenant: ids[at] ?? tenantId('none'), resources: sizeOf(size) }))
          scheduler.queue.add(task)
      scheduler.pass({ now: 0 })
      const waiting = new Set([...scheduler.queue.tasks()].map(({ tenant }) => tenant))
      const used = (at: number): number => scheduler.fleet.ledger.ofTenant('agent', ids[at] ?? tenantId('none')).cpu
      const hungry = [...tenants.entries()].filter(([at]) => waiting.has(ids[at] ?? tenantId('none')))
      for (const [at, { guarantee }] of hungry) assert.ok(used(at) >= guarantee - EPSILON, `tenant ${at} uses ${used(at)} of ${guarantee}`)
      // Those whose guarantee does not lift them above the others, and whose tasks are of one size so that what is left fits all alike.
      const burst = hungry.filter(([at, { guarantee, size }]) => size === 1 && used(at) > guarantee + EPSILON).map(([at]) => used(at))
      assert.ok(burst.length === 0 || Math.max(...burst) - Math.min(...burst) <= 1 + EPSILON, burst.join())
    }),
  )
})

test('while everybody has demand and room, dominant shares at equal weight are within one largest task of each other', () => {
  const anySize = fc.record({ cpu: fc.integer({ min: 1, max: 8 }), memoryMb: fc.integer({ min: 1, max: 8 }), diskMb: fc.nat({ max: 3 }) })
  fc.assert(
    fc.property(
      fc.array(fc.array(anySize, { minLength: 30, maxLength: 30 }), { minLength: 2, maxLength: 6 }),
      fc.integer({ min: 1, max: 100 }),
      (tenants, placements) => {
        const scheduler = new Scheduler()
        const whole = { cpu: 2000, memoryMb: 1500, diskMb: 1000 }
        scheduler.fleet.putHost(hostOf('h', { capacity: whole }))
        for (const [at, sizes] of tenants.entries())
          for (const [number, resources] of sizes.entries())
            scheduler.queue.add(taskOf(`t${at}-${number}`, { tenant: tenantId(`tenant-${at}`), resources, readyAt: number }))
        // Ended early enough that nobody's tasks are used up.
        for (let left = Math.min(placements, 28); left > 0; left -= 7)
          scheduler.pass({ now: 100, drain: NO_DRAIN, placements: Math.min(7, left) })
        const shares = tenants.map((_, at) => dominantShare(scheduler.fleet.ledger.ofTenant('agent', tenantId(`tenant-${at}`)), whole))
        const largest = Math.max(...tenants.flat().map(size => dominantShare(size, whole)))
        assert.ok(Math.max(...shares) - Math.min(...shares) <= largest + EPSILON, `${shares.join()} with tasks up to ${largest}`)
      },
    ),
  )
})

test('a pass ends in its budget of looks, and those to come reach everybody', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 60 }), (hosts, tasks) => {
      const scheduler = new Scheduler()
      for (let at = 0; at < hosts; at++) scheduler.fleet.putHost(hostOf(`h${at}`))
      for (let at = 0; at < tasks; at++)
        scheduler.queue.add(taskOf(`t${at}`, { resources: { cpu: 1 + (at % 7) / 100, memoryMb: 10, diskMb: 0 } }))
      const budget = 20
      let endedBy = 'looks'
      for (let passes = 0; endedBy !== 'done'; passes++) {
        const result = scheduler.pass({ now: 0, drain: NO_DRAIN, looks: budget })
        // What was begun is ended: one scan, or one tree brought up to date, may go beyond.
        assert.ok(result.looks <= budget + hosts, `${result.looks} looks`)
        assert.ok(passes < 3 * tasks * hosts, 'each pass comes further than the one before')
        endedBy = result.endedBy
      }
      assert.deepEqual(scheduler.pass({ now: 0, drain: NO_DRAIN }).placed, [])
    }),
  )
})

test('fairness holds from pass to pass: tenants that always want more converge on their weights', () => {
  const scheduler = new Scheduler()
  scheduler.fleet.putHost(hostOf('h', { capacity: sizeOf(12) }))
  scheduler.queue.setShares('agent', [
    { id: tenantId('a'), weight: 1 },
    { id: tenantId('b'), weight: 3 },
  ])
  const live: string[] = []
  for (let round = 0; round < 40; round++) {
    for (const name of ['a', 'b']) for (const task of tasksOf(2, `${name}${round}-`, { tenant: tenantId(name) })) scheduler.queue.add(task)
    live.push(...scheduler.pass({ now: round, drain: NO_DRAIN }).placed.map(({ task }) => task))
    if (live.length >= 12) scheduler.end(live.shift() ?? '')
  }
  const used = (name: string): number => scheduler.fleet.ledger.ofTenant('agent', tenantId(name)).cpu
  assert.ok(Math.abs(used('b') - 3 * used('a')) <= 3, `${used('a')} and ${used('b')}`)
})
