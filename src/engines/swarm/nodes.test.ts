import assert from 'node:assert/strict'
import { test } from 'node:test'
import { tenantId } from '../../model/index.ts'
import type { Node } from './answers.ts'
import { drainStep, withAvailability, withPurpose } from './drains.ts'
import { hostOf, type NodeSeen, readNodes } from './nodes.ts'

const wire = (id: string, spec: object = {}, status: object = {}, createdAt = '2026-01-01T00:00:00Z', hostname = 'worker'): Node => ({
  ID: id,
  Version: { Index: 1 },
  CreatedAt: createdAt,
  Spec: { Role: 'worker', Availability: 'active', Labels: {}, ...spec },
  Description: {
    Hostname: hostname,
    Platform: { Architecture: 'x86_64', OS: 'linux' },
    Resources: { NanoCPUs: 4e9, MemoryBytes: 8 * 1024 ** 3 },
    Engine: { EngineVersion: '20.10.24', Labels: { disk: 'ssd' } },
  },
  Status: { State: 'ready', Addr: '10.0.0.5', ...status },
})
const one = (spec: object = {}, status: object = {}): NodeSeen => {
  const [node] = readNodes([wire('abcdefghijkl', spec, status)])
  assert.ok(node !== undefined)
  return node
}
const reach = { isReached: true, hasNoNewPrivileges: true }

test('a node is a host with its capacity, role, tenant and attributes', () => {
  const host = hostOf(
    one({ Labels: { 'manor.role': 'builds', 'manor.reserved-for': 'red', 'manor.disk-mb': '5000', zone: 'b' } }),
    reach,
    7,
  )
  assert.equal(host.id, 'worker')
  assert.equal(host.role, 'builds')
  assert.equal(host.reservedFor, 'red')
  assert.deepEqual(host.capacity, { cpu: 4, memoryMb: 8_192, diskMb: 5_000 })
  assert.equal(host.attributes.zone, 'b')
  assert.equal(host.attributes.disk, 'ssd')
  assert.equal(host.attributes['manor.role'], undefined)
  assert.equal(host.state, 'ready')
})

const states: readonly (readonly [what: string, spec: object, status: object, state: string])[] = [
  ['active', {}, {}, 'ready'],
  ['paused', { Availability: 'pause' }, {}, 'cordoned'],
  ['paused until builds have ended', { Availability: 'pause', Labels: { 'manor.drain-by': '99' } }, {}, 'draining'],
  ['drained', { Availability: 'drain' }, {}, 'draining'],
  ['down', {}, { State: 'down', Message: 'heartbeat failure' }, 'silent'],
  ['unknown after a change of leader', {}, { State: 'unknown' }, 'silent'],
  ['down and drained', { Availability: 'drain' }, { State: 'down' }, 'silent'],
]
for (const [what, spec, status, state] of states)
  test(`a node that is ${what} is ${state}`, () => {
    const host = hostOf(one(spec, status), reach, 7)
    assert.equal(host.state, state)
    assert.equal(host.reason?.code, state === 'silent' ? 'host-silent' : undefined)
  })

test('of nodes with one name the oldest has it alone, and the others keep theirs whoever comes', () => {
  const old = wire('aaaaaaaaaaaa', {}, {}, '2026-01-01T00:00:00Z')
  const newer = wire('bbbbbbbbbbbb', {}, {}, '2026-02-01T00:00:00Z')
  const newest = wire('cccccccccccc', {}, {}, '2026-03-01T00:00:00Z')
  const names = (nodes: readonly Node[]) => Object.fromEntries(readNodes(nodes).map(({ nodeId, host }) => [nodeId, host]))
  assert.deepEqual(names([newer, old]), { aaaaaaaaaaaa: 'worker', bbbbbbbbbbbb: 'worker-bbbbbbbb' })
  assert.deepEqual(names([newest, newer, old]), { ...names([newer, old]), cccccccccccc: 'worker-cccccccc' })
})

test('what is weaker on a host is said, and less of it where its daemon is reached', () => {
  const far = hostOf(one(), { isReached: false, hasNoNewPrivileges: false }, 7).limits.reason ?? ''
  assert.match(far, /privileges/)
  assert.match(far, /grace/)
  assert.doesNotMatch(hostOf(one(), reach, 7).limits.reason ?? '', /privileges|grace/)
})

const versions: readonly (readonly [version: string | undefined, tooOld: boolean])[] = [
  ['19.03.15', true],
  ['20.09', true],
  ['20.10.24+dfsg1', false],
  ['27.1.1', false],
  ['1.13', true],
  ['dev', false],
  [undefined, false],
]
for (const [version, tooOld] of versions)
  test(`a node with Docker ${version} ${tooOld ? 'is given nothing, and says so' : 'is given work'}`, () => {
    const node = { ...one(), attributes: version === undefined ? {} : { docker: version } }
    assert.equal(/Nothing is started there/.test(hostOf(node, reach, 7).limits.reason ?? ''), tooOld)
  })

const paused = one({ Availability: 'pause', Labels: { 'manor.drain-by': '1000' } })
const build = { kind: 'agent', nodeId: paused.nodeId } as const
const steps: readonly (readonly [
  what: string,
  node: NodeSeen,
  residents: readonly { kind: 'agent' | 'controller'; nodeId: string }[],
  now: number,
  step: string,
])[] = [
  ['builds run and there is time', paused, [build], 999, 'wait'],
  ['builds run and time is over', paused, [build], 1_000, 'drain'],
  ['no build runs', paused, [{ kind: 'controller', nodeId: paused.nodeId }], 0, 'drain'],
  ['builds run elsewhere', paused, [{ ...build, nodeId: 'other' }], 0, 'drain'],
  ['it is drained already', { ...paused, availability: 'drain' }, [], 0, 'none'],
  ['it was taken back by hand', { ...paused, availability: 'active' }, [], 0, 'none'],
  ['it is only cordoned', one({ Availability: 'pause' }), [], 0, 'none'],
]
for (const [what, node, residents, now, step] of steps)
  test(`a node where ${what}: ${step}`, () => assert.equal(drainStep(node, residents, now), step))

test("a change of availability keeps a node's other labels, and says where there is nothing to change", () => {
  const spec = { Role: 'worker', Availability: 'active', Labels: { zone: 'b' } }
  const drained = withAvailability(spec, 'pause', 99)
  assert.deepEqual(drained, { Role: 'worker', Availability: 'pause', Labels: { zone: 'b', 'manor.drain-by': '99' } })
  assert.ok(drained !== undefined)
  assert.equal(withAvailability(drained, 'pause', 99), undefined)
  assert.deepEqual(withAvailability(drained, 'active', undefined), spec)
})

test('what a node is for is two of its labels, and the others stay', () => {
  const spec = { Role: 'worker', Availability: 'active', Labels: { zone: 'b' } }
  const reserved = withPurpose(spec, { role: 'builds', reservedFor: tenantId('red') })
  assert.deepEqual(reserved, { ...spec, Labels: { zone: 'b', 'manor.role': 'builds', 'manor.reserved-for': 'red' } })
  assert.ok(reserved !== undefined)
  assert.equal(withPurpose(reserved, { role: 'builds', reservedFor: tenantId('red') }), undefined)
  assert.deepEqual(withPurpose(reserved, { role: 'any' }), spec)
})
