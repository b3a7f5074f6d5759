import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BrokerWorld, type WorldOptions } from '../../tests/support/broker-world.ts'
import { imageKey } from '../model/index.ts'

const IMAGE = 'registry.example/agents/maven:3'
const capacity = { cpu: 16, memoryMb: 64_000, diskMb: 1_000_000 }
const withImage = [imageKey(IMAGE), imageKey('debian')]

/** Where the agents of so many items of a template with an image come to. The controller itself is on the first host. */
const placesOf = async (hosts: WorldOptions['hosts'], items: number): Promise<string[]> => {
  await using world = await BrokerWorld.open({ hosts: hosts ?? [] })
  await world.template({ image: 'registry.example/agents/maven:3' })
  const controller = await world.controller('team-a')
  controller.enqueue(items)
  await world.until('all have run', () => controller.builds.filter(({ result }) => result === 'SUCCESS').length === items)
  return world.agents().map(({ host }) => String(host))
}

test('of hosts that are used about alike the one that has the image is taken', async () => {
  for (const at of [1, 2]) {
    const hosts = [0, 1, 2].map(index => ({ capacity, ...(index === at ? { images: withImage } : {}) }))
    assert.deepEqual(new Set(await placesOf(hosts, 4)), new Set([`host-${at}`]))
  }
})

test('where all have it, or none, hosts fill up as they would', async () => {
  for (const images of [withImage, [imageKey('debian')]]) {
    const hosts = [0, 1, 2].map(() => ({ capacity, images }))
    assert.deepEqual(new Set(await placesOf(hosts, 4)), new Set(['host-0']))
  }
})

test('a host that has no room is not waited for because it has the image', async () => {
  const hosts = [{ capacity: { ...capacity, cpu: 0.5 }, images: withImage }, { capacity }]
  assert.deepEqual(new Set(await placesOf(hosts, 3)), new Set(['host-1']))
})

test('an image that is pulled meanwhile counts from then on', async () => {
  const other: { capacity: typeof capacity; images: readonly string[] } = { capacity, images: [] }
  const hosts = [{ capacity }, other]
  await using world = await BrokerWorld.open({ hosts })
  await world.template({ image: IMAGE })
  const controller = await world.controller('team-a')
  controller.enqueue(1)
  await world.until('the first has run', () => controller.builds[0]?.result === 'SUCCESS')
  assert.deepEqual(
    world.agents().map(({ host }) => String(host)),
    ['host-0'],
  )
  other.images = withImage
  await world.until('the host tells of it', () => world.store.get('host', 'host-1')?.images?.length === 2)
  controller.enqueue(1)
  await world.until('the second has run', () => controller.builds[1]?.result === 'SUCCESS')
  assert.deepEqual(
    world
      .agents()
      .map(({ host }) => String(host))
      .sort(),
    ['host-0', 'host-1'],
  )
})
