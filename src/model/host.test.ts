import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asWanted, type Host, type HostWanted } from './host.ts'
import { hostId, tenantId } from './ids.ts'

const aHost = (change: Partial<Host> = {}): Host => ({
  id: hostId('h1'),
  engine: 'docker',
  role: 'any',
  capacity: { cpu: 4, memoryMb: 8_000, diskMb: 50_000 },
  attributes: {},
  state: 'ready',
  seenAt: 1,
  limits: { memory: true, cpu: true },
  ...change,
})
const wanted = (change: Partial<HostWanted>): HostWanted => ({ id: hostId('h1'), since: 5, ...change })

test('what is wanted of a host is laid over what its engine says, however often', () => {
  const table: readonly (readonly [Partial<Host>, Partial<HostWanted>, Partial<Host>])[] = [
    [{}, { service: 'cordoned' }, { state: 'cordoned' }],
    [{}, { service: 'drained' }, { state: 'draining' }],
    [{}, { service: 'drained', drainedAt: 7 }, { state: 'drained' }],
    [{}, { service: 'drained', drainBy: 9 }, { state: 'draining', drainBy: 9 }],
    [{ state: 'silent' }, { service: 'drained' }, { state: 'silent' }],
    [{ state: 'draining' }, { service: 'open' }, { state: 'draining' }],
    [{ role: 'builds' }, { role: 'any' }, { role: 'any' }],
    [{ role: 'builds' }, {}, { role: 'builds' }],
    [{ reservedFor: tenantId('red') }, { reservedFor: tenantId('blue') }, { reservedFor: tenantId('blue') }],
    [{}, { role: 'controllers', reservedFor: tenantId('blue') }, { role: 'controllers', reservedFor: tenantId('blue') }],
  ]
  for (const [told, want, expected] of table) {
    const once = asWanted(aHost(told), wanted(want))
    for (const [name, value] of Object.entries(expected)) assert.equal(once[name as keyof Host], value, JSON.stringify([told, want]))
    assert.deepEqual(asWanted(once, wanted(want)), once)
    assert.deepEqual(asWanted(once, undefined), aHost(told), 'what the engine says is kept')
  }
})

test('null opens a host that its engine keeps for one tenant', () => {
  assert.equal(asWanted(aHost({ reservedFor: tenantId('red') }), wanted({ reservedFor: null })).reservedFor, undefined)
})

test('a host that is out of service says so and how it comes back; one that is not has no reason', () => {
  for (const [want, code] of [
    [{ service: 'cordoned' }, 'cordoned'],
    [{ service: 'drained' }, 'draining'],
    [{ service: 'drained', drainedAt: 7 }, 'drained'],
  ] as const) {
    const { reason } = asWanted(aHost(), wanted(want))
    assert.equal(reason?.code, code)
    assert.match(reason?.mend ?? '', /manor host uncordon h1/)
  }
  assert.equal(asWanted(aHost(), wanted({ role: 'builds' })).reason, undefined)
  const progress = { code: 'draining', message: 'It waits.', since: 6 } as const
  assert.deepEqual(asWanted(aHost(), wanted({ service: 'drained' }), progress).reason, progress)
})
