import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hostId } from '../../model/index.ts'
import { DaemonEvent, Inspected, parse } from './client/answers.ts'
import { observationOf, readContainer } from './observe.ts'
import { memoryOf } from './observed.ts'
import { Outages } from './outages.ts'

const MEBIBYTE = 1_048_576

const stats: readonly (readonly [what: string, memory: object | undefined, memoryMb: number | undefined, peakMb: number | undefined])[] = [
  [
    'version 1 of control groups: the kernel has the peak, and inactive files of the whole tree are spare',
    { usage: 100 * MEBIBYTE, max_usage: 180 * MEBIBYTE, stats: { total_inactive_file: 40 * MEBIBYTE, inactive_file: 1 * MEBIBYTE } },
    60,
    180,
  ],
  ['version 2: no peak, so what is seen is the highest', { usage: 100 * MEBIBYTE, stats: { inactive_file: 30 * MEBIBYTE } }, 70, 70],
  ['a container that has just ended', {}, undefined, undefined],
  ['a container that does not run', undefined, undefined, undefined],
]
for (const [what, memory, memoryMb, peakMb] of stats)
  test(`memory in use: ${what}`, () => {
    const use = memoryOf(memory === undefined ? {} : { memory_stats: memory })
    assert.deepEqual(use, memoryMb === undefined ? undefined : { memoryMb, peakMemoryMb: peakMb })
  })

const LABELS = {
  'manor.owner': 'o1',
  'manor.kind': 'agent',
  'manor.noun': 'a1',
  'manor.epoch': '3',
  'manor.workload': 'agent.a1',
  'manor.tenant': 'red',
  'manor.ports': 'http=20001',
  'manor.memory-mb': '128',
  'manor.program': 'sh',
}
const STATE = {
  Status: 'running',
  Running: true,
  OOMKilled: false,
  ExitCode: 0,
  Error: '',
  StartedAt: '2026-01-01T00:00:00.123456789Z',
  FinishedAt: '0001-01-01T00:00:00Z',
}

/** What daemons of several ages answer; fields that came and went (NetworkSettings.IPAddress, Gateway) are not read. */
const answers: readonly (readonly [api: string, more: object])[] = [
  ['1.40', { NetworkSettings: { IPAddress: '', Gateway: '', Networks: { n: { IPAddress: '10.208.0.2' } } } }],
  ['1.52', { NetworkSettings: { Networks: { n: { IPAddress: '10.208.0.2', GwPriority: 0 } } }, ImageManifestDescriptor: {} }],
  ['1.41, no network', { NetworkSettings: { Networks: null } }],
]
for (const [api, more] of answers)
  test(`an inspected container of API ${api} is read`, () => {
    const text = JSON.stringify({
      Id: 'c1',
      Name: '/manor.o1.agent.a1',
      Created: '2026-01-01T00:00:00Z',
      State: STATE,
      Config: { Labels: LABELS },
      ...more,
    })
    const seen = readContainer(parse(Inspected, text))
    assert.ok(seen !== undefined)
    assert.deepEqual(observationOf(seen, {}, hostId('h1'), { address: '127.0.0.1', peersByName: true }), {
      id: 'agent.a1',
      labels: { owner: 'o1', kind: 'agent', noun: 'a1', epoch: 3 },
      host: 'h1',
      address: '127.0.0.1',
      peerAddress: 'a1',
      ports: { http: 20_001 },
      startedAt: Date.UTC(2026, 0, 1, 0, 0, 0, 123),
      state: 'running',
    })
  })

test("an event is read by what all ages have; somebody else's container is none of ours", () => {
  const event = parse(
    DaemonEvent,
    '{"Type":"container","Action":"die","Actor":{"ID":"c1","Attributes":{"exitCode":"1"}},"time":1,"timeNano":1000000001}',
  )
  assert.deepEqual([event.Action, event.Actor.ID], ['die', 'c1'])
  const theirs = { Id: 'c2', Name: '/x', Created: '', State: STATE, Config: { Labels: null }, NetworkSettings: { Networks: {} } }
  assert.equal(readContainer(parse(Inspected, JSON.stringify(theirs))), undefined)
})

test('what ended shortly before a daemon went, or while it was away, ended with it', () => {
  const outages = new Outages()
  assert.equal(outages.covers(100_000), false)
  outages.begin(100_000)
  outages.begin(105_000)
  assert.deepEqual(
    [84_000, 90_000, 101_000].map(at => outages.covers(at)),
    [false, true, true],
  )
  outages.end(110_000)
  assert.deepEqual(
    [90_000, 124_000, 126_000].map(at => outages.covers(at)),
    [true, true, false],
  )
})
