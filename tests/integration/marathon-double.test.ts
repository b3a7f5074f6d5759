/** The double of Marathon held against exchanges with a real one: the same requests, one after the other, and what comes back. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { EventParser } from '../../src/engines/marathon/events.ts'
import { type MarathonBench, marathonBench } from '../support/marathon-engine.ts'
import { shapeOf } from '../support/recorded-exchange.ts'
import { type RecordedExchange, recordedEvents, recordedMarathon } from '../support/recorded-marathon.ts'
import { waitFor } from '../support/wait.ts'

type Got = { readonly status: number; readonly headers: ReadonlyMap<string, string>; readonly json: unknown }

let bench: MarathonBench
before(async () => {
  bench = await marathonBench({
    strict: false,
    standbys: 1,
    hosts: [{ hostname: 'localhost', cpus: 4, mem: 8_000, attributes: { rack: 'r1', storage: 'ebs' }, ports: [31_000, 31_999] }],
  })
})
after(() => bench[Symbol.asyncDispose]())

const ask = async (method: string, path: string, body?: unknown, base = bench.double.urls[0]): Promise<Got> => {
  const response = await fetch(`${base}${path}`, {
    method,
    headers: { accept: 'application/json', ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  })
  const text = await response.text()
  return { status: response.status, headers: new Map(response.headers), json: text === '' ? undefined : JSON.parse(text) }
}

/** Headers of the connection, not of the answer. */
const PASSING: ReadonlySet<string> = new Set(['date', 'content-length', 'connection', 'keep-alive', 'transfer-encoding'])
const namesOf = (headers: ReadonlyMap<string, string>): string[] => [...headers.keys()].filter(name => !PASSING.has(name)).toSorted()

/** Same status, same headers, and a document made of the same things. */
const assertAlike = (got: Got, recorded: RecordedExchange): void => {
  assert.equal(got.status, recorded.status)
  assert.deepEqual(namesOf(got.headers), namesOf(recorded.headers))
  for (const name of ['content-type', 'cache-control']) assert.equal(got.headers.get(name), recorded.headers.get(name), name)
  assert.deepEqual(shapeOf(got.json), shapeOf(recorded.json))
}

/** Sends what was recorded, to a path that may be another where ids are of the moment. */
const replay = async (name: string, path?: string, method?: string): Promise<Got> => {
  const recorded = recordedMarathon(name)
  const got = await ask(method ?? recorded.method, path ?? recorded.path, name === 'bad-json' ? '{"id":' : recorded.requestBody)
  assertAlike(got, recorded)
  return got
}

const settled = (): Promise<true> =>
  waitFor(async () => bench.double.core.deployments.size === 0, { what: 'no deployment is left' }) as Promise<true>

const C17 = '/manor/team-a/c-17'

describe('the double answers as the real one did', () => {
  for (const name of ['ping', 'info', 'leader', 'not-found', 'delete-not-found', 'bad-id', 'bad-json', 'bad-values', 'bad-strategy'])
    test(name, async () => {
      const got = await replay(name)
      // What stands in a refusal is the same to the letter.
      if (name.startsWith('bad') || name.includes('not-found')) assert.deepEqual(got.json, recordedMarathon(name).json)
    })

  test('an app is made, is shown with its task, and is there already', async () => {
    // Without a host nothing is launched, so the deployment that has just begun cannot be over before it is looked at.
    bench.double.faults.loseHost('localhost')
    const made = await replay('app-create')
    assertAlike(await ask('GET', '/v2/deployments'), recordedMarathon('deployments'))
    bench.double.faults.restoreHost('localhost')
    const withoutOfTheMoment = (json: unknown): unknown => ({ ...(json as object), version: '', deployments: [] })
    assert.deepEqual(withoutOfTheMoment(made.json), withoutOfTheMoment(recordedMarathon('app-create').json))
    await settled()
    for (const name of ['app-get', 'apps-by-label', 'tasks', 'app-create-again']) await replay(name)
  })

  test('a change, and one that is refused while it is carried out', async () => {
    await replay('app-change')
    const locked = await replay('app-locked')
    assert.equal((locked.json as { message: string }).message, (recordedMarathon('app-locked').json as { message: string }).message)
    await settled()
  })

  test('a restart, a stop and a start', async () => {
    for (const name of ['app-restart', 'app-stop', 'app-start']) {
      await replay(name)
      await settled()
    }
  })

  test('what finds no room hangs, is explained by the queue, goes back, and stops', async () => {
    await replay('app-too-big')
    await waitFor(async () => ((await ask('GET', '/v2/queue')).json as { queue: unknown[] }).queue.length > 0, { what: 'it is queued' })
    await waitFor(async () => (bench.double.core.queueOf(C17)?.counters.unused ?? 0) > 0, { what: 'offers were passed over' })
    await replay('deployments-stuck')
    const queue = await replay('queue')
    const rejects = (json: unknown): unknown[] => {
      const [item] = (json as { queue: { processedOffersSummary: { rejectSummaryLastOffers: unknown[] } }[] }).queue
      return item?.processedOffersSummary.rejectSummaryLastOffers ?? []
    }
    assert.deepEqual(rejects(queue.json), rejects(recordedMarathon('queue').json))
    const id = [...bench.double.core.deployments.keys()][0]
    const back = await replay('deployment-roll-back', `/v2/deployments/${id}`)
    const next = (back.json as { deploymentId: string }).deploymentId
    await settled()
    await ask('PUT', `/v2/apps${C17}`, { mem: 900_000 })
    const stuck = [...bench.double.core.deployments.keys()][0]
    assert.notEqual(stuck, next)
    await replay('deployment-force', `/v2/deployments/${stuck}?force=true`)
    await replay('app-change-force')
    await settled()
  })

  test('a task that keeps failing', async () => {
    await replay('app-create-failing')
    const app = async (): Promise<{ lastTaskFailure?: unknown; tasks: { state: string }[] }> =>
      ((await ask('GET', '/v2/apps/manor/team-a/fails')).json as { app: { lastTaskFailure?: unknown; tasks: { state: string }[] } }).app
    await waitFor(async () => (await app()).lastTaskFailure, { what: 'it has failed' })
    const failure = (await app()).lastTaskFailure as { message: string; state: string }
    assert.equal(failure.message, 'Container exited with status 7')
    assert.deepEqual(
      shapeOf(failure),
      shapeOf((recordedMarathon('app-failing').json as { app: { lastTaskFailure: unknown } }).app.lastTaskFailure),
    )
    assertAlike(await ask('GET', '/v2/queue'), recordedMarathon('queue-backoff'))
    await replay('app-delete')
    await settled()
    await replay('queue-reset-delay')
  })

  test('groups', async () => {
    await replay('group-put')
    await settled()
    await replay('group-get')
    await replay('group-delete')
    await settled()
  })

  test('one per host: the second waits for its constraint', async () => {
    await replay('app-unique')
    const counts = (): number => bench.double.core.queueOf('/manor/volumes')?.counters.last.get('UnfulfilledConstraint')?.declined ?? 0
    await waitFor(() => bench.double.core.instancesOf('/manor/volumes').some(({ condition }) => condition === 'Running'), {
      what: 'one runs',
    })
    await waitFor(() => counts() > 0, { what: 'the other is declined' })
    await replay('queue-unique')
    await ask('DELETE', '/v2/apps/manor/volumes?force=true')
    await settled()
  })

  test('two tasks of an app with one instance, after a change that was refused', async () => {
    await replay('two-tasks-1-change')
    await replay('two-tasks-2-rejected')
    await settled()
    const two = async (): Promise<boolean> =>
      ((await ask('GET', `/v2/apps${C17}`)).json as { app: { tasksRunning: number } }).app.tasksRunning === 2
    await waitFor(two, { what: 'two tasks run' })
    await replay('two-tasks-3-after')
  })

  test('a standby passes on what it is asked, and a leader that steps down', async () => {
    const standby = bench.double.urls[1]
    assertAlike(await ask('GET', '/ping', undefined, standby), recordedMarathon('standby-ping'))
    assertAlike(await ask('GET', '/v2/leader', undefined, standby), recordedMarathon('standby-leader'))
    await replay('leader-abdicate')
    assert.equal(bench.double.urls[0], standby)
    await replay('leader-after')
    const { status } = await ask('GET', `/v2/apps${C17}`)
    assert.equal(status, 200)
  })
})

test('the events of a creation come with the recorded names, in their order, made of the same things', async () => {
  await using own = await marathonBench()
  const response = await fetch(`${own.double.urls[0]}/v2/events`, { headers: { accept: 'text/event-stream' } })
  assert.equal(response.headers.get('content-type'), recordedMarathon('events-create').headers.get('content-type'))
  assert.ok(response.body)
  const recorded = new EventParser().push(Buffer.from(recordedEvents('events-create')))
  const created = await fetch(`${own.double.urls[0]}/v2/apps`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(recordedMarathon('app-create').requestBody),
  })
  await created.body?.cancel()
  const parser = new EventParser()
  const got: { event: string; data: string }[] = []
  for await (const chunk of response.body) {
    got.push(...parser.push(chunk))
    if (got.at(-1)?.event === 'deployment_success') break
  }
  const ofOneKind = (events: readonly { event: string; data: string }[], kind: RegExp): string[] =>
    events
      .filter(({ event }) => kind.test(event))
      .map(
        ({ event, data }) =>
          `${event} ${(JSON.parse(data) as { condition?: string; taskStatus?: string }).condition ?? (JSON.parse(data) as { taskStatus?: string }).taskStatus ?? ''}`,
      )
  for (const kind of [/^(status_update|instance_changed)/, /^deployment/]) assert.deepEqual(ofOneKind(got, kind), ofOneKind(recorded, kind))
  const shapes = (events: readonly { event: string; data: string }[]): Map<string, unknown> =>
    new Map(
      events.map(({ event, data }) => [
        `${event} ${(JSON.parse(data) as { condition?: string }).condition ?? ''}`,
        shapeOf(JSON.parse(data)),
      ]),
    )
  const wanted = shapes(recorded)
  for (const [name, shape] of shapes(got)) assert.deepEqual(shape, wanted.get(name), name)
})
