/** What the Mesos engine makes of a Mesos on a bad day: one test for each fault that the double plays. */
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { EngineError } from '../../src/engines/index.ts'
import { type Observation, tenantId, type Workload, type WorkloadId } from '../../src/model/index.ts'
import { systemClock } from '../../src/runtime/index.ts'
import type { MesosDoubleOptions } from '../doubles/mesos/mesos-double.ts'
import { openStream, post } from '../support/mesos-client.ts'
import { type MesosBench, mesosBench, type PlacingEngine, seen, taskOf, until } from '../support/mesos-double.ts'
import { memoryState } from '../support/mesos-engine.ts'
import { recordedMesos } from '../support/recorded-mesos.ts'
import { waitFor } from '../support/wait.ts'

const directory = mkdtempSync(join(tmpdir(), 'manor-mesos-faults-'))
after(() => rmSync(directory, { recursive: true, force: true }))
const { signal } = new AbortController()
let files = 0

/** A task that leaves a line behind each time it is started. */
const counted = (script = 'exec sleep 600', extra: Partial<Workload> = {}): Workload & { starts(): number } => {
  const file = join(directory, String(++files))
  const starts = (): number => {
    try {
      return readFileSync(file, 'utf8').trim().split('\n').length
    } catch {
      return 0
    }
  }
  return { ...taskOf(`echo started >>${file}; ${script}`, extra), starts }
}

/** It was started, and once. */
const once = async (one: ReturnType<typeof counted>): Promise<void> => {
  await waitFor(() => one.starts() > 0, { what: 'it was started' })
  assert.equal(one.starts(), 1)
}

const onDouble = async (
  options: Partial<MesosDoubleOptions>,
  run: (bench: MesosBench, engine: PlacingEngine) => Promise<void>,
): Promise<void> => {
  await using bench = await mesosBench(options)
  await run(bench, await bench.open())
}

const ran = async (engine: PlacingEngine, workload: Workload): Promise<Observation> => {
  await engine.submit(workload, undefined, signal)
  return until(engine, workload.id, 'running')
}

/** Starts one, ends it, and sees that both are known: the engine works. */
const works = async (engine: PlacingEngine): Promise<void> => {
  const one = counted('exit 4')
  await engine.submit(one, undefined, signal)
  assert.equal((await until(engine, one.id, 'ended')).exitCode, 4)
  await once(one)
}

const subscribedAgain = (engine: PlacingEngine, times: number): Promise<unknown> =>
  waitFor(() => engine.inner.counts.subscriptions >= times, {
    what: `${times} subscriptions`,
    seen: () => engine.inner.counts,
  })

describe('the stream', () => {
  for (const pieceBytes of [1, 7])
    test(`records come in pieces of ${pieceBytes} bytes, cut within lengths and characters`, () =>
      onDouble({ agents: [{ hostname: 'größe-✓', cpus: 4, mem: 4_000, attributes: { rack: '列-1' } }] }, async ({ double }, engine) => {
        double.faults.events.pieceBytes = pieceBytes
        await works(engine)
        const [host] = await engine.hosts(signal)
        assert.deepEqual([host?.attributes.hostname, host?.attributes.rack], ['größe-✓', '列-1'])
        assert.equal(engine.inner.counts.subscriptions, 1)
      }))

  test('it says nothing any more while its connection stands: after five heartbeats there is a new one', () =>
    onDouble({ heartbeatMs: 40 }, async ({ double }, engine) => {
      const one = counted()
      await ran(engine, one)
      double.quieten()
      await subscribedAgain(engine, 2)
      await works(engine)
      await once(one)
    }))

  for (const how of ['within-record', 'between'] as const)
    test(`its connection breaks, ${how}`, () =>
      onDouble({}, async ({ double }, engine) => {
        const one = counted()
        await ran(engine, one)
        double.cutStreams(how)
        await subscribedAgain(engine, 2)
        await until(engine, one.id, 'running')
        await works(engine)
        await once(one)
      }))

  test('the leader does not know the stream any more: calls are refused, and there is a new one', () =>
    onDouble({}, async ({ double }, engine) => {
      const one = counted()
      await ran(engine, one)
      double.staleStreams()
      // A stop is a call, and is refused; the connection that stood for nothing ends with its next heartbeat or cut.
      await engine.stop(one.id, 0, signal)
      double.cutStreams()
      assert.equal((await until(engine, one.id, 'ended')).reason?.code, 'killed-by-us')
    }))

  test('an ERROR that passes is answered with a new subscription', () =>
    onDouble({}, async ({ double }, engine) => {
      await works(engine)
      double.sayError('Some trouble that passes')
      await subscribedAgain(engine, 2)
      await works(engine)
    }))

  for (const [message, code] of [
    ['Framework failed over', 'superseded'],
    ['Framework has been removed', 'evicted'],
  ] as const)
    test(`"${message}" is the end: nothing is tried again, and every call says so`, () =>
      onDouble({}, async ({ double }, engine) => {
        await works(engine)
        double.sayError(message)
        await waitFor(
          () =>
            engine.list(signal).then(
              () => false,
              (cause: unknown) => cause instanceof EngineError,
            ),
          { what: 'it says so' },
        )
        await assert.rejects(engine.list(signal), cause => cause instanceof EngineError && cause.reason.code === code)
        await double.faults.delay()
        assert.equal(double.calls.get('SUBSCRIBE'), 1)
      }))
})

describe('the leader', () => {
  test('a standby sends on to it, without a scheme', async () => {
    await using bench = await mesosBench({ masters: 2 })
    await works(await bench.open(memoryState(), { url: bench.double.urls[1] ?? '' }))
  })

  test('it recovers: 503 for a while', () =>
    onDouble({}, async ({ double }, engine) => {
      const one = counted()
      await ran(engine, one)
      double.changeLeader({ recoveringMs: 400 })
      await subscribedAgain(engine, 2)
      await until(engine, one.id, 'running')
      await works(engine)
      await once(one)
    }))

  test('nobody leads for a while: calls are not answered out of an old memory', () =>
    onDouble({}, async ({ double }, engine) => {
      const one = counted()
      await ran(engine, one)
      double.depose()
      const answers = (): Promise<boolean> =>
        engine.list(AbortSignal.timeout(150)).then(
          () => true,
          () => false,
        )
      await waitFor(async () => !(await answers()), { what: 'it noticed' })
      assert.equal(await answers(), false)
      double.changeLeader()
      await until(engine, one.id, 'running')
      await once(one)
    }))

  test('another leads, which knows no agents yet: nobody answers for the tasks, none is taken for lost, none is started twice', () =>
    onDouble({ masters: 2 }, async ({ double }, engine) => {
      const runs = counted()
      await ran(engine, runs)
      double.changeLeader({ agentsAfterMs: 600 })
      await subscribedAgain(engine, 2)
      await engine.submit(runs, undefined, signal)
      assert.equal((await seen(engine, runs.id))?.state, 'running')
      await waitFor(() => double.leader.recovering.size === 0, { what: 'the agents are back' })
      await until(engine, runs.id, 'running')
      await works(engine)
      await once(runs)
    }))

  test('agents come to it one by one', () =>
    onDouble(
      {
        agents: Array.from({ length: 8 }, (_, index) => ({
          hostname: `h${index}`,
          cpus: 1,
          mem: 1_000,
          ports: [31_000 + index, 31_000 + index] as const,
        })),
      },
      async ({ double }, engine) => {
        const all = Array.from({ length: 8 }, () => counted('exec sleep 600', { resources: { cpu: 0.8, memoryMb: 100, diskMb: 0 } }))
        for (const one of all) await ran(engine, one)
        double.changeLeader({ agentsPerSecond: 16 })
        await subscribedAgain(engine, 2)
        await waitFor(() => double.leader.agents.size === 8, { what: 'all agents are back' })
        for (const one of all) {
          await until(engine, one.id, 'running')
          await once(one)
        }
      },
    ))

  test('its answers are slow', () =>
    onDouble({}, async ({ double }, engine) => {
      double.faults.slow(150)
      await works(engine)
    }))

  test('it forgets a framework whose time to come back has passed, and ends its tasks', async () => {
    await using bench = await mesosBench()
    const url = bench.double.urls[0] ?? ''
    const { subscribe } = recordedMesos('stream').requestBody as { subscribe: { framework_info: object } }
    const info = { ...subscribe.framework_info, failover_timeout: 0.05, id: { value: 'short' } }
    const body = { type: 'SUBSCRIBE', framework_id: { value: 'short' }, subscribe: { framework_info: info } }
    const stream = await openStream(url, body)
    await waitFor(() => stream.events.length > 0, { what: 'it is subscribed' })
    stream.close()
    await waitFor(() => bench.double.leader.completed.has('short'), { what: 'it is removed' })
    const again = await openStream(url, body)
    await waitFor(() => again.ended(), { what: 'the stream ended' })
    assert.deepEqual(again.events, [{ error: { message: 'Framework has been removed' }, type: 'ERROR' }])
  })
})

describe('launches', () => {
  test('an ACCEPT is done and its answer is lost: it runs once', () =>
    onDouble({}, async ({ double }, engine) => {
      const one = counted()
      double.faults.loseAnswer('ACCEPT')
      await engine.submit(one, undefined, signal).catch(cause => assert.ok(cause instanceof EngineError))
      await engine.submit(one, undefined, signal)
      await until(engine, one.id, 'running')
      await once(one)
    }))

  test('an ACCEPT is lost on its way: it is asked about, and then started', () =>
    onDouble({}, async ({ double }, engine) => {
      const one = counted()
      double.faults.loseCall('ACCEPT')
      await assert.rejects(engine.submit(one, undefined, signal), cause => cause instanceof EngineError && cause.retryable)
      await engine.submit(one, undefined, signal)
      await until(engine, one.id, 'running')
      await once(one)
    }))

  test('an ACCEPT is refused: nothing is left of it, and it may be started', () =>
    onDouble({}, async ({ double }, engine) => {
      const one = counted()
      double.faults.answerCall('ACCEPT', 400, 'Some rule that is not known here')
      await assert.rejects(engine.submit(one, undefined, signal), cause => cause instanceof EngineError && cause.placeIsGone)
      assert.equal(await seen(engine, one.id), undefined)
      await engine.submit(one, undefined, signal)
      await until(engine, one.id, 'running')
      await once(one)
    }))

  test('its offer is taken back in the moment of the ACCEPT: it ends as lost, and never ran', () =>
    onDouble({}, async ({ double }, engine) => {
      const one = counted()
      double.faults.leader.rescindBeforeAccept(1)
      await engine.submit(one, undefined, signal).catch(cause => assert.ok(cause instanceof EngineError))
      const state = await waitFor(
        async () => {
          const known = await seen(engine, one.id)
          return known === undefined || known.state === 'ended' ? { known } : undefined
        },
        { what: 'it is over' },
      )
      if (state.known !== undefined) assert.equal(state.known.reason?.code, 'node-lost')
      assert.equal(one.starts(), 0)
      await works(engine)
    }))

  test('its offer times out before it is submitted: it needs another place', () =>
    onDouble({ offerTimeoutMs: 150 }, async (_bench, engine) => {
      const one = counted()
      engine.inner.offers.want(new Set([one.tenant]))
      const offer = await new Promise<{ readonly id: Parameters<typeof engine.submit>[1] & string; readonly offer: string }>(resolve => {
        engine.inner.offers.follow({
          offered: ([first]) => first !== undefined && resolve({ id: first.id, offer: first.offer }),
          gone: () => undefined,
        })
      })
      engine.inner.offers.assign([{ workload: one.id, host: offer.id, offers: [offer.offer], ports: [] }])
      await waitFor(() => engine.inner.counts.offersHeld === 0, { what: 'the offer is gone', everyMs: 20 })
      await assert.rejects(engine.inner.submit(one, offer.id, signal), cause => cause instanceof EngineError && cause.placeIsGone)
      assert.equal(one.starts(), 0)
    }))

  test('it is taken on and lost before it reaches its agent: told as lost once the agent is asked, and not started by itself', () =>
    onDouble({}, async ({ double }, engine) => {
      const one = counted()
      double.faults.leader.loseLaunches(1)
      await engine.submit(one, undefined, signal)
      assert.equal((await until(engine, one.id, 'placing')).host !== undefined, true)
      for (const index of double.agents.keys()) double.restartAgent(index)
      assert.equal((await until(engine, one.id, 'ended')).reason?.code, 'node-lost')
      assert.equal(one.starts(), 0)
    }))
})

describe('updates', () => {
  test('each comes twice', () =>
    onDouble({}, async ({ double }, engine) => {
      double.faults.events.doubled.add('UPDATE')
      await works(engine)
    }))

  test('they come late, after what follows them', () =>
    onDouble({}, async ({ double }, engine) => {
      double.faults.events.late.set('UPDATE', 200)
      await works(engine)
    }))

  test('they come in the opposite order', () =>
    onDouble({ retryFirstMs: 50 }, async ({ double }, engine) => {
      double.faults.events.reversed = { type: 'UPDATE', count: 3 }
      const one = counted('exit 4')
      await engine.submit(one, undefined, signal)
      assert.equal((await until(engine, one.id, 'ended')).exitCode, 4)
      double.faults.restore()
      await waitFor(() => double.agents.every(({ tasks }) => tasks.size === 0), { what: 'all is acknowledged' })
    }))

  test('they are lost: their agent tells them again', () =>
    onDouble({ retryFirstMs: 50 }, async ({ double }, engine) => {
      double.faults.events.lost.add('UPDATE')
      const one = counted('exit 4')
      await engine.submit(one, undefined, signal)
      await waitFor(() => one.starts() === 1, { what: 'it ran' })
      double.faults.restore()
      assert.equal((await until(engine, one.id, 'ended')).exitCode, 4)
    }))

  test('acknowledgements are lost: they are given again when it is told again', () =>
    onDouble({ retryFirstMs: 50 }, async ({ double }, engine) => {
      double.faults.loseCall('ACKNOWLEDGE', 2)
      await works(engine)
      await waitFor(() => double.agents.every(({ tasks }) => tasks.size === 0), { what: 'all is acknowledged' })
    }))

  test('one of an older state comes after the end: the end stands', () =>
    onDouble({}, async ({ double }, engine) => {
      const one = counted()
      const { host } = await ran(engine, one)
      const agent = double.agents.find(({ id }) => id === host)
      const [task] = [...(agent?.tasks.values() ?? [])]
      const id = task?.task.task_id.value ?? ''
      double.endTask(id, 6)
      const end = await until(engine, one.id, 'ended')
      assert.equal(end.exitCode, 6)
      const { framework } = task ?? { framework: '' }
      const status = {
        task_id: { value: id },
        state: 'TASK_RUNNING',
        source: 'SOURCE_EXECUTOR' as const,
        agent_id: { value: host ?? '' },
        timestamp: systemClock.now() / 1_000,
        uuid: Buffer.alloc(16, 1).toString('base64'),
      }
      if (agent !== undefined) double.leader.update(agent, { framework, status, latest: 'TASK_RUNNING' })
      await works(engine)
      assert.deepEqual(await seen(engine, one.id), end)
    }))

  test('a container is not let go before the grace of its launch: its executor is ended when the grace that was asked for is over', () =>
    onDouble({ executorShutdownMs: 50 }, async ({ double }, engine) => {
      const deaf = join(directory, 'deaf')
      const one = counted(`trap '' TERM; : >${deaf}; while :; do sleep 0.05; done`, { image: 'any', graceMs: 600_000 })
      await ran(engine, one)
      await waitFor(() => existsSync(deaf), { what: 'it does not hear SIGTERM' })
      await engine.stop(one.id, 0, signal)
      assert.equal((await until(engine, one.id, 'ended')).reason?.code, 'killed-by-us')
      assert.ok((double.calls.get('SHUTDOWN') ?? 0) >= 1)
    }))

  test('kills are lost: they are sent again until the task has ended', () =>
    onDouble({}, async ({ double }, engine) => {
      const one = counted()
      await ran(engine, one)
      double.faults.leader.loseKills(1)
      await engine.stop(one.id, 0, signal)
      assert.equal((await until(engine, one.id, 'ended')).reason?.code, 'killed-by-us')
      assert.ok((double.calls.get('KILL') ?? 0) >= 2)
    }))
})

describe('agents', () => {
  test('one is silent: what runs there is unknown, and runs on when it is back', () =>
    onDouble({}, async ({ double }, engine) => {
      const one = counted()
      const { host } = await ran(engine, one)
      const index = double.agents.findIndex(({ id }) => id === host)
      double.silence(index)
      assert.equal((await until(engine, one.id, 'unknown')).reason?.code, 'host-silent')
      await engine.submit(one, undefined, signal)
      double.wake(index)
      await until(engine, one.id, 'running')
      await once(one)
    }))

  test('one is silent while its task ends: its end is told when it is back', () =>
    onDouble({ retryFirstMs: 50 }, async ({ double }, engine) => {
      const one = counted('sleep 0.4; exit 6')
      const { host } = await ran(engine, one)
      const index = double.agents.findIndex(({ id }) => id === host)
      double.silence(index)
      await until(engine, one.id, 'unknown')
      await waitFor(() => [...(double.agents[index]?.tasks.values() ?? [])][0]?.state === 'TASK_FAILED', { what: 'it ended' })
      double.wake(index)
      assert.equal((await until(engine, one.id, 'ended')).exitCode, 6)
    }))

  test('one comes again as another: what ran there stays unknown until an operator says that it is gone', () =>
    onDouble({}, async ({ double }, engine) => {
      const one = counted()
      const { host } = await ran(engine, one)
      double.rebuildAgent(double.agents.findIndex(({ id }) => id === host))
      await until(engine, one.id, 'unknown')
      await works(engine)
      const url = double.urls[0] ?? ''
      const gone = await post(url, '/api/v1', { type: 'MARK_AGENT_GONE', mark_agent_gone: { agent_id: { value: host } } })
      assert.equal(gone.status, 200)
      // It was unreachable, so there is nobody left to tell; whoever asks next hears it.
      double.cutStreams()
      await waitFor(async () => (await seen(engine, one.id))?.state === 'ended', { what: 'it is over', withinMs: 20_000 })
    }))

  test('one is drained: its host is draining, and nothing new comes there', () =>
    onDouble({}, async ({ double }, engine) => {
      const [first] = double.agents
      await post(double.urls[0] ?? '', '/api/v1', { type: 'DRAIN_AGENT', drain_agent: { agent_id: { value: first?.id } } })
      const stateOf = async (): Promise<string | undefined> => (await engine.hosts(signal)).find(({ id }) => id === first?.id)?.state
      await waitFor(async () => (await stateOf()) === 'draining', { what: 'it is draining' })
      for (let count = 0; count < 4; count++) assert.notEqual((await ran(engine, counted())).host, first?.id)
    }))
})

describe('offers', () => {
  test('some come after a SUPPRESS: they are given back, and offers still flow when there is work again', () =>
    onDouble({}, async ({ double }, engine) => {
      double.faults.leader.offerAfterSuppress(3)
      for (let wave = 1; wave <= 3; wave++) {
        await works(engine)
        await waitFor(() => engine.inner.counts.suppresses === wave, { what: 'it is suppressed', seen: () => engine.inner.counts })
      }
      await waitFor(() => double.leader.book.offers.size === 0, { what: 'none is held' })
      assert.equal(engine.inner.counts.offersHeld, 0)
      const { revives, suppresses } = engine.inner.counts
      assert.deepEqual([revives, suppresses], [3, 3])
    }))

  test('a REVIVE is lost: it is sent again', () =>
    onDouble({}, async ({ double }, engine) => {
      double.faults.loseCall('REVIVE')
      await works(engine)
      assert.equal(double.calls.get('REVIVE'), 2)
    }))

  test('none ever come: it says that there is no room, and starts once there is', async () => {
    await using bench = await mesosBench()
    const engine = await bench.open(memoryState(), { patienceMs: 200 })
    bench.double.faults.leader.starves = true
    const one = counted()
    await assert.rejects(
      engine.submit(one, undefined, signal),
      cause => cause instanceof EngineError && cause.reason.code === 'no-capacity',
    )
    bench.double.faults.restore()
    await ran(engine, one)
    await once(one)
  })

  test('all are taken back while a workload waits: it gets others', () =>
    onDouble({}, async ({ double }, engine) => {
      const some = Array.from({ length: 6 }, () => counted('exit 0'))
      const started = Promise.all(
        some.map(async one => {
          for (;;)
            try {
              return await engine.submit(one, undefined, signal)
            } catch (cause) {
              assert.ok(cause instanceof EngineError && cause.retryable)
            }
        }),
      )
      for (let count = 0; count < 10; count++) {
        double.leader.book.rescindAll()
        await double.faults.delay()
      }
      await started
      for (const one of some) await until(engine, one.id, 'ended')
    }))

  test('of other regions, with GPUs and of room that may be taken back, none come where they were not asked for', async () => {
    const region = (name: string): object => ({ domain: { fault_domain: { region: { name }, zone: { name: 'z1' } } } })
    const agents = [
      { hostname: 'plain', cpus: 2, mem: 1_000, ...region('here') },
      { hostname: 'far', cpus: 2, mem: 1_000, ...region('there') },
      { hostname: 'gpu', cpus: 2, mem: 1_000, gpus: 2, ...region('here') },
      { hostname: 'lent', cpus: 1, mem: 1_000, revocableCpus: 8, ...region('here') },
    ]
    const offered = async (options: object): Promise<ReadonlyMap<string, number>> => {
      await using bench = await mesosBench({ agents, region: 'here' })
      const engine = await bench.open(memoryState(), options)
      const all = new Map<string, number>()
      engine.inner.offers.follow({
        offered: offers => {
          for (const { attributes, resources } of offers) all.set(String(attributes.hostname), resources.cpu)
        },
        gone: () => undefined,
      })
      engine.inner.offers.want(new Set([tenantId('team-a')]))
      await waitFor(() => all.size >= 2 && bench.double.leader.book.offers.size === all.size, { what: 'offers', seen: () => [...all] })
      return all
    }
    assert.deepEqual(Object.fromEntries(await offered({})), { plain: 2, lent: 1 })
    assert.deepEqual(Object.fromEntries(await offered({ regions: true, gpus: true, revocable: true })), {
      plain: 2,
      far: 2,
      gpu: 2,
      lent: 8,
    })
  })

  test('two roles share by what each holds, and one host’s are never mixed', () =>
    onDouble({}, async (_bench, engine) => {
      const all = ['team-a', 'team-b', 'team-a', 'team-b', 'team-c'].map(tenant => counted('exec sleep 600', { tenant: tenantId(tenant) }))
      await Promise.all(all.map(one => engine.submit(one, undefined, signal)))
      for (const one of all) {
        await until(engine, one.id, 'running')
        await once(one)
      }
    }))
})

test('a double that is started again in its directory knows that what it ran is gone, and Manor does what that asks for', async () => {
  const home = mkdtempSync(join(directory, 'twice-'))
  const state = memoryState()
  const one = counted()
  {
    await using bench = await mesosBench({ directory: home })
    const engine = await bench.open(state)
    await ran(engine, one)
    await engine.inner.close()
  }
  await using bench = await mesosBench({ directory: home })
  const engine = await bench.open(state)
  assert.equal((await until(engine, one.id, 'ended')).reason?.code, 'node-lost')
  await works(engine)
})

test('the control port plays a fault by its name, and says where there is none', () =>
  onDouble({}, async ({ double }, engine) => {
    const url = double.urls[0] ?? ''
    assert.equal((await post(url, '/double/no-such-fault', [])).status, 404)
    assert.equal((await post(url, '/double/double-events', ['UPDATE'])).status, 200)
    await works(engine)
    assert.equal((await post(url, '/double/change-leader', [100, 100])).status, 200)
    await subscribedAgain(engine, 2)
    const ids: WorkloadId[] = []
    for (let count = 0; count < 2; count++) {
      const one = counted('exit 0')
      ids.push(one.id)
      await engine.submit(one, undefined, signal)
    }
    for (const id of ids) await until(engine, id, 'ended')
  }))
