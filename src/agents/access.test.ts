import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BrokerWorld, type WorldOptions } from '../../tests/support/broker-world.ts'
import { type Access, hostId, SECOND, type TemplateScope, tenantId } from '../model/index.ts'

const ASKED: Access = { capabilities: ['NET_ADMIN'], hostPaths: [{ path: '/srv/cache' }], hostNetwork: true }
const EVERYBODY: TemplateScope = { kind: 'global' }

/** The tenant's policy, as an administrator leaves it. */
const allow = (world: BrokerWorld, access: Access | undefined): Promise<void> =>
  world.store.transact(tx => {
    tx.update('tenant', 'default', ({ access: _before, ...rest }) => (access === undefined ? rest : { ...rest, access }))
    tx.event({ kind: 'tenant', subject: 'default', type: 'access-changed', actor: 'test', message: '' })
  })

const open = async (options: WorldOptions = {}) => {
  const world = await BrokerWorld.open(options)
  await world.template({ scope: EVERYBODY, access: ASKED })
  const controller = await world.controller('team-a')
  return { world, controller }
}
const reasonsOf = (world: BrokerWorld) => world.store.get('demand', 'team-a')?.items.map(({ reason }) => reason?.code) ?? []

test('an item whose template asks for what its tenant is not allowed says so, and goes on once it is', async () => {
  const { world, controller } = await open()
  await using _world = world
  controller.enqueue(5)
  await world.until('all say why', () => reasonsOf(world).join() === 'not-allowed,not-allowed,not-allowed,not-allowed,not-allowed')
  const [item] = world.store.get('demand', 'team-a')?.items ?? []
  assert.match(item?.reason?.message ?? '', /^Template default asks for the capability NET_ADMIN, which tenant default is not allowed\.$/)
  assert.match(item?.reason?.mend ?? '', /manor tenant allow default --capability NET_ADMIN/)
  assert.equal(world.agents().length, 0)
  await allow(world, { capabilities: ['NET_ADMIN'], hostPaths: [{ path: '/srv/cache' }] })
  await world.until('the next thing is told', () =>
    /asks for the host's network/.test(world.store.get('demand', 'team-a')?.items[0]?.reason?.message ?? ''),
  )
  assert.equal(world.engine.started.length, 0)
  await allow(world, ASKED)
  await world.until('it runs', () => world.engine.running().length > 0)
  assert.deepEqual(world.engine.running()[0]?.access, ASKED)
})

test('what the engine cannot give is not asked of it, whatever the policy', async () => {
  const { world, controller } = await open()
  await using _world = world
  world.engine.gives = ['capabilities', 'hostPaths']
  await allow(world, ASKED)
  controller.enqueue(1)
  await world.until('it says why', () => reasonsOf(world).join() === 'not-allowed')
  assert.match(
    world.store.get('demand', 'team-a')?.items[0]?.reason?.message ?? '',
    /^Template default asks for the host's network, which the engine fake cannot give\.$/,
  )
  assert.deepEqual(world.engine.started, [])
})

test('an agent that waits for a place when the policy is withdrawn is not placed, and says so; given back, it is', async () => {
  const { world, controller } = await open({ hosts: [{ capacity: { cpu: 1.05, memoryMb: 64_000, diskMb: 1_000_000 } }] })
  await using _world = world
  await allow(world, ASKED)
  controller.enqueue(2, { buildMs: 40 * SECOND })
  await world.until(
    'one runs and one waits',
    () => world.engine.running().length === 1 && world.live().some(({ phase }) => phase === 'queued'),
  )
  await allow(world, undefined)
  await world.until('the one that waits says why', () => reasonsOf(world).includes('not-allowed'))
  await world.until('the one that ran has ended by itself', () => controller.builds[0]?.result === 'SUCCESS')
  await world.clock.advance(20 * SECOND)
  assert.equal(world.engine.started.length, 1)
  assert.deepEqual(world.stoppedBuilding, [])
  await allow(world, ASKED)
  await world.until('the other runs', () => world.engine.started.length === 2)
})

test('an agent that has its place when the policy is withdrawn is not launched', async () => {
  const { world, controller } = await open({ hosts: [{ capacity: { cpu: 0.5, memoryMb: 64_000, diskMb: 1_000_000 } }] })
  await using _world = world
  await allow(world, ASKED)
  controller.enqueue(1)
  await world.until('its agent waits', () => world.live().some(({ phase }) => phase === 'queued'))
  const [agent] = world.live()
  assert.ok(agent)
  await world.store.transact(tx => {
    tx.put('agent', { ...agent, phase: 'placed', phaseSince: tx.now, placedAt: tx.now, host: hostId('host-0') })
    tx.event({ kind: 'agent', subject: agent.id, type: 'phase-changed', actor: 'test', message: '' })
    const tenant = tx.get('tenant', 'default')
    assert.ok(tenant)
    tx.put('tenant', { id: tenantId('default'), weight: 1, createdAt: tenant.createdAt })
    tx.event({ kind: 'tenant', subject: 'default', type: 'access-changed', actor: 'test', message: '' })
  })
  await world.until('it is given up', () => world.store.get('agent', agent.id)?.phase === 'ended')
  assert.equal(world.store.get('agent', agent.id)?.reason?.code, 'not-allowed')
  await world.until('its item says why', () => reasonsOf(world).join() === 'not-allowed')
  assert.deepEqual(world.engine.started, [])
})
