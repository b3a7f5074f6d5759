/** The double of Mesos held against exchanges with a real one: the same requests, and what comes back, and what comes on the stream. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { eventOf, type HandStream, openStream, post, type Raw } from '../support/mesos-client.ts'
import { type MesosBench, mesosBench } from '../support/mesos-double.ts'
import { type RecordedMesos, recordedMesos } from '../support/recorded-mesos.ts'
import { waitFor } from '../support/wait.ts'

const AGENT = {
  hostname: 'localhost',
  cpus: 4,
  mem: 8_000,
  disk: 20_000,
  ports: [31_000, 31_999],
  attributes: { rack: 'r1', storage: 'ebs' },
} as const

let bench: MesosBench
before(async () => {
  bench = await mesosBench({ agents: [AGENT], masters: 2, allocationIntervalMs: 50, agentSilenceMs: 150 })
})
after(() => bench[Symbol.asyncDispose]())

const url = (): string => bench.double.urls[0] ?? ''

type Framework = {
  readonly id: string
  readonly stream: HandStream
  call(body: object): Promise<number>
  /** An offer that stands. */
  offer(): Promise<Offer>
  launch(name: string, tasks: readonly object[], refuseSeconds?: number, offer?: Offer): Promise<void>
  acknowledge(): void
}
type Offer = {
  readonly id: { readonly value: string }
  readonly agent_id: { readonly value: string }
  readonly resources: readonly object[]
}
type Body = { readonly subscribe: { readonly framework_info: Record<string, unknown> } }

const SUBSCRIBE = recordedMesos('stream').requestBody as Body

const withFramework = async (run: (framework: Framework) => Promise<void>, body: object = SUBSCRIBE): Promise<void> => {
  const stream = await openStream(url(), body)
  const { subscribed } = (await eventOf(stream, 'SUBSCRIBED', ({ type }) => type === 'SUBSCRIBED')) as unknown as {
    subscribed: { framework_id: { value: string } }
  }
  const framework = frameworkOver(subscribed.framework_id.value, stream)
  try {
    await run(framework)
  } finally {
    await framework.call({ type: 'TEARDOWN' })
    stream.close()
  }
}

const frameworkOver = (id: string, stream: HandStream): Framework => {
  const acknowledged = new Set<string>()
  const call = async (body: object): Promise<number> =>
    (
      await post(
        url(),
        '/api/v1/scheduler',
        { framework_id: { value: id }, ...body },
        { 'Content-Type': 'application/json', Accept: 'application/json', 'Mesos-Stream-Id': stream.streamId },
      )
    ).status
  const offer = (): Promise<Offer> =>
    waitFor(
      () =>
        stream.events
          .flatMap(event => (event.type === 'OFFERS' ? (event as unknown as { offers: { offers: Offer[] } }).offers.offers : []))
          .find(each => bench.double.leader.book.offers.has(each.id.value)),
      { what: 'an offer', everyMs: 5, withinMs: 10_000, seen: () => stream.events.slice(-3) },
    )
  return {
    id,
    stream,
    call,
    offer,
    launch: async (name, tasks, refuse_seconds = 60, taken) => {
      const { id: offerId, agent_id } = taken ?? (await offer())
      const infos = tasks.map(task => ({ name, task_id: { value: name }, agent_id, ...task }))
      const accept = {
        offer_ids: [offerId],
        operations: [{ type: 'LAUNCH', launch: { task_infos: infos } }],
        filters: { refuse_seconds },
      }
      assert.equal(await call({ type: 'ACCEPT', accept }), 202)
    },
    acknowledge: () => {
      for (const { status } of updatesOf(stream))
        if (status.uuid !== undefined && !acknowledged.has(status.uuid)) {
          acknowledged.add(status.uuid)
          const { agent_id, task_id, uuid } = status
          void call({ type: 'ACKNOWLEDGE', acknowledge: { agent_id, task_id, uuid } })
        }
    },
  }
}

type Status = { readonly state: string; readonly uuid?: string; readonly reason?: string; readonly [name: string]: unknown }
const updatesOf = ({ events }: HandStream): { status: Status }[] =>
  events.flatMap(event => (event.type === 'UPDATE' ? [event.update as { status: Status }] : []))

const statusOf = async (framework: Framework, state: string, from = 0): Promise<Status> =>
  waitFor(
    () => {
      framework.acknowledge()
      return updatesOf(framework.stream)
        .slice(from)
        .find(({ status }) => status.state === state)?.status
    },
    { what: state, everyMs: 5, withinMs: 10_000, seen: () => updatesOf(framework.stream) },
  )

/** Paths of a document with the kinds of value at their ends; lists by what any of their members has. */
const shapeOf = (value: unknown, path = ''): string[] => {
  if (Array.isArray(value)) return [...new Set(value.flatMap(each => shapeOf(each, `${path}[]`)))].toSorted()
  if (typeof value !== 'object' || value === null) return [`${path}: ${typeof value}`]
  return Object.entries(value)
    .flatMap(([name, one]) => shapeOf(one, `${path}.${name}`))
    .toSorted()
}

/** What says the same every time. */
const constantsOf = (status: Status): unknown => ({
  state: status.state,
  reason: status.reason,
  source: status.source,
  message: String(status.message).replace(/[\w-]+-O\d+/, 'OFFER'),
})

/** Same shape and same words as the recorded one of that type and state. */
const assertRecorded = (fixture: string, got: Raw | undefined): void => {
  assert.ok(got !== undefined, 'nothing came')
  const stateOf = (event: Raw): unknown => (event.update as { status: Status } | undefined)?.status.state
  const records = recordedMesos(fixture).records.map(record => JSON.parse(record) as Raw)
  const recorded = records.find(each => each.type === got.type && stateOf(each) === stateOf(got))
  assert.ok(recorded !== undefined, `${fixture} has no ${got.type} ${String(stateOf(got))}`)
  assert.deepEqual(shapeOf(got), shapeOf(recorded))
  if (got.type === 'UPDATE')
    assert.deepEqual(constantsOf((got.update as { status: Status }).status), constantsOf((recorded.update as { status: Status }).status))
}
const update = (status: Status): Raw => ({ type: 'UPDATE', update: { status } })
const lastOf = (stream: HandStream, type: string): Raw | undefined => stream.events.findLast(event => event.type === type)

/** Headers of the connection. */
const PASSING: ReadonlySet<string> = new Set(['date', 'content-length', 'connection', 'keep-alive', 'transfer-encoding'])
const headersOf = (headers: Iterable<[string, string]>): string[] =>
  [...headers]
    .filter(([name]) => !PASSING.has(name))
    .map(([name, value]) => (name === 'mesos-stream-id' || name === 'location' ? name : `${name}: ${value}`))
    .toSorted()

const assertAnswer = (
  recorded: RecordedMesos,
  got: { status: number; headers: Headers; text: string },
  ids: readonly string[] = [],
): void => {
  assert.equal(got.status, recorded.status)
  assert.deepEqual(headersOf(got.headers), headersOf(Object.entries(recorded.headers)))
  const plain = (text: string): string =>
    ids
      .reduce((all, id) => all.replaceAll(id, 'ID'), text)
      .replaceAll(/[0-9a-f-]{36}(-\d{4})?/g, 'ID')
      .trim()
  assert.equal(plain(got.text), plain(recorded.text))
}

const sent = (recorded: RecordedMesos, streamId: string | undefined): Record<string, string> => {
  const { 'content-type': contentType, accept = '', 'mesos-stream-id': theirs } = recorded.requestHeaders
  return {
    Accept: accept,
    ...(contentType === undefined ? {} : { 'Content-Type': contentType }),
    ...(theirs === undefined ? {} : { 'Mesos-Stream-Id': streamId ?? theirs }),
  }
}

describe('refused in the same words', () => {
  const WITHOUT = [
    ...['bad-content-type', 'bad-no-content-type', 'bad-accept', 'bad-framework', 'bad-no-framework', 'bad-type'],
    ...['bad-subscribe-no-user', 'bad-subscribe-one-id', 'bad-subscribe-two-ids', 'bad-subscribe-stream-id'],
  ]
  for (const name of WITHOUT)
    test(name, async () => {
      const recorded = recordedMesos(name)
      const headers = { ...sent(recorded, undefined), ...(name === 'bad-subscribe-stream-id' ? { 'Mesos-Stream-Id': 'any' } : {}) }
      assertAnswer(recorded, await post(url(), recorded.path, recorded.requestBody, headers))
    })

  test('bad-json, bad-method', async () => {
    const json = recordedMesos('bad-json')
    assertAnswer(json, await post(url(), json.path, '{"type":', sent(json, undefined)))
    const response = await fetch(`${url()}/api/v1/scheduler`, { headers: { Accept: 'application/json' } })
    const method = { status: response.status, headers: response.headers, text: await response.text() }
    assertAnswer(recordedMesos('bad-method'), method)
  })

  for (const name of ['bad-no-stream-id', 'bad-stream-id', 'acknowledge-bad', 'bad-accept-empty'])
    test(name, () =>
      withFramework(async ({ id, stream }) => {
        const recorded = recordedMesos(name)
        const body = { ...(recorded.requestBody as object), framework_id: { value: id } }
        const streamId = name === 'bad-stream-id' ? undefined : stream.streamId
        assertAnswer(recorded, await post(url(), recorded.path, body, sent(recorded, streamId)), [id])
      }),
    )

  for (const name of ['bad-subscribe-role', 'bad-subscribe-role-name'])
    test(`${name} is an ERROR event, and the connection ends`, async () => {
      const stream = await openStream(url(), recordedMesos(name).requestBody)
      await waitFor(() => stream.ended(), { what: 'the stream ended' })
      assert.equal(stream.status, 200)
      assert.deepEqual(
        stream.events,
        recordedMesos(name).records.map(record => JSON.parse(record)),
      )
    })
})

describe('subscriptions', () => {
  test('SUBSCRIBED, a heartbeat and an offer, each as recorded, and the answer’s head', () =>
    withFramework(async ({ stream, offer }) => {
      await offer()
      assert.deepEqual(headersOf(stream.headers), headersOf(Object.entries(recordedMesos('stream').headers)))
      assert.deepEqual(
        stream.events.slice(0, 3).map(({ type }) => type),
        ['SUBSCRIBED', 'HEARTBEAT', 'OFFERS'],
      )
      for (const type of ['SUBSCRIBED', 'HEARTBEAT', 'OFFERS']) assertRecorded('stream', lastOf(stream, type))
    }))

  test('an id that was never given is taken; a newer subscription ends the older one, whose stream id is of no use', async () => {
    const body = recordedMesos('stream-unknown-id').requestBody as object
    const older = await openStream(url(), body)
    assertRecorded('stream-unknown-id', await eventOf(older, 'SUBSCRIBED', ({ type }) => type === 'SUBSCRIBED'))
    const newer = await openStream(url(), body)
    await waitFor(() => older.ended(), { what: 'the older stream ended' })
    assert.deepEqual(older.events.at(-1), JSON.parse(recordedMesos('stream-failed-over').records[0] ?? ''))
    const recorded = recordedMesos('bad-old-stream-id')
    const old = await post(
      url(),
      recorded.path,
      { ...(recorded.requestBody as object), framework_id: { value: 'never-was' } },
      sent(recorded, older.streamId),
    )
    assertAnswer(recorded, old, ['never-was'])
    newer.close()
    const disconnected = recordedMesos('bad-disconnected')
    const call = { ...(disconnected.requestBody as object), framework_id: { value: 'never-was' } }
    const gone = await waitFor(
      async () => {
        const got = await post(url(), disconnected.path, call, sent(disconnected, newer.streamId))
        return got.status === 202 ? undefined : got
      },
      { what: 'the stream is known to have ended' },
    )
    assertAnswer(disconnected, gone)
  })

  test('a framework that was torn down may not come again; its stream just ends', async () => {
    const body = recordedMesos('stream-removed').requestBody as { framework_id: { value: string } }
    const stream = await openStream(url(), body)
    const framework = frameworkOver(body.framework_id.value, stream)
    assert.equal(await framework.call({ type: 'TEARDOWN' }), 202)
    await waitFor(() => stream.ended(), { what: 'the stream ended' })
    assert.equal(lastOf(stream, 'ERROR'), undefined)
    const again = await openStream(url(), body)
    await waitFor(() => again.ended(), { what: 'the stream ended' })
    assert.deepEqual(again.events, [JSON.parse(recordedMesos('stream-removed').records[0] ?? '')])
  })
})

const RESOURCES = (cpus = 0.1, role = 'ci/team-a'): object => ({
  resources: [
    { name: 'cpus', type: 'SCALAR', scalar: { value: cpus }, allocation_info: { role } },
    { name: 'mem', type: 'SCALAR', scalar: { value: 32 }, allocation_info: { role } },
  ],
})
const shell = (value: string): object => ({ ...RESOURCES(), command: { shell: true, value } })

describe('tasks', () => {
  test('one that exits 3, and one that is killed', () =>
    withFramework(async framework => {
      await framework.launch('fails-3', [shell('exit 3')], 0.1)
      for (const state of ['TASK_STARTING', 'TASK_RUNNING', 'TASK_FAILED'])
        assertRecorded('stream', update(await statusOf(framework, state)))
      await framework.launch('killed-1', [shell('exec sleep 60')], 60, await framework.offer())
      const { agent_id, task_id } = await statusOf(framework, 'TASK_RUNNING', 3)
      assert.equal(await framework.call({ type: 'KILL', kill: { task_id, agent_id } }), 202)
      for (const state of ['TASK_KILLING', 'TASK_KILLED']) assertRecorded('stream', update(await statusOf(framework, state, 3)))
    }))

  test('a container that exits 7, and one that is killed after its grace', () =>
    withFramework(async framework => {
      const container = { type: 'DOCKER', docker: { image: 'busybox:1', network: 'BRIDGE' } }
      const command = (script: string): object => ({
        ...RESOURCES(),
        container,
        command: { shell: false, value: 'sh', arguments: ['-c', script] },
      })
      await framework.launch('d-exit-7', [command('exit 7')], 0.1)
      for (const state of ['TASK_STARTING', 'TASK_RUNNING', 'TASK_FAILED'])
        assertRecorded('docker-exit-7', update(await statusOf(framework, state)))
      await framework.launch('d-kill', [command("trap '' TERM; while :; do sleep 0.02; done")], 60, await framework.offer())
      const { agent_id, task_id } = await statusOf(framework, 'TASK_RUNNING', 3)
      const kill_policy = { grace_period: { nanoseconds: 100_000_000 } }
      await framework.call({ type: 'KILL', kill: { task_id, agent_id, kill_policy } })
      for (const state of ['TASK_KILLING', 'TASK_KILLED']) assertRecorded('docker-kill', update(await statusOf(framework, state, 3)))
    }))

  for (const [fixture, name, task] of [
    ['stream-error-task-id', 'a/b', shell('true')],
    ['stream-error-too-big', 'too-big', { ...RESOURCES(4_000), command: { shell: true, value: 'true' } }],
    ['stream-error-role', 'wrong-role', { ...RESOURCES(0.1, 'other'), command: { shell: true, value: 'true' } }],
    ['stream-error-no-resources', 'no-resources', { command: { shell: true, value: 'true' } }],
  ] as const)
    test(fixture, () =>
      withFramework(async framework => {
        await framework.launch(name, [task])
        assertRecorded(fixture, update(await statusOf(framework, 'TASK_ERROR')))
      }),
    )

  test('stream-error-used-offer, and an id that was used', () =>
    withFramework(async framework => {
      const offer = await framework.offer()
      await framework.call({ type: 'DECLINE', decline: { offer_ids: [offer.id], filters: { refuse_seconds: 0 } } })
      await framework.launch('used-offer', [shell('true')], 60, offer)
      assertRecorded('stream-error-used-offer', update(await statusOf(framework, 'TASK_DROPPED')))
      const next = await framework.offer()
      await framework.launch('once', [shell('true'), shell('true')], 60, next)
      assert.equal((await statusOf(framework, 'TASK_ERROR')).message, 'Task has duplicate ID: once')
    }))

  test('offers of two agents cannot be accepted together', async () => {
    bench.double.addAgent({ hostname: 'other', ports: [32_000, 32_099] })
    const { double } = bench
    try {
      await withFramework(async framework => {
        const event = await eventOf(framework.stream, 'offers', ({ type }) => type === 'OFFERS')
        const { offers } = (event as unknown as { offers: { offers: Offer[] } }).offers
        assert.equal(offers.length, 2)
        const operations = [
          {
            type: 'LAUNCH',
            launch: { task_infos: [{ name: 'both', task_id: { value: 'both' }, agent_id: offers[0]?.agent_id, ...shell('true') }] },
          },
        ]
        await framework.call({ type: 'ACCEPT', accept: { offer_ids: offers.map(({ id }) => id), operations } })
        assert.match(
          String((await statusOf(framework, 'TASK_DROPPED')).message),
          /^Task launched with invalid offers: Aggregated offers must belong to one single agent\. Offer .+-O\d+ uses agent .+-S1 and agent .+-S0$/,
        )
      })
    } finally {
      double.leader.markGone(double.agents[1]?.id ?? '')
    }
  })

  for (const [what, container, message] of [
    ['a host name on the host’s network', { hostname: 'h', docker: { image: 'i' } }, /Unable to set hostname with host network mode/],
    [
      'a port outside',
      { docker: { image: 'i', network: 'BRIDGE', port_mappings: [{ host_port: 80 }] } },
      /Port \[80\] not included in resources/,
    ],
    ['ports on the host’s network', { docker: { image: 'i', port_mappings: [{ host_port: 80 }] } }, /only supported for bridge/],
  ] as const)
    test(`a container fails with ${what}`, () =>
      withFramework(async framework => {
        await framework.launch('container', [{ ...shell('true'), container: { type: 'DOCKER', ...container } }])
        assert.match(String((await statusOf(framework, 'TASK_FAILED')).message), message)
      }))
})

describe('reconciliation and agents', () => {
  test('of tasks that nobody knows, and a kill of one', () =>
    withFramework(async framework => {
      const agent_id = { value: bench.double.agents[0]?.id ?? '' }
      const ask = (task: object): Promise<number> => framework.call({ type: 'RECONCILE', reconcile: { tasks: [task] } })
      await framework.call({ type: 'KILL', kill: { task_id: { value: 'never-was' }, agent_id } })
      await ask({ task_id: { value: 'never-was' }, agent_id })
      await ask({ task_id: { value: 'never-was-2' }, agent_id: { value: 'no-such-agent' } })
      await ask({ task_id: { value: 'never-was-3' } })
      const got = await waitFor(() => (updatesOf(framework.stream).length === 4 ? updatesOf(framework.stream) : undefined), {
        what: 'four answers',
      })
      const recorded = recordedMesos('stream-unknown-tasks').records.map(
        record => (JSON.parse(record) as { update: { status: Status } }).update,
      )
      assert.deepEqual(
        got.map(each => constantsOf(each.status)),
        recorded.map(each => constantsOf(each.status)),
      )
      assert.deepEqual(
        got.map(each => shapeOf(each)),
        recorded.map(each => shapeOf(each)),
      )
    }))

  test('of what runs, by name and all', () =>
    withFramework(async framework => {
      await framework.launch('many-1', [shell('exec sleep 60')])
      const { agent_id, task_id } = await statusOf(framework, 'TASK_RUNNING')
      for (const tasks of [[], [{ task_id, agent_id }]]) {
        const from = framework.stream.events.length
        await framework.call({ type: 'RECONCILE', reconcile: { tasks } })
        assertRecorded('stream-reconcile', await eventOf(framework.stream, 'an answer', ({ type }) => type === 'UPDATE', from))
      }
    }))

  test('an agent that is silent: UNREACHABLE, RESCIND, FAILURE, the same when asked; and back', () =>
    withFramework(async framework => {
      await framework.launch('partitioned', [shell('exec sleep 60')], 0)
      const { agent_id, task_id } = await statusOf(framework, 'TASK_RUNNING')
      await waitFor(() => [...bench.double.leader.book.offers.values()].length > 0, { what: 'an offer stands' })
      const from = framework.stream.events.length
      bench.double.silence(0)
      await eventOf(framework.stream, 'FAILURE', ({ type }) => type === 'FAILURE', from)
      const events = framework.stream.events.slice(from).filter(({ type }) => type !== 'OFFERS')
      assert.deepEqual(
        events.map(({ type }) => type),
        ['UPDATE', 'RESCIND', 'FAILURE'],
      )
      for (const event of events) assertRecorded('stream-partition', event)
      const asked = framework.stream.events.length
      await framework.call({ type: 'RECONCILE', reconcile: { tasks: [{ task_id, agent_id }] } })
      const answer = await eventOf(framework.stream, 'an answer', ({ type }) => type === 'UPDATE', asked)
      assert.equal((answer.update as { status: Status }).status.message, 'Reconciliation: Task is unreachable')
      const woken = framework.stream.events.length
      bench.double.wake(0)
      assertRecorded('stream-partition', await eventOf(framework.stream, 'it is back', ({ type }) => type === 'UPDATE', woken))
    }))

  test('an agent process that is started again: its offers are taken back, and there is no status', () =>
    withFramework(async framework => {
      await framework.launch('stays', [shell('exec sleep 60')], 0)
      await statusOf(framework, 'TASK_RUNNING')
      await waitFor(() => [...bench.double.leader.book.offers.values()].length > 0, { what: 'an offer stands' })
      await waitFor(() => [...(bench.double.agents[0]?.tasks.values() ?? [])].every(({ pending }) => pending.length === 0), {
        what: 'all is acknowledged',
      })
      const from = framework.stream.events.length
      bench.double.restartAgent(0, 20)
      await eventOf(framework.stream, 'a new offer', ({ type }) => type === 'OFFERS', from)
      assert.deepEqual(
        framework.stream.events.slice(from).map(({ type }) => type),
        ['RESCIND', 'OFFERS'],
      )
    }))
})

describe('operators', () => {
  for (const name of ['operator-get-health', 'operator-get-maintenance-status', 'operator-get-master', 'operator-get-version'])
    test(name, async () => {
      const recorded = recordedMesos(name)
      const got = await post(url(), recorded.path, recorded.requestBody)
      assert.equal(got.status, recorded.status)
      assert.deepEqual(headersOf(got.headers), headersOf(Object.entries(recorded.headers)))
      assert.deepEqual(shapeOf(JSON.parse(got.text)), shapeOf(JSON.parse(recorded.text)))
    })

  test('operator-get-agents', async () => {
    const recorded = recordedMesos('operator-get-agents')
    const { get_agents, ...rest } = JSON.parse((await post(url(), recorded.path, recorded.requestBody)).text) as {
      get_agents: { agents: { active: boolean }[]; recovered_agents: unknown[] }
    }
    // The one that a test marked as gone is not there.
    assert.deepEqual(shapeOf({ get_agents, ...rest }), shapeOf(JSON.parse(recorded.text)))
  })

  test('a maintenance window brings an inverse offer to whoever runs something there', () =>
    withFramework(async framework => {
      await framework.launch('maintained', [shell('exec sleep 60')])
      await statusOf(framework, 'TASK_RUNNING')
      const recorded = recordedMesos('operator-maintenance')
      assert.equal((await post(url(), recorded.path, recorded.requestBody)).status, 200)
      assertRecorded('stream-maintenance', await eventOf(framework.stream, 'INVERSE_OFFERS', ({ type }) => type === 'INVERSE_OFFERS'))
      await post(url(), '/api/v1', { type: 'UPDATE_MAINTENANCE_SCHEDULE', update_maintenance_schedule: { schedule: { windows: [] } } })
      await eventOf(framework.stream, 'RESCIND_INVERSE_OFFER', ({ type }) => type === 'RESCIND_INVERSE_OFFER')
    }))

  test('a reservation is in the next offer, and goes with its opposite', async () => {
    const recorded = recordedMesos('accept-reserve').requestBody as { accept: { operations: object[] } }
    const back = recordedMesos('accept-unreserve').requestBody as { accept: { operations: object[] } }
    const body = recordedMesos('stream-reserved').requestBody as object
    await withFramework(async framework => {
      const first = await framework.offer()
      const filters = { refuse_seconds: 0 }
      await framework.call({ type: 'ACCEPT', accept: { offer_ids: [first.id], operations: recorded.accept.operations, filters } })
      const second = await framework.offer()
      assertRecorded('stream-reserved', lastOf(framework.stream, 'OFFERS'))
      await framework.call({ type: 'ACCEPT', accept: { offer_ids: [second.id], operations: back.accept.operations, filters } })
      const third = await framework.offer()
      assert.deepEqual(shapeOf(third.resources), shapeOf(first.resources))
    }, body)
  })

  for (const [name, path] of [
    ['redirect', '/redirect'],
    ['health', '/health'],
  ] as const)
    test(name, async () => {
      const response = await fetch(`${url()}${path}`, { redirect: 'manual' })
      assertAnswer(recordedMesos(name), { status: response.status, headers: response.headers, text: await response.text() })
    })

  for (const name of ['standby-subscribe', 'standby-operator', 'standby-agents'])
    test(`${name}: sent on, without a scheme and with /master before the path`, async () => {
      const recorded = recordedMesos(name)
      const got = await post(bench.double.urls[1] ?? '', recorded.path, recorded.requestBody)
      assertAnswer(recorded, got)
      const port = new URL(url()).port
      assert.equal(got.headers.get('location'), recorded.headers.location?.replace('5061', port))
    })
})

describe('with HTTP basic', () => {
  for (const [name, authorization] of [
    ['auth-none', undefined],
    ['auth-wrong', 'Basic d3Jvbmc6d3Jvbmc='],
    ['auth-principal', `Basic ${Buffer.from('manor:secret').toString('base64')}`],
  ] as const)
    test(name, async () => {
      await using guarded = await mesosBench({ credentials: { principal: 'manor', secret: 'secret' } })
      const recorded = recordedMesos(name)
      const got = await post(guarded.double.urls[0] ?? '', recorded.path, recorded.requestBody, {
        'Content-Type': 'application/json',
        Accept: 'application/json',
        ...(authorization === undefined ? {} : { Authorization: authorization }),
      })
      assertAnswer(recorded, got)
    })
})
