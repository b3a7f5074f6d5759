/** Places as the broker gives them with a scheduler that is kept: long waiters, preemption, lent hosts, engines that place by themselves. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BrokerWorld } from '../../tests/support/broker-world.ts'
import { type AgentId, type Controller, controllerId, itemId, MINUTE, SECOND, type Template, tenantId } from '../model/index.ts'
import { integer, seededRandom } from '../runtime/index.ts'

const sizeOf = (cpu: number) => ({ cpu, memoryMb: 512, diskMb: 100 })
/** Room for so many agents of one core beside the shares of a few controllers. */
const roomFor = (agents: number) => [{ capacity: { cpu: agents + 0.3, memoryMb: 64_000, diskMb: 1_000_000 } }]
const large = (cpu: number): Partial<Template> => ({
  id: 'large' as Template['id'],
  labels: ['large'],
  takesUnlabelled: false,
  resources: sizeOf(cpu),
})
const isDone = (world: BrokerWorld): boolean =>
  [...world.controllers.values()].every(({ waiting }) => waiting === 0) && world.live().length === 0
const reasonOf = (world: BrokerWorld, controller: string, item: string) =>
  world.store.get('demand', controller)?.items.find(({ id }) => id === item)?.reason
const eventsOf = async (world: BrokerWorld, agent: AgentId | undefined): Promise<string[]> =>
  (await world.store.events({ kind: 'agent', subject: agent ?? '', limit: 50 })).map(({ message }) => message)

test('a large agent gets a host that is emptied for it, however much small work goes on coming', async () => {
  await using world = await BrokerWorld.open({ hosts: roomFor(4) })
  await world.template(large(4))
  const [small, other] = [await world.controller('team-a'), await world.controller('team-b')]
  small.enqueue(8, { buildMs: 20 * SECOND })
  await world.until('the host is full', () => world.live().filter(({ phase }) => phase === 'busy').length === 4)
  const [item = ''] = other.enqueue(1, { label: 'large' })
  for (let round = 0; round < 40 && other.builds.length === 0; round++) {
    small.enqueue(2, { buildMs: 20 * SECOND })
    await world.clock.advance(10 * SECOND)
  }
  assert.equal(other.builds[0]?.item, item)
  await world.until('all ran', () => isDone(world), 10 * MINUTE)
  assert.equal(world.mostRunning, 4)
})

test('a team that comes last has its turn though others have waited for longer than a host is emptied for', async () => {
  await using world = await BrokerWorld.open({ hosts: roomFor(2), tenants: [{}, { id: tenantId('late') }] })
  const [many, late] = [await world.controller('team-a'), await world.controller('team-b', 'late')]
  many.enqueue(60, { buildMs: 20 * SECOND })
  await world.clock.advance(5 * MINUTE)
  assert.ok(many.waiting > 20)
  late.enqueue(4, { buildMs: 5 * SECOND })
  const ms = await world.until('its builds ran', () => late.builds.filter(({ result }) => result === 'SUCCESS').length === 4, 5 * MINUTE)
  assert.ok(ms <= 2 * MINUTE, `${ms} ms`)
})

const policyWorld = (preemptible: boolean): Promise<BrokerWorld> =>
  BrokerWorld.open({
    hosts: roomFor(3),
    tenants: [
      { id: tenantId('lab'), policy: { preemptible } },
      { id: tenantId('web'), guarantee: { cpu: 2 } },
    ],
  })

test('a team that is owed room gets it from the preemptible one that has lost least, and what was stopped says so', async () => {
  await using world = await policyWorld(true)
  const [lab, web] = [await world.controller('lab', 'lab'), await world.controller('web', 'web')]
  const [longest = ''] = lab.enqueue(1, { buildMs: 20 * MINUTE })
  await world.until('the first builds', () => world.live()[0]?.phase === 'busy')
  await world.clock.advance(3 * MINUTE)
  lab.enqueue(2, { buildMs: 20 * MINUTE })
  await world.until('the host is full', () => world.live().filter(({ phase }) => phase === 'busy').length === 3)
  web.enqueue(1, { buildMs: 30 * SECOND })
  await world.until('the web builds', () => web.builds.length === 1, 30 * SECOND)
  const stopped = world.agents().filter(({ reason }) => reason?.code === 'preempted')
  assert.equal(stopped.length, 1)
  assert.notEqual(stopped[0]?.item, longest)
  assert.match(stopped[0]?.reason?.message ?? '', /make room on host-0 for an agent of team web.* Its build job-\d #\d was lost\./)
  assert.ok(stopped[0]?.reason?.mend)
  assert.ok((await eventsOf(world, stopped[0]?.id)).some(message => /is ending\. It was stopped to make room/.test(message)))
  assert.equal(world.stoppedBuilding.length, 1)
  await world.until('the web is done', () => web.builds[0]?.result === 'SUCCESS', MINUTE)
  assert.deepEqual(world.errors, [])
})

test('an agent without a build is stopped before one that builds; its item says so and gets the next one', async () => {
  await using world = await policyWorld(true)
  const [lab, web] = [await world.controller('lab', 'lab'), await world.controller('web', 'web')]
  lab.enqueue(2, { buildMs: 2 * MINUTE })
  await world.until('two build', () => world.live().filter(({ phase }) => phase === 'busy').length === 2)
  const [item = ''] = lab.enqueue(1, { buildMs: 10 * SECOND })
  await world.until('its agent is on its way', () => world.live().some(agent => agent.item === item && agent.phase === 'launching'))
  web.enqueue(1, { buildMs: 30 * SECOND })
  const told = new Set<string>()
  const noted = (): boolean => {
    const reason = reasonOf(world, 'lab', item)
    if (reason?.code === 'preempted' || /stopped for others/.test(reason?.message ?? '')) told.add(reason?.code ?? '')
    return web.builds.length === 1
  }
  await world.until('the web builds', noted, 30 * SECOND, 1)
  assert.deepEqual(world.stoppedBuilding, [])
  assert.ok(told.has('preempted'), [...told].join())
  assert.equal(world.agents().find(agent => agent.item === item && agent.attempt === 1)?.reason?.code, 'preempted')
  await world.until('it waits again', () =>
    /Its agent before was stopped for others\. It asks for/.test(reasonOf(world, 'lab', item)?.message ?? ''),
  )
  await world.until('all ran', () => isDone(world), 5 * MINUTE)
  assert.deepEqual(
    lab.builds.map(({ result }) => result),
    ['SUCCESS', 'SUCCESS', 'SUCCESS'],
  )
  assert.deepEqual(world.agents().find(agent => agent.item === item && agent.attempt === 2)?.build?.result, 'SUCCESS')
})

test('nobody is stopped for others whose policy does not allow it, whatever is owed', async () => {
  await using world = await policyWorld(false)
  const [lab, web] = [await world.controller('lab', 'lab'), await world.controller('web', 'web')]
  lab.enqueue(3, { buildMs: MINUTE })
  await world.until('the host is full', () => world.live().filter(({ phase }) => phase === 'busy').length === 3)
  web.enqueue(1)
  await world.until('all ran', () => isDone(world), 5 * MINUTE)
  assert.deepEqual(world.stoppedBuilding, [])
  assert.ok(world.agents().every(({ reason }) => reason?.code !== 'preempted'))
})

test('a Manor that is killed while it makes room goes on: one is stopped, no item is lost, no room given twice', async () => {
  for (let calls = 1; calls <= 24; calls += 2) {
    await using world = await policyWorld(true)
    const [lab, web] = [await world.controller('lab', 'lab'), await world.controller('web', 'web')]
    lab.enqueue(3, { buildMs: MINUTE })
    await world.until('the host is full', () => world.live().filter(({ phase }) => phase === 'busy').length === 3)
    world.killAfter(calls)
    web.enqueue(1, { buildMs: 20 * SECOND })
    await world.clock.advance(2 * SECOND)
    await world.killManor()
    await world.clock.advance(SECOND)
    await world.startManor()
    await world.until(`the web builds (${calls})`, () => web.builds.length === 1, MINUTE)
    assert.equal(world.stoppedBuilding.length, 1, `killed at call ${calls}`)
    assert.ok(world.mostRunning <= 3, `killed at call ${calls}`)
    await world.until(`all is over (${calls})`, () => isDone(world), 10 * MINUTE)
  }
})

test('what runs tells when its place comes free, once its job is known', async () => {
  await using world = await BrokerWorld.open({ hosts: roomFor(1) })
  const controller = await world.controller('team-a')
  for (let build = 0; build < 3; build++) {
    controller.enqueue(1, { buildMs: 3 * MINUTE, task: 'app' })
    await world.until('it ran', () => isDone(world), 5 * MINUTE)
  }
  controller.enqueue(1, { buildMs: 3 * MINUTE, task: 'app' })
  await world.until('it builds', () => world.live()[0]?.phase === 'busy')
  await world.clock.advance(MINUTE)
  const [item = ''] = controller.enqueue(1, { task: 'app' })
  await world.clock.advance(3 * SECOND)
  assert.match(reasonOf(world, 'team-a', item)?.message ?? '', /ends within about 2 min\.$/)
  await world.clock.advance(90 * SECOND)
  const explanation = await world.broker.explainItem(controller.id, itemId(item))
  assert.match(explanation?.reason?.message ?? '', /ends within about \d+ s\.$/)
})

test('a constraint that no host meets is told with the attributes and values that there are', async () => {
  await using world = await BrokerWorld.open({ hosts: [{ attributes: { zone: 'a', disk: 'ssd' } }] })
  const controller = await world.controller('team-a')
  const table: [name: string, value: string, message: RegExp][] = [
    ['gpu', 'yes', /asks for the host attribute gpu, which none of 1 host has\. .*hosts have disk, zone/],
    ['zone', 'b', /asks for a host with zone=b, which none of 1 host is; for zone hosts have a\. .*correct the constraints/i],
  ]
  for (const [name, value, message] of table) {
    await world.template({ id: name as Template['id'], labels: [name], takesUnlabelled: false, constraints: { [name]: value } })
    const [item = ''] = controller.enqueue(1, { label: name })
    await world.clock.advance(SECOND)
    const reason = reasonOf(world, 'team-a', item)
    assert.match(`${reason?.message} ${reason?.mend}`, message)
  }
})

test('an engine that picks hosts by itself and tells of none is given whatever quotas allow', async () => {
  const quota = { cpu: 3 }
  await using world = await BrokerWorld.open({ hosts: [], placement: 'engine', tenants: [{ quota }] })
  await world.template({ constraints: { zone: 'a' } })
  const controller = await world.controller('team-a')
  controller.enqueue(6)
  await world.until('as many as its quota allows run', () => world.engine.running().length === 3)
  await world.clock.advance(2 * SECOND)
  assert.match(
    reasonOf(world, 'team-a', '4')?.message ?? reasonOf(world, 'team-a', '6')?.message ?? '',
    /uses 3 cores of its quota of 3 cores/,
  )
  await world.until('all ran', () => isDone(world), 2 * MINUTE)
  assert.equal(world.mostRunning, 3)
  assert.equal(world.engine.started.length, 6)
})

const LENT = [
  { id: 'node-0', capacity: { cpu: 2, memoryMb: 8_000, diskMb: 100_000 }, ports: [{ first: 31_000, last: 31_009 }] },
  { id: 'node-1', capacity: { cpu: 2, memoryMb: 8_000, diskMb: 100_000 }, ports: [{ first: 31_000, last: 31_009 }] },
]

test('lent hosts: agents are started from offers, offers are asked for while somebody waits, and given back when old', async () => {
  await using world = await BrokerWorld.open({ lent: LENT })
  const { lender } = world
  assert.ok(lender)
  const controller = await world.controller('team-a')
  assert.equal(lender.wanted.size, 0)
  controller.enqueue(10, { buildMs: 3 * SECOND })
  await world.until('the engine is told who waits', () => lender.wanted.has(tenantId('default')), SECOND, 1)
  await world.until('all ran', () => isDone(world), 2 * MINUTE)
  assert.deepEqual(lender.broken, [])
  assert.equal(world.engine.started.length, 10)
  assert.equal(world.mostRunning, 4)
  assert.deepEqual([...new Set(lender.assigned.map(({ host }) => host))].toSorted(), ['node-0', 'node-1'])
  assert.equal(lender.wanted.size, 0)
  assert.deepEqual(world.errors, [])
  // One host is enough for one more, so the other's offer is held, and then given back.
  controller.enqueue(1)
  await world.until('it ran', () => isDone(world), MINUTE)
  assert.equal(lender.outstanding.length, 1)
  await world.clock.advance(3 * MINUTE)
  assert.deepEqual(lender.outstanding, [])
  assert.ok(lender.declined.some(({ refuseMs }) => refuseMs > 0))
})

test('lent hosts: a place that was taken back before the start is no failed attempt', async () => {
  for (let seed = 1; seed <= 6; seed++) {
    const random = seededRandom(seed)
    await using world = await BrokerWorld.open({ lent: LENT, seed })
    const controller = await world.controller('team-a')
    controller.enqueue(8, { buildMs: 2 * SECOND })
    for (let step = 0; step < 60; step++) {
      await world.clock.advance(integer(random, 30))
      world.lender?.rescind(`node-${integer(random, 2)}`)
    }
    await world.until(`all ran (seed ${seed})`, () => isDone(world), 3 * MINUTE)
    assert.deepEqual(world.lender?.broken, [], `seed ${seed}`)
    assert.equal(world.engine.started.length, 8, `seed ${seed}`)
    assert.ok(
      world.agents().every(({ attempt, reason }) => attempt === 1 && reason === undefined),
      `seed ${seed}`,
    )
  }
})

test('lent hosts: Manor is killed at any call, and nothing is started but from offers that are its own', async () => {
  for (let seed = 1; seed <= 8; seed++) {
    const random = seededRandom(seed)
    await using world = await BrokerWorld.open({ lent: LENT, seed })
    const controller = await world.controller('team-a')
    for (let kill = 0; kill < 5; kill++) {
      controller.enqueue(3, { buildMs: 500 + integer(random, 4_000) })
      world.killAfter(1 + integer(random, 40))
      await world.clock.advance(integer(random, 4_000))
      await world.killManor()
      await world.clock.advance(integer(random, 8_000))
      await world.startManor()
    }
    await world.until(`all ran (seed ${seed})`, () => isDone(world), 5 * MINUTE)
    assert.deepEqual(world.lender?.broken, [], `seed ${seed}`)
    assert.equal(new Set(world.engine.started).size, 15, `seed ${seed}`)
  }
})

test('lent hosts: nothing is offered, and what waits says so; a controller gets ports and the number of its run with its place', async () => {
  await using world = await BrokerWorld.open({ lent: LENT })
  const running = await world.controller('team-a')
  const row = world.store.get('controller', 'team-a')
  assert.ok(row)
  const pending: Controller = { ...row, id: controllerId('team-b'), phase: 'pending', epoch: 0, spec: { ...row.spec, cpu: 2 } }
  await world.store.transact(tx => {
    tx.put('controller', pending)
    tx.event({ kind: 'controller', subject: 'team-b', type: 'created', actor: 'test', message: '' })
  })
  const ask = async () => {
    const place = world.broker.placeController(pending)
    await world.clock.advance(20)
    return place
  }
  const refused = await ask()
  assert.ok('reason' in refused)
  assert.match(refused.reason.message, /engine offers no host now/)
  await world.clock.advance(SECOND)
  const given = await ask()
  assert.ok('host' in given && given.ports !== undefined && given.epoch !== undefined)
  assert.equal(given.ports.length, 1)
  assert.ok(given.ports.every(port => port >= 31_000 && port <= 31_009))
  const use = world.lender?.assigned.find(({ workload }) => workload === `team-b.${given.epoch}`)
  assert.deepEqual([use?.host, use?.ports], [given.host, given.ports])
  running.enqueue(1)
  await world.until('agents go on', () => isDone(world), MINUTE)
})

test('lent hosts: a controller that asks again takes the place that it was given meanwhile, though nothing else is offered', async () => {
  await using world = await BrokerWorld.open({ lent: LENT.slice(0, 1) })
  await world.controller('team-a')
  const row = world.store.get('controller', 'team-a')
  assert.ok(row)
  const pending: Controller = { ...row, id: controllerId('team-b'), phase: 'pending', epoch: 0, spec: { ...row.spec, cpu: 2 } }
  await world.store.transact(tx => {
    tx.put('controller', pending)
    tx.event({ kind: 'controller', subject: 'team-b', type: 'created', actor: 'test', message: '' })
  })
  assert.ok('reason' in (await world.broker.placeController(pending)))
  const uses = () => (world.lender?.assigned ?? []).filter(({ workload }) => workload.startsWith('team-b.'))
  await world.until('it was given a place meanwhile', () => uses().length === 1, 10 * SECOND)
  const asked = world.broker.placeController(pending)
  await world.clock.advance(20)
  const given = await asked
  assert.ok('host' in given, JSON.stringify(given))
  assert.deepEqual([`team-b.${given.epoch}`, given.host, given.ports], [uses()[0]?.workload, uses()[0]?.host, uses()[0]?.ports])
  assert.equal(uses().length, 1)
})
