import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { test } from 'node:test'
import {
  answerWith,
  type Exchange,
  type Received,
  type ReplayServer,
  readExchange,
  serve,
} from '../../../tests/support/recorded-exchange.ts'
import { settle, systemClock, VirtualClock } from '../../runtime/index.ts'
import { hudson } from '../distributions/hudson.ts'
import { jenkins } from '../distributions/jenkins.ts'
import { CALL_TIMEOUT_MS, type ConnectionOptions } from './connection.ts'
import { ClientError, type ControllerClient, createControllerClient, createProbe, freestyleJob } from './index.ts'

const { signal } = new AbortController()
const recorded = (name: string): Exchange => readExchange('jenkins-2.541.3', name)

const clientOf = ({ port }: Pick<ReplayServer, 'port'>, change: Partial<ConnectionOptions> = {}): ControllerClient =>
  createControllerClient({
    endpoint: { host: '127.0.0.1', httpPort: port },
    prefix: '/team-a',
    capabilities: jenkins.capabilities,
    user: 'manor',
    password: 'password',
    apiToken: `11${'0'.repeat(32)}`,
    clock: systemClock,
    ...change,
  })

/** Answers each request by the recorded exchange of the same method and path; the first that matches. */
const replay = (...names: string[]): Promise<ReplayServer> => {
  const exchanges = names.map(recorded)
  return serve((request, response) => {
    const path = pathOf(request.target)
    const exchange = exchanges.find(({ method, target }) => method === request.method && pathOf(target) === path)
    if (exchange === undefined) response.writeHead(404).end()
    else answerWith(response, exchange)
  })
}
const pathOf = (target: string): string => target.split('?')[0] ?? ''

const failsWith =
  (code: ClientError['code'], status?: number, words = /\.$/) =>
  (cause: unknown): boolean => {
    assert.ok(cause instanceof ClientError, String(cause))
    assert.deepEqual([cause.code, cause.status], [code, status])
    assert.match(cause.message, words)
    return true
  }

test('a new job is posted as XML with the API token alone, and its build tells the queue item', async () => {
  await using server = await replay('create-item', 'build')
  const client = clientOf(server)
  assert.equal(await client.ensureJob('fx', freestyleJob({ command: 'echo hi' }), signal), true)
  assert.deepEqual(await client.build('fx', {}, signal), { item: 2 })
  const [look, create, build] = server.received
  assert.equal(look?.target, '/team-a/job/fx/api/json?tree=name')
  assert.deepEqual([create?.target, create?.headers['content-type']], ['/team-a/createItem?name=fx', 'application/xml; charset=utf-8'])
  assert.equal(build?.target, recorded('build').target)
  for (const { headers } of server.received) {
    assert.equal(headers.authorization, `Basic ${Buffer.from(`manor:11${'0'.repeat(32)}`).toString('base64')}`)
    assert.equal(headers['jenkins-crumb'], undefined)
  }
})

test('a taken name is an error that says so, and no error where the job was only to be there', async () => {
  let looks = 0
  await using server = await serve((request, response) => {
    if (request.method === 'POST') answerWith(response, recorded('create-item-again'))
    else response.writeHead(looks++ === 0 ? 404 : 200).end('{"name":"fx"}')
  })
  const client = clientOf(server)
  assert.equal(await client.ensureJob('fx', '<project/>', signal), false)
  await assert.rejects(client.createJob('fx', '<project/>', signal), failsWith('invalid', 400, /A job already exists with the name/))
})

test('XML that Jenkins cannot read and a user who may not are told apart', async () => {
  await using broken = await replay('create-item-bad-xml')
  await assert.rejects(clientOf(broken).createJob('fx2', '<project>', signal), failsWith('unexpected', 500))
  await using forbidden = await replay('create-item-anonymous')
  await assert.rejects(clientOf(forbidden).createJob('fx3', '<project/>', signal), failsWith('forbidden', 403))
  await using wrong = await replay('post-without-crumb')
  await assert.rejects(clientOf(wrong).createJob('q', '<project/>', signal), failsWith('unauthorized', 401))
})

test('the queue, an item that left it and a build are read', async () => {
  await using server = await replay('queue-no-node', 'queue-item-left', 'build-running')
  const client = clientOf(server)
  assert.deepEqual(await client.queue(signal), [
    {
      id: 2,
      job: 'fx',
      why: 'There are no nodes with the label ‘nolabel’',
      buildable: true,
      blocked: false,
      stuck: true,
      since: 1_795_472_184_251,
    },
  ])
  assert.deepEqual(await client.queueItem(2, signal), {
    id: 2,
    job: 'fx',
    buildable: false,
    blocked: false,
    stuck: false,
    since: 1_795_472_184_251,
    cancelled: false,
    build: 1,
  })
  assert.equal(await client.queueItem(3, signal), undefined)
  const running = await client.buildInfo('fx', 1, signal)
  assert.deepEqual([running?.building, running?.result, running?.node, running?.queueItem], [true, undefined, 'fx-1', 2])
  assert.equal(await client.lastBuild('other', signal), undefined)
  await using done = await replay('build-done')
  const end = await clientOf(done).buildInfo('fx', 1, signal)
  assert.deepEqual([end?.building, end?.result, end?.durationMs], [false, 'SUCCESS', 9_349])
})

test('health says what fails, and that a boot is no failure of its own', async () => {
  await using healthy = await replay('health')
  assert.deepEqual(await clientOf(healthy).health(signal), { healthy: true, failing: [] })
  await using starting = await serve((_, response) => answerWith(response, recorded('starting')))
  assert.deepEqual(await clientOf(starting).health(signal), { healthy: false, failing: ['starting'] })
  await using sick = await serve((_, response) =>
    response.writeHead(503, { 'content-type': 'application/json' }).end('{"status":false,"failures":["slaveAgentPort"]}'),
  )
  assert.deepEqual(await clientOf(sick).health(signal), { healthy: false, failing: ['slaveAgentPort'] })
  await using older = await replay('login')
  assert.deepEqual(await clientOf(older).health(signal), { healthy: true, failing: [] })
})

test('a log is what was printed: no annotations, plain line ends', async () => {
  await using server = await replay('progressive-text-end')
  let text = ''
  for await (const piece of clientOf(server).followLog('fx', 1, signal)) text += piece
  assert.match(text, /^Started by user manor\nRunning as SYSTEM\nBuilding remotely on fx-1 \(nolabel\) in workspace/)
  assert.match(text, /\+ echo hi\nhi\n\+ sleep 8\nFinished: SUCCESS\n$/)
})

/** A log that comes in pieces of so many bytes, each piece in an answer of its own. */
const logServer = (
  log: Buffer,
  step: number,
  disturb: (start: number, response: ServerResponse) => boolean = () => false,
): Promise<ReplayServer> =>
  serve(({ target }, response) => {
    const start = Number(new URL(target, 'http://x').searchParams.get('start'))
    if (disturb(start, response)) return
    const end = Math.min(log.length, start + step)
    response.setHeader('X-Text-Size', String(end))
    if (end < log.length) response.setHeader('X-More-Data', 'true')
    response.end(log.subarray(start, end))
  })

const virtually = async (clock: VirtualClock, lines: AsyncIterable<string>): Promise<string> => {
  let text = ''
  let ended = false
  const reading = (async () => {
    for await (const piece of lines) text += piece
  })().finally(() => {
    ended = true
  })
  while (!ended) {
    await settle()
    // Only when the client sleeps between two answers; never past the deadline of one that is under way.
    if (clock.nextAt !== undefined && clock.nextAt - clock.monotonic() < CALL_TIMEOUT_MS / 2) clock.step()
  }
  await reading
  return text
}

test('characters and annotations that are cut between two answers come whole', async () => {
  const log = Buffer.from('Stärted \u001b[8mha:AAAA\u001b[0mby 🏰\r\n+ ls\r\n€\n')
  for (const step of [1, 2, 3, 5, 7, 100]) {
    const clock = new VirtualClock()
    await using server = await logServer(log, step)
    assert.equal(await virtually(clock, clientOf(server, { clock }).followLog('fx', 1, signal)), 'Stärted by 🏰\n+ ls\n€\n')
  }
})

test('a controller that restarts while its log is followed is waited for, and nothing comes twice', async () => {
  const log = Buffer.from('one\ntwo\nthree\n')
  let away = 0
  const clock = new VirtualClock()
  await using server = await logServer(log, 5, (start, response) => {
    if (start !== 5 || away++ >= 3) return false
    if (away === 1) {
      // Breaks off after half of the piece.
      response.writeHead(200, { 'X-Text-Size': '10', 'X-More-Data': 'true', 'content-length': '5' })
      response.write(log.subarray(5, 7), () => response.destroy())
    } else answerWith(response, recorded('starting'))
    return true
  })
  assert.equal(await virtually(clock, clientOf(server, { clock }).followLog('fx', 1, signal)), log.toString())
  assert.ok(away >= 3)
})

test('the log of a build that is not there is an error', async () => {
  await using server = await serve((_, response) => response.writeHead(404).end())
  await assert.rejects(
    async () => {
      for await (const _ of clientOf(server).followLog('fx', 9, signal)) assert.fail('no text')
    },
    failsWith('not-found', 404),
  )
})

/** Keeps to the rules that a real one showed: a crumb counts only with the cookie of the session it was made in. */
const crumbServer = (valid: () => string): Promise<ReplayServer> =>
  serve(({ method, target, headers }, response) => {
    if (target.startsWith('/team-a/crumbIssuer/'))
      response
        .setHeader('Set-Cookie', `JSESSIONID.5d35ee74=${valid()}; Path=/team-a; HttpOnly`)
        .end(JSON.stringify({ crumb: `crumb-of-${valid()}`, crumbRequestField: 'Jenkins-Crumb' }))
    else if (
      method === 'POST' &&
      (headers['jenkins-crumb'] !== `crumb-of-${valid()}` || headers.cookie !== `JSESSIONID.5d35ee74=${valid()}`)
    )
      response.writeHead(403).end()
    else response.end('ok')
  })

test('with a password alone a POST carries a crumb and its session, fetched once and again after a restart', async () => {
  let session = 's1'
  await using server = await crumbServer(() => session)
  const client = clientOf(server, { capabilities: { ...jenkins.capabilities, apiTokens: false } })
  assert.equal(await client.script('1', signal), 'ok')
  assert.equal(await client.script('2', signal), 'ok')
  const crumbs = (): number => server.received.filter(({ target }) => target.includes('crumbIssuer')).length
  assert.equal(crumbs(), 1)
  session = 's2'
  assert.equal(await client.script('3', signal), 'ok')
  assert.equal(crumbs(), 2)
  assert.deepEqual(
    server.received.filter(({ method }) => method === 'POST').map(({ body }) => body),
    ['script=1', 'script=2', 'script=3', 'script=3'],
  )
})

test('where crumbs are switched off that is asked once', async () => {
  await using server = await serve(({ target }, response) => response.writeHead(target.includes('crumbIssuer') ? 404 : 200).end('ok'))
  const client = clientOf(server, { capabilities: hudson.capabilities })
  await client.script('1', signal)
  await client.script('2', signal)
  assert.deepEqual(
    server.received.map(({ method }) => method),
    ['GET', 'POST', 'POST'],
  )
})

test('a redirect to the login page is a refusal, any other an answer', async () => {
  let location = '/team-a/login?from=%2Fteam-a%2F'
  await using server = await serve((_, response) => response.writeHead(302, { location }).end())
  const client = clientOf(server)
  await assert.rejects(client.build('fx', {}, signal), failsWith('unauthorized', 401))
  location = 'http://localhost:8080/job/fx/'
  assert.deepEqual(await client.build('fx', {}, signal), {})
  await assert.rejects(client.queue(signal), failsWith('unexpected', 302))
})

test('parameters go in the body, jobs in folders by their path', async () => {
  await using server = await serve((_, response) => response.writeHead(201, { location: 'http://h/queue/item/77/' }).end())
  const client = clientOf(server)
  assert.deepEqual(await client.build('team/a b', { x: '1&2', y: 'é' }, signal), { item: 77 })
  await client.createJob('team/a b', '<project/>', signal)
  const [build, create] = server.received as readonly [Received, Received]
  assert.deepEqual([build.target, build.body], ['/team-a/job/team/job/a%20b/buildWithParameters?delay=0sec', 'x=1%262&y=%C3%A9'])
  assert.equal(create.target, '/team-a/job/team/createItem?name=a%20b')
})

test('an answer of a shape that is not known, too large or late is an error of its own', async () => {
  await using odd = await serve((_, response) => response.end('{"items":[{"id":"two"}]}'))
  await assert.rejects(clientOf(odd).queue(signal), failsWith('unexpected'))
  await using page = await serve((_, response) => response.end('<html>'))
  await assert.rejects(clientOf(page).queue(signal), failsWith('unexpected'))
  const asked = Promise.withResolvers<void>()
  await using silent = await serve(() => asked.resolve())
  const clock = new VirtualClock()
  const call = clientOf(silent, { clock }).queue(signal)
  const rejected = assert.rejects(call, failsWith('timeout'))
  await asked.promise
  await clock.advance(CALL_TIMEOUT_MS)
  await rejected
})

test('an abort of the caller ends the call with the caller’s reason', async () => {
  const asked = Promise.withResolvers<void>()
  await using silent = await serve(() => asked.resolve())
  const abort = new AbortController()
  const rejected = assert.rejects(clientOf(silent).queue(abort.signal), /enough/)
  await asked.promise
  abort.abort(new Error('enough'))
  await rejected
})

test('the probe tells ready, starting and refused apart', async () => {
  const probe = createProbe(systemClock)
  const look = (port: number, { capabilities } = jenkins) => probe({ host: '127.0.0.1', httpPort: port }, '/team-a', capabilities, signal)
  await using ready = await replay('login')
  assert.deepEqual(await look(ready.port), { kind: 'ready', version: '2.541.3' })
  await using starting = await serve((_, response) => answerWith(response, recorded('starting')))
  assert.deepEqual(await look(starting.port), { kind: 'starting' })
  await using foot = await serve((_, response) =>
    response.end('<td id="footer"><a href="http://hudson-ci.org/">Hudson ver. 2.2.1</a></td>'),
  )
  assert.deepEqual(await look(foot.port, hudson), { kind: 'ready', version: '2.2.1' })
  await using other = await serve((_, response) => response.end('something else'))
  assert.deepEqual(await look(other.port), { kind: 'starting' })
  assert.deepEqual(await look(other.port, hudson), { kind: 'starting' })
  const { port } = other
  await other[Symbol.asyncDispose]()
  assert.deepEqual(await look(port), { kind: 'refused' })
  await assert.rejects(clientOf({ port }).queue(signal), failsWith('refused'))
})
