/** What the scheduler is told, compared with rows and observations, however much of what happened nobody noted. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BrokerWorld } from '../../tests/support/broker-world.ts'
import { type Agent, type Host, hostId, MINUTE, type Observation, SECOND, tenantId, type WorkloadId, workloadId } from '../model/index.ts'
import { integer, type Random, seededRandom } from '../runtime/index.ts'
import { runningWork } from './capacity.ts'
import { ControllerPlaces } from './controller-places.ts'
import { Durations } from './durations.ts'
import { Standing } from './standing.ts'

const PHASES: readonly Agent['phase'][] = ['queued', 'placed', 'launching', 'online', 'busy', 'ending', 'ended']

/** A standing over the rows of a world whose Manor is stopped, and over observations that the test makes up. */
const standingOf = (world: BrokerWorld, observations: Map<WorkloadId, Observation>): Standing => {
  const { store, clock, engine } = world
  const observer = {
    get: (id: WorkloadId) => observations.get(id),
    all: () => observations.values(),
    begun: 0,
    taken: 0,
    current: async () => undefined,
  }
  return new Standing({ store, clock, engine, observer }, new ControllerPlaces(() => 0), new Durations())
}

const whatIsHeld = ({ scheduler }: Standing): unknown[] =>
  [...scheduler.fleet.residents()]
    .map(({ id, host, claim: { tier, tenant, controller, resources } }) => ({ id, host, tier, tenant, controller, resources }))
    .toSorted((a, b) => (a.id < b.id ? -1 : 1))
const whatWaits = ({ scheduler }: Standing): string[] => [...scheduler.queue.tasks()].map(({ id }) => id).toSorted()

const agentRow = (world: BrokerWorld, name: string, random: Random): Agent => {
  const seed = world.store.get('agent', 'seed')
  assert.ok(seed)
  return {
    ...seed,
    id: name as Agent['id'],
    phase: PHASES[integer(random, PHASES.length)] ?? 'queued',
    host: hostId(`host-${integer(random, 3)}`),
    resources: { cpu: 1 + integer(random, 2), memoryMb: 256, diskMb: 10 },
  }
}

const change = async (world: BrokerWorld, observations: Map<WorkloadId, Observation>, random: Random): Promise<string> => {
  const name = `a-${integer(random, 12)}`
  const id = workloadId(`agent.${name}`)
  const draw = random.next()
  if (draw < 0.3) observations.delete(id)
  else if (draw < 0.5)
    observations.set(id, {
      id,
      labels: { owner: 'test-owner', kind: 'agent', noun: name, epoch: 1 },
      state: random.next() < 0.5 ? 'running' : 'ended',
      host: hostId(`host-${integer(random, 3)}`),
      ports: {},
    })
  await world.store.transact(tx => {
    if (draw >= 0.5 && draw < 0.9) tx.put('agent', agentRow(world, name, random))
    else if (draw >= 0.9) tx.remove('agent', name)
    tx.event({ kind: 'agent', subject: name, type: 'changed', actor: 'test', message: '' })
  })
  return name
}

const prepared = async (seed: number): Promise<BrokerWorld> => {
  const hosts: Partial<Host>[] = [{}, {}, {}]
  const world = await BrokerWorld.open({ seed, hosts })
  const controller = await world.controller('team-a')
  controller.enqueue(1)
  await world.until('there is an agent', () => world.agents().length === 1)
  const [agent] = world.agents()
  assert.ok(agent)
  controller.kill()
  await world.stopManor()
  await world.store.transact(tx => {
    tx.put('agent', { ...agent, id: 'seed' as Agent['id'], phase: 'ended' })
    for (const { id } of tx.by('agentsByLife', 'live')) tx.remove('agent', id)
    for (const id of ['seed', agent.id]) tx.event({ kind: 'agent', subject: id, type: 'changed', actor: 'test', message: '' })
  })
  return world
}

test('whatever was noted or lost, after a whole comparison the scheduler holds what rows and observations say', async () => {
  for (let seed = 1; seed <= 10; seed++) {
    const random = seededRandom(seed)
    await using world = await prepared(seed)
    const observations = new Map<WorkloadId, Observation>()
    const kept = standingOf(world, observations)
    for (let step = 0; step < 60; step++) {
      const name = await change(world, observations, random)
      // Half of all events are lost.
      if (random.next() < 0.5) kept.noteAgent(name as Agent['id'])
      if (random.next() < 0.3) kept.bring()
    }
    await world.clock.advance(6 * SECOND)
    kept.bring()
    const fresh = standingOf(world, observations)
    fresh.bring()
    assert.deepEqual(whatIsHeld(kept), whatIsHeld(fresh), `seed ${seed}`)
    assert.deepEqual(whatWaits(kept), whatWaits(fresh), `seed ${seed}`)
    const counted = runningWork(world.store, observations.values())
    assert.deepEqual(
      whatIsHeld(kept),
      counted
        .map(({ id, host, tier, tenant, controller, resources }) => ({ id: id as string, host, tier, tenant, controller, resources }))
        .toSorted((a, b) => (a.id < b.id ? -1 : 1)),
      `seed ${seed}`,
    )
  }
})

test('what is noted is right at once, and a place that is not committed yet is left alone until it is', async () => {
  await using world = await prepared(1)
  const standing = standingOf(world, new Map())
  const random = seededRandom(1)
  const put = (agent: Agent): Promise<void> =>
    world.store.transact(tx => {
      tx.put('agent', agent)
      tx.event({ kind: 'agent', subject: agent.id, type: 'changed', actor: 'test', message: '' })
    })
  const queued: Agent = { ...agentRow(world, 'a-1', random), phase: 'queued' }
  await put(queued)
  standing.bring()
  assert.deepEqual(whatWaits(standing), ['agent.a-1'])
  const { placed } = standing.scheduler.pass({ now: world.clock.now() })
  for (const { task, host } of placed) standing.begin(task, host)
  standing.noteAll()
  standing.bring()
  assert.equal(standing.scheduler.fleet.resident('agent.a-1')?.host, placed[0]?.host)
  assert.deepEqual(whatWaits(standing), [])
  // The commit failed, so its row says what it said before.
  standing.settle(['agent.a-1'])
  standing.bring()
  assert.deepEqual(whatWaits(standing), ['agent.a-1'])
  assert.equal(standing.scheduler.fleet.resident('agent.a-1'), undefined)
})

test('what was placed in a commit that failed waits again once all is begun anew: nobody is left to settle it', async () => {
  await using world = await prepared(1)
  const standing = standingOf(world, new Map())
  await world.store.transact(tx => {
    tx.put('agent', { ...agentRow(world, 'a-1', seededRandom(1)), phase: 'queued' })
    tx.event({ kind: 'agent', subject: 'a-1', type: 'changed', actor: 'test', message: '' })
  })
  standing.bring()
  const { placed } = standing.scheduler.pass({ now: world.clock.now() })
  assert.equal(placed.length, 1)
  for (const { task, host } of placed) standing.begin(task, host)
  standing.startOver()
  standing.bring()
  assert.deepEqual(whatWaits(standing), ['agent.a-1'])
  assert.equal(standing.scheduler.fleet.resident('agent.a-1'), undefined)
})

test('only agents of teams that allow it may be stopped, and a build costs more the longer it runs', async () => {
  await using world = await prepared(1)
  await world.store.transact(tx => {
    tx.put('tenant', { id: tenantId('default'), weight: 1, createdAt: 0, policy: { preemptible: true } })
    tx.event({ kind: 'tenant', subject: 'default', type: 'changed', actor: 'test', message: '' })
    for (const [name, phase] of [
      ['on-its-way', 'launching'],
      ['builds', 'busy'],
    ] as const) {
      tx.put('agent', { ...agentRow(world, name, seededRandom(1)), phase, busyAt: tx.now, placedAt: tx.now })
      tx.event({ kind: 'agent', subject: name, type: 'changed', actor: 'test', message: '' })
    }
  })
  const standing = standingOf(world, new Map())
  const costs = (): (number | undefined)[] => {
    standing.bring()
    return ['on-its-way', 'builds'].map(name => standing.scheduler.fleet.resident(`agent.${name}`)?.claim.preemptible?.cost)
  }
  assert.deepEqual(costs(), [0, 1])
  assert.equal(standing.mayPreempt, true)
  await world.clock.advance(3 * MINUTE)
  assert.deepEqual(costs(), [0, 4])
  await world.store.transact(tx => {
    tx.put('tenant', { id: tenantId('default'), weight: 1, createdAt: 0 })
    tx.event({ kind: 'tenant', subject: 'default', type: 'changed', actor: 'test', message: '' })
  })
  standing.noteAll()
  assert.deepEqual(costs(), [undefined, undefined])
  assert.equal(standing.mayPreempt, false)
})

test('a host that was only seen again is no news to places that wait, and one that changed is', async () => {
  await using world = await prepared(1)
  const standing = standingOf(world, new Map())
  standing.bring()
  const [host] = world.store.list('host')
  assert.ok(host)
  const news = async (change: Partial<Host>): Promise<boolean> => {
    await world.store.transact(tx => tx.put('host', { ...host, ...change }))
    const isNews = standing.noteHost(host.id)
    standing.bring()
    return isNews
  }
  assert.equal(await news({ seenAt: host.seenAt + 10 * SECOND, attributes: { ...host.attributes } }), false)
  const changes: Partial<Host>[] = [{ state: 'cordoned' }, { role: 'builds' }, { attributes: { zone: 'b' } }, { images: ['key'] }]
  for (const change of changes) {
    assert.equal(await news(change), true, JSON.stringify(change))
    assert.equal(await news({}), true)
  }
  const cpuBefore = standing.scheduler.fleet.total().cpu
  assert.equal(await news({ capacity: { ...host.capacity, cpu: host.capacity.cpu + 1 } }), true)
  assert.equal(standing.scheduler.fleet.total().cpu - cpuBefore, 1)
})

test('only agents that have not ended are found as live ones of their controller', async () => {
  await using world = await prepared(1)
  const row = (phase: Agent['phase']): Promise<void> =>
    world.store.transact(tx => {
      const before = agentRow(world, 'a-1', seededRandom(1))
      tx.put('agent', { ...before, phase })
      tx.event({ kind: 'agent', subject: 'a-1', type: 'changed', actor: 'test', message: '' })
      assert.equal(tx.by('liveAgentsOfController', before.controller).length, phase === 'ended' ? 0 : 1)
    })
  for (const phase of PHASES) {
    await row(phase)
    assert.equal(world.store.by('liveAgentsOfController', 'team-a').length, phase === 'ended' ? 0 : 1, phase)
  }
})
