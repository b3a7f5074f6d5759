/**
 * What becomes of tasks when parts of a real Mesos, or Manor itself, die and come back. On a cluster that somebody else started
 * (`--master URL`) only what needs no process of its own is run.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Engine, MesosEngine } from '../../src/engines/index.ts'
import { EngineError, renewFramework } from '../../src/engines/index.ts'
import type { Observation, Workload, WorkloadId } from '../../src/model/index.ts'
import { integer, seededRandom, systemClock, systemRandom } from '../../src/runtime/index.ts'
import { type RunningMesos, startMesos } from '../support/mesos.ts'
import { CRASH_OWNER, fileState } from '../support/mesos-crash-child.ts'
import { givenCluster, type MesosState, memoryState, openEngine, placing, sharedState } from '../support/mesos-engine.ts'
import { playPair } from '../support/mesos-pair.ts'
import { shellWorkload } from '../support/shell-workload.ts'
import { waitFor } from '../support/wait.ts'

const given = givenCluster()
const { signal } = new AbortController()
let mesos: RunningMesos | undefined
let keepAlive: Server | undefined
const engines: MesosEngine[] = []
let names = 0

before(async () => {
  if (given === undefined) mesos = await startMesos({ agents: 2 })
  keepAlive = createServer()
  await new Promise<void>(resolve => keepAlive?.listen(0, '127.0.0.1', resolve))
})

after(async () => {
  for (const engine of engines.toReversed()) await engine.teardown(AbortSignal.timeout(5_000)).catch(() => undefined)
  for (const engine of engines) await engine.close()
  await mesos?.[Symbol.asyncDispose]()
  await new Promise<void>(resolve => keepAlive?.close(() => resolve()))
})

/** The tests' own Mesos; a test of what cannot be done to a cluster of others does not come here. */
const own = (): RunningMesos => {
  assert.ok(mesos !== undefined, 'this test needs a Mesos of its own')
  return mesos
}

const open = async (
  owner: string,
  state: MesosState,
  options: Parameters<typeof openEngine>[3] = {},
): Promise<ReturnType<typeof placing>> => {
  const credentials = given?.credentials === undefined ? {} : { credentials: given.credentials }
  const engine = await openEngine(given?.url ?? own().url, owner, state, { ...credentials, ...options })
  engines.push(engine)
  return placing(engine, 15_000)
}

const workload = (owner: string, script: string, extra: Partial<Workload> = {}): Workload =>
  shellWorkload(`f-${++names}-${systemClock.now().toString(36)}`, owner, script, {
    ...(given?.image === undefined ? {} : { image: given.image }),
    ...extra,
  })

const seen = async (engine: Engine, id: WorkloadId): Promise<Observation | undefined> =>
  (await engine.list(AbortSignal.timeout(20_000))).find(one => one.id === id)

const until = (engine: Engine, id: WorkloadId, state: Observation['state']): Promise<Observation> => {
  let last: Observation | undefined
  return waitFor(
    async () => {
      last = await seen(engine, id)
      return last?.state === state ? last : undefined
    },
    { what: `${id} is ${state}`, withinMs: 60_000, seen: () => last },
  )
}

const THEIRS = 'It ends or stops processes of Mesos, which here belong to somebody else.'

const whereOwn = (name: string, run: () => Promise<void>, why = THEIRS): void => {
  test(given === undefined ? name : `not on a cluster of others: ${name}`, async context => {
    if (given === undefined) await run()
    else context.diagnostic(why)
  })
}

whereOwn('the leader is killed and started again: tasks run on, their ends are known, new ones start', async () => {
  const engine = await open('leader', memoryState())
  const runs = workload('leader', 'echo "pid $$"; exec sleep 600')
  const ends = workload('leader', 'sleep 2; exit 7')
  for (const one of [runs, ends]) await engine.submit(one, undefined, signal)
  const earlier = await until(engine, runs.id, 'running')
  await own().leader.kill()
  // A sign of life counts for a moment, so the first answer after the kill may still be one.
  const isRefused = (): Promise<boolean> =>
    engine.list(AbortSignal.timeout(500)).then(
      () => false,
      () => true,
    )
  await waitFor(isRefused, { what: 'no answer comes while nobody leads', withinMs: 10_000, everyMs: 10 })
  await own().leader.start()
  await own().registered(2)
  assert.equal((await until(engine, ends.id, 'ended')).exitCode, 7)
  const later = await until(engine, runs.id, 'running')
  assert.equal(later.startedAt, earlier.startedAt)
  const fresh = workload('leader', 'exit 4')
  await engine.submit(fresh, undefined, signal)
  assert.equal((await until(engine, fresh.id, 'ended')).exitCode, 4)
  assert.equal(engine.inner.counts.subscriptions, 2)
})

whereOwn("an agent's process is killed and started again: its task is the same one, and its end is told", async () => {
  const engine = await open('agent', memoryState())
  const one = workload('agent', 'echo "pid $$"; while [ ! -e go ]; do sleep 0.1; done; exit 9', { workingDirectory: '{dir}' })
  await engine.submit(one, undefined, signal)
  const earlier = await until(engine, one.id, 'running')
  const log = await waitFor(async () => /pid \d+/.exec(await engine.logs(one.id, 1_000, signal))?.[0], { what: 'it told its pid' })
  const pid = Number(log.slice(4))
  for (const agent of own().agents) {
    await agent.kill()
    await agent.start()
  }
  await own().registered(2)
  assert.equal((await until(engine, one.id, 'running')).startedAt, earlier.startedAt)
  assert.ok(existsSync(`/proc/${pid}`), 'the same process')
  await engine.stop(one.id, 0, signal)
  assert.equal((await until(engine, one.id, 'ended')).reason?.code, 'killed-by-us')
})

whereOwn(
  'an agent that is silent past its pings: unknown, not started again, and what ended meanwhile is told when it is back',
  async () => {
    const engine = await open('silent', memoryState())
    const runs = workload('silent', 'exec sleep 600')
    const ends = workload('silent', 'sleep 1.5; exit 6')
    for (const one of [runs, ends]) await engine.submit(one, undefined, signal)
    const { host } = await until(engine, runs.id, 'running')
    await until(engine, ends.id, 'running')
    for (const agent of own().agents) agent.signal('SIGSTOP')
    try {
      const silent = await until(engine, runs.id, 'unknown')
      assert.equal(silent.reason?.code, 'host-silent')
      await until(engine, ends.id, 'unknown')
      assert.equal((await engine.hosts(signal)).find(({ id }) => id === host)?.state, 'silent')
      // A second submit of what nobody knows about starts nothing.
      await engine.submit(runs, undefined, signal)
      assert.equal((await seen(engine, runs.id))?.state, 'unknown')
    } finally {
      for (const agent of own().agents) agent.signal('SIGCONT')
    }
    await until(engine, runs.id, 'running')
    assert.equal((await until(engine, ends.id, 'ended')).exitCode, 6)
    await own().registered(2)
    await waitFor(async () => (await engine.hosts(signal)).every(({ state }) => state === 'ready'), { what: 'the hosts are back' })
  },
)

test('of two engines with one framework id exactly one works, and the other steps back for good', async () => {
  const state = memoryState()
  const farewells: string[] = []
  const first = await open('pair', state, { onFarewell: ({ kind }) => farewells.push(kind) })
  const one = workload('pair', 'exec sleep 600')
  await first.submit(one, undefined, signal)
  await until(first, one.id, 'running')
  const second = await open('pair', state)
  await waitFor(() => farewells.length > 0, { what: 'the first is told' })
  assert.deepEqual(farewells, ['superseded'])
  await until(second, one.id, 'running')
  const calls = [
    () => first.list(signal),
    () => first.inner.submit(workload('pair', 'true'), undefined, signal),
    () => first.stop(one.id, 0, signal),
  ]
  for (const call of calls) await assert.rejects(call, cause => cause instanceof EngineError && cause.reason.code === 'superseded')
  await second.stop(one.id, 0, signal)
  await until(second, one.id, 'ended')
  const fresh = workload('pair', 'exit 0')
  await second.submit(fresh, undefined, signal)
  await until(second, fresh.id, 'ended')
  assert.equal(first.inner.counts.subscriptions, 1)
  assert.equal(second.inner.counts.subscriptions, 1)
})

whereOwn(
  'leadership moves back and forth under load: no task is lost and none is doubled',
  async () => {
    const seed = Number(process.env.SEED ?? integer({ next: Math.random, bytes: () => new Uint8Array() }, 1_000_000))
    const random = seededRandom(seed)
    const directory = mkdtempSync(join(tmpdir(), 'manor-mesos-pair-'))
    try {
      const shared = sharedState(memoryState())
      await playPair({
        seed,
        random,
        directory,
        count: 20,
        moves: 6,
        mostBetweenMs: 3_000,
        submitEveryMs: 400,
        taskOf: script => workload('moves', script),
        lead: () => {
          const { state, mayLead } = shared.lead()
          return open('moves', state, { mayLead })
        },
      })
    } finally {
      rmSync(directory, { recursive: true })
    }
  },
  'What was started is read from files of the hosts, which here are not in sight.',
)

test('offers are suppressed while nothing waits, and revived exactly once when something does', async () => {
  const engine = await open('counted', memoryState())
  const waves = 5
  for (let wave = 0; wave < waves; wave++) {
    const both = [workload('counted', 'exit 0'), workload('counted', 'exit 0')]
    await Promise.all(both.map(one => engine.submit(one, undefined, signal)))
    for (const { id } of both) await until(engine, id, 'ended')
    await waitFor(() => engine.inner.counts.suppresses === wave + 1, { what: 'offers are suppressed', seen: () => engine.inner.counts })
    assert.equal(engine.inner.counts.offersHeld, 0)
  }
  // The first wave's tenant is new to the framework.
  const { subscriptions, revives, suppresses, roleUpdates } = engine.inner.counts
  assert.deepEqual(
    { subscriptions, revives, suppresses, roleUpdates },
    { subscriptions: 1, revives: waves, suppresses: waves, roleUpdates: 1 },
  )
})

test('tasks that are in no record are found and adopted by their labels, with ports, and those of another owner are left alone', async () => {
  const before = memoryState()
  const first = await open('lost-store', before)
  const mine = workload('lost-store', 'exec sleep 600', { ports: { http: 0 } })
  await first.submit(mine, undefined, signal)
  const earlier = await until(first, mine.id, 'running')
  await first.inner.close()
  // All is lost but the framework's id.
  const afterwards = memoryState()
  await afterwards.frameworkIds.swap(undefined, before.framework() ?? '')
  const warnings: string[] = []
  const stranger = await open('somebody-else', afterwards, { onWarning: message => warnings.push(message) })
  await waitFor(() => warnings.some(text => /left alone/.test(text)), { what: 'another owner leaves it alone', seen: () => warnings })
  assert.deepEqual(await stranger.list(signal), [])
  await stranger.inner.close()
  const second = await open('lost-store', afterwards)
  const adopted = await until(second, mine.id, 'running')
  assert.deepEqual(adopted.labels, mine.labels)
  assert.deepEqual(adopted.ports, earlier.ports)
  assert.equal(adopted.host, earlier.host)
  await second.stop(mine.id, 0, signal)
  assert.equal((await until(second, mine.id, 'ended')).reason?.code, 'killed-by-us')
})

test('a framework that Mesos has removed says so and is not used again; a new one is, once somebody has decided that', async () => {
  const state = memoryState()
  const farewells: string[] = []
  const first = await open('removed', state, { onFarewell: ({ kind }) => farewells.push(kind) })
  const one = workload('removed', 'exec sleep 600')
  await first.submit(one, undefined, signal)
  await until(first, one.id, 'running')
  await first.inner.teardown(signal)
  await waitFor(() => farewells.length > 0, { what: 'it is told' })
  assert.deepEqual(farewells, ['removed'])
  await assert.rejects(first.list(signal), cause => cause instanceof EngineError && /--new-framework/.test(cause.reason.mend ?? ''))
  const old = state.framework()
  assert.ok(await renewFramework({ frameworkIds: state.frameworkIds, random: systemRandom }))
  assert.notEqual(state.framework(), old)
  const second = await open('removed', state)
  // What ran in the old one is known to be gone.
  assert.equal((await until(second, one.id, 'ended')).reason?.code, 'node-lost')
  const fresh = workload('removed', 'exit 0')
  await second.submit(fresh, undefined, signal)
  await until(second, fresh.id, 'ended')
})

whereOwn('a maintenance window drains its host', async () => {
  const engine = await open('maintenance', memoryState())
  const one = workload('maintenance', 'exec sleep 600')
  await engine.submit(one, undefined, signal)
  const { host } = await until(engine, one.id, 'running')
  const window = (windows: readonly unknown[]): Promise<unknown> =>
    own().operator({ type: 'UPDATE_MAINTENANCE_SCHEDULE', update_maintenance_schedule: { schedule: { windows } } })
  const start = { nanoseconds: (systemClock.now() + 60_000) * 1_000_000 }
  await window([
    { machine_ids: [{ hostname: 'localhost', ip: '127.0.0.1' }], unavailability: { start, duration: { nanoseconds: 60_000_000_000 } } },
  ])
  const stateOf = async (): Promise<string | undefined> => (await engine.hosts(signal)).find(({ id }) => id === host)?.state
  await waitFor(async () => (await stateOf()) === 'draining', { what: 'the host is draining' })
  assert.equal((await seen(engine, one.id))?.state, 'running', 'what runs there is not ended by that')
  await window([])
  await waitFor(async () => (await stateOf()) === 'ready', { what: 'the host is ready again', withinMs: 60_000 })
})

whereOwn('the engine is killed at any moment: each workload is started exactly once', async () => {
  const seed = Number(process.env.SEED ?? integer({ next: Math.random, bytes: () => new Uint8Array() }, 1_000_000))
  const random = seededRandom(seed)
  const directory = mkdtempSync(join(tmpdir(), 'manor-mesos-crash-'))
  const count = 30
  let deaths = 0
  try {
    for (let isDone = false; !isDone; ) {
      const child = spawn(
        process.execPath,
        [join(import.meta.dirname, '../support/mesos-crash-child.ts'), own().url, directory, String(count)],
        {
          stdio: ['ignore', 'pipe', 'inherit'],
        },
      )
      let said = ''
      child.stdout.on('data', data => {
        said += String(data)
      })
      const ended = new Promise<void>(resolve => child.once('exit', () => resolve()))
      // After some deaths it is let live, so that the test ends.
      const cancel = deaths < 8 ? systemClock.after(300 + integer(random, 1_200), () => child.kill('SIGKILL')) : () => undefined
      await ended
      cancel()
      isDone = said.includes('done')
      if (!isDone) deaths++
      assert.ok(deaths <= 8, `the engine ended by itself; SEED=${seed}`)
    }
    const started = readFileSync(join(directory, 'started'), 'utf8').trim().split('\n')
    const expected = Array.from({ length: count }, (_, index) => `w-${index + 1}`)
    assert.deepEqual(started.toSorted(), expected.toSorted(), `SEED=${seed}, ${deaths} deaths`)
  } finally {
    const last = await openEngine(own().url, CRASH_OWNER, fileState(join(directory, 'state')))
    await last.teardown(AbortSignal.timeout(10_000))
    await last.close()
    rmSync(directory, { recursive: true })
  }
})

whereOwn('with HTTP Basic: the right secret works, a wrong one is told', async () => {
  await using guarded = await startMesos({ credentials: { principal: 'manor', secret: 'quite secret' } })
  const right = await openEngine(guarded.url, 'basic', memoryState(), { credentials: { principal: 'manor', secret: 'quite secret' } })
  const engine = placing(right)
  const one = workload('basic', 'exit 0')
  await engine.submit(one, undefined, signal)
  await until(engine, one.id, 'ended')
  await right.close()
  const causes: unknown[] = []
  const wrong = await openEngine(guarded.url, 'basic', memoryState(), {
    credentials: { principal: 'manor', secret: 'wrong' },
    onWarning: (_message, cause) => causes.push(cause),
  })
  await waitFor(() => causes.some(cause => /401/.test(String(cause))), { what: 'it is told', seen: () => causes.map(String) })
  await wrong.close()
})
