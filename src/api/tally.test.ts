import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CONTROLLER_PHASES, hostId, shareOfHost, tenantId } from '../model/index.ts'
import { tallyOf } from './tally.ts'
import { aController, aHost, anAgent, demandOf } from './testing.ts'

const h = hostId('h')

test('a controller holds its place from the intent of a run to its end', () => {
  const holding = CONTROLLER_PHASES.filter(phase => tallyOf({ controllers: [aController('a', { phase, host: h })] }).hosts.has(h))
  assert.deepEqual(holding, ['preparing', 'starting', 'ready', 'quieting', 'stopping', 'unreachable'])
})

test('agents use their host and their tenant from the moment they are placed to their end', () => {
  const agents = [
    anAgent('1', 'a', { phase: 'queued' }),
    anAgent('2', 'a', { phase: 'placed', host: h }),
    anAgent('3', 'a', { phase: 'busy', host: h }),
    anAgent('4', 'a', { phase: 'ended', host: h }),
  ]
  const tally = tallyOf({ controllers: [aController('a')], agents })
  assert.deepEqual(tally.hosts.get(h)?.agents, { cpu: 2, memoryMb: 1024, diskMb: 200 })
  const tenant = tally.tenants.get(tenantId('default'))
  assert.deepEqual(tenant?.usedByAgents, { cpu: 2, memoryMb: 1024, diskMb: 200 })
  assert.deepEqual(tenant?.waiting, { agents: 1, resources: { cpu: 1, memoryMb: 512, diskMb: 100 } })
  assert.equal(tally.agents.get(aController('a').id), 3)
})

test('what waits is counted for the tenant of its controller; the queue of one that is gone for nobody', () => {
  const controllers = [aController('a'), aController('b'), aController('c', { tenant: tenantId('red') })]
  const demands = [demandOf('a', ['1', '2']), demandOf('b', ['1']), demandOf('c', ['1']), demandOf('gone', ['1'])]
  const { tenants } = tallyOf({ controllers, demands })
  assert.deepEqual(
    [...tenants].map(([id, { controllers: count, queued }]) => [id, count, queued]),
    [
      ['default', 2, 3],
      ['red', 1, 1],
    ],
  )
})

test('a tenant is charged what its controllers are promised, of those that hold a place', () => {
  const controllers = [aController('a'), aController('b', { phase: 'stopped' }), aController('c', { phase: 'pending' })]
  const { tenants } = tallyOf({ controllers })
  assert.deepEqual(tenants.get(tenantId('default'))?.usedByControllers, shareOfHost(aController('a').spec))
})

test('what the hosts have is set beside what is guaranteed of it', () => {
  const tenants = ['red', 'blue'].map(id => ({ id: tenantId(id), weight: 1, createdAt: 0, guarantee: { cpu: 1 } }))
  const { promises } = tallyOf({ tenants, hosts: [aHost('h'), aHost('i')] })
  assert.deepEqual(promises.guaranteed, { cpu: 2, memoryMb: 0, diskMb: 0 })
  assert.equal(promises.capacity?.cpu, 2 * aHost('h').capacity.cpu)
  assert.equal(tallyOf({}).promises.capacity, undefined)
})
