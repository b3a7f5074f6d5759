/** Warm spares from a template to a build, with a controller and an engine on paper; what is decided is in decide.test.ts. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BrokerWorld } from '../../tests/support/broker-world.ts'
import { isSpare, MINUTE, SECOND, tenantId } from '../model/index.ts'
import { DEFAULT_TEMPLATE } from './templates.ts'

const roomFor = (agents: number) => [{ capacity: { cpu: agents + 0.3, memoryMb: 64_000, diskMb: 1_000_000 } }]
const onlineSpares = (world: BrokerWorld, controller?: string) =>
  world.live().filter(agent => isSpare(agent) && agent.phase === 'online' && (controller ?? agent.controller) === agent.controller)
const withSpares = async (world: BrokerWorld, spares: number): Promise<void> => void (await world.template({ ...DEFAULT_TEMPLATE, spares }))

test('a build begins on a warm spare without a start of its own, and another spare is started', async () => {
  await using world = await BrokerWorld.open()
  await withSpares(world, 2)
  const controller = await world.controller('team-a')
  await world.until('two spares are connected', () => onlineSpares(world).length === 2)
  assert.equal(world.engine.started.length, 2)
  await world.clock.advance(10 * MINUTE)
  assert.deepEqual([onlineSpares(world).length, world.engine.started.length], [2, 2], 'they stay')
  const [item = ''] = controller.enqueue(1, { buildMs: 30 * SECOND })
  await world.until('it builds', () => controller.builds.length === 1, SECOND, 1)
  const busy = () => world.live().find(({ phase }) => phase === 'busy')
  await world.until('two are connected again', () => busy() !== undefined && onlineSpares(world).length === 2)
  assert.equal(busy()?.item, item)
  assert.equal(world.engine.started.length, 3)
  await world.until('it is over', () => controller.builds[0]?.result === 'SUCCESS' && world.live().length === 2)
  assert.deepEqual(world.errors, [])
})

test('each controller has its own, and a template that wants none any more ends them', async () => {
  await using world = await BrokerWorld.open()
  await withSpares(world, 1)
  await world.controller('team-a')
  await world.controller('team-b')
  await world.until('each has one', () => ['team-a', 'team-b'].every(name => onlineSpares(world, name).length === 1))
  await withSpares(world, 0)
  await world.until('they are gone', () => world.live().length === 0, 30 * SECOND)
  assert.ok(world.agents().every(({ reason }) => reason?.code === 'superseded'))
})

test('a controller that is quieted has none', async () => {
  await using world = await BrokerWorld.open()
  await withSpares(world, 1)
  await world.controller('team-a')
  await world.until('it has one', () => onlineSpares(world).length === 1)
  await world.changeController('team-a', { phase: 'quieting' })
  await world.until('it is gone', () => world.live().length === 0, 30 * SECOND)
})

test("another team's build has the room of a spare where there is no other, and the spare comes back once there is", async () => {
  await using world = await BrokerWorld.open({ hosts: roomFor(2), tenants: [{}, { id: tenantId('other') }] })
  await withSpares(world, 2)
  await world.controller('team-a')
  await world.until('two spares fill the host', () => onlineSpares(world).length === 2)
  const other = await world.controller('team-b', 'other')
  other.enqueue(1, { buildMs: 2 * MINUTE })
  await world.until('it builds', () => other.builds.length === 1, 30 * SECOND)
  const gone = world.agents().filter(({ reason }) => reason?.code === 'preempted')
  assert.match(gone[0]?.reason?.message ?? '', /It was a warm spare, and host-0 has no other room for an agent of team other\./)
  assert.equal(world.stoppedBuilding.length, 0)
  await world.until('it is over', () => other.builds[0]?.result === 'SUCCESS', 3 * MINUTE)
  await world.until('the room is used by spares again', () => onlineSpares(world).length === 2, MINUTE)
  assert.equal(world.mostRunning, 2)
})

test("a team's builds come before its spares in its quota, and both together stay within it", async () => {
  await using world = await BrokerWorld.open({ tenants: [{ quota: { cpu: 2 } }] })
  await withSpares(world, 3)
  await world.template({ ...DEFAULT_TEMPLATE, id: 'special' as typeof DEFAULT_TEMPLATE.id, labels: ['special'], takesUnlabelled: false })
  const controller = await world.controller('team-a')
  await world.until('as many as the quota has room for', () => onlineSpares(world).length === 2)
  controller.enqueue(2, { label: 'special', buildMs: MINUTE })
  const most = () =>
    world
      .live()
      .filter(({ phase }) => phase !== 'queued')
      .reduce((sum, { resources }) => sum + resources.cpu, 0)
  const bothBuild = (): boolean => {
    assert.ok(most() <= 2, `${most()} cores are used`)
    return controller.builds.length === 2
  }
  await world.until('both build', bothBuild, 30 * SECOND, 1)
  await world.until('no spare is left', () => world.live().every(agent => !isSpare(agent) || agent.phase === 'queued'), 30 * SECOND)
  assert.ok(world.agents().some(({ reason }) => /needs all of its quota for builds/.test(reason?.message ?? '')))
  controller.enqueue(1, { label: 'special', buildMs: SECOND })
  await world.until('the third builds when one is over', () => controller.builds.length === 3, 2 * MINUTE)
  await world.until('spares are back', () => onlineSpares(world).length === 2, 2 * MINUTE)
})
