import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type HostOffer, hostId, tenantId, workloadId } from '../../model/index.ts'
import { settle, VirtualClock } from '../../runtime/index.ts'
import { EngineError } from '../engine.ts'
import { OfferDesk } from './offer-desk.ts'
import { hostOffer, ResourcePool } from './resources.ts'
import type { Call, MesosOffer, Resource, TaskInfo } from './wire.ts'

const TEAM = tenantId('team-a')

const offer = (id: string, agent: string, role = 'manor/team-a', cpus = 2): MesosOffer => ({
  id: { value: id },
  agent_id: { value: agent },
  hostname: `host-of-${agent}`,
  allocation_info: { role },
  resources: [
    { name: 'cpus', type: 'SCALAR', scalar: { value: cpus }, allocation_info: { role } },
    { name: 'mem', type: 'SCALAR', scalar: { value: 1_000 }, allocation_info: { role } },
    { name: 'ports', type: 'RANGES', ranges: { range: [{ begin: 31_000, end: 31_009 }] }, allocation_info: { role } },
  ],
})

const task = (id: string): TaskInfo => ({
  name: id,
  task_id: { value: id },
  agent_id: { value: 'S0' },
  resources: [],
  command: { shell: false, arguments: [], environment: { variables: [] } },
  kill_policy: { grace_period: { nanoseconds: 0 } },
  labels: {},
})

const bench = () => {
  const clock = new VirtualClock()
  const sent: Call[] = []
  const told: HostOffer[] = []
  const gone: string[] = []
  let refusal: Error | undefined
  const desk = new OfferDesk({
    clock,
    revocable: false,
    tenantOf: role => (role.startsWith('manor/') ? tenantId(role.slice('manor/'.length)) : undefined),
    send: call => sent.push(call),
    ask: async call => {
      sent.push(call)
      if (refusal !== undefined) throw refusal
    },
    onWanted: () => undefined,
  })
  desk.follow({ offered: offers => told.push(...offers), gone: ids => gone.push(...ids) })
  desk.want(new Set([TEAM]))
  const offered = (...offers: readonly MesosOffer[]): void => desk.offered(offers, () => true)
  const assign = (ids: readonly string[], offers: readonly string[], host = 'S0'): void =>
    desk.assign(ids.map(id => ({ workload: workloadId(id), host: hostId(host), offers, ports: [] })))
  const calls = (type: Call['type']): Call[] => sent.filter(call => call.type === type)
  return {
    clock,
    desk,
    sent,
    told,
    gone,
    offered,
    assign,
    calls,
    refuse: (cause: Error) => {
      refusal = cause
    },
  }
}

test('several offers of one host and pass are used in one ACCEPT, and what is left of them comes back at once', async () => {
  const { desk, offered, assign, calls } = bench()
  offered(offer('O1', 'S0'), offer('O2', 'S0'))
  assign(['a', 'b'], ['O1', 'O2'])
  await Promise.all(['a', 'b'].map(id => desk.claim(workloadId(id))?.launch(task(id))))
  assert.deepEqual(
    calls('ACCEPT').map(
      call => call.type === 'ACCEPT' && [call.accept.offer_ids, call.accept.operations[0]?.launch.task_infos.length, call.accept.filters],
    ),
    [[[{ value: 'O1' }, { value: 'O2' }], 2, { refuse_seconds: 0 }]],
  )
  assert.equal(desk.held, 0)
})

test('the first of a batch waits only shortly for the others, which then need another place', async () => {
  const { desk, clock, offered, assign, calls } = bench()
  offered(offer('O1', 'S0'))
  assign(['a', 'b'], ['O1'])
  const launched = desk.claim(workloadId('a'))?.launch(task('a'))
  assert.equal(calls('ACCEPT').length, 0)
  await clock.advance(100)
  await launched
  assert.equal(calls('ACCEPT').length, 1)
  assert.equal(desk.claim(workloadId('b')), undefined)
})

test('what nobody submits is given back after a minute', async () => {
  const { desk, clock, offered, assign, calls } = bench()
  offered(offer('O1', 'S0'))
  assign(['a'], ['O1'])
  await clock.advance(59_000)
  assert.equal(calls('DECLINE').length, 0)
  await clock.advance(2_000)
  assert.equal(calls('DECLINE').length, 1)
  assert.equal(desk.claim(workloadId('a')), undefined)
})

test('an offer that is taken back, or a connection that is lost, voids what was assigned', async () => {
  for (const lose of [(desk: OfferDesk) => desk.rescinded('O1'), (desk: OfferDesk) => desk.lost()]) {
    const { desk, offered, assign, calls, gone } = bench()
    offered(offer('O1', 'S0'), offer('O2', 'S1'))
    assign(['a'], ['O1'])
    const claim = desk.claim(workloadId('a'))
    lose(desk)
    await assert.rejects(
      claim?.launch(task('a')) ?? Promise.resolve(),
      (cause: unknown) => cause instanceof EngineError && cause.placeIsGone,
    )
    assert.equal(calls('ACCEPT').length, 0)
    assert.ok(!gone.includes('O1'), 'whoever assigned it has it no more')
  }
})

test('offers that nobody asked for are declined: unwanted roles, hosts that drain, a second role of a host', async () => {
  const { desk, offered, told, calls } = bench()
  desk.want(new Set([TEAM, tenantId('team-b')]))
  offered(offer('O1', 'S0'), offer('O2', 'S0', 'manor/team-b'), offer('O3', 'S1', 'manor/team-c'), offer('O4', 'S1', 'others'))
  desk.offered([offer('O5', 'S2')], () => false)
  await settle()
  assert.deepEqual(
    told.map(one => [one.offer, one.reservedFor]),
    [['O1', 'team-a']],
  )
  const declined = calls('DECLINE').flatMap(call => (call.type === 'DECLINE' ? call.decline.offer_ids.map(({ value }) => value) : []))
  assert.deepEqual(declined.toSorted(), ['O2', 'O3', 'O4', 'O5'])
})

test('a refusal is never longer than half a minute, and one of what is gone says nothing', async () => {
  const { desk, offered, calls } = bench()
  offered(offer('O1', 'S0'))
  desk.decline(['O1', 'never-was'], 3_600_000)
  desk.decline(['O1'], 1_000)
  await settle()
  assert.deepEqual(calls('DECLINE'), [{ type: 'DECLINE', decline: { offer_ids: [{ value: 'O1' }], filters: { refuse_seconds: 30 } } }])
})

test('room that may be taken back is used where it alone is enough, and never together with room of one’s own', () => {
  const scalar = (name: string, value: number, more: object = {}): Resource => ({ name, type: 'SCALAR', scalar: { value }, ...more })
  const lent = { ...offer('O1', 'S0'), resources: [scalar('cpus', 1), scalar('cpus', 8, { revocable: {} }), scalar('mem', 1_000)] }
  assert.equal(hostOffer(lent, undefined, true, 0).resources.cpu, 8)
  assert.equal(hostOffer(lent, undefined, false, 0).resources.cpu, 1)
  const pool = new ResourcePool([lent], true)
  const take = (cpu: number): unknown =>
    pool.take({ cpu, memoryMb: 100, diskMb: 0 }, [])?.flatMap(one => (one.name === 'cpus' ? [[one.scalar?.value, one.revocable]] : []))
  assert.deepEqual(
    [take(0.5), take(6), take(2.5), take(0.5), take(0.5)],
    [[[0.5, undefined]], [[6, {}]], undefined, [[0.5, undefined]], [[0.5, {}]]],
  )
})

test('a pool never gives more than it has, nor a port twice, and gives nothing where it cannot give all', () => {
  const wanted = fc.record({ cpu: fc.integer({ min: 1, max: 3_000 }).map(cpu => cpu / 1_000), memoryMb: fc.nat(900), ports: fc.nat(4) })
  fc.assert(
    fc.property(
      fc.array(wanted, { maxLength: 12 }),
      fc.array(fc.integer({ min: 1, max: 4_000 }), { minLength: 1, maxLength: 4 }),
      (tasks, cpus) => {
        const pool = new ResourcePool(
          cpus
            .map((milli, index) => offer(`O${index}`, 'S0', 'manor/team-a', milli / 1_000))
            .map((one, index) => (index === 0 ? one : { ...one, resources: (one.resources ?? []).slice(0, 2) })),
          false,
        )
        const taken: number[] = []
        let cpu = 0
        for (const { ports: count, ...resources } of tasks) {
          const ports: number[] = []
          for (let index = 0; index < count; index++) {
            const port = pool.freePort(new Set(ports))
            if (port !== undefined) ports.push(port)
          }
          const got = pool.take({ ...resources, diskMb: 0 }, ports)
          if (got === undefined) continue
          taken.push(...ports)
          const gotCpu = got.filter(({ name }) => name === 'cpus').reduce((sum, { scalar }) => sum + (scalar?.value ?? 0), 0)
          assert.ok(Math.abs(gotCpu - resources.cpu) < 1e-9)
          cpu += gotCpu
        }
        assert.equal(new Set(taken).size, taken.length)
        assert.ok(cpu <= cpus.reduce((sum, milli) => sum + milli, 0) / 1_000 + 1e-9)
      },
    ),
  )
})
