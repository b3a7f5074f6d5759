/** What the hook does in a Jenkins: the decisions that Hudson cannot show, against the classes of hook/stubs. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, beforeEach, suite, test } from 'node:test'
import { MAX_HOOK_BODY_BYTES, type Report } from '../../src/agents/protocol.ts'
import type { HookPolicy } from '../../src/controllers/index.ts'
import { compileStubs, HookedJenkins, type JenkinsState } from '../support/hook-jenkins.ts'
import { HookServer } from '../support/hook-server.ts'
import { TEST_SECRETS } from '../support/hudson.ts'

const policyFor = (server: HookServer): HookPolicy => ({
  controller: 'team-a',
  epoch: 3,
  url: server.url,
  token: TEST_SECRETS.hookToken,
  distribution: 'jenkins',
  agents: 'websocket',
  agentPort: -1,
  admin: { name: 'manor', password: TEST_SECRETS.adminPassword, apiToken: TEST_SECRETS.apiToken },
})

const wantedNode = (name: string, labels = 'linux', exclusive?: boolean) => ({
  name,
  labels,
  remoteDirectory: `/agents/${name}`,
  ...(exclusive === undefined ? {} : { exclusive }),
})
const nodeIn = (report: Report, name: string): Report['nodes'][number] | undefined => report.nodes.find(one => one.name === name)
const tasksOf = (report: Report): string[] => report.items.map(({ task }) => task)
const namesOf = (state: JenkinsState): string[] => state.nodes.map(({ name }) => name)

suite('the hook in Jenkins', () => {
  let directory: string
  let stubs: string
  let server: HookServer
  let jenkins: HookedJenkins

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'manor-hook-jenkins-'))
    stubs = await compileStubs(directory)
  })
  after(() => rm(directory, { recursive: true, force: true }))
  beforeEach(async () => {
    server = await HookServer.listen({ token: TEST_SECRETS.hookToken })
  })
  afterEach(async () => {
    await jenkins[Symbol.asyncDispose]()
    await server[Symbol.asyncDispose]()
    assert.deepEqual(server.problems, [])
  })

  const startHooked = async (used: readonly string[] = []): Promise<void> => {
    jenkins = await HookedJenkins.start(stubs, policyFor(server), used)
    await jenkins.act({ act: 'runHook' })
    await server.untilReport('a first report', () => true)
  }
  const runs = async (task: string, name: string): Promise<void> => {
    await jenkins.act({ act: 'schedule', task, label: 'linux' })
    assert.equal((await jenkins.act({ act: 'connect', name })).given, true)
    await jenkins.act({ act: 'begin', name })
  }

  test('secures the instance, and twice is the same as once', async () => {
    await startHooked()
    await jenkins.act({ act: 'runHook' })
    const { nodes, saved, quietReason, threads, ...state } = await jenkins.state()
    assert.deepEqual(state, {
      executors: 0,
      port: -1,
      realm: 'HudsonPrivateSecurityRealm',
      signup: false,
      anonymousRead: false,
      crumbs: true,
      password: true,
      tokens: ['manor'],
      listeners: [1, 1, 1, 1, 1],
      rootUrl: null,
    })
    assert.deepEqual([nodes, saved, quietReason, threads], [[], true, null, 4])
    const [hello] = server.hellos
    assert.deepEqual(hello && { ...hello, session: '' }, {
      session: '',
      epoch: 3,
      distribution: 'jenkins',
      version: '2.541.3',
      secured: true,
    })
  })

  test('reports items by the controller’s own ids; flyweight tasks are none, and a label that is a node’s name is that node awaited', async () => {
    await startHooked()
    server.want({ nodes: [wantedNode('n1')] })
    await server.untilReport('the node', report => nodeIn(report, 'n1') !== undefined)
    await jenkins.act({ act: 'schedule', task: 'pipeline', kind: 'flyweight' })
    await jenkins.act({ act: 'schedule', task: 'resumes', label: 'n1', kind: 'step' })
    const { id } = await jenkins.act({ act: 'schedule', task: 'needs', label: 'linux&&big' })
    await jenkins.act({ act: 'schedule', task: 'anywhere' })
    const report = await server.untilReport('the items', seen => seen.items.length === 2)
    assert.deepEqual(tasksOf(report), ['needs', 'anywhere'])
    assert.equal(report.items[0]?.id, String(id))
    assert.deepEqual(
      report.items.map(({ label }) => label),
      ['linux&&big', undefined],
    )
    assert.equal(nodeIn(report, 'n1')?.awaited, true)
    const revision = server.want({ nodes: [] })
    const later = await server.untilReport('an awaited node stays', seen => seen.appliedRevision === revision)
    assert.notEqual(nodeIn(later, 'n1'), undefined)
  })

  test('a change is reported at once: queue events, not a timer', async () => {
    await startHooked()
    await jenkins.act({ act: 'schedule', task: 'quick', label: 'none' })
    await server.untilReport('the item', report => tasksOf(report).includes('quick'), 2_000)
  })

  test('whatever a name holds arrives as it is', async () => {
    await startHooked()
    const odd = 'a"b\\c/d\u0001\n\t\u2028é漢😀</script>'
    await jenkins.act({ act: 'schedule', task: odd, label: 'none' })
    await server.untilReport('the item', report => tasksOf(report).includes(odd))
    server.want({ nodes: [wantedNode('n1', odd)] })
    await server.untilReport('the node', report => nodeIn(report, 'n1') !== undefined)
    assert.equal((await jenkins.state()).nodes[0]?.labels, odd)
  })

  test('makes nodes for WebSocket agents, of core types, exclusive unless told otherwise', async () => {
    await startHooked()
    const revision = server.want({ nodes: [wantedNode('n1', 'linux small'), wantedNode('n2', 'any', false)] })
    await server.untilReport('both', report => report.appliedRevision === revision)
    const made = { executors: 1, description: 'manor:3', webSocket: true, retention: 'NoOp', accepting: true, busy: 0 }
    assert.deepEqual((await jenkins.state()).nodes, [
      { name: 'n1', root: '/agents/n1', labels: 'linux small', mode: 'EXCLUSIVE', ...made },
      { name: 'n2', root: '/agents/n2', labels: 'any', mode: 'NORMAL', ...made },
    ])
  })

  test('a node that cannot be made says why, is tried again, and the others are made', async () => {
    await startHooked()
    const revision = server.want({ nodes: [wantedNode('not/good'), wantedNode('n1')] })
    const report = await server.untilReport(
      'the problem',
      seen => nodeIn(seen, 'not/good')?.problem !== undefined && nodeIn(seen, 'n1') !== undefined,
    )
    assert.match(nodeIn(report, 'not/good')?.problem ?? '', /unsafe character/)
    assert.ok(report.appliedRevision < revision)
  })

  test('from the moment a task is taken the node takes no other, and goes when it is done', async () => {
    await startHooked()
    server.want({ nodes: [wantedNode('n1')] })
    await server.untilReport('the node', report => nodeIn(report, 'n1') !== undefined)
    await runs('one', 'n1')
    await jenkins.act({ act: 'schedule', task: 'two', label: 'linux' })
    const busy = await server.untilReport('used', report => nodeIn(report, 'n1')?.used === true && tasksOf(report).includes('two'))
    assert.deepEqual(nodeIn(busy, 'n1'), { name: 'n1', online: true, used: true, building: { job: 'one', number: 1 } })
    assert.equal(busy.running, 1)
    assert.equal((await jenkins.state()).nodes[0]?.accepting, false)
    assert.equal((await jenkins.act({ act: 'finish', name: 'n1' })).given, false, 'the second build is not given to it')
    const gone = await server.untilReport('it is gone', report => report.nodes.length === 0)
    assert.deepEqual(tasksOf(gone), ['two'])
    assert.deepEqual(
      server.events.map(({ type, job, item, result, durationMs }) => [type, job, item, result, durationMs]),
      [
        ['node-online', undefined, undefined, undefined, undefined],
        ['build-started', 'one', '1', undefined, undefined],
        ['build-finished', 'one', '1', 'SUCCESS', 1234],
        ['node-offline', undefined, undefined, undefined, undefined],
      ],
    )
    assert.match(server.events.at(-1)?.cause ?? '', /Connection was broken/)
  })

  test('a step that is resumed after a restart is not waited for, and keeps its node', async () => {
    await startHooked()
    server.want({ nodes: [wantedNode('n1')] })
    await server.untilReport('the node', report => nodeIn(report, 'n1') !== undefined)
    await jenkins.act({ act: 'schedule', task: 'pipeline', label: 'linux', kind: 'step' })
    await jenkins.act({ act: 'connect', name: 'n1' })
    await jenkins.act({ act: 'begin', name: 'n1' })
    const report = await server.untilReport('it runs', seen => nodeIn(seen, 'n1')?.building !== undefined)
    assert.deepEqual(nodeIn(report, 'n1')?.building, { job: 'pipeline', number: 1 })
    assert.equal(report.running, 0)
    await jenkins.act({ act: 'finish', name: 'n1', continues: true })
    const revision = server.want({ nodes: [wantedNode('n1'), wantedNode('n2')] })
    const later = await server.untilReport('another pass', seen => seen.appliedRevision === revision)
    assert.equal(nodeIn(later, 'n1')?.used, true)
  })

  test('while the controller ends, no node is removed: its builds may be resumed on them', async () => {
    await startHooked()
    server.want({ nodes: [wantedNode('n1')] })
    await server.untilReport('the node', report => nodeIn(report, 'n1') !== undefined)
    await runs('one', 'n1')
    await jenkins.act({ act: 'terminate', terminating: true })
    await jenkins.act({ act: 'finish', name: 'n1' })
    await server.untilReport(
      'the end of the build',
      report => nodeIn(report, 'n1') !== undefined && nodeIn(report, 'n1')?.building === undefined,
    )
    assert.deepEqual(namesOf(await jenkins.state()), ['n1'])
    await jenkins.act({ act: 'terminate', terminating: false })
    await server.untilReport('it is gone', report => report.nodes.length === 0)
  })

  test('after a restart a node that was used waits for what may resume on it, and takes nothing else', async () => {
    server.withholdsWanted = true
    jenkins = await HookedJenkins.start(stubs, policyFor(server), ['old'])
    await jenkins.act({ act: 'addNode', name: 'old', description: 'manor:2', labels: 'linux' })
    await jenkins.act({ act: 'addNode', name: 'unused', description: 'manor:2', labels: 'big' })
    await jenkins.act({ act: 'addNode', name: 'theirs', description: 'Somebody’s own', labels: 'big' })
    await jenkins.act({ act: 'runHook' })
    const first = await server.untilReport('the nodes', report => report.nodes.length === 2)
    assert.deepEqual(
      first.nodes.map(({ name, used }) => [name, used]),
      [
        ['old', true],
        ['unused', false],
      ],
    )
    await jenkins.act({ act: 'schedule', task: 'other', label: 'linux' })
    assert.equal((await jenkins.act({ act: 'connect', name: 'old' })).given, false)
    assert.deepEqual(namesOf(await jenkins.state()), ['old', 'unused', 'theirs'], 'nothing is removed before Manor has said what it wants')
    server.withholdsWanted = false
    const revision = server.want({ nodes: [wantedNode('old')] })
    await server.untilReport(
      'the unused one is gone',
      report => report.appliedRevision === revision && nodeIn(report, 'unused') === undefined,
    )
    await jenkins.act({ act: 'schedule', task: 'resumes', label: 'old', kind: 'step' })
    await jenkins.act({ act: 'begin', name: 'old' })
    await server.untilReport('it resumes', report => nodeIn(report, 'old')?.building?.job === 'resumes')
    assert.deepEqual(namesOf(await jenkins.state()), ['old', 'theirs'])
    assert.deepEqual(tasksOf(server.lastReport as Report), ['other'])
  })

  test('quiet-down is begun with its reason and ended, with the rights that it takes', async () => {
    await startHooked()
    server.want({ quiet: true, quietReason: 'A planned stop.' })
    await server.untilReport('quieting', report => report.quieting)
    assert.equal((await jenkins.state()).quietReason, 'A planned stop.')
    server.want({ quiet: false })
    await server.untilReport('no longer', report => !report.quieting)
  })

  test('most items of a long queue are told, the oldest first, and the rest are counted', async () => {
    await startHooked()
    await jenkins.act({ act: 'scheduleMany', count: 5_010 })
    const report = await server.untilReport('the queue', seen => seen.items.length + seen.itemsLeftOut === 5_010, 30_000)
    assert.equal(report.items.length, 5_000)
    assert.equal(report.itemsLeftOut, 10)
    assert.equal(report.items[0]?.task, 'many 1')
  })

  test('a report never grows beyond what Manor takes, however long the names', async () => {
    await startHooked()
    await jenkins.act({ act: 'scheduleMany', count: 1_000, suffix: '漢'.repeat(1_900) })
    const report = await server.untilReport('the queue', seen => seen.items.length + seen.itemsLeftOut === 1_000, 30_000)
    assert.ok(report.items.length > 100 && report.itemsLeftOut > 100)
    assert.ok(Buffer.byteLength(JSON.stringify(report)) < MAX_HOOK_BODY_BYTES)
  })
})
