import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BAD_COMMANDS, BrokerWorld } from '../../tests/support/broker-world.ts'
import { type Agent, agentId, controllerId, itemId, MINUTE, SECOND, tenantId, workloadId } from '../model/index.ts'
import { integer, seededRandom } from '../runtime/index.ts'
import type { HookErrorCode } from './hook-service.ts'
import { SPARE_GRACE_MS } from './life.ts'

const CORE = { cpu: 1, memoryMb: 512, diskMb: 100 }
/** Room for so many agents of the default template beside one controller. */
/** Room for so many agents of one core beside the share of one controller. */
const roomFor = (agents: number) => [{ capacity: { cpu: agents + 0.05, memoryMb: 64_000, diskMb: 1_000_000 } }]

const startsPerItem = (world: BrokerWorld): Map<string, number> => {
  const counts = new Map<string, number>()
  for (const agent of world.agents()) {
    if (agent.launchedAt === undefined) continue
    const key = `${agent.controller}/${agent.item}`
    counts.set(key, (counts.get(key) ?? 0) + 1)
  }
  return counts
}
const reasonOf = (world: BrokerWorld, controller: string, item: string) =>
  world.store.get('demand', controller)?.items.find(({ id }) => id === item)?.reason
const allDone = (world: BrokerWorld): boolean =>
  [...world.controllers.values()].every(({ waiting }) => waiting === 0) && world.live().length === 0

test('an item gets one agent, which runs it and is taken down', async () => {
  await using world = await BrokerWorld.open()
  const controller = await world.controller('team-a')
  const [item = ''] = controller.enqueue(1)
  await world.until('the agent runs', () => world.engine.running().length > 0)
  assert.deepEqual(
    world.engine.running().map(({ account }) => account),
    ['agents/team-a'],
  )
  await world.until('the build ran', () => controller.builds[0]?.result === 'SUCCESS')
  await world.until('the agent ended', () => world.live().length === 0)
  const [agent, ...others] = world.agents()
  assert.equal(others.length, 0)
  assert.deepEqual(world.errors, [])
  assert.equal(agent?.item, item)
  assert.equal(agent?.build?.result, 'SUCCESS')
  assert.equal(agent?.reason, undefined)
  assert.equal(world.engine.started.length, 1)
  await world.until('its directory is gone', () => world.directories.there.size === 0, 5 * SECOND)
  const { queuedAt, placedAt, launchedAt, onlineAt, busyAt, endedAt } = agent ?? {}
  const times = [queuedAt, placedAt, launchedAt, onlineAt, busyAt, endedAt]
  assert.ok(times.every(time => time !== undefined))
  assert.deepEqual(times, times.toSorted())
  const [build] = await world.store.builds({ limit: 10 })
  assert.equal(build?.agent, agent?.id)
  assert.equal(build?.result, 'SUCCESS')
})

test('an agent is asked for with its secret in a private file, the controller’s own address and what it needs of the host', async () => {
  await using world = await BrokerWorld.open()
  const controller = await world.controller('team-a')
  controller.enqueue(1)
  await world.until('it runs', () => world.engine.running().length === 1)
  const [workload] = world.engine.running()
  const name = workload?.labels.noun ?? ''
  assert.match(name, /^team-a-1-1-[a-z0-9]{5}$/)
  assert.deepEqual(workload?.labels, { owner: 'test-owner', kind: 'agent', noun: name, epoch: 1 })
  assert.deepEqual(workload?.command, ['agent', 'http://127.0.0.1:8080/team-a/', name])
  assert.deepEqual(workload?.files, [{ path: 'agent-secret', content: `secret of ${name}`, mode: 0o600 }])
  assert.deepEqual(workload?.mounts.map(({ source, readOnly }) => `${source} ${readOnly ? 'ro' : 'rw'}`).toSorted(), [
    '/jars rw',
    '/java ro',
    '/programs ro',
    '/programs/jenkins.war ro',
    `/work/${name} rw`,
  ])
  assert.ok(!JSON.stringify(await world.store.events({ limit: 100 })).includes('secret of'))
})

test('what happens between demand and the start costs well under 100 ms', async () => {
  await using world = await BrokerWorld.open()
  const controller = await world.controller('team-a')
  await world.clock.advance(3 * SECOND)
  controller.enqueue(1)
  const ms = await world.until('the engine was asked', () => world.engine.started.length > 0, 100, 1)
  assert.ok(ms < 60, `${ms} ms`)
})

test('two controllers share what there is in fair turns, and never use more', async () => {
  await using world = await BrokerWorld.open({ hosts: roomFor(4.5) })
  const [a, b] = [await world.controller('team-a'), await world.controller('team-b')]
  a.enqueue(10)
  await world.clock.advance(20)
  b.enqueue(10)
  await world.until('all ran', () => allDone(world), 5 * MINUTE)
  assert.equal(world.mostRunning, 4)
  assert.deepEqual([a.builds.length, b.builds.length], [10, 10])
  assert.equal(world.engine.started.length, 20)
  // Though team-a asked first for everything, neither is ever far ahead.
  const order = world
    .agents()
    .toSorted((x, y) => (x.busyAt ?? 0) - (y.busyAt ?? 0))
    .map(({ controller }) => controller)
  let ahead = 0
  for (const [i, controller] of order.entries()) {
    ahead += controller === 'team-a' ? 1 : -1
    if (i >= 4) assert.ok(Math.abs(ahead) <= 4, `team-a is ${ahead} ahead after ${i + 1} builds`)
  }
})

test('a team’s quota is kept over its controllers, and the waiting item says so', async () => {
  const quota = { cpu: 2, memoryMb: 4_096, diskMb: 10_000 }
  await using world = await BrokerWorld.open({ tenants: [{ id: tenantId('default'), quota }] })
  const [a, b] = [await world.controller('team-a'), await world.controller('team-b')]
  a.enqueue(3)
  b.enqueue(3)
  await world.clock.advance(3 * SECOND)
  const waiting = world.store.list('demand').flatMap(({ items }) => items)
  assert.ok(waiting.some(({ reason }) => reason?.code === 'quota' && /team default uses 2 cores/.test(reason.message)))
  await world.until('all ran', () => allDone(world), 5 * MINUTE)
  assert.equal(world.mostRunning, 2)
  assert.equal(world.engine.started.length, 6)
})

test('each waiting item says why it waits', async () => {
  await using world = await BrokerWorld.open({ hosts: roomFor(1) })
  const controller = await world.controller('team-a')
  await world.template({ id: 'big' as Agent['template'], labels: ['big'], takesUnlabelled: false, resources: { ...CORE, cpu: 64 } })
  const [first = '', second = ''] = controller.enqueue(2, { buildMs: MINUTE })
  const [unknown = ''] = controller.enqueue(1, { label: 'windows && java' })
  const [big = ''] = controller.enqueue(1, { label: 'big' })
  await world.clock.advance(5 * SECOND)
  assert.equal(controller.builds[0]?.item, first)
  const told = Object.fromEntries([second, unknown, big].map(item => [item, reasonOf(world, 'team-a', item)]))
  assert.equal(told[second]?.code, 'no-capacity')
  assert.match(
    told[second]?.message ?? '',
    /asks for 1 core, 512 MB memory and 1 GB disk; no host has that free: closest is host-0 with 0 cores/,
  )
  assert.equal(told[unknown]?.code, 'no-template')
  assert.match(told[unknown]?.message ?? '', /No template has label windows && java; known labels: big, linux/)
  assert.match(told[big]?.message ?? '', /largest of 1 host has 1.05 cores/)
  for (const reason of Object.values(told)) assert.ok(reason?.mend)
  const explanation = await world.broker.explainItem(controller.id, itemId(second))
  assert.equal(explanation?.reason?.code, 'no-capacity')
  assert.ok(explanation?.timeline.some(({ message }) => /waits for a place/.test(message)))
  assert.equal(await world.broker.explainItem(controller.id, itemId('999')), undefined)
})

test('an item whose agent was taken gets the other’s agent instead of a new one', async () => {
  await using world = await BrokerWorld.open({ hosts: roomFor(1) })
  await world.template({ labels: ['linux', 'java'] })
  const controller = await world.controller('team-a')
  // The controller prefers the older item, whatever agent was started for which: cancelled and new items shift them all.
  const [first = ''] = controller.enqueue(1, { label: 'linux' })
  await world.until('an agent is on its way', () => world.engine.running().length === 1)
  controller.cancel(first)
  controller.enqueue(1, { label: 'java' })
  await world.until('all ran', () => allDone(world))
  assert.equal(world.engine.started.length, 1)
  assert.equal(world.agents().filter(({ launchedAt }) => launchedAt !== undefined)[0]?.item, '2')
})

test('many items with mixed labels cost one start each, though the controller gives them to whichever agent fits', async () => {
  await using world = await BrokerWorld.open({ hosts: roomFor(6), connectMs: 1_500 })
  await world.template({ labels: ['linux', 'java', 'node'] })
  const [a, b] = [await world.controller('team-a'), await world.controller('team-b')]
  for (let i = 0; i < 10; i++) {
    a.enqueue(1, { label: ['linux', 'java', 'node && linux'][i % 3] ?? '', buildMs: 500 + i * 700 })
    b.enqueue(1, i % 2 === 0 ? { buildMs: 3_000 } : { label: 'java', buildMs: 1_000 })
    await world.clock.advance(120)
  }
  await world.until('all ran', () => allDone(world), 5 * MINUTE)
  assert.equal(world.engine.started.length, 20)
  for (const [item, starts] of startsPerItem(world)) assert.equal(starts, 1, item)
})

test('a spare agent is kept for a while, then its node goes first and its process after it', async () => {
  await using world = await BrokerWorld.open()
  const controller = await world.controller('team-a')
  const [item = ''] = controller.enqueue(1)
  await world.until('it runs', () => world.engine.running().length === 1)
  controller.cancel(item)
  await world.clock.advance(10 * SECOND)
  assert.equal(world.live()[0]?.phase, 'online')
  await world.until('the node is gone', () => controller.nodeNames.length === 0, 10 * SECOND, 1)
  assert.equal(world.engine.running().length, 1)
  await world.until('the agent ended', () => world.live().length === 0, 2 * SECOND)
  assert.equal(world.agents()[0]?.reason?.code, 'superseded')
})

test('a spare agent takes an item that comes within the grace', async () => {
  await using world = await BrokerWorld.open()
  const controller = await world.controller('team-a')
  const [item = ''] = controller.enqueue(1)
  await world.until('it is online', () => world.live()[0]?.phase === 'launching')
  controller.cancel(item)
  await world.clock.advance(8 * SECOND)
  controller.enqueue(1)
  await world.until('all ran', () => allDone(world))
  assert.equal(world.engine.started.length, 1)
})

test('an item that comes while a spare agent is being ended is never cut off, whatever the moment', async () => {
  for (let offset = -6; offset <= 24; offset += 1) {
    await using world = await BrokerWorld.open()
    const controller = await world.controller('team-a')
    const [item = ''] = controller.enqueue(1)
    await world.until('it is on its way', () => world.live()[0]?.phase === 'launching')
    controller.cancel(item)
    // The grace begins anew once it is connected.
    await world.until('it is connected', () => world.live()[0]?.phase === 'online', 5 * SECOND, 1)
    await world.clock.advance(SPARE_GRACE_MS + offset)
    controller.enqueue(1, { buildMs: 2_000 })
    await world.until('all ran', () => allDone(world), MINUTE)
    assert.deepEqual(world.stoppedBuilding, [], `offset ${offset}`)
    assert.deepEqual(
      controller.builds.map(({ result }) => result),
      ['SUCCESS'],
      `offset ${offset}`,
    )
  }
})

test('nothing is reaped on the word of a hook that is silent', async () => {
  let silent = false
  await using world = await BrokerWorld.open({ lossOf: () => (silent ? 'asked' : undefined) })
  const controller = await world.controller('team-a')
  const [item = ''] = controller.enqueue(2, { buildMs: 10 * SECOND })
  await world.until('both are on their way', () => world.engine.running().length === 2)
  controller.cancel(item)
  await world.until('both are connected', () => world.live().every(({ phase }) => phase === 'busy' || phase === 'online'))
  silent = true
  await world.clock.advance(5 * MINUTE)
  assert.equal(world.engine.running().length, 2)
  silent = false
  await world.until('all is done', () => allDone(world), MINUTE)
})

test('a controller that builds is looked at once a minute while its hook says the same, and at once when anything changes', async () => {
  let silent = false
  await using world = await BrokerWorld.open({ lossOf: () => (silent ? 'asked' : undefined) })
  const controller = await world.controller('team-a')
  controller.enqueue(2, { buildMs: 20 * MINUTE })
  await world.until('both build', () => world.live().filter(({ phase }) => phase === 'busy').length === 2, MINUTE)
  let looks = 0
  const { store } = world
  const by = store.by.bind(store)
  // Which only a look asks for.
  store.by = (index, key) => {
    if (index === 'agentsOfController') looks++
    return by(index, key)
  }
  const looksWithin = async (ms: number): Promise<number> => {
    looks = 0
    await world.clock.advance(ms)
    return looks
  }
  await world.clock.advance(MINUTE)
  const calm = await looksWithin(5 * MINUTE)
  assert.ok(calm >= 4 && calm <= 6, `${calm} looks in five minutes`)
  const cases: readonly (readonly [what: string, change: () => unknown])[] = [
    ['an item', () => controller.enqueue(1, { buildMs: SECOND })],
    ['its controller', () => world.changeController('team-a', { restartsWanted: 1 })],
    [
      'one of its agents',
      () => world.engine.end(workloadId(`agent.${world.live()[0]?.id}`), { code: 'oom-container', message: 'It was killed.' }, 137),
    ],
  ]
  for (const [what, change] of cases) {
    await world.clock.advance(MINUTE)
    looks = 0
    await change()
    await world.until(what, () => looks > 0, 2 * SECOND)
  }
  // A hook that says nothing is not one that says the same, however lately the controller was looked at.
  await world.clock.advance(2 * MINUTE)
  looks = 0
  await world.until('the look of a minute', () => looks > 0, 2 * MINUTE)
  silent = true
  await world.clock.advance(31 * SECOND)
  assert.ok((await looksWithin(12 * SECOND)) > 0)
})

test('an item that leaves the queue before anything was started costs no start', async () => {
  await using world = await BrokerWorld.open({ hosts: roomFor(0.2) })
  const controller = await world.controller('team-a')
  const [item = ''] = controller.enqueue(1)
  await world.until('it waits for a place', () => world.live()[0]?.phase === 'queued')
  controller.cancel(item)
  await world.until('it ended', () => world.live().length === 0, 2 * SECOND)
  assert.equal(world.engine.started.length, 0)
})

test('a template whose command ends at once costs few starts, says so, and is tried at once when it was changed', async () => {
  await using world = await BrokerWorld.open()
  await world.template({ command: BAD_COMMANDS.exitsAtOnce })
  const controller = await world.controller('team-a')
  const items = controller.enqueue(20)
  await world.clock.advance(MINUTE)
  assert.ok(world.engine.started.length >= 3 && world.engine.started.length <= 4, `${world.engine.started.length} starts`)
  for (const item of items) {
    const reason = reasonOf(world, 'team-a', item)
    assert.equal(reason?.code, 'template-broken')
    assert.match(reason?.message ?? '', /next try is due in \d+ s|being tried/)
    assert.match(reason?.message ?? '', /exit code 1/)
    assert.ok(reason?.mend)
  }
  await world.clock.advance(10 * MINUTE)
  assert.ok(world.engine.started.length <= 9, `${world.engine.started.length} starts`)
  await world.template({})
  await world.until('all ran', () => allDone(world), 3 * MINUTE)
  assert.equal(controller.builds.length, 20)
})

test('a broken template is broken for its controller alone, and a restart of Manor does not forget it', async () => {
  await using world = await BrokerWorld.open()
  await world.template({ id: 'bad' as Agent['template'], labels: ['bad'], takesUnlabelled: false, command: BAD_COMMANDS.exitsAtOnce })
  const [a, b] = [await world.controller('team-a'), await world.controller('team-b')]
  a.enqueue(5, { label: 'bad' })
  b.enqueue(2)
  await world.clock.advance(20 * SECOND)
  assert.equal(b.builds.filter(({ result }) => result === 'SUCCESS').length, 2)
  const before = world.engine.started.length
  await world.killManor()
  await world.startManor()
  await world.clock.advance(5 * SECOND)
  assert.equal(world.engine.started.length, before)
})

test('an agent that never connects is given up with a reason, and its item gets another', async () => {
  await using world = await BrokerWorld.open()
  await world.template({ command: BAD_COMMANDS.neverConnects, connectTimeoutMs: 20 * SECOND })
  const controller = await world.controller('team-a')
  controller.enqueue(1)
  await world.clock.advance(23 * SECOND)
  await world.until('the first was given up', () => world.agents().some(({ phase }) => phase === 'ended'), 5 * SECOND)
  const [first] = world.agents()
  assert.equal(first?.reason?.code, 'never-connected')
  assert.match(first?.reason?.message ?? '', /within 20 s/)
  await world.until(
    'the second runs',
    () => world.agents().some(({ attempt, phase }) => attempt === 2 && phase === 'launching'),
    20 * SECOND,
  )
  assert.equal(world.engine.running().length, 1)
})

test('an agent that is killed before its build is replaced; one that is killed while it builds is not, and says why', async () => {
  await using world = await BrokerWorld.open({ connectMs: 3_000 })
  const controller = await world.controller('team-a')
  const [first = ''] = controller.enqueue(1, { buildMs: 30 * SECOND })
  await world.until('it runs', () => world.engine.running().length === 1)
  const oom = { code: 'oom-container', message: 'It needed more than its 512 MB.' } as const
  world.engine.end(workloadId(`agent.${world.live()[0]?.id}`), oom, 137)
  await world.until('it builds', () => world.live()[0]?.phase === 'busy')
  assert.deepEqual(
    world.agents().map(({ attempt, phase, reason }) => [attempt, phase, reason?.code]),
    [
      [1, 'ended', 'oom-container'],
      [2, 'busy', undefined],
    ],
  )
  const second = world.live()[0]
  world.engine.end(workloadId(`agent.${second?.id}`), oom, 137)
  await world.until('it ended', () => world.live().length === 0, 5 * SECOND)
  const ended = world.store.get('agent', second?.id ?? '')
  assert.equal(ended?.reason?.code, 'oom-container')
  assert.match(ended?.reason?.message ?? '', /while it ran its build/)
  await world.clock.advance(MINUTE)
  assert.equal(controller.builds.find(({ item }) => item === first)?.result, 'FAILURE')
  assert.equal(world.engine.started.length, 2)
  const explanation = await world.broker.explainAgent(agentId(second?.id ?? ''))
  assert.equal(explanation?.reason?.code, 'oom-container')
  assert.ok((explanation?.timeline.length ?? 0) >= 5)
})

test('a node that the controller cannot make is told in its own words', async () => {
  await using world = await BrokerWorld.open()
  const controller = await world.controller('team-a')
  controller.refuseAll = 'The label is not allowed here.'
  const [item = ''] = controller.enqueue(1)
  await world.until('it was given up', () => world.agents().some(({ phase }) => phase === 'ended'), 30 * SECOND)
  assert.equal(world.agents()[0]?.reason?.code, 'node-refused')
  await world.until('the item says so', () => /not allowed here/.test(reasonOf(world, 'team-a', item)?.message ?? ''))
  controller.refuseAll = undefined
  await world.until('all ran', () => allDone(world), 2 * MINUTE)
})

test('a controller that is killed and comes back loses no agent that lives; nothing is reaped meanwhile', async () => {
  await using world = await BrokerWorld.open()
  const controller = await world.controller('team-a')
  controller.enqueue(2, { buildMs: 10 * SECOND })
  await world.until('both build', () => world.live().filter(({ phase }) => phase === 'busy').length === 2)
  const nodes = world.live().map(({ id }) => id)
  for (const node of nodes) controller.setAwaited(node, true)
  const back = controller.restart()
  await world.clock.advance(3 * SECOND)
  assert.deepEqual(
    world.live().map(({ phase }) => phase),
    ['busy', 'busy'],
  )
  await world.clock.advance(5 * SECOND)
  await back
  // Both are waited for by what resumes on them, longer than any grace.
  await world.clock.advance(3 * MINUTE)
  assert.deepEqual(
    world.live().map(({ phase }) => phase),
    ['busy', 'busy'],
  )
  assert.equal(world.engine.running().length, 2)
  for (const node of nodes) controller.setAwaited(node, false)
  await world.until('they are taken down', () => world.live().length === 0, 2 * MINUTE)
  assert.equal(world.engine.started.length, 2)
})

test('agents live through a restart of Manor in mid-build', async () => {
  await using world = await BrokerWorld.open()
  const controller = await world.controller('team-a')
  controller.enqueue(3, { buildMs: 30 * SECOND })
  await world.until('all build', () => world.live().filter(({ phase }) => phase === 'busy').length === 3)
  await world.stopManor()
  await world.clock.advance(5 * SECOND)
  await world.startManor()
  await world.until('all ran', () => allDone(world), MINUTE)
  assert.equal(world.engine.started.length, 3)
  assert.deepEqual(
    controller.builds.map(({ result }) => result),
    ['SUCCESS', 'SUCCESS', 'SUCCESS'],
  )
})

test('builds that ended while Manor was away are known when it is back', async () => {
  await using world = await BrokerWorld.open()
  const controller = await world.controller('team-a')
  controller.enqueue(3, { buildMs: 5 * SECOND })
  await world.until('all build', () => world.live().filter(({ phase }) => phase === 'busy').length === 3)
  await world.killManor()
  await world.clock.advance(MINUTE)
  await world.startManor()
  await world.until('all were taken down', () => world.live().length === 0, 30 * SECOND)
  await world.clock.advance(2 * SECOND)
  assert.equal(world.engine.started.length, 3)
  const builds = await world.store.builds({ limit: 10 })
  assert.deepEqual(
    builds.map(({ result }) => result),
    ['SUCCESS', 'SUCCESS', 'SUCCESS'],
  )
})

test('a controller that is stopped: what was not started is given up, and at the end its agents are taken down', async () => {
  await using world = await BrokerWorld.open({ hosts: roomFor(1) })
  const controller = await world.controller('team-a')
  controller.enqueue(3, { buildMs: 20 * SECOND })
  await world.until('one builds', () => world.live().some(({ phase }) => phase === 'busy'))
  await world.changeController('team-a', { wanted: 'stopped', phase: 'quieting' })
  await world.clock.advance(2 * SECOND)
  assert.deepEqual(
    world.live().map(({ phase }) => phase),
    ['busy'],
  )
  assert.equal(reasonOf(world, 'team-a', '2')?.code, 'controller-not-ready')
  controller.kill()
  await world.changeController('team-a', { phase: 'stopped' })
  await world.until('its agents ended', () => world.live().length === 0, 10 * SECOND)
  assert.equal(world.engine.running().length, 0)
})

test('workloads that no row tells of are ended after a grace, and their traces removed', async () => {
  await using world = await BrokerWorld.open()
  const controller = await world.controller('team-a')
  controller.enqueue(1)
  await world.until('it runs', () => world.engine.running().length === 1)
  const [workload] = world.engine.running()
  assert.ok(workload)
  const labels = { ...workload.labels, noun: 'nobody' }
  const id = workloadId('agent.nobody')
  world.engine.plant({ id, labels, state: 'running', ports: {} }, { ...workload, id, labels })
  const ms = await world.until('it was ended', () => !world.engine.isRunning(id), MINUTE)
  assert.ok(ms >= 15 * SECOND && ms <= 50 * SECOND, `${ms} ms`)
  await world.until('it was removed', () => world.engine.workload(id) === undefined, 30 * SECOND)
})

/** As a power cut does that takes the newest commits. */
const loseRows = async (world: BrokerWorld, ...lost: readonly ['agent' | 'demand' | 'presence', string | undefined][]): Promise<void> => {
  await world.store.transact(tx => {
    for (const [kind, id = ''] of lost) {
      tx.remove(kind, id)
      if (kind === 'agent') tx.event({ kind, subject: id, type: 'changed', actor: 'test', message: '' })
    }
  })
}

test('an agent whose row is gone is not stopped under its build', async () => {
  await using world = await BrokerWorld.open()
  const controller = await world.controller('team-a')
  controller.enqueue(1, { buildMs: 2 * MINUTE })
  await world.until('it builds', () => world.live()[0]?.phase === 'busy')
  await loseRows(world, ['agent', world.live()[0]?.id])
  await world.clock.advance(MINUTE)
  assert.equal(world.engine.running().length, 1)
  await world.until('the build ran', () => controller.builds[0]?.result === 'SUCCESS', 2 * MINUTE)
  await world.until('nothing of it is left', () => world.engine.running().length === 0, 2 * MINUTE)
  assert.deepEqual(world.stoppedBuilding, [])
})

test('an agent whose row is gone is not stopped before its controller has said what it builds', async () => {
  let isCut = false
  await using world = await BrokerWorld.open({ lossOf: () => (isCut ? 'asked' : undefined) })
  const controller = await world.controller('team-a')
  controller.enqueue(1, { buildMs: 3 * MINUTE })
  await world.until('it builds', () => world.live()[0]?.phase === 'busy')
  isCut = true
  await world.stopManor()
  await loseRows(world, ['agent', world.live()[0]?.id], ['demand', 'team-a'], ['presence', 'team-a'])
  await world.startManor()
  await world.clock.advance(MINUTE)
  assert.equal(world.engine.running().length, 1)
  isCut = false
  await world.until('the build ran', () => controller.builds[0]?.result === 'SUCCESS', 3 * MINUTE)
  assert.deepEqual(world.stoppedBuilding, [])
})

test('lost answers and refusals of the engine change nothing in the end', async () => {
  for (let seed = 1; seed <= 8; seed++) {
    const random = seededRandom(seed)
    await using world = await BrokerWorld.open({
      seed,
      hosts: roomFor(3),
      faultOf: () => {
        const draw = random.next()
        return draw < 0.15 ? { kind: 'answer-lost' } : draw < 0.3 ? { kind: 'refused', retryable: true } : undefined
      },
    })
    const controller = await world.controller('team-a')
    controller.enqueue(8, { buildMs: 2_000 })
    await world.until(`all ran (seed ${seed})`, () => allDone(world), 5 * MINUTE)
    assert.equal(new Set(world.engine.started).size, world.engine.started.length)
    assert.equal(world.engine.started.length, 8, `seed ${seed}`)
  }
})

test('killed at any call, Manor goes on where it was: one agent for each item, and nothing is left behind', async () => {
  const seeds = Number(process.env.MANOR_SEEDS ?? 12)
  const first = Number(process.env.MANOR_SEED ?? 1)
  for (let seed = first; seed < first + seeds; seed++) {
    const random = seededRandom(seed)
    await using world = await BrokerWorld.open({ seed, hosts: roomFor(3) })
    const controllers = [await world.controller('team-a'), await world.controller('team-b')]
    for (let kill = 0; kill < 6; kill++) {
      for (const controller of controllers) controller.enqueue(1 + integer(random, 2), { buildMs: 500 + integer(random, 8_000) })
      world.killAfter(1 + integer(random, 60))
      await world.clock.advance(integer(random, 6_000))
      await world.killManor()
      await world.clock.advance(integer(random, 5_000))
      await world.startManor()
    }
    await world.until(`all ran (seed ${seed})`, () => allDone(world), 5 * MINUTE)
    const items = controllers.flatMap(({ builds }) => builds)
    assert.ok(
      items.every(({ result }) => result === 'SUCCESS'),
      `seed ${seed}`,
    )
    for (const [item, starts] of startsPerItem(world)) assert.equal(starts, 1, `item ${item}, seed ${seed}`)
    assert.equal(world.engine.started.length, items.length, `seed ${seed}`)
    await world.clock.advance(MINUTE)
    assert.equal(world.engine.running().length, 0, `seed ${seed}`)
    assert.deepEqual([...world.directories.there], [], `seed ${seed}`)
  }
})

test('hooks are told apart by run and session, and old words are not heard', async () => {
  await using world = await BrokerWorld.open()
  const controller = await world.controller('team-a')
  const { hook } = world.broker
  const hello = { session: 'another-session', epoch: 1, distribution: 'jenkins', version: '2', secured: true } as const
  const refused = (code: HookErrorCode) => ({ name: 'HookError', code })
  await assert.rejects(hook.hello(controllerId('nobody'), hello), refused('unknown-controller'))
  await assert.rejects(hook.hello(controller.id, { ...hello, epoch: 0 }), refused('stale-epoch'))
  const never = new AbortController().signal
  await assert.rejects(hook.wanted(controller.id, 'another-session', 0, 1, never), refused('unknown-session'))
  await assert.rejects(hook.events(controller.id, { session: 'another-session', events: [] }), refused('unknown-session'))
  controller.kill()
  await hook.hello(controller.id, hello)
  const load = { heapUsedMb: 0, heapMaxMb: 0, threads: 0, gcShare: 0, eventsDropped: 0 }
  const report = { session: hello.session, at: 0, itemsLeftOut: 0, nodes: [], quieting: false, appliedRevision: 0, load }
  await hook.report(controller.id, { ...report, seq: 5, running: 5, items: [] })
  await hook.report(controller.id, { ...report, seq: 4, running: 4, items: [] })
  assert.equal(world.store.get('presence', controller.id)?.running, 5)
})

test('a poll waits until something is wanted, a new one ends the old, and its revision grows over a restart', async () => {
  await using world = await BrokerWorld.open()
  const controller = await world.controller('team-a')
  controller.kill()
  await world.clock.advance(30 * SECOND)
  const session = 'poll-session'
  const { hook } = world.broker
  await hook.hello(controller.id, { session, epoch: 1, distribution: 'jenkins', version: '2', secured: true })
  const never = new AbortController().signal
  const first = await hook.wanted(controller.id, session, 0, 25, never)
  let answered = 0
  const old = hook.wanted(controller.id, session, first.revision, 25, never).then(() => answered++)
  await world.clock.advance(5 * SECOND)
  assert.equal(answered, 0)
  const next = hook.wanted(controller.id, session, first.revision, 25, never)
  await old
  await world.changeController('team-a', { phase: 'quieting', wanted: 'stopped' })
  const quiet = await next
  assert.ok(quiet.quiet && quiet.revision > first.revision)
  const aborted = await hook.wanted(controller.id, session, quiet.revision, 25, AbortSignal.abort())
  assert.equal(aborted.revision, quiet.revision)
  await world.killManor()
  await world.clock.advance(10)
  await world.startManor()
  await world.broker.hook.hello(controller.id, { session, epoch: 1, distribution: 'jenkins', version: '2', secured: true })
  const later = await world.broker.hook.wanted(controller.id, session, quiet.revision, 25, never)
  assert.ok(later.revision > quiet.revision)
  assert.deepEqual({ ...later, revision: 0 }, { ...quiet, revision: 0 })
})

test('events that are sent again are kept once', async () => {
  await using world = await BrokerWorld.open()
  const controller = await world.controller('team-a')
  controller.kill()
  const session = 'event-session'
  const { hook } = world.broker
  await hook.hello(controller.id, { session, epoch: 1, distribution: 'jenkins', version: '2', secured: true })
  const started = { seq: 1, at: 1_000, type: 'build-started', node: '', job: 'j', number: 1 } as const
  const finished = {
    seq: 2,
    at: 3_000,
    type: 'build-finished',
    node: '',
    job: 'j',
    number: 1,
    result: 'UNSTABLE',
    durationMs: 2_000,
  } as const
  assert.deepEqual(await hook.events(controller.id, { session, events: [started] }), { acknowledged: 1 })
  assert.deepEqual(await hook.events(controller.id, { session, events: [started, finished] }), { acknowledged: 2 })
  assert.deepEqual(await hook.events(controller.id, { session, events: [started, finished] }), { acknowledged: 2 })
  assert.equal((await world.store.events({ kind: 'build', limit: 10 })).length, 2)
  const [build] = await world.store.builds({ limit: 10 })
  assert.deepEqual([build?.startedAt, build?.endedAt, build?.result], [1_000, 3_000, 'UNSTABLE'])
})

test('a controller that found no place gets the next room before any agent', async () => {
  await using world = await BrokerWorld.open({ hosts: roomFor(2) })
  const controller = await world.controller('team-a')
  controller.enqueue(6, { buildMs: 10 * SECOND })
  await world.until('the host is full', () => world.engine.running().length === 2)
  const row = world.store.get('controller', 'team-a')
  assert.ok(row)
  const big = { ...row, id: controllerId('team-b'), phase: 'pending' as const, epoch: 0, spec: { ...row.spec, cpu: 18 } }
  await world.store.transact(tx => {
    tx.put('controller', big)
    tx.event({ kind: 'controller', subject: 'team-b', type: 'created', actor: 'test', message: '' })
  })
  const place = async () => {
    const given = world.broker.placeController(big)
    await world.clock.advance(1)
    return given
  }
  const refused = await place()
  assert.ok('reason' in refused && refused.reason.code === 'no-capacity')
  for (let waited = 0; ; waited += 5) {
    assert.ok(waited < 60, 'it never gets a place')
    await world.clock.advance(5 * SECOND)
    if ('host' in (await place())) break
  }
  assert.ok(controller.waiting > 0)
})
