/** The double of Jenkins, held against exchanges with a real one: same status, same headers, same shape of the documents. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { type Jenkins, startJenkins } from '../doubles/jenkins/jenkins.ts'
import { agentSecret, loadAgentKey } from '../doubles/jenkins/secrets.ts'
import { constantsOf, namesOf, type Recorded, recorded } from '../support/recorded.ts'
import { shapeOf } from '../support/recorded-exchange.ts'
import { waitFor } from '../support/wait.ts'

/** Which class of Jenkins' own a document is of says more than that it is a text. */
const CLASSES: ReadonlySet<string> = new Set(['_class'])

const directory = mkdtempSync(join(tmpdir(), 'manor-double-'))
const home = join(directory, 'home')
const goOn = join(directory, 'go-on')
const ADMIN = { name: 'manor', password: 'password', apiToken: `11${'a'.repeat(32)}` }
const TOKEN = `Basic ${Buffer.from(`${ADMIN.name}:${ADMIN.apiToken}`).toString('base64')}`
const WRONG = `Basic ${Buffer.from(`${ADMIN.name}:wrong`).toString('base64')}`
let jenkins: Jenkins
let agent: ChildProcess | undefined

before(async () => {
  loadAgentKey(home)
  jenkins = await startJenkins({ home, port: 0, prefix: '/team-a', admin: ADMIN, refusedMs: 0, startingMs: 600 })
})
after(async () => {
  agent?.kill('SIGKILL')
  await jenkins.terminate()
  rmSync(directory, { recursive: true, force: true })
})

type Got = { readonly status: number; readonly headers: Map<string, string>; readonly text: string }

const ask = async (method: string, path: string, headers: Readonly<Record<string, string>>, body = ''): Promise<Got> => {
  const request = httpRequest({ host: '127.0.0.1', port: jenkins.port, method, path, headers, agent: false })
  request.end(body)
  const [answer] = (await once(request, 'response')) as [IncomingMessage]
  let text = ''
  for await (const part of answer.setEncoding('utf8')) text += part
  const names = answer.rawHeaders.filter((_, index) => index % 2 === 0)
  return {
    status: answer.statusCode ?? 0,
    headers: new Map(names.map((name, index) => [name.toLowerCase(), answer.rawHeaders[2 * index + 1] ?? ''])),
    text,
  }
}

/** Asks the double what the real one was asked. */
const repeat = (exchange: Recorded, more: Readonly<Record<string, string>> = {}, body = exchange.requestBody): Promise<Got> => {
  const { Host: _theirs, Cookie: _old, Authorization: _hidden, ...headers } = exchange.requestHeaders
  const authorization = exchange.anonymous || exchange.requestHeaders.Authorization === undefined ? {} : { authorization: TOKEN }
  return ask(exchange.method, exchange.path, { ...headers, ...authorization, ...more }, body)
}

const assertSame = (got: Got, exchange: Recorded): void => {
  assert.equal(got.status, exchange.status)
  assert.deepEqual(namesOf(got.headers), namesOf(exchange.headers))
  assert.deepEqual(constantsOf(got.headers), constantsOf(exchange.headers))
  if (exchange.json !== undefined) assert.deepEqual(shapeOf(JSON.parse(got.text), CLASSES), shapeOf(exchange.json, CLASSES))
}

const same = (name: string, more: Readonly<Record<string, string>> = {}, body?: string): void => {
  void test(name, async () => {
    const exchange = recorded(name)
    assertSame(await repeat(exchange, more, body), exchange)
  })
}

const nodeXml = (label: string): string =>
  `<slave><remoteFS>${join(directory, 'agent')}</remoteFS><mode>EXCLUSIVE</mode><label>${label}</label></slave>`
const addNode = async (name: string, label: string): Promise<void> => {
  const { status } = await ask('POST', `/team-a/computer/createItem?name=${name}`, { authorization: TOKEN }, nodeXml(label))
  assert.equal(status, 200)
}

test('nothing is reachable before it serves', async () => {
  const exchange = recorded('starting')
  const got = await waitFor(() => repeat(exchange), { what: 'the port to open', withinMs: 5_000 })
  assertSame(got, exchange)
  await jenkins.ready
})

for (const name of ['login', 'health', 'root-api-anonymous', 'create-item-anonymous', 'who-am-i', 'crumb-issuer', 'tcp-listener-off'])
  same(name)
same('post-without-crumb', { authorization: WRONG })

const COMMAND = `echo hi; until test -e ${goOn}; do sleep 0.05; done`
same(
  'create-item',
  {},
  `<project><assignedNode>nolabel</assignedNode><canRoam>false</canRoam><builders><hudson.tasks.Shell><command>${COMMAND}</command></hudson.tasks.Shell></builders></project>`,
)
for (const name of ['create-item-again', 'create-item-bad-xml', 'create-node', 'delete-node', 'reverse-proxy-check']) same(name)

test('build', async () => {
  // The recorded one was the second item of its queue, and an unrelated node was there.
  const first = await ask('POST', '/team-a/job/fx/build?delay=0sec', { authorization: TOKEN })
  assert.match(first.headers.get('location') ?? '', /\/queue\/item\/1\/$/)
  await ask('POST', '/team-a/queue/cancelItem?id=1', { authorization: TOKEN })
  await addNode('ag-1', 'linux')
  const exchange = recorded('build')
  assertSame(await repeat(exchange), exchange)
})

test('a label that no node has', async () => {
  const exchange = recorded('queue-no-node')
  const got = await repeat(exchange)
  assertSame(got, exchange)
  assert.match(got.text, /There are no nodes with the label ‘nolabel’/)
})

test('a node whose agent is not there', async () => {
  await addNode('fx-1', 'nolabel')
  const exchange = recorded('queue-node-offline')
  const got = await repeat(exchange)
  assertSame(got, exchange)
  assert.match(got.text, /‘fx-1’ is offline/)
})

for (const name of ['agent-jnlp', 'wsagents-bad-secret', 'wsagents-unknown', 'wsagents-no-headers'])
  same(name, name.startsWith('wsagents') ? { 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==' } : {})

test('an agent connects and the build runs on it', async () => {
  const secretFile = join(directory, 'secret')
  writeFileSync(secretFile, agentSecret(loadAgentKey(home), 'fx-1'))
  agent = spawn(
    join(import.meta.dirname, '../doubles/jenkins/java'),
    [
      ...['-Xmx64m', '-jar', 'agent.jar', '-url', `http://127.0.0.1:${jenkins.port}/team-a/`, '-name', 'fx-1'],
      ...['-secret', `@${secretFile}`, '-webSocket', '-workDir', join(directory, 'agent')],
    ],
    { stdio: 'ignore', env: { ...process.env, MANOR_TEST_NODE: process.execPath } },
  )
  await waitFor(() => jenkins.core.running.length === 1, { what: 'the build to start', withinMs: 15_000 })
  await waitFor(() => jenkins.core.buildsOf('fx')[0]?.log.includes('hi\n'), { what: 'its first line', withinMs: 5_000 })
})

for (const name of ['build-running', 'progressive-text', 'queue-item-left']) same(name)

test('a node that has its agent takes no second one', async () => {
  const exchange = recorded('wsagents-already')
  const secret = agentSecret(loadAgentKey(home), 'fx-1')
  const got = await repeat(exchange, { 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==', 'Secret-Key': secret })
  assertSame(got, exchange)
  assert.match(got.text, /already connected/)
})

same('computers-busy')

test('the build ends', async () => {
  writeFileSync(goOn, '')
  await waitFor(() => jenkins.core.running.length === 0, { what: 'the build to end', withinMs: 15_000 })
  assert.match(
    jenkins.core.buildsOf('fx')[0]?.log ?? '',
    /^Started by user manor\nRunning as SYSTEM\n[\s\S]*\nhi\n[\s\S]*Finished: SUCCESS\n$/,
  )
})

for (const name of [
  'build-done',
  'progressive-text-end',
  'quiet-down',
  'root-api-quieting',
  'cancel-quiet-down',
  'overall-load',
  'root-api',
])
  same(name)

test('a document that was cut when it was recorded has the same fields as far as it goes', async () => {
  const got = await repeat(recorded('computers-offline'))
  const { computer } = JSON.parse(got.text) as { computer: Record<string, unknown>[] }
  const fields = [
    '_class',
    'actions',
    'assignedLabels',
    'description',
    'displayName',
    'executors',
    'icon',
    'iconClassName',
    'idle',
    'jnlpAgent',
  ]
  for (const one of computer) assert.deepEqual(Object.keys(one).slice(0, fields.length), fields)
})

test('who may post what: password, crumb, cookie, token', async () => {
  const password = `Basic ${Buffer.from(`${ADMIN.name}:${ADMIN.password}`).toString('base64')}`
  const post = async (headers: Record<string, string>): Promise<number> => (await ask('POST', '/team-a/cancelQuietDown', headers)).status
  const issued = await ask('GET', '/team-a/crumbIssuer/api/json', { authorization: password })
  const { crumb } = JSON.parse(issued.text) as { crumb: string }
  const cookie = issued.headers.get('set-cookie')?.split(';')[0] ?? ''
  assert.equal(await post({}), 403)
  assert.equal(await post({ authorization: password }), 403)
  assert.equal(await post({ authorization: password, 'jenkins-crumb': crumb }), 403)
  assert.equal(await post({ authorization: password, 'jenkins-crumb': crumb, cookie }), 302)
  assert.equal(await post({ authorization: TOKEN }), 302)
  assert.equal(await post({ authorization: WRONG }), 401)
  assert.equal((await ask('GET', '/team-a/job/fx/build', { authorization: TOKEN })).status, 405)
})

test('outside its prefix nothing is there, at the prefix a redirect, and absolute links follow the forwarded headers', async () => {
  assert.equal((await ask('GET', '/login', {})).status, 404)
  const bare = await ask('GET', '/team-a', {})
  assert.deepEqual([bare.status, bare.headers.get('location')], [301, '/team-a/'])
  const forwarded = { authorization: TOKEN, 'x-forwarded-proto': 'https', 'x-forwarded-host': 'ci.example.test' }
  const { text } = await ask('GET', '/team-a/api/json?tree=views[url]', forwarded)
  assert.match(text, /"https:\/\/ci\.example\.test\/team-a\/"/)
})
