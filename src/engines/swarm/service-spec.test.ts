import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { tenantId, type Workload, workloadId } from '../../model/index.ts'
import { EngineError } from '../engine.ts'
import type { WholeSpec } from './answers.ts'
import { networkName, secretName, serviceName, stopName } from './names.ts'
import { MAX_SECRETS, payloadOf, START } from './payload.ts'
import { constraintsOf, heldOn, PARKED, parked, serviceSpec, togetherOf } from './service-spec.ts'

const workload = (more: Partial<Workload> = {}): Workload => ({
  id: workloadId('team-a.7'),
  labels: { owner: 'o1', kind: 'controller', noun: 'team-a', epoch: 7 },
  tenant: tenantId('red'),
  account: 'controller/team-a',
  command: ['java', '-Dport={port:http}', '-Dhome={dir}/x'],
  environment: { A: '{dir}' },
  files: [],
  mounts: [{ source: '/homes/team-a', target: '/homes/team-a', readOnly: false }],
  resources: { cpu: 2, memoryMb: 1_024, diskMb: 0 },
  promised: { cpu: 0.2, memoryMb: 1_024, diskMb: 0 },
  ports: { http: 8_080 },
  graceMs: 1_500,
  ...more,
})
const spec = (more: Partial<Workload> = {}): WholeSpec =>
  serviceSpec({
    workload: workload(more),
    name: 'n',
    image: 'image:1',
    user: { uid: 1_000, gid: 1_001 },
    ports: { http: 8_080 },
    network: 'net-1',
    secrets: [{ id: 's1', name: 'secret-1' }],
    constraints: ['a == b'],
    readOnlyRoot: true,
    extraHosts: ['manor:10.0.0.1'],
  })
const at = (value: unknown, ...path: readonly string[]): unknown =>
  path.reduce<unknown>((found, key) => (typeof found === 'object' && found !== null ? Reflect.get(found, key) : undefined), value)

test('a workload is a service of one replica that the Swarm does not start again, and stops first', () => {
  for (const kind of ['controller', 'agent'] as const) {
    const made = spec({ labels: { owner: 'o1', kind, noun: 'x', epoch: 1 } })
    assert.deepEqual(made.Mode, { Replicated: { Replicas: 1 } })
    assert.equal(at(made, 'TaskTemplate', 'RestartPolicy', 'Condition'), 'none')
    assert.equal(at(made, 'UpdateConfig', 'Order'), 'stop-first')
    assert.equal(at(made, 'RollbackConfig', 'Order'), 'stop-first')
  }
})

test('limits are what it may use, reservations what it was promised', () => {
  assert.deepEqual(at(spec(), 'TaskTemplate', 'Resources'), {
    Limits: { MemoryBytes: 1_024 * 1_048_576, Pids: 4_096 },
    Reservations: { MemoryBytes: 1_024 * 1_048_576, NanoCPUs: 2e8 },
  })
})

test('it runs confined: no root, no capabilities, no new privileges, one init', () => {
  const container = at(spec(), 'TaskTemplate', 'ContainerSpec')
  assert.equal(at(container, 'User'), '1000:1001')
  assert.deepEqual(at(container, 'CapabilityDrop'), ['ALL'])
  assert.equal(at(container, 'Privileges', 'NoNewPrivileges'), true)
  assert.equal(at(container, 'Init'), true)
  assert.equal(at(container, 'ReadOnly'), true)
  assert.equal(at(container, 'StopGracePeriod'), 1.5e9)
  assert.deepEqual(at(container, 'Hosts'), ['10.0.0.1 manor'])
})

test('ports are published by their own number on the node itself, and names resolve to the task', () => {
  assert.deepEqual(spec().EndpointSpec, {
    Mode: 'dnsrr',
    Ports: [{ Protocol: 'tcp', TargetPort: 8_080, PublishedPort: 8_080, PublishMode: 'host' }],
  })
  assert.deepEqual(at(spec(), 'TaskTemplate', 'Networks'), [{ Target: 'net-1', Aliases: ['team-a'] }])
})

test('placeholders are filled in, and one for no port is refused', () => {
  const args = at(spec(), 'TaskTemplate', 'ContainerSpec', 'Args')
  assert.deepEqual(args, ['java', '-Dport=8080', '-Dhome=/tmp/.manor/team-a.7/x'])
  assert.throws(() => spec({ command: ['x', '{port:nope}'] }), EngineError)
})

test('a parked service has nowhere to run, keeps everything else, and is parked once', () => {
  const made = spec()
  const after = parked(made)
  assert.ok(after !== undefined)
  assert.deepEqual(at(after, 'TaskTemplate', 'Placement', 'Constraints'), [PARKED])
  assert.deepEqual(at(after, 'TaskTemplate', 'ContainerSpec'), at(made, 'TaskTemplate', 'ContainerSpec'))
  assert.equal(parked(after), undefined)
})

const placements: readonly (readonly [
  what: string,
  kind: 'controller' | 'agent',
  reservations: readonly string[],
  nodeId: string | undefined,
  wanted: readonly string[],
])[] = [
  ['a controller', 'controller', [], undefined, ['node.labels.manor.role != builds', 'node.platform.os == linux']],
  ['a build', 'agent', [], undefined, ['node.labels.manor.role != controllers', 'node.platform.os == linux']],
  ['a build on a node', 'agent', [], 'n1', ['node.id == n1', 'node.labels.manor.role != controllers', 'node.platform.os == linux']],
  [
    "a build beside others' nodes",
    'agent',
    ['red', 'blue'],
    undefined,
    ['node.labels.manor.role != controllers', 'node.labels.manor.reserved-for != blue', 'node.platform.os == linux'],
  ],
]
for (const [what, kind, reservations, nodeId, wanted] of placements)
  test(`where ${what} may run`, () => {
    const input = { workload: workload({ labels: { owner: 'o', kind, noun: 'x', epoch: 1 } }), reservations: new Set(reservations) }
    assert.deepEqual(constraintsOf({ ...input, ...(nodeId === undefined ? {} : { nodeId }) }), wanted)
  })

test('nodes that cannot run it are left out, whatever else is said', () => {
  const input = { workload: workload(), reservations: new Set<string>(), without: ['n3', 'n2'] }
  assert.deepEqual(constraintsOf(input).slice(0, 2), ['node.id != n2', 'node.id != n3'])
  assert.deepEqual(constraintsOf({ ...input, nodeId: 'n1' }).slice(0, 3), ['node.id == n1', 'node.id != n2', 'node.id != n3'])
})

test('a service that is held stays where it is, and one that is parked is not let out', () => {
  const held = heldOn(spec(), 'n1')
  assert.deepEqual(at(held, 'TaskTemplate', 'Placement'), { Constraints: ['node.id == n1'] })
  assert.ok(held !== undefined)
  const stopped = parked(held)
  assert.ok(stopped !== undefined)
  assert.equal(heldOn(stopped, 'n1'), undefined)
})

test('a controller and its agents belong together', () => {
  assert.equal(togetherOf({ account: 'controller/team-a' }), togetherOf({ account: 'agents/team-a' }))
  assert.notEqual(togetherOf({ account: 'controller/team-a' }), togetherOf({ account: 'controller/team-b' }))
})

test('names are such as a Swarm takes, and differ where owners or ids do', () => {
  const word = fc.string({ minLength: 1, maxLength: 128 })
  fc.assert(
    fc.property(word, word, word, (owner, id, other) => {
      const name = serviceName(owner, workloadId(id))
      assert.match(name, /^[a-zA-Z0-9](?:[-_]*[A-Za-z0-9]+)*$/)
      assert.ok(name.length <= 63)
      for (const kept of [secretName(owner, workloadId(id), 'abcd', MAX_SECRETS), stopName(owner, workloadId(id))])
        assert.match(kept, /^[a-zA-Z0-9]([a-zA-Z0-9-_.]{0,62}[a-zA-Z0-9])?$/)
      assert.match(networkName(owner, id, 64), /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/)
      if (id !== other) assert.notEqual(serviceName(owner, workloadId(other)), name)
    }),
  )
})

test('what was allowed is given, and nothing beside it', () => {
  const container = (more: Partial<Workload>) => Object(at(spec(more), 'TaskTemplate', 'ContainerSpec'))
  const plain = container({})
  assert.deepEqual([plain.CapabilityAdd, plain.Privileges], [undefined, { NoNewPrivileges: true }])
  const able = container({ access: { capabilities: ['NET_ADMIN'] } })
  assert.deepEqual([able.CapabilityAdd, able.CapabilityDrop, able.Privileges], [['CAP_NET_ADMIN'], ['ALL'], undefined])
  const { Mounts: mounts, ...rest } = container({ access: { hostPaths: [{ path: '/srv/a' }] } })
  const { Mounts: before, ...same } = plain
  assert.deepEqual(rest, same)
  assert.deepEqual(mounts, [
    ...before,
    { Type: 'bind', Source: '/srv/a', Target: '/srv/a', ReadOnly: true, BindOptions: { Propagation: 'rprivate' } },
  ])
  assert.deepEqual(at(spec({ access: { hostNetwork: true } }), 'TaskTemplate', 'Networks'), [{ Target: 'host' }])
})

test('files travel in pieces that fit, and what is too large or too long is refused', () => {
  const files = (bytes: number, path = 'f') => workload({ files: [{ path, content: 'x'.repeat(bytes), mode: 0o600 }] })
  const pieces = payloadOf(files(1_200_000), {}, { uid: 1, gid: 1 }, 0)
  assert.equal(pieces.length, 3)
  assert.ok(pieces.every(piece => piece.length < 512_000))
  assert.deepEqual(payloadOf(workload(), {}, { uid: 1, gid: 1 }, 0), [])
  assert.throws(() => payloadOf(files(2_100_000), {}, { uid: 1, gid: 1 }, 0), EngineError)
  assert.throws(() => payloadOf(files(1, 'd/'.repeat(60)), {}, { uid: 1, gid: 1 }, 0), EngineError)
})

test('the start unpacks the files, enters the directory and becomes the command', () => {
  const root = mkdtempSync(join(tmpdir(), 'manor-swarm-start-'))
  try {
    const files = [
      { path: 'deep/run.sh', content: '#!/bin/sh\necho "in $PWD with $n"; cat deep/bytes\n', mode: 0o700 },
      { path: 'deep/bytes', content: Buffer.from('é\n').toString('base64'), encoding: 'base64', mode: 0o600 },
    ] as const
    mkdirSync(join(root, 'secrets'))
    for (const [part, bytes] of payloadOf(workload({ files }), {}, { uid: 1, gid: 1 }, 0).entries())
      writeFileSync(join(root, `secrets/manor.${part}`), bytes)
    const script = START.replace('/run/secrets', join(root, 'secrets'))
    const dir = join(root, 'private')
    const environment = { PATH: process.env.PATH ?? '', n: 'its own' }
    const said = execFileSync('sh', ['-c', script, 'sh', dir, dir, '1', './deep/run.sh'], { env: environment }).toString()
    assert.equal(said, `in ${dir} with its own\né\n`)
    assert.equal(statSync(join(dir, 'deep/run.sh')).mode & 0o777, 0o700)
    assert.equal(statSync(dir).mode & 0o777, 0o700)
    assert.equal(readFileSync(join(dir, 'deep/bytes'), 'utf8'), 'é\n')
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
})
