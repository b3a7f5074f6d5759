import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FakeEngine } from '../../tests/support/fake-engine.ts'
import { hostId, type Observation, tenantId, type Workload, workloadId } from '../model/index.ts'
import { VirtualClock } from '../runtime/index.ts'
import { createSplitEngine } from './split-engine.ts'

const workload = (kind: 'controller' | 'agent', id: string): Workload => ({
  id: workloadId(id),
  labels: { owner: 'o', kind, noun: id, epoch: 1 },
  tenant: tenantId('t'),
  account: 'a',
  command: ['x'],
  environment: {},
  files: [],
  mounts: [],
  resources: { cpu: 1, memoryMb: 1, diskMb: 0 },
  ports: {},
  graceMs: 0,
})

const signal = new AbortController().signal
const make = () => {
  const clock = new VirtualClock()
  const [controllers, agents] = [new FakeEngine({ clock, latencyMs: 0 }), new FakeEngine({ clock, latencyMs: 0 })]
  const during = async <T>(work: Promise<T>): Promise<T> => {
    await clock.advance(10)
    return work
  }
  return { clock, controllers, agents, split: createSplitEngine({ name: 'split', controllers, agents }), during }
}

test('each kind goes to its own engine, and both are seen, stopped and forgotten as one', async () => {
  const { controllers, agents, split, during } = make()
  await during(split.submit(workload('controller', 'c.1'), undefined, signal))
  await during(split.submit(workload('agent', 'agent.a'), hostId('host-0'), signal))
  assert.deepEqual([controllers.started, agents.started], [['c.1'], ['agent.a']])
  assert.deepEqual(
    (await during(split.list(signal))).map(({ id }) => id),
    ['c.1', 'agent.a'],
  )
  for (const id of ['c.1', 'agent.a']) {
    await during(split.stop(workloadId(id), 0, signal))
    await during(split.remove(workloadId(id), signal))
  }
  assert.deepEqual(await during(split.list(signal)), [])
})

test('hints come from both, and end with their signal', async () => {
  const { clock, controllers, agents, split } = make()
  const giveUp = new AbortController()
  const seen: Observation['id'][] = []
  const watching = (async () => {
    for await (const { id } of split.watch(giveUp.signal)) seen.push(id)
  })().catch(() => undefined)
  await clock.advance(10)
  for (const [engine, kind, id] of [
    [controllers, 'controller', 'c.1'],
    [agents, 'agent', 'agent.a'],
  ] as const) {
    const submitted = engine.submit(workload(kind, id), undefined)
    await clock.advance(10)
    await submitted
  }
  await clock.advance(100)
  giveUp.abort()
  await clock.advance(100)
  await watching
  assert.ok(seen.includes(workloadId('c.1')) && seen.includes(workloadId('agent.a')), seen.join(' '))
})
