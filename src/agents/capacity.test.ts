import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BrokerWorld } from '../../tests/support/broker-world.ts'
import { hostId, type Observation, workloadId } from '../model/index.ts'
import { runningWork } from './capacity.ts'

test('each piece of work is counted once: by its row, or by what the engine sees beside the rows', async () => {
  await using world = await BrokerWorld.open()
  const controller = await world.controller('team-a')
  controller.enqueue(1)
  await world.until('it runs', () => world.engine.running().length === 1)
  const listing = world.engine.list()
  await world.clock.advance(10)
  const observations = await listing
  const [seen] = observations
  assert.ok(seen)
  const orphan: Observation = {
    ...seen,
    id: workloadId('agent.nobody'),
    labels: { ...seen.labels, noun: 'nobody' },
    host: hostId('host-1'),
    memoryMb: 300,
  }
  const gone: Observation = { ...orphan, id: workloadId('agent.gone'), state: 'ended' }
  const work = runningWork(world.store, [...observations, orphan, gone])
  assert.deepEqual(work.map(({ tier, host, resources }) => [tier, host, resources.memoryMb]).toSorted(), [
    ['agent', 'host-0', 512],
    ['agent', 'host-1', 300],
    ['controller', 'host-0', 512],
  ])
})

test('names fit a DNS label, however long the controller’s name and odd the item’s id', async () => {
  await using world = await BrokerWorld.open()
  const name = `${'a'.repeat(39)}b`
  const controller = await world.controller(name)
  controller.enqueue(1)
  await world.until('it runs', () => world.engine.running().length === 1)
  assert.ok((world.live()[0]?.id.length ?? 99) <= 63)
  assert.match(world.live()[0]?.id ?? '', /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/)
})
