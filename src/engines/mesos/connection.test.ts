/** The subscription, against a server that answers as a real Mesos did. */
import assert from 'node:assert/strict'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { test } from 'node:test'
import { framed, recordedMesos } from '../../../tests/support/recorded-mesos.ts'
import { waitFor } from '../../../tests/support/wait.ts'
import { seededRandom, systemClock } from '../../runtime/index.ts'
import { Connection, type Farewell } from './connection.ts'
import { fixedLeaders } from './discovery.ts'
import { MesosHttp, MesosHttpError } from './http.ts'
import { StreamReader } from './stream-reader.ts'
import type { MesosEvent } from './wire.ts'

type Received = { readonly headers: IncomingMessage['headers']; readonly body: string }
type Script = (request: Received, response: ServerResponse, count: number) => void

const serve = async (script: Script): Promise<{ readonly origin: string; readonly received: Received[] } & AsyncDisposable> => {
  const received: Received[] = []
  const server: Server = createServer((request, response) => {
    let body = ''
    request.on('data', data => {
      body += String(data)
    })
    request.on('end', () => {
      const one = { headers: request.headers, body }
      received.push(one)
      script(one, response, received.length)
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  assert.ok(address !== null && typeof address === 'object')
  return {
    origin: `http://127.0.0.1:${address.port}`,
    received,
    [Symbol.asyncDispose]: () =>
      new Promise(resolve => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  }
}

/** A recorded answer, its stream left open unless it ended. */
const answer = (name: string, response: ServerResponse, ends = false): void => {
  const { status, headers, text, records } = recordedMesos(name)
  const { 'content-length': _length, 'transfer-encoding': _chunked, ...others } = headers
  response.writeHead(status, others)
  if (records.length === 0) {
    response.end(text)
    return
  }
  for (const record of records) response.write(framed(record))
  if (ends) response.end()
}

type Seen = {
  readonly events: MesosEvent[]
  readonly ends: unknown[]
  readonly farewells: Farewell[]
  readonly answered: string[]
  subscriptions: number
}

const INFO = {
  user: 'root',
  name: 'manor',
  id: { value: 'F' },
  failover_timeout: 1,
  checkpoint: true,
  roles: ['ci/team-a'],
  capabilities: [],
}

const isStatus = (status: number) => (cause: unknown) => cause instanceof MesosHttpError && cause.status === status

const connected = async (
  origins: readonly string[],
  work: (connection: Connection, seen: Seen) => Promise<void>,
  credentials?: { readonly principal: string; readonly secret: string },
  mayLead?: () => Promise<boolean>,
): Promise<void> => {
  const seen: Seen = { events: [], ends: [], farewells: [], answered: [], subscriptions: 0 }
  const access = credentials === undefined ? {} : { credentials }
  const http = new MesosHttp({ clock: systemClock, ...access })
  const reader = new StreamReader(access)
  const connection = new Connection({
    framework: INFO.id.value,
    http,
    reader,
    discovery: fixedLeaders(origins),
    clock: systemClock,
    random: seededRandom(1),
    ...(mayLead === undefined ? {} : { mayLead }),
    handler: {
      describe: () => ({ info: INFO, suppressed: ['ci/team-a'] }),
      subscribed: () => seen.subscriptions++,
      event: event => seen.events.push(event),
      answered: origin => seen.answered.push(origin),
      disconnected: cause => seen.ends.push(cause),
      farewell: farewell => seen.farewells.push(farewell),
    },
  })
  connection.start()
  try {
    await work(connection, seen)
  } finally {
    await connection.close()
    await reader.close()
    await http.close()
  }
}

test('SUBSCRIBE has exactly the headers that Mesos wants and both ids; other calls carry the stream id', async () => {
  const recorded = recordedMesos('stream')
  await using server = await serve((request, response) =>
    JSON.parse(request.body).type === 'SUBSCRIBE' ? answer('stream', response) : answer('decline', response),
  )
  await connected(
    [server.origin],
    async (connection, seen) => {
      await waitFor(() => seen.events.length === recorded.records.length, { what: 'all events came' })
      await connection.call({ type: 'DECLINE', decline: { offer_ids: [{ value: 'x' }], filters: { refuse_seconds: 5 } } })
      const [subscribe, decline] = server.received
      assert.equal(subscribe?.headers['content-type'], recorded.requestHeaders['content-type'])
      assert.equal(subscribe?.headers.accept, recorded.requestHeaders.accept)
      assert.equal(subscribe?.headers['mesos-stream-id'], undefined)
      assert.equal(subscribe?.headers.authorization, `Basic ${btoa('manor:secret')}`)
      const body = JSON.parse(subscribe?.body ?? '')
      assert.deepEqual(body.framework_id, body.subscribe.framework_info.id)
      assert.deepEqual(body.subscribe.suppressed_roles, ['ci/team-a'])
      assert.equal(decline?.headers['mesos-stream-id'], recorded.headers['mesos-stream-id'])
      assert.equal(decline?.headers.authorization, `Basic ${btoa('manor:secret')}`)
      assert.deepEqual(JSON.parse(decline?.body ?? '').framework_id, { value: 'F' })
      assert.deepEqual(seen.answered, [server.origin], 'a call that was taken on is a sign of life')
    },
    { principal: 'manor', secret: 'secret' },
  )
})

test('a standby sends on to the leader, whose address has no scheme', async () => {
  await using leader = await serve((_request, response) => answer('stream', response))
  await using standby = await serve((_request, response) => {
    response.writeHead(307, { Location: `//127.0.0.1:${new URL(leader.origin).port}/master/api/v1/scheduler` })
    response.end()
  })
  await connected([standby.origin], async (connection, seen) => {
    await waitFor(() => seen.subscriptions === 1, { what: 'it is subscribed' })
    assert.equal(connection.origin, leader.origin)
  })
})

test('two that send to each other are a circle and no leader; the next of the list is tried', async () => {
  const targets: string[] = []
  const circle: Script = (_request, response) => {
    response.writeHead(307, { Location: targets[0] ?? '' })
    response.end()
  }
  await using one = await serve(circle)
  targets.push(one.origin.replace('http:', ''))
  await using leader = await serve((_request, response) => answer('stream', response))
  await connected([one.origin, leader.origin], async (_connection, seen) => {
    await waitFor(() => seen.subscriptions === 1, { what: 'it is subscribed' })
    assert.match(String(seen.ends[0]), /no leader answers/)
  })
})

for (const fixture of ['auth-wrong', 'bad-subscribe-no-user', 'bad-content-type'] as const)
  test(`${fixture}: the refusal is told with Mesos' own sentence, and tried again`, async () => {
    await using server = await serve((_request, response, count) => answer(count === 1 ? fixture : 'stream', response))
    await connected([server.origin], async (_connection, seen) => {
      await waitFor(() => seen.subscriptions === 1, { what: 'it is subscribed in the end' })
      const [cause] = seen.ends
      assert.ok(cause instanceof MesosHttpError && cause.status === recordedMesos(fixture).status)
      assert.ok(cause.message.includes(recordedMesos(fixture).text.slice(0, 40)))
    })
  })

test('a recovering leader answers 503 and is asked again', async () => {
  await using server = await serve((_request, response, count) => {
    if (count > 2) answer('stream', response)
    else response.writeHead(503).end('Master has not finished recovery')
  })
  await connected([server.origin], async (_connection, seen) => {
    await waitFor(() => seen.subscriptions === 1, { what: 'it is subscribed in the end' })
    assert.equal(seen.ends.length, 2)
  })
})

for (const [fixture, kind] of [
  ['stream-failed-over', 'superseded'],
  ['stream-removed', 'removed'],
  ['bad-subscribe-role', 'refused'],
] as const)
  test(`${fixture} is a farewell (${kind}), after which nothing is tried`, async () => {
    await using server = await serve((_request, response) => answer(fixture, response, true))
    await connected([server.origin], async (connection, seen) => {
      await waitFor(() => seen.farewells.length > 0, { what: 'it is told' })
      assert.equal(seen.farewells[0]?.kind, kind)
      await assert.rejects(connection.call({ type: 'TEARDOWN' }), MesosHttpError)
      assert.equal(server.received.length, 1)
    })
  })

test('a stream id that another has taken the place of does not make it subscribe again', async () => {
  await using server = await serve((request, response) =>
    JSON.parse(request.body).type === 'SUBSCRIBE' ? answer('stream', response) : answer('bad-old-stream-id', response),
  )
  await connected([server.origin], async (connection, seen) => {
    await waitFor(() => seen.subscriptions === 1, { what: 'it is subscribed' })
    await assert.rejects(connection.call({ type: 'TEARDOWN' }), (cause: unknown) => cause instanceof MesosHttpError && cause.status === 400)
    assert.deepEqual(seen.ends, [])
  })
})

for (const fixture of ['bad-disconnected', 'bad-framework'] as const)
  test(`${fixture}: a leader that does not know the stream any more gets a new one`, async () => {
    await using server = await serve((request, response) =>
      JSON.parse(request.body).type === 'SUBSCRIBE' ? answer('stream', response) : answer(fixture, response),
    )
    await connected([server.origin], async (connection, seen) => {
      await waitFor(() => seen.subscriptions === 1, { what: 'it is subscribed' })
      await assert.rejects(connection.call({ type: 'TEARDOWN' }), MesosHttpError)
      await waitFor(() => seen.subscriptions === 2, { what: 'it is subscribed again' })
    })
  })

test('a call that is refused before the stream says why does not keep that from being heard', async () => {
  let stream: ServerResponse | undefined
  await using server = await serve((request, response) => {
    if (JSON.parse(request.body).type !== 'SUBSCRIBE') {
      // The refusal overtakes what was said on the stream before it.
      response.writeHead(403).end('Framework is not subscribed')
      response.once('close', () => stream?.end(framed(JSON.stringify({ type: 'ERROR', error: { message: 'Framework failed over' } }))))
      return
    }
    stream = response
    answer('stream', response)
  })
  await connected([server.origin], async (connection, seen) => {
    await waitFor(() => seen.subscriptions === 1, { what: 'it has subscribed' })
    await assert.rejects(connection.call({ type: 'SUPPRESS', suppress: { roles: [] } }), isStatus(403))
    await waitFor(() => seen.farewells.length === 1, { what: 'it has heard why', seen: () => seen.ends })
    assert.deepEqual(seen.ends, [])
    assert.equal(seen.subscriptions, 1)
  })
})

test('a leader that says nothing for five heartbeats is left', async () => {
  await using server = await serve((_request, response) => {
    response.writeHead(200, { 'Content-Type': 'application/json', 'Mesos-Stream-Id': 's' })
    response.write(framed('{"type":"SUBSCRIBED","subscribed":{"framework_id":{"value":"F"},"heartbeat_interval_seconds":0.02}}'))
  })
  await connected([server.origin], async (_connection, seen) => {
    await waitFor(() => seen.subscriptions >= 2, { what: 'it is subscribed again' })
    assert.match(String(seen.ends[0]), /has said nothing/)
  })
})

test('what is no RecordIO ends the stream, and events of later versions are passed over', async () => {
  await using server = await serve((_request, response, count) => {
    response.writeHead(200, { 'Content-Type': 'application/json', 'Mesos-Stream-Id': 's' })
    if (count === 1) {
      response.write('<html>')
      return
    }
    response.write(framed('{"type":"SUBSCRIBED","subscribed":{"framework_id":{"value":"F"}}}'))
    response.write(framed('{"type":"OF_LATER_VERSIONS","of_later_versions":{"x":1}}'))
  })
  await connected([server.origin], async (_connection, seen) => {
    await waitFor(() => seen.events.length === 2, { what: 'both events came' })
    assert.match(String(seen.ends[0]), /does not hold records/)
    assert.equal(seen.events[1]?.type, 'OTHER')
  })
})

test('who steps back ends its stream, calls nothing more, and is told once', async () => {
  await using server = await serve((_request, response) => answer('stream', response))
  await connected([server.origin], async (connection, seen) => {
    await waitFor(() => seen.subscriptions === 1, { what: 'it is subscribed' })
    connection.stepBack('The records are theirs.')
    connection.stepBack('The records are theirs.')
    assert.deepEqual(seen.farewells, [{ kind: 'superseded', message: 'The records are theirs.' }])
    assert.equal(connection.origin, undefined)
    await assert.rejects(connection.call({ type: 'TEARDOWN' }), /no subscription/)
    await connection.close()
    assert.deepEqual([seen.ends, server.received.length], [[], 1])
  })
})

test('who does not lead any more does not take the framework back after a loss', async () => {
  await using server = await serve((_request, response) => answer('stream', response, true))
  let asked = 0
  await connected(
    [server.origin],
    async (_connection, seen) => {
      await waitFor(() => seen.farewells.length > 0, { what: 'it steps back' })
      assert.deepEqual([seen.farewells[0]?.kind, seen.subscriptions, server.received.length], ['superseded', 1, 1])
    },
    undefined,
    async () => ++asked === 1,
  )
})
