import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hostId, tenantId, workloadId } from '../../model/index.ts'
import { type Facts, observationOf, stateOf } from './observe.ts'

const CLAIM = { pid: 10, start: '1', bootId: 'this', at: 1_000 }
const MAIN = { pid: 11, start: '2', at: 1_010 }
const EXIT = { status: 0, oomKills: 0, peakBytes: 0, at: 2_000 }
const STOP = { askedAt: 1_500, killAt: 1_600 }

const RUNNING: Facts = {
  record: {
    id: workloadId('w-1'),
    labels: { owner: 'o', kind: 'agent', noun: 'a', epoch: 1 },
    tenant: tenantId('team-a'),
    program: 'java',
    ports: { http: 80 },
    memoryMb: 64,
    graceMs: 1_000,
    groups: [],
  },
  claim: CLAIM,
  main: MAIN,
  exit: undefined,
  stop: undefined,
  launchFailure: undefined,
  mainAlive: true,
  supervisorAlive: false,
  sameBoot: true,
  memory: undefined,
}

const TABLE: readonly (readonly [what: string, facts: Partial<Facts>, state: string])[] = [
  ['the claim is being written', { claim: { openSince: 1_000 }, main: undefined, mainAlive: false }, 'starting'],
  ['the shell has not come to the command', { main: undefined, mainAlive: false, supervisorAlive: true }, 'starting'],
  ['the command runs', {}, 'running'],
  ['the command has ended and its leftovers are being killed', { mainAlive: false, supervisorAlive: true }, 'running'],
  ['the supervisor was killed and the command lives', { supervisorAlive: false }, 'running'],
  ['a stop is under way', { stop: STOP }, 'stopping'],
  ['the end is written down', { exit: EXIT, mainAlive: false }, 'ended'],
  ['the end is written down and the pid has been used again', { exit: EXIT, mainAlive: true }, 'ended'],
  ['nobody is left to write the end', { mainAlive: false, supervisorAlive: false }, 'ended'],
  ['the machine was restarted', { sameBoot: false, mainAlive: true }, 'ended'],
]

for (const [what, facts, state] of TABLE) test(`${what}: ${state}`, () => assert.equal(stateOf({ ...RUNNING, ...facts }), state))

test('one that runs shows its start, ports and memory, and a reason only where a child was killed', () => {
  const memory = { memoryMb: 20, peakMemoryMb: 60, oomKills: 0 }
  const seen = observationOf({ ...RUNNING, memory }, hostId('h'), 5_000)
  assert.equal(seen.startedAt, MAIN.at)
  assert.deepEqual(seen.ports, { http: 80 })
  assert.deepEqual([seen.memoryMb, seen.peakMemoryMb, seen.reason, seen.endedAt], [20, 60, undefined, undefined])
  assert.equal(observationOf({ ...RUNNING, memory: { ...memory, oomKills: 1 } }, hostId('h'), 5_000).reason?.code, 'oom-child')
})

test('one that ended shows when, how and why', () => {
  const exit = { status: 137, oomKills: 1, peakBytes: 63 * 1_048_576, at: 2_000 }
  const seen = observationOf({ ...RUNNING, exit, mainAlive: false }, hostId('h'), 5_000)
  assert.deepEqual([seen.exitCode, seen.endedAt, seen.peakMemoryMb], [137, 2_000, 63])
  assert.deepEqual([seen.reason?.code, seen.reason?.since], ['oom-container', 2_000])
})

test('a lost end has no exit code', () => {
  const exit = { status: undefined, oomKills: 0, peakBytes: 0, at: 2_000 }
  const seen = observationOf({ ...RUNNING, exit, mainAlive: false }, hostId('h'), 5_000)
  assert.equal('exitCode' in seen, false)
  assert.equal(seen.reason?.code, 'node-lost')
})
