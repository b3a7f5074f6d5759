/**
 * Everything goes wrong at once, drawn from a seed: Manor, controllers and agents are killed, calls are lost on either way, the engine refuses. What
 * must hold is checked all along; a failure prints its seed, and MANOR_SEED=N MANOR_SEEDS=1 plays it again.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BrokerWorld } from '../../tests/support/broker-world.ts'
import { MINUTE, SECOND, workloadId } from '../model/index.ts'
import { integer, type Random, seededRandom } from '../runtime/index.ts'

const CAPACITY = 4
const STEPS = 40
const LABELS = [undefined, 'linux', 'java', 'linux && !windows']

const pick = <T>(random: Random, all: readonly T[]): T | undefined => all[integer(random, all.length)]

/** What must hold at every moment. */
const check = (world: BrokerWorld, seed: number): void => {
  const unused = new Set<string>()
  for (const { controller, item, phase } of world.live()) {
    if (phase === 'busy' || phase === 'ending') continue
    const key = `${controller}/${item}`
    assert.ok(!unused.has(key), `two unused agents for item ${key}, seed ${seed}`)
    unused.add(key)
  }
  const running = world.engine.running()
  assert.ok(running.length <= CAPACITY, `${running.length} agents run, seed ${seed}`)
  assert.deepEqual(world.stoppedBuilding, [], `stopped while building, seed ${seed}`)
  assert.equal(new Set(world.engine.started).size, world.engine.started.length, `started twice, seed ${seed}`)
}

/** One thing that happens. */
const act = async (world: BrokerWorld, random: Random, killed: Set<string>): Promise<void> => {
  const controller = pick(random, [...world.controllers.values()])
  const running = pick(random, world.engine.running())
  const draw = random.next()
  if (controller === undefined) return
  if (draw < 0.45) {
    const label = pick(random, LABELS)
    controller.enqueue(1 + integer(random, 2), { buildMs: 200 + integer(random, 6_000), ...(label === undefined ? {} : { label }) })
  } else if (draw < 0.55) {
    const item = pick(random, world.store.get('demand', controller.id)?.items ?? [])
    if (item) controller.cancel(item.id)
  } else if (draw < 0.65 && running) {
    killed.add(running.labels.noun)
    world.engine.end(workloadId(`agent.${running.labels.noun}`), { code: 'oom-container', message: 'It was killed.' })
  } else if (draw < 0.72) {
    for (const node of controller.nodeNames) killed.add(node)
    await Promise.all([controller.restart(), world.clock.advance(5 * SECOND)])
  } else if (draw < 0.9) {
    world.killAfter(1 + integer(random, 80))
    await world.clock.advance(integer(random, 3_000))
    await world.killManor()
    await world.clock.advance(integer(random, 2_000))
    await world.startManor()
  }
}

test('whatever goes wrong: one unused agent for an item, no build stopped, room kept, and in the end all is done and clean', async () => {
  const seeds = Number(process.env.MANOR_SEEDS ?? 6)
  const first = Number(process.env.MANOR_SEED ?? 1)
  for (let seed = first; seed < first + seeds; seed++) {
    const random = seededRandom(seed)
    let faults = true
    await using world = await BrokerWorld.open({
      seed,
      hosts: [{ capacity: { cpu: CAPACITY + 1, memoryMb: 64_000, diskMb: 1_000_000 } }],
      connectMs: 300 + integer(random, 1_500),
      faultOf: () => {
        const draw = faults ? random.next() : 1
        return draw < 0.05 ? { kind: 'answer-lost' } : draw < 0.1 ? { kind: 'refused', retryable: true } : undefined
      },
      lossOf: () => {
        const draw = faults ? random.next() : 1
        return draw < 0.05 ? 'asked' : draw < 0.1 ? 'answered' : undefined
      },
    })
    await world.template({ labels: ['linux', 'java'] })
    const controllers = [await world.controller('team-a'), await world.controller('team-b')]
    const killed = new Set<string>()
    for (let step = 0; step < STEPS; step++) {
      await act(world, random, killed)
      for (let moment = 0; moment < 10; moment++) {
        await world.clock.advance(integer(random, 200))
        check(world, seed)
      }
    }
    faults = false
    const isDone = (): boolean => controllers.every(({ waiting }) => waiting === 0) && world.live().length === 0
    await world.until(`all is done (seed ${seed})`, isDone, 10 * MINUTE, 500)
    check(world, seed)
    for (const { builds } of controllers)
      for (const { node, result } of builds)
        assert.ok(result === 'SUCCESS' || killed.has(node), `build on ${node}: ${result}, seed ${seed}`)
    await world.clock.advance(MINUTE)
    assert.deepEqual(world.engine.running(), [], `seed ${seed}`)
    assert.deepEqual([...world.directories.there], [], `seed ${seed}`)
    assert.deepEqual(
      controllers.flatMap(({ nodeNames }) => nodeNames),
      [],
      `seed ${seed}`,
    )
  }
})
