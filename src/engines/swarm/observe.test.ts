import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hostId, type Observation, workloadId } from '../../model/index.ts'
import type { NodeSeen } from './nodes.ts'
import { afterEnd, type Beside, look, type ServiceSeen, type TaskSeen } from './observe.ts'

const NOW = 1_000_000
const node = (more: Partial<NodeSeen> = {}): NodeSeen => ({
  nodeId: 'n1',
  host: hostId('worker-1'),
  address: '10.0.0.5',
  availability: 'active',
  isReady: true,
  said: '',
  role: 'any',
  cpu: 4,
  memoryMb: 8_192,
  diskMb: 10_000,
  attributes: {},
  ...more,
})
const service = (more: Partial<ServiceSeen> = {}): ServiceSeen => ({
  serviceId: 's1',
  name: 'manor-x',
  told: {
    id: workloadId('agent.x'),
    labels: { owner: 'o', kind: 'agent', noun: 'x', epoch: 3 },
    tenant: 'red',
    ports: { http: 20_001 },
    memoryMb: 512,
    program: 'java',
  },
  together: 'team-a',
  networks: ['net'],
  isParked: false,
  createdAt: NOW - 10_000,
  updatedAt: NOW - 10_000,
  ...more,
})
const task = (more: Partial<TaskSeen> = {}): TaskSeen => ({
  taskId: 't1',
  serviceId: 's1',
  state: 'running',
  desired: 'running',
  isParked: false,
  nodeId: 'n1',
  message: 'started',
  err: '',
  containerId: 'c1',
  exitCode: 0,
  at: NOW - 5_000,
  createdAt: NOW - 9_000,
  ...more,
})
const beside = (more: Partial<Beside> = {}): Beside => ({ nodeOf: id => (id === 'n1' ? node() : undefined), now: NOW, ...more })
const seen = (tasks: readonly TaskSeen[], of: Partial<ServiceSeen> = {}, more: Partial<Beside> = {}) =>
  look(service(of), tasks, beside(more))
const waiting = task({ taskId: 't2', state: 'pending', createdAt: NOW - 100 })
const unplaced = (({ nodeId: _none, containerId: _no, ...rest }: TaskSeen) => rest)(waiting)
const stop = { askedAt: NOW - 6_000 }
const unwanted = { ...unplaced, desired: 'shutdown' }
const isDown = { nodeOf: () => node({ isReady: false }) }

const rows: readonly (readonly [
  what: string,
  looked: ReturnType<typeof look>,
  state: string,
  code?: string | undefined,
  mustPark?: boolean,
])[] = [
  ['no task yet', seen([]), 'pending'],
  ['no task for long', seen([], { createdAt: 0 }), 'unknown', undefined, true],
  ['no task any more, and nothing can start', seen([], { createdAt: 0, isParked: true }), 'ended', 'node-lost'],
  ['no task any more after a stop', seen([], { isParked: true }, { stop }), 'ended', 'killed-by-us'],
  ['a task that waits', seen([{ ...unplaced, err: 'no suitable node (insufficient resources on 1 node)' }]), 'placing', 'no-capacity'],
  ['a new task', seen([{ ...unplaced, state: 'new' }]), 'pending'],
  ['a task that has no address after a while', seen([{ ...unplaced, state: 'new', createdAt: NOW - 31_000 }]), 'pending', 'no-capacity'],
  ['a task that begins', seen([task({ state: 'preparing' })]), 'starting'],
  ['a task that runs', seen([task()]), 'running'],
  ['a task that runs and was asked to stop', seen([task()], {}, { stop }), 'stopping'],
  ['a task that the Swarm ends', seen([task({ desired: 'shutdown' })]), 'stopping'],
  ['a silent node', seen([task()], {}, isDown), 'unknown'],
  ['a silent node whose task the Swarm has given up', seen([task({ desired: 'shutdown' })], {}, isDown), 'unknown'],
  ['a node that is not listed any more', seen([task()], {}, { nodeOf: () => undefined }), 'unknown'],
  ['an ended task', seen([task({ state: 'failed', exitCode: 4 })]), 'ended', 'exit-code'],
  [
    'an ended task of which its node tells in a moment',
    seen([task({ state: 'failed', exitCode: 137 })], {}, { nodeTellsMore: true }),
    'stopping',
    'exit-code',
  ],
  [
    'an ended task of which its node has not told for long',
    seen([task({ state: 'failed', exitCode: 137, at: NOW - 11_000 })], {}, { nodeTellsMore: true }),
    'ended',
    'exit-code',
  ],
  ['an ended task on a silent node', seen([task({ state: 'failed', exitCode: 4 })], {}, isDown), 'ended', 'exit-code'],
  [
    'a parked service whose second task waits for ever',
    seen([task({ state: 'shutdown', exitCode: 9 }), { ...unplaced, isParked: true }], { isParked: true }, { stop }),
    'ended',
    'killed-by-us',
  ],
  ['a stopped task that waits and may get a node yet', seen([unplaced], { isParked: true }, { stop }), 'stopping'],
  ['a stopped task that never had a node and gets none', seen([unwanted], { isParked: true }, { stop }), 'ended', 'killed-by-us'],
  [
    'a stopped task that waited and may get a node, beside what its parked service has waiting',
    seen([unplaced, { ...unplaced, taskId: 't3', createdAt: NOW, isParked: true }], { isParked: true }, { stop }),
    'stopping',
  ],
  [
    'a second task after the first was ended',
    seen([task({ state: 'shutdown' }), task({ taskId: 't2', createdAt: NOW - 100 })]),
    'stopping',
    'node-lost',
    true,
  ],
  ['a second task beside the first', seen([task(), task({ taskId: 't2', createdAt: NOW - 100 })]), 'running', undefined, true],
  [
    'an end that came before the stop',
    seen([task({ state: 'failed', exitCode: 4, at: NOW - 60_000 })], {}, { stop }),
    'ended',
    'exit-code',
  ],
]
for (const [what, { observation, mustPark }, state, code, parks = false] of rows)
  test(`${what}: ${state}${code === undefined ? '' : ` for ${code}`}${parks ? ', and nothing more may start' : ''}`, () => {
    assert.equal(observation.state, state)
    assert.equal(observation.reason?.code, code)
    assert.equal(mustPark, parks)
    assert.equal(observation.endedAt !== undefined, state === 'ended')
  })

test('a running task has a host, the address of its node, and a name among its own', () => {
  const { observation } = seen([task()])
  assert.equal(observation.host, 'worker-1')
  assert.equal(observation.address, '10.0.0.5')
  assert.equal(observation.peerAddress, 'x')
  assert.deepEqual(observation.ports, { http: 20_001 })
  assert.equal(observation.startedAt, NOW - 5_000)
})

const onNode = (more: Partial<Observation>): Observation => ({
  id: workloadId('agent.x'),
  labels: { owner: 'o', kind: 'agent', noun: 'x', epoch: 3 },
  state: 'ended',
  ports: {},
  startedAt: NOW - 8_000,
  endedAt: NOW - 5_000,
  exitCode: 137,
  reason: { code: 'oom-container', message: 'It was killed at its memory limit.', since: NOW - 5_000 },
  ...more,
})

test('its node knows better why it ended', () => {
  const { observation } = seen([task({ state: 'failed', exitCode: 137, err: 'task: non-zero exit (137)' })], {}, { onNode: onNode({}) })
  assert.equal(observation.reason?.code, 'oom-container')
  assert.equal(observation.startedAt, NOW - 8_000)
  assert.equal(observation.host, 'worker-1')
})

test('its node is believed about an end before the managers know of it', () => {
  const { observation } = seen([task()], {}, { onNode: onNode({}) })
  assert.equal(observation.state, 'ended')
  assert.equal(observation.address, '10.0.0.5')
})

test('that a process of it was killed for memory is told while it lives and after, whoever knows why it ended', () => {
  const ranOut = onNode({ state: 'running', ranOutOfMemory: true })
  const ended = onNode({ ranOutOfMemory: true })
  const tasks = {
    lives: [task(), ranOut],
    'ended, as its node says': [task({ state: 'failed', exitCode: 1 }), ended],
    'ended, and its node did not say so in time': [task({ state: 'failed', exitCode: 1 }), ranOut],
    'ended by the Swarm': [task({ state: 'shutdown', message: 'shutdown' }), ended],
  } as const
  for (const [what, [of, node]] of Object.entries(tasks))
    assert.equal(seen([of], {}, { onNode: node }).observation.ranOutOfMemory, true, what)
  assert.equal(seen([task({ state: 'failed' })], {}, { onNode: onNode({}) }).observation.ranOutOfMemory, undefined)
})

test('an end that was told is final, and may be explained better', () => {
  const told = seen([task()], {}, { onNode: onNode({}) }).observation
  assert.equal(told.state, 'ended')
  const later = {
    'its node is silent before its managers knew': seen([task()], {}, { ...isDown, onNode: onNode({}) }),
    'its node is drained before its managers knew': seen([task({ desired: 'shutdown' })], {}, { onNode: onNode({}) }),
    'somebody changed its service': seen([task({ state: 'failed' }), task({ taskId: 't2', createdAt: NOW - 100 })]),
  }
  for (const [what, looked] of Object.entries(later)) {
    assert.notEqual(looked.observation.state, 'ended', what)
    assert.deepEqual(afterEnd(told, looked), { ...looked, observation: told }, what)
    assert.deepEqual(afterEnd(undefined, looked), looked, what)
  }
  const better = seen([task({ state: 'failed', exitCode: 4 })])
  assert.equal(afterEnd(told, better), better)
})

test('only the Swarm knows that it was the Swarm', () => {
  const told = onNode({ exitCode: 143, reason: { code: 'exit-code', message: 'It was ended by SIGTERM.', since: NOW } })
  const { observation } = seen([task({ state: 'shutdown', message: 'shutdown', exitCode: 143 })], {}, { onNode: told })
  assert.equal(observation.reason?.code, 'node-lost')
  assert.equal(observation.exitCode, 143)
})
