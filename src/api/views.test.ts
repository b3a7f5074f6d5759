import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Value } from 'typebox/value'
import {
  type Build,
  CONTROLLER_PHASES,
  controllerId,
  type Observation,
  type Presence,
  type Reason,
  type Token,
  templateId,
  tenantId,
  workloadId,
} from '../model/index.ts'
import { AgentView, ControllerView, QueueItemView, TemplateView, TenantView, TokenView } from './contract.ts'
import { tallyOf } from './tally.ts'
import { aController, aHost, anAgent, demandOf } from './testing.ts'
import {
  agentView,
  buildView,
  type ControllerSurroundings,
  controllerView,
  defined,
  eventView,
  hostView,
  queueItemView,
  templateView,
  tenantView,
  tokenView,
} from './views.ts'

const reason = (message: string): Reason => ({ code: 'no-capacity', message, since: 1 })

const presence = (epoch: number): Presence => ({
  controller: controllerId('a'),
  session: 's',
  epoch,
  seq: 1,
  version: '2.541.3',
  reportedAt: 1,
  heardAt: 1,
  reportIntervalMs: 10_000,
  running: 2,
  quieting: false,
  appliedRevision: 1,
  nodes: [],
  load: { heapUsedMb: 100, heapMaxMb: 400, threads: 30, gcShare: 0, eventsDropped: 0 },
})

const observation = (state: Observation['state']): Observation => ({
  id: workloadId('w'),
  labels: { owner: 'o', kind: 'controller', noun: 'a', epoch: 1 },
  state,
  ports: {},
  memoryMb: 700,
  peakMemoryMb: 900,
})

const around = (changes: Partial<ControllerSurroundings> = {}): ControllerSurroundings => ({
  revision: 3,
  url: 'http://h/a/',
  hostUrl: 'http://a.h/',
  presence: undefined,
  demand: undefined,
  observation: undefined,
  usage: undefined,
  agents: 0,
  ...changes,
})

test('a controller’s view is what its row says and what is seen of it, in every phase', () => {
  for (const phase of CONTROLLER_PHASES) {
    const view = controllerView(aController('a', { phase, reason: reason('x') }), around())
    assert.deepEqual([...Value.Errors(ControllerView, view)], [])
    assert.equal(view.phase, phase)
  }
})

test('what a hook told of an earlier run is not shown for this one', () => {
  const row = aController('a', { epoch: 2 })
  const fresh = controllerView(row, around({ presence: presence(2) }))
  assert.deepEqual([fresh.running, fresh.heapUsedMb, fresh.heapMaxMb], [2, 100, 400])
  const old = controllerView(row, around({ presence: presence(1) }))
  assert.deepEqual([old.running, old.heapUsedMb, old.heapMaxMb], [0, undefined, undefined])
})

test('a process that ended uses no memory, and its peak stays', () => {
  const of = (state: Observation['state']) => controllerView(aController('a'), around({ observation: observation(state) }))
  assert.deepEqual([of('running').memoryMb, of('running').peakMemoryMb], [700, 900])
  assert.deepEqual([of('ended').memoryMb, of('ended').peakMemoryMb], [undefined, 900])
})

for (const [what, changes, actions] of [
  ['ready', { phase: 'ready' }, ['stop', 'restart', 'delete']],
  ['stopped', { phase: 'stopped' }, ['start', 'delete']],
  ['ready and to be deleted', { phase: 'ready', wanted: 'deleted' }, []],
] as const)
  test(`the actions of a controller that is ${what}: ${actions.join(', ') || 'none'}`, () =>
    assert.deepEqual(controllerView(aController('a', changes), around()).actions, actions))

for (const [what, changes, version] of [
  ['running', { runningVersion: '2.541.3', pinnedVersion: '2.541.2' }, '2.541.3'],
  ['pinned', { pinnedVersion: '2.541.2' }, '2.541.2'],
  ['unknown', {}, undefined],
] as const)
  test(`the version is the ${what} one`, () => assert.equal(controllerView(aController('a', changes), around()).version, version))

test('an item shows its agent’s reason before its own, and its agent’s phase', () => {
  const controller = aController('a')
  const [item] = demandOf('a', ['7'], { reason: reason('of the item'), label: 'linux', why: 'waiting' }).items
  assert.ok(item)
  const alone = queueItemView(item, controller, undefined)
  assert.deepEqual([alone.id, alone.reason?.message, alone.agent, alone.agentPhase], ['a/7', 'of the item', undefined, undefined])
  const placed = queueItemView(item, controller, anAgent('x', 'a', { phase: 'launching', reason: reason('of the agent') }))
  assert.deepEqual([placed.reason?.message, placed.agent, placed.agentPhase], ['of the agent', 'x', 'launching'])
  for (const view of [alone, placed]) assert.deepEqual([...Value.Errors(QueueItemView, view)], [])
})

test('an agent’s view fits the contract with and without what comes later', () => {
  const full = {
    placedAt: 1,
    launchedAt: 2,
    onlineAt: 3,
    busyAt: 4,
    endedAt: 5,
    build: { job: 'j', number: 1, result: 'SUCCESS' as const },
  }
  for (const changes of [{}, full]) assert.deepEqual([...Value.Errors(AgentView, agentView(anAgent('x', 'a', changes), undefined))], [])
})

test('a host shows what is used of it, which is nothing where nothing is', () => {
  const resources = { cpu: 1, memoryMb: 2, diskMb: 3 }
  assert.deepEqual(hostView(aHost('h'), { controllers: resources, agents: resources }).usedByAgents, resources)
  assert.deepEqual(hostView(aHost('h'), undefined).usedByControllers, { cpu: 0, memoryMb: 0, diskMb: 0 })
})

test('templates, tenants, events: as their rows', () => {
  const template = templateView(
    {
      id: templateId('t'),
      scope: { kind: 'tenant', tenant: tenantId('red') },
      labels: ['x'],
      takesUnlabelled: false,
      resources: { cpu: 1, memoryMb: 2, diskMb: 3 },
      environment: { A: 'b' },
      constraints: {},
      connectTimeoutMs: 1,
    },
    4,
    { id: 'template/t', runs: [{ id: workloadId('agent.1'), at: 1, ranMs: 1, limitMb: 128, ranOutOf: 'limit' }] },
  )
  assert.deepEqual([...Value.Errors(TemplateView, template)], [])
  assert.deepEqual([template.memoryAdvice.kind, template.memoryAdvice.memoryMb], ['more', 192])
  assert.deepEqual([template.scope, template.revision, 'command' in template], [{ kind: 'tenant', tenant: 'red' }, 4, false])
  const tenant = tenantView({ id: tenantId('red'), weight: 2, createdAt: 1 }, tallyOf({}), 5)
  assert.deepEqual([tenant.controllers, tenant.queued, tenant.usedByAgents.cpu, 'quota' in tenant, tenant.revision], [0, 0, 0, false, 5])
  assert.deepEqual([tenant.dominantShare, 'dominantResource' in tenant, tenant.notes], [0, false, []])
  const event = eventView({ seq: 1, at: 2, kind: 'host', subject: 'h', type: 't', actor: 'a', message: 'm', data: { n: 1 } })
  assert.deepEqual([event.data, 'tenant' in event], [{ n: 1 }, false])
})

test('a tenant is shown with the largest part of the hosts that its agents use, and whether its guarantee can be counted on', () => {
  const red = { id: tenantId('red'), weight: 1, createdAt: 1, guarantee: { cpu: 2 } }
  const { capacity } = aHost('h')
  const half = { cpu: capacity.cpu / 4, memoryMb: capacity.memoryMb / 2, diskMb: 0 }
  const agents = [anAgent('1', 'a', { tenant: red.id, phase: 'busy', resources: half })]
  const view = tenantView(red, tallyOf({ agents, tenants: [red], hosts: [aHost('h')] }), 1)
  assert.deepEqual([...Value.Errors(TenantView, view)], [])
  assert.deepEqual([view.dominantShare, view.dominantResource, view.notes], [0.5, 'memoryMb', []])
  assert.match(tenantView(red, tallyOf({ agents, tenants: [red] }), 1).notes.join(), /No host is known yet/)
})

for (const [job, url] of [
  ['app', 'http://h/a/job/app/7/'],
  ['team/app', 'http://h/a/job/team/job/app/7/'],
  ['a b/ü', 'http://h/a/job/a%20b/job/%C3%BC/7/'],
] as const)
  test(`a build of ${job} is at ${url}`, () => {
    const build: Build = { controller: controllerId('a'), tenant: tenantId('t'), job, number: 7, startedAt: 1 }
    assert.equal(buildView(build, 'http://h/a/').url, url)
  })

test('a token’s view has no hash', () => {
  const token: Token = { id: 'i', name: 'n', role: 'admin', hash: 'secret-hash', createdAt: 1, session: true, issuedBy: 'other' }
  assert.deepEqual(tokenView(token), { id: 'i', name: 'n', role: 'admin', createdAt: 1 })
  assert.deepEqual([...Value.Errors(TokenView, tokenView(token))], [])
})

test('what is undefined is left out, what is null, zero or empty is not', () => {
  assert.deepEqual(defined({ a: undefined, b: null, c: 0, d: '' }), { b: null, c: 0, d: '' })
})
