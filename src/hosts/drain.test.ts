import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Agent, agentId, type Controller, controllerId, type Host, hostId, itemId, templateId, tenantId } from '../model/index.ts'
import { type DrainView, decideDrain } from './drain.ts'

const NOW = 1_000_000

const aHost = (id: string, change: Partial<Host> = {}): Host => ({
  id: hostId(id),
  engine: 'docker',
  role: 'any',
  capacity: { cpu: 4, memoryMb: 8_000, diskMb: 50_000 },
  attributes: {},
  state: 'ready',
  seenAt: NOW,
  limits: { memory: true, cpu: true },
  ...change,
})

const aController = (id: string, change: Partial<Controller> = {}): Controller => ({
  id: controllerId(id),
  tenant: tenantId('red'),
  wanted: 'running',
  spec: { memoryMb: 3_000, cpu: 1, diskMb: 1_000, graceMs: 60_000, distribution: 'jenkins' },
  createdAt: 0,
  restartsWanted: 0,
  restartsDone: 0,
  phase: 'ready',
  phaseSince: 0,
  epoch: 1,
  host: hostId('h1'),
  failures: 0,
  ...change,
})

const anAgent = (id: string, change: Partial<Agent> = {}): Agent => ({
  id: agentId(id),
  controller: controllerId('c1'),
  tenant: tenantId('red'),
  template: templateId('linux'),
  item: itemId('1'),
  attempt: 1,
  task: 'job',
  label: 'linux',
  resources: { cpu: 1, memoryMb: 500, diskMb: 100 },
  phase: 'busy',
  phaseSince: 0,
  epoch: 1,
  queuedAt: 0,
  busyAt: 0,
  ...change,
})

const view = (change: Partial<DrainView>, residents: Partial<DrainView['residents']> = {}): DrainView => ({
  host: aHost('h1', { state: 'draining' }),
  wanted: { id: hostId('h1'), service: 'drained', since: 0 },
  residents: { controllers: [], agents: [], strays: 0, used: { cpu: 0, memoryMb: 0, diskMb: 0 }, ...residents },
  others: [{ host: aHost('h2'), used: { cpu: 0, memoryMb: 0, diskMb: 0 } }],
  moved: undefined,
  mayMove: true,
  now: NOW,
  ...change,
})

const by = (drainBy: number): DrainView['wanted'] => ({ id: hostId('h1'), service: 'drained', since: 0, drainBy })
const full = { host: aHost('h2'), used: { cpu: 0, memoryMb: 6_000, diskMb: 0 } }

/** What is on the host, and the step in short: its kind, and what it is about. */
const TABLE: readonly (readonly [string, DrainView, string])[] = [
  ['an empty host is done', view({}), 'done'],
  ['a build is waited for', view({}, { agents: [anAgent('a1')] }), 'wait draining'],
  ['two builds are waited for', view({}, { agents: [anAgent('a1'), anAgent('a2')] }), 'wait draining'],
  ['before a build’s end no controller moves', view({}, { agents: [anAgent('a1')], controllers: [aController('c1')] }), 'wait draining'],
  ['an agent that ends is waited for', view({}, { agents: [anAgent('a1', { phase: 'ending' })] }), 'wait draining'],
  ['one without a build is ended', view({}, { agents: [anAgent('a1'), anAgent('a2', { phase: 'online' })] }), 'end-agents a2'],
  ['so is one that has only a place', view({}, { agents: [anAgent('a1', { phase: 'placed' })] }), 'end-agents a1'],
  ['a build is let be until the deadline', view({ wanted: by(NOW + 1) }, { agents: [anAgent('a1')] }), 'wait draining'],
  ['and is ended at it', view({ wanted: by(NOW) }, { agents: [anAgent('a1')] }), 'end-agents a1'],
  ['a controller moves', view({}, { controllers: [aController('c1'), aController('c2')] }), 'move c1'],
  [
    'the next waits while one leaves',
    view({}, { controllers: [aController('c1', { restartsWanted: 1 }), aController('c2')] }),
    'wait draining',
  ],
  [
    'and while it starts elsewhere',
    view({ moved: aController('c1', { phase: 'starting' }) }, { controllers: [aController('c2')] }),
    'wait draining',
  ],
  ['and goes once it serves', view({ moved: aController('c1') }, { controllers: [aController('c2')] }), 'move c2'],
  [
    'and once it failed, which waiting does not mend',
    view({ moved: aController('c1', { phase: 'failed' }) }, { controllers: [aController('c2')] }),
    'move c2',
  ],
  [
    'after the deadline nobody waits for the one before',
    view({ wanted: by(0), moved: aController('c1', { phase: 'starting' }) }, { controllers: [aController('c2')] }),
    'move c2',
  ],
  [
    'one that is stopped by its owner is waited for',
    view({}, { controllers: [aController('c1', { wanted: 'stopped', phase: 'quieting' })] }),
    'wait draining',
  ],
  ['one that is being prepared is waited for', view({}, { controllers: [aController('c1', { phase: 'preparing' })] }), 'wait draining'],
  ['one that starts moves', view({}, { controllers: [aController('c1', { phase: 'starting' })] }), 'move c1'],
  [
    'one that may still run on a silent host is no one to move',
    view({}, { controllers: [aController('c1', { phase: 'unreachable' })] }),
    'wait host-silent',
  ],
  ['without another host it stays', view({ others: [] }, { controllers: [aController('c1')] }), 'wait no-capacity'],
  ['without room elsewhere it stays', view({ others: [full] }, { controllers: [aController('c1')] }), 'wait no-capacity'],
  [
    'a small one that fits goes before a large one that does not',
    view(
      { others: [full] },
      { controllers: [aController('c1'), aController('c2', { spec: { ...aController('x').spec, memoryMb: 1_000 } })] },
    ),
    'move c2',
  ],
  [
    'hosts for builds are no room',
    view(
      { others: [{ ...full, host: aHost('h2', { role: 'builds' }), used: aHost('h2').capacity }] },
      { controllers: [aController('c1')] },
    ),
    'wait no-capacity',
  ],
  [
    'nor are cordoned ones',
    view(
      { others: [{ host: aHost('h2', { state: 'cordoned' }), used: { cpu: 0, memoryMb: 0, diskMb: 0 } }] },
      { controllers: [aController('c1')] },
    ),
    'wait no-capacity',
  ],
  [
    'nor another team’s',
    view(
      { others: [{ host: aHost('h2', { reservedFor: tenantId('blue') }), used: { cpu: 0, memoryMb: 0, diskMb: 0 } }] },
      { controllers: [aController('c1')] },
    ),
    'wait no-capacity',
  ],
  [
    'its own team’s is',
    view(
      { others: [{ host: aHost('h2', { reservedFor: tenantId('red') }), used: { cpu: 0, memoryMb: 0, diskMb: 0 } }] },
      { controllers: [aController('c1')] },
    ),
    'move c1',
  ],
  [
    'at the deadline it leaves though it has nowhere to go',
    view({ wanted: by(NOW), others: [] }, { controllers: [aController('c1')] }),
    'move c1',
  ],
  [
    'an engine that places by itself and cannot be told keeps its controllers',
    view({ mayMove: false }, { controllers: [aController('c1')] }),
    'wait draining',
  ],
  ['what nobody needs is waited for', view({}, { strays: 2 }), 'wait draining'],
  ['a silent host is not known to be empty', view({ host: aHost('h1', { state: 'silent' }) }), 'wait host-silent'],
]

const short = (seen: DrainView): string => {
  const step = decideDrain(seen)
  switch (step.kind) {
    case 'wait':
      return `wait ${step.reason.code}`
    case 'end-agents':
      return `end-agents ${step.agents.map(({ id }) => id).join(' ')}`
    case 'move':
      return `move ${step.controller.id}`
    case 'done':
      return 'done'
  }
}

for (const [name, seen, expected] of TABLE) test(`drain: ${name}`, () => assert.equal(short(seen), expected))

test('what a host waits for names nothing of any tenant', () => {
  for (const [name, seen] of TABLE) {
    const step = decideDrain(seen)
    if (step.kind === 'wait') assert.doesNotMatch(step.reason.message, /\b(c1|c2|a1|a2|red|blue)\b/, name)
  }
})

test('a build that is cut says which, and why', () => {
  const step = decideDrain(view({ wanted: by(NOW) }, { agents: [anAgent('a1', { build: { job: 'nightly', number: 7 } })] }))
  assert.equal(step.kind, 'end-agents')
  if (step.kind !== 'end-agents') return
  const [agent] = step.agents
  assert.deepEqual(agent && step.why(agent).code, 'drained')
  assert.match((agent && step.why(agent).message) ?? '', /h1 .*deadline.*nightly #7 was lost/)
})

test('a drain looks again at its deadline, and not much later than something may have changed', () => {
  const step = decideDrain(view({ wanted: by(NOW + 300) }, { agents: [anAgent('a1')] }))
  assert.equal(step.kind === 'wait' && step.againMs, 300)
})

test('who has nowhere to go stays until there is room, or until the deadline where there is one, which is not advised then', () => {
  const told = (drainBy?: number): string => {
    const step = decideDrain(
      view({ others: [], ...(drainBy === undefined ? {} : { wanted: by(drainBy) }) }, { controllers: [aController('c1')] }),
    )
    return step.kind === 'wait' ? `${step.reason.message} ${step.reason.mend}` : step.kind
  }
  assert.match(told(), /until there is another\. .*--deadline 30m\.$/)
  assert.match(told(NOW + 60_000), /until there is another, or until the deadline\. (?!.*--deadline)/)
})
