import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { controllerId, tenantId, type Workload, workloadId } from '../../model/index.ts'
import { seededRandom } from '../../runtime/index.ts'
import { EngineError } from '../engine.ts'
import { type AppOptions, appIdOf, appOf, identityOf, knowsDisabled } from './app.ts'
import { BOOTSTRAP } from './bootstrap.ts'

const OPTIONS: AppOptions = {
  group: '/manor',
  constraints: [['storage', 'LIKE', 'ebs|nfs']],
  healthPath: ({ labels }) => `/${labels.noun}/login`,
  unreachableDisabled: true,
}

const workload = (noun: string, extra: Partial<Workload> = {}): Workload => ({
  id: workloadId(`${noun}.7`),
  labels: { owner: 'k7m2p', kind: 'controller', noun: controllerId(noun), epoch: 7 },
  tenant: tenantId('team-a'),
  account: `controller/${noun}`,
  command: ['/java/bin/java', '-jar', 'jenkins.war'],
  environment: { SECRET: 'of the environment' },
  files: [{ path: 'policy.json', content: 'the secret of a file', mode: 0o600 }],
  mounts: [{ source: '/homes/c', target: '/homes/c', readOnly: false }],
  resources: { cpu: 1, memoryMb: 3_072, diskMb: 51_200 },
  ports: { http: 0, agent: 0 },
  graceMs: 60_000,
  ...extra,
})

const START = 'https://manor.example.com/start/c-17.7?token=0123456789abcdef0123456789abcdef'

test('an app is what keeps one controller on one home', () => {
  const app = appOf(workload('c-17', { image: 'jenkins/jenkins:2.541.3' }), START, OPTIONS)
  const { cmd, ...rest } = app
  assert.equal(cmd, BOOTSTRAP)
  assert.deepEqual(rest, {
    id: '/manor/team-a/c-17',
    instances: 1,
    cpus: 1,
    mem: 3_072,
    disk: 0,
    env: { MANOR_START: START },
    labels: { 'manor.owner': 'k7m2p', 'manor.kind': 'controller', 'manor.noun': 'c-17', 'manor.epoch': '7', 'manor.workload': 'c-17.7' },
    backoffSeconds: 1,
    maxLaunchDelaySeconds: 60,
    taskKillGracePeriodSeconds: 62,
    upgradeStrategy: { minimumHealthCapacity: 0, maximumOverCapacity: 0 },
    unreachableStrategy: 'disabled',
    constraints: [['storage', 'LIKE', 'ebs|nfs']],
    networks: [{ mode: 'container/bridge' }],
    container: {
      type: 'DOCKER',
      docker: {
        image: 'jenkins/jenkins:2.541.3',
        parameters: [
          { key: 'init', value: 'true' },
          { key: 'memory-swap', value: '3221225472' },
        ],
      },
      portMappings: [
        { containerPort: 0, hostPort: 0, name: 'http', protocol: 'tcp' },
        { containerPort: 0, hostPort: 0, name: 'agent', protocol: 'tcp' },
      ],
      volumes: [{ hostPath: '/homes/c', containerPath: '/homes/c', mode: 'RW' }],
    },
    healthChecks: [
      {
        protocol: 'MESOS_HTTP',
        path: '/c-17/login',
        portIndex: 0,
        gracePeriodSeconds: 600,
        intervalSeconds: 20,
        timeoutSeconds: 10,
        maxConsecutiveFailures: 0,
      },
    ],
  })
})

test('no secret and no file stands in an app', () => {
  const text = JSON.stringify(appOf(workload('c-17'), START, OPTIONS))
  assert.doesNotMatch(text, /secret|policy|jenkins\.war/i)
})

test('without an image it runs on the agent, with fixed ports asked for as such', () => {
  const { networks, portDefinitions, requirePorts, container, cmd } = appOf(workload('c-17', { ports: { http: 31_007 } }), START, OPTIONS)
  assert.deepEqual(networks, [{ mode: 'host' }])
  assert.deepEqual(portDefinitions, [{ port: 31_007, name: 'http', protocol: 'tcp' }])
  assert.deepEqual([requirePorts, container, typeof cmd], [true, undefined, 'string'])
})

test('a Marathon that has no word for never is told ten years', () => {
  const { unreachableStrategy } = appOf(workload('c-17'), START, { ...OPTIONS, unreachableDisabled: false })
  assert.deepEqual(unreachableStrategy, { inactiveAfterSeconds: 315_360_000, expungeAfterSeconds: 315_360_001 })
})

test('names that Marathon keeps for itself get one of their own, and what cannot be a path is refused', () => {
  for (const name of ['restart', 'tasks', 'versions']) assert.equal(appIdOf('/manor', workload(name)), `/manor/team-a/${name}.app`)
  assert.throws(
    () => appIdOf('/manor', workload('Team_A')),
    cause => cause instanceof EngineError && cause.reason.code === 'invalid-spec',
  )
})

test('labels tell whose an app is, and none that are not ours do', () => {
  const wanted = workload('c-17')
  const app = appOf(wanted, START, OPTIONS)
  assert.deepEqual(identityOf({ id: '/x', instances: 1, labels: app.labels as Record<string, string> }), {
    id: wanted.id,
    labels: wanted.labels,
  })
  for (const labels of [undefined, {}, { 'manor.owner': 'k7m2p' }])
    assert.equal(identityOf({ id: '/x', instances: 1, ...(labels ? { labels } : {}) }), undefined)
})

test('which Marathons know that an unreachable task is to be left alone', () => {
  const versions = ['1.4.1', '1.5.12', '1.6.322', '1.11.26', '2.0.0', 'of our own']
  assert.deepEqual(versions.map(knowsDisabled), [false, false, true, true, true, true])
})

/** What Marathon refuses to write into one ZooKeeper node (`--zk_max_node_size`); ZooKeeper itself refuses 1 MiB (`jute.maxbuffer`). */
const NODE_LIMIT = 1_024_000
/** Trouble was seen from here on, since a deployment's plan stands beside it. */
const TROUBLE = 400_000

/**
 * One app in the node of the root group. Marathon 1.4 and later keep there an id and a version for each (StoredGroup of its source), as
 * protocol buffers: two texts with a tag and a length each, and the same around both.
 */
const referenceBytes = (id: string): number => 2 + id.length + 2 + '2026-11-24T02:48:43.169Z'.length + 2

const fleet = (apps: number): Workload[] =>
  Array.from({ length: apps }, (_, index) => {
    const team = `team-${Math.floor(index / 50)}`
    return workload(`${team}-controller-${index}`, { tenant: tenantId(team) })
  })

for (const [apps, most] of [
  [2_000, TROUBLE],
  [10_000, NODE_LIMIT],
] as const)
  test(`${apps} apps stay under what one ZooKeeper node of a Marathon 1.4 or later may hold`, context => {
    const random = seededRandom(1)
    const definitions = fleet(apps).map(each =>
      JSON.stringify(
        appOf(
          each,
          `https://manor.example.com/start/${each.id}?token=${Array.from({ length: 32 }, () => Math.floor(random.next() * 16).toString(16)).join('')}`,
          OPTIONS,
        ),
      ),
    )
    const root = fleet(apps).reduce((sum, each) => sum + referenceBytes(appIdOf('/manor', each)), 0)
    const largest = Math.max(...definitions.map(text => text.length))
    const all = definitions.reduce((sum, text) => sum + text.length, 0)
    const packed = gzipSync(definitions.join('\n')).length
    context.diagnostic(`root group ${root} bytes, largest app ${largest}; before 1.4 all of ${all} in one node, ${packed} compressed`)
    assert.ok(root < most, `the root group has ${root} bytes`)
    assert.ok(largest < 2_048, `an app has ${largest} bytes`)
    // Each tenant is a group, and so is small in what is read of it at a time.
    assert.ok(50 * largest < TROUBLE)
  })

test('10,000 apps of the longest names stay under it as Marathon writes it, compressed', () => {
  const long = 'n'.repeat(32)
  const ids = Array.from(
    { length: 10_000 },
    (_, index) => `/manor/${'t'.repeat(36)}${String(index % 200).padStart(4, '0')}/${long}${String(index).padStart(8, '0')}`,
  )
  const root = ids.map((id, index) => `${id}${new Date(1_795_487_515_000 + index * 977).toISOString()}`).join('..')
  assert.ok(root.length > NODE_LIMIT, 'uncompressed they would not')
  assert.ok(gzipSync(root).length < NODE_LIMIT / 4)
})
