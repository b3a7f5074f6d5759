import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BrokerWorld } from '../../tests/support/broker-world.ts'
import { type Report, ReportNode, reportIntervalOf } from './protocol.ts'

test('a small fleet’s hooks report every 10 s, a large one’s a hundred times a second in all, and none less than every 20 s', () => {
  for (const [controllers, ms] of [
    [0, 10_000],
    [1_000, 10_000],
    [1_500, 15_000],
    [2_000, 20_000],
    [10_000, 20_000],
  ] as const)
    assert.equal(reportIntervalOf(controllers), ms, `${controllers} controllers`)
})

test('what is known of a hook’s nodes is the same list until it says something else of one of them', async () => {
  await using world = await BrokerWorld.open()
  const controller = await world.controller('team-a')
  const { id } = controller
  controller.kill()
  const { hook } = world.broker
  const session = 'node-session'
  const { reportIntervalMs } = await hook.hello(id, { session, epoch: 1, distribution: 'jenkins', version: '2', secured: true })
  assert.equal(reportIntervalMs, 10_000)
  assert.equal(world.store.get('presence', id)?.reportIntervalMs, 10_000)
  let seq = 0
  const load = { heapUsedMb: 0, heapMaxMb: 0, threads: 0, gcShare: 0, eventsDropped: 0 }
  const told = async (nodes: Report['nodes']) => {
    const rest = { at: 0, items: [], itemsLeftOut: 0, running: 0, quieting: false, appliedRevision: 0 }
    await hook.report(id, { ...rest, session, seq: ++seq, nodes: structuredClone(nodes), load: { ...load, threads: seq } })
    return world.store.get('presence', id)?.nodes
  }
  const node = { name: 'a-1', online: true, used: true, building: { job: 'build', number: 7 } }
  const { building: _none, ...idle } = node
  const changes: Report['nodes'][] = [
    [node],
    [node, { ...node, name: 'a-2' }],
    [{ ...node, online: false }],
    [{ ...node, used: false }],
    [{ ...node, building: { job: 'build', number: 8 } }],
    [{ ...node, building: { job: 'test', number: 7 } }],
    [idle],
    [{ ...idle, awaited: true }],
    [{ ...idle, problem: 'no such label' }],
    [],
  ]
  // One for each field that a hook tells of a node.
  assert.deepEqual(new Set(changes.flat().flatMap(Object.keys)), new Set(Object.keys(ReportNode.properties)))
  for (const nodes of changes) {
    const before = world.store.get('presence', id)?.nodes
    const first = await told(nodes)
    assert.deepEqual(first, nodes)
    assert.notEqual(first, before)
    assert.equal(await told(nodes), first, JSON.stringify(nodes))
  }
})
