/** What people are told about tasks that wait. Fenzo gives a record for each task and host; here reasons are added up over hosts. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { tenantId } from '../../model/index.ts'
import { Scheduler } from '../scheduler.ts'
import { hostOf, place, sizeOf, taskOf, workOf } from '../testing.ts'
import type { FleetHost, RunningWork, Task } from '../types.ts'

const told = (hosts: readonly FleetHost[], work: readonly RunningWork[], change: Partial<Task>, now?: number) => {
  const scheduler = new Scheduler()
  for (const host of hosts) scheduler.fleet.putHost(host)
  for (const one of work) scheduler.fleet.adopt(one)
  assert.deepEqual(place(scheduler, [taskOf('1', change)]), {})
  return scheduler.explain('1', now)
}
const MINUTE = 60_000

test('the sentence says what is asked, the most that is free, which host is closest and when it may have room', () => {
  const hosts = ['build-1', 'build-2', 'build-3'].map(id => hostOf(id))
  const work = [
    workOf('a', 'build-1', { resources: sizeOf(4), endsAt: 90 * MINUTE }),
    workOf('b', 'build-2', { resources: sizeOf(1), endsAt: 2 * MINUTE }),
    workOf('c', 'build-2', { resources: sizeOf(1), endsAt: 3 * MINUTE }),
    workOf('d', 'build-3', { resources: sizeOf(3) }),
  ]
  assert.deepEqual(told(hosts, work, { resources: sizeOf(4) }, 0), {
    code: 'no-capacity',
    message:
      'It asks for 4 cores, 4 GB memory and 97.7 GB disk; no host has that free: closest is build-2 with 2 cores, 2 GB memory and 48.8 GB disk; ' +
      '2 agents there end within about 3 min.',
    mend: 'Wait for running work to end, let it ask for less, or add a host.',
  })
})

test('only what is lacking is named, and without known ends nothing is promised', () => {
  const work = [workOf('a', 'h', { resources: { cpu: 0, memoryMb: 3000, diskMb: 0 } })]
  const message = told([hostOf('h')], work, { resources: { cpu: 1, memoryMb: 2000, diskMb: 0 } }, 0)?.message ?? ''
  assert.match(message, /closest is h with 1 GB memory\.$/)
})

test('each thing that may stand in the way has its words', () => {
  const group = { group: 'g', hard: [{ kind: 'unique' as const, attribute: 'zone' }] }
  const table: [name: string, hosts: FleetHost[], work: RunningWork[], task: Partial<Task>, message: RegExp][] = [
    ['no host', [], [], {}, /There is no host yet/],
    ['state', [hostOf('h', { state: 'draining' })], [], {}, /None of 1 host takes agents of team t/],
    ['role', [hostOf('h', { role: 'controllers' })], [], {}, /None of 1 host/],
    ['tenant', [hostOf('h', { reservedFor: tenantId('u') })], [], {}, /None of 1 host/],
    [
      'an attribute that no host has',
      [hostOf('h', { attributes: { zone: 'a', os: 'linux' } })],
      [],
      { constraints: { zonee: 'a' } },
      /asks for the host attribute zonee, which none of 1 host has/,
    ],
    [
      'attribute',
      [hostOf('h', { attributes: { zone: 'c' } })],
      [],
      { hard: [{ kind: 'attribute', attribute: 'zone', oneOf: ['a', 'b'] }] },
      /and has zone=a\|b/,
    ],
    ['too large', [hostOf('h')], [], { networkMbps: 10 }, /24.5 GB disk, 10 Mbps network, and the largest of 1 host/],
    [
      'ports',
      [hostOf('h', { ports: [{ first: 1, last: 2 }] })],
      [workOf('r', 'h', { heldPorts: [1] })],
      { ports: 2 },
      /closest is h with 1 ports/,
    ],
    [
      'scalar',
      [hostOf('h', { scalars: { gpu: 1 } })],
      [workOf('r', 'h', { scalars: { gpu: 1 } })],
      { scalars: { gpu: 1 } },
      /closest is h with 0 gpu/,
    ],
    ['alone', [hostOf('h')], [workOf('r', 'h')], { exclusive: true }, /what stands in the way is runs other work/],
    [
      'constraint',
      [hostOf('h', { attributes: { zone: 'a' } })],
      [workOf('r', 'h', { group: 'g' })],
      group,
      /what stands in the way is one of g by zone/,
    ],
  ]
  for (const [name, hosts, work, task, message] of table) assert.match(told(hosts, work, task)?.message ?? '', message, name)
})

test('who asks for an attribute that no host has is told those that there are', () => {
  const mend = (hosts: FleetHost[]) => told(hosts, [], { hard: [{ kind: 'attribute', attribute: 'zonee', oneOf: ['a'] }] })?.mend
  assert.match(mend([hostOf('h', { attributes: { zone: 'a', os: 'linux' } })]) ?? '', /Correct its name \(hosts have os, zone\)/)
  assert.match(mend([hostOf('h')]) ?? '', /hosts have no attributes/)
})

test('room that others took in the same pass is told as a turn, not as a lack', () => {
  const scheduler = new Scheduler()
  scheduler.fleet.putHost(hostOf('h'))
  place(scheduler, [taskOf('1', { resources: sizeOf(4), readyAt: -1 }), taskOf('2', { resources: sizeOf(4) })])
  assert.equal(scheduler.explain('2')?.code, 'waiting-turn')
  place(scheduler, [])
  assert.equal(scheduler.explain('2')?.code, 'no-capacity')
})

test('a task that was placed, never waited or has not had its turn is not explained', () => {
  const scheduler = new Scheduler()
  scheduler.fleet.putHost(hostOf('h'))
  place(scheduler, [taskOf('1')])
  scheduler.queue.add(taskOf('2'))
  assert.deepEqual(
    ['1', '2', '3'].map(id => scheduler.explain(id)),
    [undefined, undefined, undefined],
  )
})

test('for programs what is lacking is added up over hosts, with the most that was free and where', () => {
  const scheduler = new Scheduler()
  for (const id of ['a', 'b']) scheduler.fleet.putHost(hostOf(id))
  scheduler.fleet.putHost(hostOf('c', { state: 'silent' }))
  scheduler.fleet.adopt(workOf('1', 'a', { resources: sizeOf(3) }))
  scheduler.fleet.adopt(workOf('2', 'b', { resources: { cpu: 2, memoryMb: 0, diskMb: 0 } }))
  place(scheduler, [taskOf('t', { resources: { cpu: 3, memoryMb: 2048, diskMb: 0 } })])
  const why = scheduler.why('t')
  assert.deepEqual([why?.hosts, why?.eligible, why?.largeEnough, why?.withRoom], [3, 2, 2, 0])
  assert.deepEqual(why?.lacks, [
    { kind: 'resource', what: 'cpu', hosts: 2, asked: 3, mostFree: 2, mostFreeOn: 'b' },
    { kind: 'host', what: 'is silent', hosts: 1 },
    { kind: 'resource', what: 'memoryMb', hosts: 1, asked: 2048, mostFree: 1024, mostFreeOn: 'a' },
  ])
  assert.deepEqual(why?.closest, { host: 'b', lacking: [{ what: 'cpu', amount: 1 }] })
  assert.equal(scheduler.why('never there'), undefined)
})
