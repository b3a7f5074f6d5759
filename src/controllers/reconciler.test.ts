import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ControllersWorld, type ControllersWorldOptions } from '../../tests/support/controllers-world.ts'
import { type ControllerAction, controllerId, SECOND } from '../model/index.ts'
import { integer, seededRandom } from '../runtime/index.ts'
import { requestAction } from './operations.ts'

const story = (name: string, options: ControllersWorldOptions, tell: (world: ControllersWorld) => Promise<void>): void => {
  test(name, async () => {
    const world = await ControllersWorld.make(options)
    try {
      await tell(world)
    } finally {
      await world.end()
    }
  })
}

const ask = (world: ControllersWorld, action: ControllerAction): Promise<unknown> =>
  requestAction(world.store, controllerId('a'), action, 'user:test')
const ready = (world: ControllersWorld): Promise<void> => world.until(() => world.phase() === 'ready', 'ready')

story('a new controller is placed, launched once and becomes ready', {}, async world => {
  await world.create()
  await ready(world)
  const controller = world.get()
  assert.deepEqual(world.engine.started, [`a.${controller?.epoch}`])
  assert.ok(controller?.workload)
  assert.equal(world.engine.workload(controller.workload)?.account, 'controller/a')
  assert.deepEqual([controller?.host, controller?.runningVersion, controller?.pinnedVersion], ['host-0', '2.2.1', '2.2.1'])
  assert.ok(controller?.endpoint && controller.endpoint.httpPort !== controller.endpoint.agentPort)
  const types = (await world.store.events({ kind: 'controller', limit: 20 })).map(({ message }) => message)
  assert.deepEqual(types, [
    'Controller a was created with 512 MB for tenant default.',
    'Controller a is preparing on host-0.',
    'Controller a runs hudson 2.2.1.',
    'Controller a is starting.',
    'Controller a is ready (version 2.2.1).',
  ])
})

story('a stop quiets first, waits for running builds, then stops; a start brings it back on the same ports', {}, async world => {
  await world.create()
  await ready(world)
  const before = world.get()
  world.behaviour.running = 2
  await ask(world, 'stop')
  await world.until(() => world.phase() === 'quieting', 'quieting')
  await world.clock.advance(30 * SECOND)
  assert.equal(world.phase(), 'quieting')
  assert.match(world.get()?.reason?.message ?? '', /2 running builds/)
  assert.equal(world.alive(), 1)
  world.behaviour.running = 0
  await world.until(() => world.phase() === 'stopped', 'stopped')
  assert.equal(world.alive(), 0)
  await ask(world, 'start')
  await ready(world)
  assert.deepEqual(world.get()?.endpoint, before?.endpoint)
  assert.ok((world.get()?.epoch ?? 0) > (before?.epoch ?? 0), 'a new run has a new fencing number')
})

story('a restart is one stop and one start', {}, async world => {
  await world.create()
  await ready(world)
  await ask(world, 'restart')
  await world.until(() => world.engine.started.length === 2, 'a second run')
  await ready(world)
  assert.equal(world.alive(), 1)
  await world.clock.advance(60 * SECOND)
  assert.equal(world.engine.started.length, 2)
})

story('a deleted controller takes its secrets, its token and its home along', {}, async world => {
  await world.create()
  await ready(world)
  await ask(world, 'delete')
  await world.until(() => world.phase() === 'gone', 'gone')
  assert.deepEqual(world.retired, ['a'])
  assert.deepEqual(world.store.list('secret'), [])
  assert.deepEqual(world.store.list('token'), [])
  assert.deepEqual(
    world.engine.started.filter(id => world.engine.workload(id) !== undefined),
    [],
    'nothing is left in the engine',
  )
})

story('a program that ends is started again, with pauses that grow', {}, async world => {
  await world.create()
  await ready(world)
  const runs: number[] = []
  for (let i = 0; i < 4; i++) {
    const { workload } = world.get() ?? {}
    assert.ok(workload)
    const ended = world.clock.monotonic()
    world.behaviour.boots = false
    world.engine.end(workload, { code: 'exit-code', message: 'It ended with exit code 1.' })
    await world.until(() => world.get()?.workload !== workload && world.phase() === 'starting', 'a new run', 10 * 60 * SECOND)
    runs.push(world.clock.monotonic() - ended)
  }
  assert.ok((runs[3] ?? 0) > 4 * (runs[0] ?? 0), `pauses ${runs.join(', ')}`)
  assert.match(
    (await world.store.events({ kind: 'controller', limit: 50 })).map(({ message }) => message).join('\n'),
    /failed\. It ended.*exit code 1/,
  )
})

story('an instance that its hook could not secure is never ready', {}, async world => {
  world.behaviour.problem = 'the realm refused'
  await world.create()
  await world.until(() => world.phase() === 'failed', 'failed')
  assert.equal(world.get()?.reason?.code, 'not-secured')
  assert.match(world.get()?.reason?.message ?? '', /the realm refused/)
})

story('a program that serves without a word of its hook is ended: it may not be secured', {}, async world => {
  world.behaviour.speaks = false
  await world.create()
  await world.until(() => world.phase() === 'failed', 'failed', 120 * SECOND)
  assert.equal(world.get()?.reason?.code, 'not-secured')
  await world.until(() => world.alive() === 0, 'ended')
  world.behaviour.speaks = true
  await ready(world)
})

let place = false
story('without room it says so and starts when there is some', { noPlace: () => !place }, async world => {
  await world.create()
  await world.until(() => world.get()?.reason !== undefined, 'a reason')
  assert.deepEqual([world.phase(), world.get()?.reason?.code], ['pending', 'no-capacity'])
  place = true
  await ready(world)
  assert.equal(world.get()?.reason, undefined)
})

let missing = true
story(
  'a program that cannot be had is a reason, not the end',
  { noProgram: () => (missing ? new Error('The site is down.') : undefined) },
  async world => {
    await world.create()
    await world.until(() => world.phase() === 'failed', 'failed')
    assert.deepEqual([world.get()?.reason?.code, world.get()?.reason?.message], ['distribution-missing', 'The site is down.'])
    missing = false
    await ready(world)
  },
)

story(
  'a war of another distribution than was said corrects the row',
  { program: { distribution: 'jenkins', version: '2.541.3' } },
  async world => {
    await world.create()
    await world.until(() => world.get()?.spec.distribution === 'jenkins', 'corrected')
    await world.until(() => world.phase() === 'starting', 'started')
    assert.equal(world.get()?.endpoint?.agentPort, undefined, 'agents of Jenkins need no port')
  },
)

story('a fleet that is taken down stops all and brings back what was wanted', {}, async world => {
  await world.create()
  await ready(world)
  await world.fleet('down')
  await world.until(() => world.phase() === 'stopped', 'stopped')
  assert.equal(world.get()?.wanted, 'running')
  await world.fleet('up')
  await ready(world)
})

story('a stop that is taken back while it quiets leaves the run as it is', {}, async world => {
  await world.create()
  await ready(world)
  world.behaviour.running = 1
  await ask(world, 'stop')
  await world.until(() => world.phase() === 'quieting', 'quieting')
  await ask(world, 'start')
  await ready(world)
  assert.equal(world.engine.started.length, 1)
})

story('a run that its engine takes on late is the one that is tried again: never a second one beside it', {}, async world => {
  await world.create()
  let lost = true
  world.engine.submitLate = id => {
    if (!lost) return undefined
    lost = false
    return id.startsWith('a.') ? 10 * SECOND : undefined
  }
  await ready(world)
  assert.equal(world.alive(), 1)
  await world.clock.advance(30 * SECOND)
  assert.equal(new Set(world.engine.started).size, 1)
  assert.equal(world.phase(), 'ready')
})

story('what an earlier run left is taken away once the next one runs', {}, async world => {
  await world.create()
  await ready(world)
  for (let restart = 0; restart < 3; restart++) {
    await ask(world, 'restart')
    await world.until(() => world.get()?.restartsDone === restart + 1 && world.phase() === 'ready', 'restarted')
  }
  await world.clock.advance(60 * SECOND)
  const [left] = await Promise.all([world.engine.list(), world.clock.advance(SECOND)])
  assert.deepEqual(
    left.map(({ id }) => id),
    [world.get()?.workload],
  )
})

test('whatever calls are lost and whenever Manor dies, no controller ever runs twice, and it becomes what is wanted', async () => {
  for (let seed = 1; seed <= 40; seed++) {
    const random = seededRandom(seed)
    const world = await ControllersWorld.make({
      seed,
      faultOf: () => {
        const draw = random.next()
        if (draw < 0.15) return { kind: 'refused', retryable: true }
        return draw < 0.3 ? { kind: 'answer-lost' } : undefined
      },
    })
    try {
      await world.create()
      for (let step = 0; step < 12; step++) {
        await world.clock.advance(integer(random, 4 * SECOND))
        assert.ok(world.alive() <= 1, `seed ${seed}: it runs twice`)
        const draw = random.next()
        if (draw < 0.4) await world.restart()
        else if (draw < 0.6) await ask(world, 'restart').catch(() => undefined)
        else if (draw < 0.75) await ask(world, 'stop').catch(() => undefined)
        else await ask(world, 'start').catch(() => undefined)
      }
      // Not every phase can be started from: whoever wants it asks again.
      while (world.get()?.wanted !== 'running') {
        await ask(world, 'start').catch(() => undefined)
        await world.clock.advance(SECOND)
      }
      await world.until(() => world.phase() === 'ready', `seed ${seed}: ready in the end`, 30 * 60 * SECOND)
      assert.equal(world.alive(), 1, `seed ${seed}`)
      assert.equal(new Set(world.engine.started).size, world.engine.started.length, `seed ${seed}: a run was started twice`)
    } finally {
      await world.end()
    }
  }
})
