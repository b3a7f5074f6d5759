import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BrokerWorld } from '../../tests/support/broker-world.ts'
import { SECOND } from '../model/index.ts'

test('an item gets one agent, which runs it and is taken down', async () => {
  await using world = await BrokerWorld.open()
  const controller = await world.controller('team-a')
  const [item = ''] = controller.enqueue(1)
  await world.until('the build ran', () => controller.builds[0]?.result === 'SUCCESS')
  await world.until('the agent ended', () => world.live().length === 0)
  const [agent, ...others] = world.agents()
  assert.equal(others.length, 0)
  assert.deepEqual(world.errors, [])
  assert.equal(agent?.item, item)
  assert.equal(agent?.build?.result, 'SUCCESS')
  assert.equal(agent?.reason, undefined)
  assert.equal(agent?.phase, 'ended')
  assert.equal(world.engine.started.length, 1)
  await world.until('its directory is gone', () => world.directories.there.size === 0, 5 * SECOND)
  const { queuedAt, placedAt, launchedAt, onlineAt, busyAt, endedAt } = agent ?? {}
  const times = [queuedAt, placedAt, launchedAt, onlineAt, busyAt, endedAt]
  assert.ok(times.every(time => time !== undefined))
  assert.deepEqual(times, times.toSorted())
})
