/**
 * The hook inside a real Hudson 2.2.1, with real agents, against a server that speaks its protocol. The tests of the first suite share one
 * Hudson and go on from each other's state as a day of a controller would; each leaves an empty queue and no node behind.
 */
import assert from 'node:assert/strict'
import type { ChildProcess } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import type { BuildEvent, Report } from '../../src/agents/protocol.ts'
import type { HookPolicy } from '../../src/controllers/index.ts'
import { systemClock } from '../../src/runtime/index.ts'
import { ADMIN, PagesClient } from '../support/hook-pages.ts'
import { HookServer } from '../support/hook-server.ts'
import {
  endChild,
  freePort,
  hudsonProgram,
  type RunningHudson,
  startHudson,
  startHudsonAgent,
  TEST_SECRETS,
  waitFor,
} from '../support/hudson.ts'

type Started = { readonly hudson: RunningHudson; readonly client: PagesClient }

const REMOTE = 'remote'
const { program, agentJar } = await hudsonProgram()
const hookScript = await readFile(join(import.meta.dirname, '../../hook/manor.groovy'), 'utf8')
const directory = await mkdtemp(join(tmpdir(), 'manor-hook-'))
const agentPort = await freePort()
const httpPort = await freePort()
const urlFile = join(directory, 'manor-url')
const agents: ChildProcess[] = []

const policyFor = (server: HookServer): HookPolicy => ({
  controller: 'team-a',
  epoch: 7,
  url: server.url,
  urlFile,
  token: TEST_SECRETS.hookToken,
  distribution: 'hudson',
  agents: 'tcp',
  agentPort,
  admin: ADMIN,
})

const boot = async (server: HookServer): Promise<Started> => {
  const options = {
    program,
    directory: join(directory, 'controller'),
    hookScript,
    policy: policyFor(server),
    agentPort,
    httpPort,
    memoryMb: 512,
  }
  const hudson = await startHudson(options)
  return { hudson, client: new PagesClient(hudson.url) }
}

const startAgent = async (url: string, name: string): Promise<ChildProcess> => {
  const own = join(directory, name)
  const agent = await startHudsonAgent({ program, agentJar, url, name, workDirectory: join(own, REMOTE), directory: own, memoryMb: 256 })
  agents.push(agent)
  return agent
}

const node = (name: string, labels: string, exclusive?: boolean) => ({
  name,
  labels,
  remoteDirectory: join(directory, name, REMOTE),
  ...(exclusive === undefined ? {} : { exclusive }),
})

const nodeIn = (report: Report, name: string): Report['nodes'][number] | undefined => report.nodes.find(one => one.name === name)
const waitsFor = (report: Report, task: string): boolean => report.items.some(item => item.task === task)
const eventOf = (server: HookServer, type: BuildEvent['type'], job: string, number = 1): BuildEvent | undefined =>
  server.events.find(event => event.type === type && event.job === job && event.number === number)
const finished = (server: HookServer, job: string, number = 1): Promise<BuildEvent> =>
  server.until(`build ${number} of ${job} ends`, () => eventOf(server, 'build-finished', job, number), 30_000)

after(async () => {
  await Promise.all(agents.map(endChild))
  await rm(directory, { recursive: true, force: true, maxRetries: 5 })
})

suite('the hook in Hudson', () => {
  let server: HookServer
  let hudson: RunningHudson
  let client: PagesClient

  before(async () => {
    server = await HookServer.listen({ token: TEST_SECRETS.hookToken })
    await writeFile(urlFile, server.url)
    const started = await boot(server)
    hudson = started.hudson
    client = started.client
  })
  after(async () => {
    await hudson?.stop()
    await server?.[Symbol.asyncDispose]()
  })

  test('nobody gets in without the administrator’s password', async () => {
    const anonymous = new PagesClient(hudson.url, null)
    for (const path of ['', 'api/json', 'computer/api/json', 'queue/api/json', 'script', 'asynchPeople/', 'view/All/'])
      assert.equal((await anonymous.request(path)).status, 403, `/${path}`)
    assert.equal((await anonymous.request('createItem?name=x', { method: 'POST', body: '<project/>' })).status, 403)
    assert.equal((await anonymous.request('login')).status, 200)
    const wrong = new PagesClient(hudson.url, { name: ADMIN.name, password: 'a guess' })
    assert.equal((await wrong.request('api/json')).status, 401)
    for (const page of ['createAccount', 'createFirstAccount']) {
      const form = { username: 'intruder', password1: 'x', password2: 'x', fullname: 'x', email: 'x@example.test' }
      await anonymous.request(`securityRealm/${page}`, { method: 'POST', body: new URLSearchParams(form) })
    }
    const intruder = new PagesClient(hudson.url, { name: 'intruder', password: 'x' })
    assert.equal((await intruder.request('api/json')).status, 401)
  })

  test('a form of another site’s page is refused; one of its own, one through a router and a program’s are not', async () => {
    const post = async (headers: Record<string, string>): Promise<number> =>
      (await client.request('quietDown', { method: 'POST', headers })).status
    assert.equal(await post({ origin: 'http://evil.example' }), 403)
    assert.equal(await post({ origin: 'null' }), 403)
    assert.equal(await post({ referer: 'http://evil.example/127.0.0.1' }), 403)
    assert.equal(await post({ origin: 'https://ci.example.test', 'x-forwarded-host': 'ci.example.test' }), 302)
    assert.equal(await post({ origin: new URL(hudson.url).origin }), 302)
    assert.equal(await post({}), 302)
    await server.untilReport('quieting', report => report.quieting)
    await client.post('cancelQuietDown')
    await server.untilReport('not quieting', report => !report.quieting)
  })

  test('the built-in node has no executors, and agents are listened for on the port of the policy', async () => {
    const { numExecutors, useSecurity } = await client.json<{ numExecutors: number; useSecurity: boolean }>('api/json')
    assert.equal(numExecutors, 0)
    assert.equal(useSecurity, true)
    const listener = await fetch(`${hudson.url}tcpSlaveAgentListener/`)
    assert.equal(listener.headers.get('x-hudson-jnlp-port'), String(agentPort))
  })

  test('it says hello with the epoch of the policy, and reports', async () => {
    const report = await server.untilReport('a first report', () => true)
    const [hello] = server.hellos
    assert.deepEqual(hello && { ...hello, session: '' }, { session: '', epoch: 7, distribution: 'hudson', version: '2.2.1', secured: true })
    assert.equal(report.session, hello?.session)
    assert.deepEqual([report.items, report.nodes, report.running, report.quieting], [[], [], 0, false])
    assert.ok(report.load.heapUsedMb > 0 && report.load.heapMaxMb > report.load.heapUsedMb && report.load.threads > 5)
  })

  test('an item of the queue is reported within a second, with its label, its task and why it waits', async () => {
    await client.createJob('first', { command: 'echo built', label: 'linux &amp;&amp; !windows' })
    await client.createJob('second', { command: 'echo built too', label: 'linux' })
    const before = systemClock.monotonic()
    const now = systemClock.now()
    await client.build('first')
    const report = await server.untilReport('the item', seen => waitsFor(seen, 'first'), 5_000)
    assert.ok(systemClock.monotonic() - before < 1_000, `${systemClock.monotonic() - before} ms`)
    const [item] = report.items
    assert.equal(item?.label, 'linux&&!windows')
    assert.match(item?.id ?? '', /^[0-9a-f]{12}-\d+$/)
    assert.ok(Math.abs((item?.since ?? 0) - now) < 5_000)
    assert.ok((item?.why ?? '').length > 0)
  })

  test('a wanted node is made, exclusive and with one executor', async () => {
    const revision = server.want({ nodes: [node('a1', 'linux small')] })
    const report = await server.untilReport('the node', seen => seen.appliedRevision === revision)
    assert.deepEqual(nodeIn(report, 'a1'), { name: 'a1', online: false, used: false })
    const config = await client.script(`
      def node = hudson.model.Hudson.instance.getNode('a1')
      println([node.nodeDescription, node.mode, node.numExecutors, node.labelString, node.retentionStrategy.class.name].join(' | '))`)
    assert.match(config, /^manor:7 \| EXCLUSIVE \| 1 \| linux small \| hudson\.slaves\.RetentionStrategy/)
  })

  test('its agent runs one build and no second one, and the node goes by itself', async () => {
    await client.build('second')
    await server.untilReport('both items', report => waitsFor(report, 'first') && waitsFor(report, 'second'))
    const [oldest] = server.lastReport?.items ?? []
    await startAgent(hudson.url, 'a1')
    const end = await finished(server, 'first')
    assert.equal(end.result, 'SUCCESS')
    assert.equal(end.node, 'a1')
    assert.equal(end.item, oldest?.id)
    assert.ok((end.durationMs ?? 0) > 0)
    const report = await server.untilReport('the node is gone', seen => nodeIn(seen, 'a1') === undefined && !waitsFor(seen, 'first'))
    assert.ok(waitsFor(report, 'second'), 'the second build still waits')
    assert.equal(eventOf(server, 'build-started', 'second'), undefined)
    await server.until('the node went offline', () => server.events.find(({ type, node }) => type === 'node-offline' && node === 'a1'))
    const order = server.events.filter(({ node }) => node === 'a1').map(({ type }) => type)
    assert.deepEqual(order, ['node-online', 'build-started', 'build-finished', 'node-offline'])
    assert.deepEqual(
      server.events.map(({ seq }) => seq),
      server.events.map((_, index) => index + 1),
    )
  })

  test('a node that was used is not made again, though it is wanted still', async () => {
    const revision = server.want({ nodes: [node('a1', 'linux small'), node('a2', 'linux')] })
    const report = await server.untilReport('the other node', seen => seen.appliedRevision === revision && nodeIn(seen, 'a2') !== undefined)
    assert.equal(nodeIn(report, 'a1'), undefined)
  })

  test('a node that builds is left alone when it is not wanted any more, and goes after its build', async () => {
    await client.createJob('slow', { command: `while [ ! -e ${directory}/go ]; do sleep 0.1; done`, label: 'slow' })
    await client.build('slow')
    server.want({ nodes: [node('a2', 'linux'), node('a3', 'slow')] })
    await startAgent(hudson.url, 'a3')
    const busy = await server.untilReport('the build', report => nodeIn(report, 'a3')?.building !== undefined, 30_000)
    assert.deepEqual(nodeIn(busy, 'a3'), { name: 'a3', online: true, used: true, building: { job: 'slow', number: 1 } })
    assert.equal(busy.running, 1)
    const revision = server.want({ nodes: [] })
    const later = await server.untilReport('the pass is over', report => report.appliedRevision === revision)
    assert.equal(nodeIn(later, 'a2'), undefined)
    assert.equal(nodeIn(later, 'a3')?.building?.job, 'slow')
    await writeFile(join(directory, 'go'), '')
    assert.equal((await finished(server, 'slow')).result, 'SUCCESS')
    await server.untilReport('its node is gone', report => report.nodes.length === 0 && report.running === 0)
    const again = server.want({ nodes: [node('a3', 'slow')] })
    const last = await server.untilReport('the pass is over', report => report.appliedRevision === again)
    assert.deepEqual(last.nodes, [], 'a Manor that forgot that it was used does not have it used again')
    server.want({ nodes: [] })
  })

  test('an item without a label runs on a node that is not exclusive, and on no other', async () => {
    await client.createJob('anywhere', { command: 'echo anywhere' })
    await client.build('anywhere')
    const waiting = await server.untilReport('the item', report => waitsFor(report, 'anywhere'))
    assert.equal(waiting.items.find(({ task }) => task === 'anywhere')?.label, undefined)
    server.want({ nodes: [node('a4', 'other'), node('a5', 'other', false)] })
    await Promise.all([startAgent(hudson.url, 'a4'), startAgent(hudson.url, 'a5')])
    assert.equal((await finished(server, 'anywhere')).node, 'a5')
    server.want({ nodes: [] })
    await server.untilReport('no nodes', report => report.nodes.length === 0)
  })

  test('a node that cannot be made says why, and the revision is not applied before it can', async () => {
    await client.script(`
      import hudson.model.*; import hudson.slaves.*
      Hudson.instance.addNode(new DumbSlave('taken', 'somebody’s own', '/tmp', '1', Node.Mode.EXCLUSIVE, '', new JNLPLauncher(), RetentionStrategy.NOOP, []))`)
    const revision = server.want({ nodes: [node('taken', 'linux')] })
    const report = await server.untilReport('the problem', seen => nodeIn(seen, 'taken')?.problem !== undefined)
    assert.match(nodeIn(report, 'taken')?.problem ?? '', /rename or delete it/)
    assert.ok(report.appliedRevision < revision)
    await client.post('computer/taken/doDelete')
    await server.untilReport('it is made', seen => seen.appliedRevision === revision && nodeIn(seen, 'taken')?.problem === undefined)
    server.want({ nodes: [] })
    await server.untilReport('no nodes', seen => seen.nodes.length === 0)
  })

  test('quiet-down comes and goes as wanted, and one that a person began stays', async () => {
    server.want({ quiet: true, quietReason: 'A planned stop.' })
    await server.untilReport('quieting', report => report.quieting)
    server.want({ quiet: false })
    await server.untilReport('no longer', report => !report.quieting)
    await client.post('quietDown')
    await server.untilReport('quieting again', report => report.quieting)
    const revision = server.want({ nodes: [] })
    assert.ok((await server.untilReport('applied', report => report.appliedRevision === revision)).quieting)
    await client.post('cancelQuietDown')
    await server.untilReport('no longer', report => !report.quieting)
  })

  test('run again from the console, it takes its own place', async () => {
    const [first] = server.hellos
    const again = `evaluate(new File(${JSON.stringify(join(hudson.home, 'init.groovy'))}))`
    for (let run = 0; run < 2; run++) await client.script(again)
    const last = await server.until('new sessions', () => (server.hellos.length >= 3 ? server.hellos.at(-1) : undefined))
    assert.notEqual(last.session, first?.session)
    await server.untilReport('the new session reports', report => report.session === last.session)
    const counts = await client.script(`
      def hudson = hudson.model.Hudson.instance
      def points = [hudson.model.listeners.RunListener, hudson.slaves.ComputerListener, hudson.model.queue.QueueTaskDispatcher]
      println points.collect { point -> hudson.getExtensionList(point).count { it.class.name.startsWith('Manor') } } as String
      println Thread.enumerate(new Thread[500]) && true
      def threads = new Thread[500]; def found = Thread.enumerate(threads)
      println threads.toList().subList(0, found).findAll { it.getName().startsWith('manor hook: ') }.size()`)
    assert.deepEqual(counts.split('\n'), ['[1, 1, 1]', 'true', '4'])
    server.want({ nodes: [node('a6', 'linux')] })
    await startAgent(hudson.url, 'a6')
    await finished(server, 'second')
    assert.equal(server.events.filter(({ type, job }) => type === 'build-finished' && job === 'second').length, 1)
    server.want({ nodes: [] })
    await server.untilReport('no nodes', report => report.nodes.length === 0)
  })

  test('asked to say hello again, it does, and reports', async () => {
    const hellos = server.hellos.length
    server.forget()
    await client.createJob('third', { command: 'true', label: 'nowhere' })
    await client.build('third')
    await server.until('hello', () => server.hellos.length > hellos || undefined, 5_000)
    await server.untilReport('the item', report => waitsFor(report, 'third'), 5_000)
  })
})

suite('the hook in a Hudson that has troubles', () => {
  let server: HookServer
  let started: Started

  /** A new address is tried at once, however long the hook meant to wait. */
  const moveTo = (host: string): Promise<void> => writeFile(urlFile, `http://${host}:${server.port}`)

  before(async () => {
    server = await HookServer.listen({ token: TEST_SECRETS.hookToken })
    await writeFile(urlFile, server.url)
    started = await boot(server)
    await server.untilReport('a first report', () => true)
  })
  after(async () => {
    await started?.hudson.stop()
    await server?.[Symbol.asyncDispose]()
  })

  test('Manor goes, comes back at another address, and is found through the file', async () => {
    const away = server
    await away[Symbol.asyncDispose]()
    await started.client.createJob('meanwhile', { command: 'true', label: 'meanwhile' })
    await started.client.build('meanwhile')
    server = await HookServer.listen({ token: TEST_SECRETS.hookToken })
    await writeFile(urlFile, `${server.url}/\n`)
    await server.until('hello', () => server.hellos[0], 5_000)
    await server.untilReport('what happened meanwhile', report => waitsFor(report, 'meanwhile'), 5_000)
    const revision = server.want({ nodes: [] })
    await server.untilReport('what the new Manor wants', report => report.appliedRevision === revision, 5_000)
    assert.equal(server.hellos[0]?.session, away.hellos[0]?.session)
  })

  test('events are sent again until they are acknowledged, and too many are dropped oldest first and counted', async () => {
    server.failWith = 503
    await started.client.script(`
      def threads = new Thread[500]
      int found = Thread.enumerate(threads)
      def loop = threads.toList().subList(0, found).find { it.getName() == 'manor hook: events' }
      4300.times { loop.hook.events.add([type: 'build-started', node: '', job: 'made up', number: it]) }`)
    server.failWith = undefined
    server.acknowledges = false
    await moveTo('localhost')
    await server.until('a first batch', () => (server.events.length >= 500 ? true : undefined), 15_000)
    const firstBatch = server.events.length
    assert.equal(firstBatch, 500)
    server.acknowledges = true
    await moveTo('127.0.0.1')
    await server.until('the last event', () => server.events.find(({ number }) => number === 4_299), 15_000)
    // Whatever changes is reported at once, and the count with it.
    server.want({})
    const report = await server.untilReport('the count', ({ load }) => load.eventsDropped > 0, 15_000)
    assert.equal(report.load.eventsDropped, 300)
    const numbers = server.events.filter(({ job }) => job === 'made up').map(({ number }) => number ?? Number.NaN)
    // The first of them may have been on their way already when they were dropped.
    assert.deepEqual(
      numbers.filter(number => number >= 300),
      Array.from({ length: 4_000 }, (_, index) => index + 300),
    )
    assert.deepEqual(
      numbers,
      numbers.toSorted((a, b) => a - b),
      'in order',
    )
  })

  test('with a token that was revoked it asks once in a long while, and goes on with one that is valid again', async () => {
    server.failWith = 401
    await started.client.build('meanwhile')
    await started.client.script(`hudson.model.Hudson.instance.doQuietDown()`)
    await server.until('every thread was refused', () => (server.requests > 0 ? true : undefined))
    const settled = systemClock.monotonic()
    const before = server.requests
    await waitFor('three seconds', 10_000, async () => systemClock.monotonic() - settled > 3_000)
    assert.ok(server.requests - before <= 4, `${server.requests - before} requests in three seconds`)
    server.failWith = undefined
    await moveTo('localhost')
    await server.untilReport('it goes on', report => report.quieting, 10_000)
    await started.client.post('cancelQuietDown')
    await server.untilReport('not quieting', report => !report.quieting)
  })

  test('killed in the middle of a build, it comes back, and gives the node that was used no second build', async () => {
    const { client, hudson } = started
    await client.createJob('long', { command: 'sleep 600', label: 'once' })
    await client.createJob('later', { command: 'true', label: 'once' })
    server.want({ nodes: [node('b1', 'once'), node('b2', 'unused')] })
    await startAgent(hudson.url, 'b1')
    await client.build('long')
    await server.untilReport('the build', report => nodeIn(report, 'b1')?.building?.job === 'long', 30_000)
    await client.build('later')
    await server.untilReport('the later item', report => waitsFor(report, 'later'))
    const session = server.lastReport?.session
    server.withholdsWanted = true
    process.kill(hudson.pid, 'SIGKILL')
    await hudson.stop()
    started = await boot(server)
    const back = await server.untilReport(
      'both nodes, with the agent back',
      report => report.session !== session && nodeIn(report, 'b1')?.online === true,
      30_000,
    )
    assert.deepEqual(back.nodes.map(({ name, used }) => [name, used]).toSorted(), [
      ['b1', true],
      ['b2', false],
    ])
    await started.client.build('later')
    await server.untilReport('the later item', report => waitsFor(report, 'later') && nodeIn(report, 'b1')?.building === undefined)
    await started.client.script('hudson.model.Hudson.instance.queue.maintain()')
    await server.untilReport('it waits still', report => waitsFor(report, 'later') && nodeIn(report, 'b1')?.building === undefined)
    assert.equal(server.lastReport?.nodes.length, 2, 'nothing is removed before Manor has said what it wants')
    server.withholdsWanted = false
    server.want({ nodes: [node('b1', 'once'), node('b2', 'unused')] })
    await server.untilReport('the used node is gone', report => report.nodes.map(({ name }) => name).join() === 'b2')
    assert.equal(eventOf(server, 'build-started', 'later'), undefined)
    server.want({ nodes: [] })
    await server.untilReport('no nodes', report => report.nodes.length === 0)
  })
})

test('an instance that cannot be secured says so and ends, before it has served anything', async () => {
  await using server = await HookServer.listen({ token: TEST_SECRETS.hookToken })
  await writeFile(urlFile, server.url)
  const policy = { ...policyFor(server), admin: { name: ADMIN.name } }
  const own = join(directory, 'unsecured')
  await assert.rejects(startHudson({ program, directory: own, hookScript, policy, memoryMb: 512 }), /Hudson ended/)
  const [hello] = server.hellos
  assert.equal(hello?.secured, false)
  assert.match(hello?.problem ?? '', /does not say admin\.password/)
  assert.doesNotMatch(await readFile(join(own, 'log'), 'utf8'), new RegExp(TEST_SECRETS.hookToken))
})
