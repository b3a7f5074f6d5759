/** What a real Mesos said, held against what we read from it, and what it was asked, against what we ask. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { recordedEvents, recordedMesos, recordedMesosNames } from '../../../tests/support/recorded-mesos.ts'
import { hostId, tenantId, type Workload, workloadId } from '../../model/index.ts'
import { systemClock } from '../../runtime/index.ts'
import { Agents } from './agents.ts'
import { farewellOf } from './connection.ts'
import { originOf } from './http.ts'
import { observationOf } from './observation.ts'
import type { TaskRecord } from './ports.ts'
import { hostOffer, ResourcePool } from './resources.ts'
import { applyStatus } from './status.ts'
import { taskInfo, wantedOf } from './task-info.ts'
import type { MesosOffer, TaskStatus } from './wire.ts'

const NOW = 1_795_487_700_000

const statusesOf = (name: string): TaskStatus[] =>
  recordedEvents(name).flatMap(event => (event.type === 'UPDATE' ? [event.update.status] : []))

const offersOf = (name: string): MesosOffer[] =>
  recordedEvents(name).flatMap(event => (event.type === 'OFFERS' ? [...(event.offers.offers ?? [])] : []))

const intended: TaskRecord = {
  workload: workloadId('w'),
  attempt: 1,
  labels: { owner: 'o', kind: 'agent', noun: 'n', epoch: 1 },
  host: hostId('S0'),
  ports: {},
  containerizer: 'docker',
  program: '/bin/java',
  memoryMb: 32,
  graceMs: 1_000,
  step: 'intended',
  intendedAt: NOW - 10_000,
}

const after = (statuses: readonly TaskStatus[], first: TaskRecord = intended): TaskRecord =>
  statuses.reduce((record, status) => {
    const applied = applyStatus(record, status, NOW)
    return applied.kind === 'changed' ? applied.record : record
  }, first)

test('every recorded event is read', () => {
  const streams = recordedMesosNames().filter(name => recordedMesos(name).records.length > 0)
  assert.ok(streams.length > 20)
  const types = new Set(streams.flatMap(name => recordedEvents(name).map(({ type }) => type)))
  assert.deepEqual([...types].toSorted(), ['ERROR', 'FAILURE', 'HEARTBEAT', 'INVERSE_OFFERS', 'OFFERS', 'RESCIND', 'SUBSCRIBED', 'UPDATE'])
})

const ENDS: readonly (readonly [
  fixture: string,
  first: Partial<TaskRecord>,
  code: string,
  exitCode: number | undefined,
  message: RegExp,
])[] = [
  ['docker-exit-7', {}, 'exit-code', 7, /exit code 7/],
  ['docker-oom', {}, 'oom-container', 137, /most likely at its memory limit of 32 MB/],
  ['docker-oom', { containerizer: 'mesos' }, 'exit-code', 137, /SIGKILL/],
  ['docker-no-image', {}, 'image-pull', undefined, /connection refused/],
  ['docker-no-program', {}, 'invalid-spec', 127, /\/bin\/java/],
  ['docker-kill', {}, 'evicted', 137, /not by Manor/],
  ['docker-kill', { stop: { askedAt: NOW, killAt: NOW } }, 'killed-by-us', 137, /within its grace/],
  ['stream-error-no-resources', {}, 'invalid-spec', undefined, /Task uses no resources/],
  ['stream-error-role', {}, 'invalid-spec', undefined, /is more than available/],
  ['stream-error-task-id', {}, 'invalid-spec', undefined, /invalid characters/],
  ['stream-error-too-big', {}, 'invalid-spec', undefined, /is more than available/],
  ['stream-error-used-offer', {}, 'node-lost', undefined, /no longer valid/],
]
for (const [fixture, first, code, exitCode, message] of ENDS)
  test(`${fixture} ${JSON.stringify(first)} ends as ${code}`, () => {
    const seen = observationOf(after(statusesOf(fixture), { ...intended, ...first }), undefined)
    assert.equal(seen.state, 'ended')
    assert.equal(seen.reason?.code, code)
    assert.equal(seen.exitCode, exitCode)
    assert.match(seen.reason?.message ?? '', message)
  })

test('a silent agent makes its task unknown and its return brings it back, with the start it had', () => {
  const statuses = statusesOf('stream-partition')
  const running = { ...intended, step: 'running', startedAt: NOW - 5_000 } as const
  const states = statuses.map((_status, index) => observationOf(after(statuses.slice(0, index + 1), running), undefined).state)
  assert.deepEqual(states.slice(0, 3), ['unknown', 'unknown', 'running'])
  assert.equal(after(statuses, running).startedAt, NOW - 5_000)
})

test('of what nobody knows, an intent may be launched again, and a task that ran is lost or unknown', () => {
  for (const status of statusesOf('stream-unknown-tasks')) {
    assert.equal(applyStatus(intended, status, NOW).kind, 'never-launched', status.state)
    const ran = observationOf(after([status], { ...intended, step: 'running' }), undefined)
    assert.equal(ran.state, status.state === 'TASK_GONE' ? 'ended' : 'unknown')
  }
})

test('reserved room is taken first, entry by entry as it was offered', () => {
  const [offer] = offersOf('stream-reserved')
  assert.ok(offer !== undefined)
  const taken = new ResourcePool([offer], false).take({ cpu: 1.5, memoryMb: 100, diskMb: 0 }, [31_005])
  assert.deepEqual(
    taken?.map(({ name, scalar, ranges, reservations, allocation_info }) => [
      name,
      scalar?.value ?? ranges?.range,
      reservations?.[0]?.type,
      allocation_info?.role,
    ]),
    [
      ['cpus', 1, 'DYNAMIC', 'ci/team-a'],
      ['cpus', 0.5, undefined, 'ci/team-a'],
      ['mem', 100, undefined, 'ci/team-a'],
      ['ports', [{ begin: 31_005, end: 31_005 }], undefined, 'ci/team-a'],
    ],
  )
})

test('an offer becomes what the scheduler takes', () => {
  const [offer] = offersOf('stream')
  assert.ok(offer !== undefined)
  assert.deepEqual(hostOffer(offer, tenantId('team-a'), false, NOW), {
    offer: '5041fdb1-c947-4871-901c-a2168507fc19-O0',
    id: '5041fdb1-c947-4871-901c-a2168507fc19-S0',
    role: 'any',
    reservedFor: 'team-a',
    resources: { cpu: 4, memoryMb: 8_000, diskMb: 20_000 },
    ports: [{ first: 31_000, last: 31_999 }],
    attributes: { rack: 'r1', storage: 'ebs', hostname: 'localhost' },
    offeredAt: NOW,
  })
})

test('agents of the operator API become hosts, and one with an inverse offer drains', () => {
  const agents = new Agents({ ...systemClock, now: () => NOW })
  const { get_agents } = JSON.parse(recordedMesos('operator-get-agents').text) as {
    get_agents: { agents: Parameters<Agents['listed']>[0] }
  }
  agents.listed(get_agents.agents, 'http')
  const id = '5041fdb1-c947-4871-901c-a2168507fc19-S0'
  const [host] = agents.hosts('mesos', () => false)
  assert.deepEqual([host?.id, host?.state, host?.capacity], [id, 'ready', { cpu: 4, memoryMb: 8_000, diskMb: 20_000 }])
  assert.deepEqual(agents.apiOf(id), { origin: 'http://127.0.0.1:5051', path: '/slave(1)' })
  for (const event of recordedEvents('stream-maintenance'))
    if (event.type === 'INVERSE_OFFERS') for (const inverse of event.inverse_offers.inverse_offers ?? []) agents.inverseOffered(inverse)
  assert.equal(agents.hosts('mesos', () => false)[0]?.state, 'draining')
})

test('where a standby sends to has no scheme', () => {
  assert.equal(originOf(recordedMesos('standby-subscribe').headers.location ?? '', 'http://localhost:5060'), 'http://localhost:5061')
  assert.equal(originOf(recordedMesos('standby-subscribe').headers.location ?? '', 'https://localhost:5060'), 'https://localhost:5061')
  assert.throws(() => originOf('http://elsewhere/', 'https://localhost:5060'), /not encrypted/)
})

test('what ends a subscription for good is told apart', () => {
  const kindOf = (name: string): string | undefined =>
    recordedEvents(name).flatMap(event => (event.type === 'ERROR' ? [farewellOf(event.error.message)?.kind] : []))[0]
  assert.equal(kindOf('stream-failed-over'), 'superseded')
  assert.equal(kindOf('stream-removed'), 'removed')
  assert.equal(kindOf('bad-subscribe-role'), 'refused')
  assert.equal(kindOf('bad-subscribe-role-name'), 'refused')
  assert.equal(farewellOf('Some trouble that passes'), undefined)
})

/** All paths of a document with the kind of value at their ends; of a list the first. */
const shapeOf = (value: unknown, path = ''): string[] => {
  if (Array.isArray(value)) return value.length === 0 ? [`${path}[]`] : shapeOf(value[0], `${path}[]`)
  if (typeof value !== 'object' || value === null) return [`${path}: ${typeof value}`]
  return Object.entries(value).flatMap(([name, one]) => shapeOf(one, `${path}.${name}`))
}

const workload = (extra: Partial<Workload>): Workload => ({
  id: workloadId('w'),
  labels: { owner: 'o', kind: 'agent', noun: 'n', epoch: 1 },
  tenant: tenantId('team-a'),
  account: 'a',
  command: ['sleep', '1'],
  environment: {},
  files: [],
  mounts: [],
  resources: { cpu: 0.1, memoryMb: 16, diskMb: 0 },
  ports: {},
  graceMs: 2_000,
  ...extra,
})

for (const [fixture, extra] of [
  ['accept-launch', {}],
  ['docker-accept', { image: 'bb:1' }],
] as const)
  test(`a launch has every field of ${fixture}, of the same kind`, () => {
    const [offer] = offersOf('stream')
    assert.ok(offer !== undefined)
    const one = workload(extra)
    const resources = new ResourcePool([offer], false).take(wantedOf(one), [])
    assert.ok(resources !== undefined)
    const ours = shapeOf(taskInfo(one, { task: 'w.1', host: hostId('S0'), ports: {}, resources }, {}))
    const recorded = recordedMesos(fixture).requestBody as { accept: { operations: { launch: { task_infos: unknown[] } }[] } }
    const theirs = shapeOf(recorded.accept.operations[0]?.launch.task_infos[0])
    // The image's entrypoint is the shell, so Docker needs no other value.
    const missing = theirs.filter(path => !ours.includes(path) && !(fixture === 'docker-accept' && path === '.command.value: string'))
    assert.deepEqual(missing, [])
  })

test('a container has swap no larger than its memory, an init, our labels, and ports on the bridge', () => {
  const one = workload({ image: 'i:1', ports: { http: 31_001 }, mounts: [{ source: '/a', target: '/b', readOnly: true }] })
  const { container, command, kill_policy } = taskInfo(one, { task: 'w.1', host: hostId('S0'), ports: { http: 31_001 }, resources: [] }, {})
  assert.equal(command.shell, false)
  assert.deepEqual(kill_policy, { grace_period: { nanoseconds: 2_000_000_000 } })
  const { docker, volumes } = container as {
    docker: { parameters: { key: string; value: string }[]; port_mappings: unknown; network: string }
    volumes: unknown
  }
  assert.equal(docker.network, 'BRIDGE')
  assert.deepEqual(docker.port_mappings, [{ host_port: 31_001, container_port: 31_001, protocol: 'tcp' }])
  assert.deepEqual(volumes, [{ container_path: '/b', host_path: '/a', mode: 'RO' }])
  const has = (key: string, value: string): boolean => docker.parameters.some(one => one.key === key && one.value === value)
  assert.ok(has('memory-swap', '33554432') && has('init', 'true') && has('label', 'manor.owner=o') && has('label', 'manor.workload=w'))
})
