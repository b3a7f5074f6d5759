import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { capOf, controllerId, type Host, hostId, type Tenant, tenantId } from '../model/index.ts'
import { add, dominantShare, EPSILON, fits, nothing, RESOURCE_NAMES } from './resources.ts'
import { schedule } from './schedule.ts'
import { isEligible, placesOf } from './testing.ts'
import type { RunningWork, ScheduleInput, Task } from './types.ts'

const host = (id: string, change: Partial<Host> = {}): Host => ({
  id: hostId(id),
  engine: 'process',
  role: 'any',
  capacity: { cpu: 4, memoryMb: 4096, diskMb: 100_000 },
  attributes: {},
  state: 'ready',
  seenAt: 0,
  limits: { memory: true, cpu: true },
  ...change,
})
const task = (id: string, change: Partial<Task> = {}): Task => ({
  id,
  tier: 'agent',
  tenant: tenantId('t'),
  controller: controllerId('c'),
  resources: { cpu: 1, memoryMb: 1024, diskMb: 100 },
  constraints: {},
  readyAt: 0,
  ...change,
})
const tenant = (id: string, change: Partial<Tenant> = {}): Tenant => ({ id: tenantId(id), weight: 1, createdAt: 0, ...change })
const input = (change: Partial<ScheduleInput>): ScheduleInput => ({ tasks: [], hosts: [], running: [], tenants: [], ...change })
const reasonOf = (result: ReturnType<typeof schedule>, id: string) => result.leftOver.find(left => left.task === id)?.reason

test('the fuller host is filled first, so that a large task still finds an empty one', () => {
  const running: RunningWork[] = [{ ...task('r'), host: hostId('b') }]
  const { placements } = schedule(
    input({
      hosts: [host('a'), host('b')],
      running,
      tasks: [task('1'), task('2'), task('3', { resources: { cpu: 4, memoryMb: 4096, diskMb: 0 } })],
    }),
  )
  assert.deepEqual(Object.fromEntries(placements.map(p => [p.task, p.host])), { 1: 'b', 2: 'b', 3: 'a' })
})

test('controllers come before agents, whatever waits longer', () => {
  const result = schedule(
    input({
      hosts: [host('a', { capacity: { cpu: 1, memoryMb: 1024, diskMb: 1000 } })],
      tasks: [task('agent', { readyAt: 1 }), task('controller', { tier: 'controller', readyAt: 2 })],
    }),
  )
  assert.deepEqual(result.placements, [{ task: 'controller', host: 'a' }])
  assert.equal(reasonOf(result, 'agent')?.code, 'waiting-turn')
})

test('two controllers of one team take turns, though one of them asked first for everything', () => {
  const tasks = [
    ...Array.from({ length: 20 }, (_, i) => task(`a${i}`, { controller: controllerId('a'), readyAt: i })),
    ...Array.from({ length: 20 }, (_, i) => task(`b${i}`, { controller: controllerId('b'), readyAt: 100 + i })),
  ]
  const { placements } = schedule(input({ hosts: [host('h')], tasks }))
  assert.deepEqual(
    placements.map(p => p.task),
    ['a0', 'b0', 'a1', 'b1'],
  )
})

test('teams share by weight and what runs already counts', () => {
  const of = (name: string, count: number) =>
    Array.from({ length: count }, (_, i) => task(`${name}${i}`, { tenant: tenantId(name), controller: controllerId(name), readyAt: i }))
  const hosts = [host('h', { capacity: { cpu: 12, memoryMb: 12 * 1024, diskMb: 100_000 } })]
  const count = (placements: readonly { task: string }[], name: string) => placements.filter(p => p.task.startsWith(name)).length
  const fresh = schedule(input({ hosts, tasks: [...of('x', 20), ...of('y', 20)], tenants: [tenant('x', { weight: 2 }), tenant('y')] }))
  assert.deepEqual([count(fresh.placements, 'x'), count(fresh.placements, 'y')], [8, 4])
  const running = Array.from({ length: 6 }, (_, i): RunningWork => ({ ...task(`r${i}`, { tenant: tenantId('x') }), host: hostId('h') }))
  const later = schedule(input({ hosts, running, tasks: [...of('x', 20), ...of('y', 20)], tenants: [tenant('x'), tenant('y')] }))
  assert.deepEqual([count(later.placements, 'x'), count(later.placements, 'y')], [0, 6])
})

test('a quota of one resource leaves the others without a cap, and the reason tells of what is capped', () => {
  const tenants = [tenant('t', { quota: { memoryMb: 1024 } })]
  const large = task('large', { resources: { cpu: 1, memoryMb: 2048, diskMb: 0 }, readyAt: 1 })
  const result = schedule(input({ hosts: [host('h')], tenants, tasks: [task('1'), task('2', { readyAt: 1 }), large] }))
  assert.equal(result.placements.length, 1)
  assert.match(reasonOf(result, '2')?.message ?? '', /team t uses 1 GB memory of its quota of 1 GB memory\.$/)
  assert.match(reasonOf(result, '2')?.mend ?? '', /^Wait/)
  assert.match(reasonOf(result, 'large')?.mend ?? '', /^Raise the quota of t, or let its template ask for less/)
})

test('a quota is kept over all controllers of a team, and the reason names it', () => {
  const tenants = [tenant('t', { quota: { cpu: 2, memoryMb: 2048, diskMb: 10_000 } })]
  const result = schedule(
    input({ hosts: [host('h')], tenants, tasks: [task('1'), task('2', { controller: controllerId('d') }), task('3', { readyAt: 1 })] }),
  )
  assert.equal(result.placements.length, 2)
  assert.equal(reasonOf(result, '3')?.code, 'quota')
  assert.match(reasonOf(result, '3')?.message ?? '', /team t uses 2 cores, 2 GB memory/)
})

test('each way to be left over has its own sentence and mend', () => {
  const full: RunningWork = { ...task('r', { resources: { cpu: 4, memoryMb: 4096, diskMb: 0 } }), host: hostId('h') }
  const table: [name: string, change: Partial<ScheduleInput>, code: string, message: RegExp][] = [
    ['no host', {}, 'no-capacity', /There is no host yet/],
    ['cordoned', { hosts: [host('h', { state: 'cordoned' })] }, 'no-capacity', /None of 1 host takes agents of team t/],
    ['role', { hosts: [host('h', { role: 'controllers' })] }, 'no-capacity', /None of 1 host/],
    ['reserved', { hosts: [host('h', { reservedFor: tenantId('other') })] }, 'no-capacity', /None of 1 host/],
    [
      'constraint',
      { hosts: [host('h')], tasks: [task('1', { constraints: { zone: 'a' } })] },
      'no-capacity',
      /asks for the host attribute zone, which none of 1 host has/,
    ],
    [
      'too large',
      { hosts: [host('h')], tasks: [task('1', { resources: { cpu: 1, memoryMb: 8192, diskMb: 0 } })] },
      'no-capacity',
      /asks for 1 core and 8 GB memory, and the largest of 1 host has 4 cores and 4 GB memory/,
    ],
    ['full', { hosts: [host('h')], running: [full] }, 'no-capacity', /no host has that free: closest is h with 0 cores and 0 MB memory/],
  ]
  for (const [name, change, code, message] of table) {
    const result = schedule(input({ tasks: [task('1')], ...change }))
    assert.equal(result.placements.length, 0, name)
    assert.equal(reasonOf(result, '1')?.code, code, name)
    assert.match(reasonOf(result, '1')?.message ?? '', message, name)
    assert.ok(reasonOf(result, '1')?.mend, name)
  }
})

const resources = fc.record({
  cpu: fc.integer({ min: 0, max: 40 }).map(tenths => tenths / 10),
  memoryMb: fc.integer({ min: 0, max: 4096 }),
  diskMb: fc.integer({ min: 0, max: 2000 }),
})
const team = fc.constantFrom('x', 'y', 'z')
const zones = fc.constantFrom<Record<string, string>>({}, {}, { zone: 'a' }, { zone: 'b' })
const anyTask = fc.record({
  tier: fc.constantFrom('agent' as const, 'agent' as const, 'controller' as const),
  tenant: team.map(tenantId),
  controller: fc.constantFrom('c1', 'c2', 'c3').map(controllerId),
  resources,
  constraints: zones,
  readyAt: fc.integer({ min: 0, max: 9 }),
})
const anyHost = fc.record({
  role: fc.constantFrom('any' as const, 'any' as const, 'controllers' as const, 'builds' as const),
  state: fc.constantFrom('ready' as const, 'ready' as const, 'cordoned' as const, 'silent' as const),
  capacity: fc.record({
    cpu: fc.integer({ min: 0, max: 16 }),
    memoryMb: fc.integer({ min: 0, max: 16_384 }),
    diskMb: fc.integer({ min: 0, max: 8000 }),
  }),
  attributes: zones,
})
const anyInput: fc.Arbitrary<ScheduleInput> = fc
  .record({
    tasks: fc.array(anyTask, { maxLength: 40 }),
    hosts: fc.array(anyHost, { maxLength: 6 }),
    running: fc.array(fc.record({ task: anyTask, on: fc.integer({ min: -1, max: 5 }) }), { maxLength: 8 }),
    quotas: fc.dictionary(team, fc.option(resources, { nil: undefined }), { maxKeys: 3 }),
  })
  .map(({ tasks, hosts, running, quotas }) => ({
    tasks: tasks.map((one, i) => ({ ...one, id: `task-${i}` })),
    hosts: hosts.map((one, i) => host(`host-${i}`, one)),
    running: running.map(({ task: one, on }) => ({ ...one, host: on < 0 ? undefined : hostId(`host-${on}`) })),
    tenants: Object.entries(quotas).map(([id, quota], i) => tenant(id, { weight: i + 1, ...(quota === undefined ? {} : { quota }) })),
  }))

/** The state after the placements, as running work. */
const after = (given: ScheduleInput): { running: RunningWork[]; result: ReturnType<typeof schedule> } => {
  const result = schedule(given)
  const placed = result.placements.map((placement): RunningWork => {
    const found = given.tasks.find(one => one.id === placement.task)
    assert.ok(found)
    return { ...found, host: placement.host }
  })
  return { running: [...given.running, ...placed], result }
}
const agentsUse = (running: readonly RunningWork[], id: string) => {
  const used = nothing()
  for (const work of running) if (work.tier === 'agent' && work.tenant === id) add(used, work.resources)
  return used
}

test('every task is placed or left over with a reason, each once, on a host that may take it', () => {
  fc.assert(
    fc.property(anyInput, given => {
      const { result } = after(given)
      const told = [...result.placements.map(p => p.task), ...result.leftOver.map(left => left.task)].toSorted()
      assert.deepEqual(told, given.tasks.map(one => one.id).toSorted())
      for (const placement of result.placements) {
        const on = given.hosts.find(one => one.id === placement.host)
        const placed = given.tasks.find(one => one.id === placement.task)
        assert.ok(on && placed && isEligible(on, placed))
      }
    }),
  )
})

test('no host is promised more than it has, unless it was already', () => {
  fc.assert(
    fc.property(anyInput, given => {
      const { running, result } = after(given)
      const before = new Map(placesOf(given.hosts, given.running).map(place => [place.host.id, place.free]))
      const touched = new Set(result.placements.map(p => p.host))
      for (const { host: on, free } of placesOf(given.hosts, running)) {
        if (!touched.has(on.id)) assert.deepEqual(free, before.get(on.id))
        else for (const name of RESOURCE_NAMES) assert.ok(free[name] >= -EPSILON * 10, `${on.id} has ${free[name]} ${name}`)
      }
    }),
  )
})

test('no quota is exceeded by a placement', () => {
  fc.assert(
    fc.property(anyInput, given => {
      const { running, result } = after(given)
      for (const { id, quota } of given.tenants) {
        const placedOne = result.placements.some(p =>
          given.tasks.some(one => one.id === p.task && one.tier === 'agent' && one.tenant === id),
        )
        if (quota && placedOne)
          for (const name of RESOURCE_NAMES) assert.ok(agentsUse(running, id)[name] <= capOf(quota)[name] + EPSILON * 10)
      }
    }),
  )
})

test('nothing is left over that still fits', () => {
  fc.assert(
    fc.property(anyInput, given => {
      const { running, result } = after(given)
      const places = placesOf(given.hosts, running)
      for (const { task: id } of result.leftOver) {
        const left = given.tasks.find(one => one.id === id)
        assert.ok(left)
        const quota = left.tier === 'agent' ? given.tenants.find(one => one.id === left.tenant)?.quota : undefined
        const use = agentsUse(running, left.tenant)
        add(use, left.resources)
        if (quota && !fits(use, capOf(quota))) continue
        const room = { cpu: -2 * EPSILON, memoryMb: -2 * EPSILON, diskMb: -2 * EPSILON }
        for (const place of places) {
          const free = { ...place.free }
          add(free, room)
          assert.ok(!(isEligible(place.host, left) && fits(left.resources, free)), `${id} fits on ${place.host.id}`)
        }
      }
    }),
  )
})

test('the order of the inputs does not matter', () => {
  fc.assert(
    fc.property(anyInput, given => {
      const reversed = {
        tasks: given.tasks.toReversed(),
        hosts: given.hosts.toReversed(),
        running: given.running.toReversed(),
        tenants: given.tenants.toReversed(),
      }
      assert.deepEqual(schedule(reversed).placements, schedule(given).placements)
    }),
  )
})

test('equal tasks of two teams are shared as their weights say, to within one task', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 30 }), (wx, wy, room) => {
      const tasks = ['x', 'y'].flatMap(name =>
        Array.from({ length: 40 }, (_, i) => task(`${name}${i}`, { tenant: tenantId(name), controller: controllerId(name) })),
      )
      const hosts = [host('h', { capacity: { cpu: room, memoryMb: 1024 * room, diskMb: 100_000 } })]
      const { placements } = schedule(input({ hosts, tasks, tenants: [tenant('x', { weight: wx }), tenant('y', { weight: wy })] }))
      const share = (name: string) => placements.filter(p => p.task.startsWith(name)).length
      const step = dominantShare(task('1').resources, { cpu: room, memoryMb: 1024 * room, diskMb: 100_000 })
      if (share('x') < 40 && share('y') < 40)
        assert.ok(Math.abs((share('x') * step) / wx - (share('y') * step) / wy) <= step / Math.min(wx, wy) + EPSILON)
    }),
  )
})

test('equals take turns: with room for five, three controllers of one team are served alike in the long run', () => {
  const names = ['a', 'b', 'c']
  const served = new Map(names.map(name => [name, 0]))
  let running: (RunningWork & { readonly endsAt: number; readonly since: number })[] = []
  for (let now = 0; now < 300; now++) {
    running = running.filter(({ endsAt }) => endsAt > now)
    const tasks = names.flatMap(name =>
      Array.from({ length: 3 }, (_, i) => task(`${name}-${now}-${i}`, { controller: controllerId(name), readyAt: 0 })),
    )
    const { placements } = schedule(
      input({ hosts: [host('h', { capacity: { cpu: 5, memoryMb: 8192, diskMb: 100_000 } })], tasks, running }),
    )
    for (const [i, placement] of placements.entries()) {
      const placed = tasks.find(({ id }) => id === placement.task)
      assert.ok(placed)
      served.set(placed.controller, (served.get(placed.controller) ?? 0) + 1)
      // Ends at different moments, as builds do.
      running.push({ ...placed, host: placement.host, since: now + i / 100, endsAt: now + 5 + ((now + i) % 3) })
    }
  }
  const counts = [...served.values()]
  assert.ok(Math.max(...counts) - Math.min(...counts) <= 6, `served ${[...served].join(' ')}`)
})

test('a task that asks for what is no amount is left over with its mend, and the others are placed', () => {
  const odd = task('odd', { resources: { cpu: -1, memoryMb: 1, diskMb: 1 } })
  const result = schedule(input({ hosts: [host('h')], tasks: [odd, task('1')] }))
  assert.deepEqual(result.placements, [{ task: '1', host: 'h' }])
  assert.deepEqual(reasonOf(result, 'odd'), {
    code: 'invalid-spec',
    message: 'odd asks for -1 cpu; it has to be a number of 0 or more.',
    mend: 'Correct the template.',
  })
})
