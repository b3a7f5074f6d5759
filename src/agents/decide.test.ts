import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  type Agent,
  agentId,
  type Controller,
  controllerId,
  type DemandItem,
  itemId,
  type Observation,
  type Presence,
  type Template,
  templateId,
  tenantId,
} from '../model/index.ts'
import { bind } from './binding.ts'
import { type BrokerView, decide } from './decide.ts'
import { workloadOfAgent } from './launch.ts'
import { Matcher } from './match.ts'
import { DEFAULT_TEMPLATE } from './templates.ts'

const NOW = 10_000_000
const C = controllerId('c')
const TEMPLATES: Template[] = [
  { ...DEFAULT_TEMPLATE, id: templateId('java'), labels: ['java', 'linux'], takesUnlabelled: false },
  { ...DEFAULT_TEMPLATE, id: templateId('plain'), labels: ['linux'] },
]
const LIVE = ['queued', 'placed', 'launching', 'online', 'busy', 'ending'] as const

const controller: Controller = {
  id: C,
  tenant: tenantId('t'),
  wanted: 'running',
  spec: { memoryMb: 512, cpu: 1, diskMb: 0, graceMs: 0, distribution: 'jenkins' },
  createdAt: 0,
  restartsWanted: 0,
  restartsDone: 0,
  phase: 'ready',
  phaseSince: 0,
  epoch: 1,
  failures: 0,
}
const item = (id: number, label?: string): DemandItem => ({
  id: itemId(String(id)),
  task: `job-${id}`,
  since: id,
  ...(label === undefined ? {} : { label }),
})
const agentOf = (i: number, template: Template, itemNumber: number, phase: Agent['phase']): Agent => ({
  id: agentId(`agent-${i}`),
  controller: C,
  tenant: tenantId('t'),
  template: template.id,
  item: itemId(String(itemNumber)),
  attempt: 1,
  task: '',
  label: template.labels.join(' '),
  takesUnlabelled: template.takesUnlabelled,
  resources: template.resources,
  phase,
  phaseSince: NOW - 1_000,
  epoch: 1,
  queuedAt: i,
  ...(['launching', 'online', 'busy', 'ending'].includes(phase) ? { launchedAt: NOW - 1_000 } : {}),
  ...(phase === 'online' || phase === 'busy' ? { onlineAt: NOW - 500 } : {}),
  ...(phase === 'busy' ? { busyAt: NOW - 60_000 } : {}),
})

const runningOf = (agent: Agent): Observation => ({
  id: workloadOfAgent(agent),
  labels: { owner: 'o', kind: 'agent', noun: agent.id, epoch: 1 },
  state: 'running',
  ports: {},
})

type Drawn = {
  readonly items: readonly (string | undefined)[]
  readonly agents: readonly {
    readonly template: number
    readonly item: number
    readonly phase: Agent['phase']
    readonly node: 'absent' | 'offline' | 'online' | 'building'
  }[]
  readonly accepting: boolean
}
const drawn: fc.Arbitrary<Drawn> = fc.record({
  items: fc.array(fc.constantFrom(undefined, 'linux', 'java', 'java && linux', '!java', 'windows', '(('), { maxLength: 12 }),
  agents: fc.array(
    fc.record({
      template: fc.nat(1),
      item: fc.nat(15),
      phase: fc.constantFrom(...LIVE),
      node: fc.constantFrom('absent' as const, 'offline' as const, 'online' as const, 'building' as const),
    }),
    { maxLength: 12 },
  ),
  accepting: fc.boolean(),
})

const viewOf = ({ items, agents: some, accepting }: Drawn): BrokerView => {
  const agents = some.map((one, i) => agentOf(i, TEMPLATES[one.template] ?? DEFAULT_TEMPLATE, one.item, one.phase))
  const nodes = some.flatMap(({ node, phase }, i) =>
    node === 'absent' || phase === 'queued' || phase === 'placed'
      ? []
      : [
          {
            name: `agent-${i}`,
            online: node !== 'offline',
            used: false,
            ...(node === 'building' ? { building: { job: 'j', number: i } } : {}),
          },
        ],
  )
  const presence: Presence = {
    controller: C,
    session: 's',
    epoch: 1,
    seq: 1,
    version: '',
    reportedAt: NOW,
    heardAt: NOW,
    running: 0,
    quieting: false,
    appliedRevision: 0,
    nodes,
    load: { heapUsedMb: 0, heapMaxMb: 0, threads: 0, gcShare: 0, eventsDropped: 0 },
  }
  return {
    controller: { ...controller, phase: accepting ? 'ready' : 'quieting' },
    demand: { controller: C, session: 's', seq: 1, reportedAt: NOW, items: items.map((label, i) => item(i, label)) },
    presence,
    agents,
    templates: TEMPLATES,
    changedAt: new Map(),
    workloadOf: agent => (agent.launchedAt === undefined ? 'unsure' : runningOf(agent)),
    included: () => false,
    leftOut: () => false,
    refused: new Map(),
    trouble: new Map(),
    displaced: new Set(),
    denied: () => undefined,
    noPlace: new Map(),
    marks: new Map(),
    now: NOW,
  }
}

/** The agents as they are once the decision is committed. */
const after = (view: BrokerView): { agents: Agent[]; queued: number } => {
  const decision = decide(view)
  const agents = view.agents.map(agent => {
    const rebound = decision.rebind.find(one => one.agent === agent)
    const moved = decision.moves.find(one => one.agent === agent)
    return {
      ...agent,
      ...(rebound ? { item: rebound.item } : {}),
      ...(moved ? { phase: moved.to } : {}),
      ...(moved?.to === 'busy' ? { busyAt: NOW } : {}),
    }
  })
  const queued = decision.queue.map(({ item: wanted, template }, i) => ({
    ...agentOf(1_000 + i, template, 0, 'queued'),
    item: wanted.id,
  }))
  return { agents: [...agents, ...queued], queued: queued.length }
}
const isUnused = ({ phase }: Agent): boolean => ['queued', 'placed', 'launching', 'online'].includes(phase)

test('no item gets a second unused agent, whatever rows and reports there are', () => {
  fc.assert(
    fc.property(drawn, given => {
      const view = viewOf(given)
      const counts = new Map<string, number>()
      const { agents } = after(view)
      const wanted = new Set(view.demand?.items.map(({ id }) => id))
      // Two rows for one item that were there before are one for it and one spare; the spare one is not for the item any more.
      const matcher = new Matcher(view.templates)
      const unused = agents.filter(isUnused)
      const items = (view.demand?.items ?? []).flatMap(one => {
        const template = matcher.templateFor(one)
        return 'code' in template ? [] : [{ item: one, template }]
      })
      const { bound, spare } = bind(items, unused, matcher)
      for (const [id] of bound) counts.set(id, (counts.get(id) ?? 0) + 1)
      assert.ok([...counts.values()].every(count => count === 1))
      // Nothing unstarted is kept that no item needs, and what is launched and spare was so before.
      for (const one of spare)
        assert.ok(
          view.agents.some(({ id, phase }) => id === one.id && (phase === 'launching' || phase === 'online')),
          one.id,
        )
      assert.ok([...bound.keys()].every(id => wanted.has(id)))
    }),
    { numRuns: 1_000 },
  )
})

test('unused agents are at most the items that wait and the launched ones that were there', () => {
  fc.assert(
    fc.property(drawn, given => {
      const view = viewOf(given)
      const { agents, queued } = after(view)
      const launched = view.agents.filter(({ phase }) => phase === 'launching' || phase === 'online').length
      const unused = agents.filter(isUnused).length
      assert.ok(unused <= launched + given.items.length, `${unused} unused, ${given.items.length} items, ${launched} launched before`)
      if (!given.accepting) assert.equal(queued, 0)
    }),
    { numRuns: 1_000 },
  )
})

test('an agent that builds is left alone, and a decision moves each agent once at most', () => {
  fc.assert(
    fc.property(drawn, given => {
      const view = viewOf(given)
      const { moves, asks, rebind } = decide(view)
      for (const [i, { node, phase }] of given.agents.entries()) {
        const own = moves.filter(({ agent }) => agent.id === `agent-${i}`)
        assert.ok(own.length <= 1)
        if (node === 'building' && phase !== 'queued' && phase !== 'placed')
          assert.ok(own.every(({ to }) => to === 'busy') && asks.get(agentId(`agent-${i}`)) !== 'stop')
      }
      const targets = rebind.map(({ agent }) => agent.id)
      assert.equal(new Set(targets).size, targets.length)
    }),
    { numRuns: 1_000 },
  )
})

test('every item that waits is told why', () => {
  fc.assert(
    fc.property(drawn, given => {
      const view = viewOf(given)
      const { reasons } = decide(view)
      for (const { id } of view.demand?.items ?? []) assert.ok(reasons.get(id)?.message, id)
    }),
  )
})

test('a decision that is committed queues nothing more at the same moment', () => {
  fc.assert(
    fc.property(drawn, given => {
      const view = viewOf(given)
      assert.equal(decide({ ...view, agents: after(view).agents }).queue.length, 0)
    }),
    { numRuns: 1_000 },
  )
})

test('a row that waits and whose workload the engine shows goes on as launched, whether an item needs it or not', () => {
  for (const phase of ['queued', 'placed'] as const)
    for (const items of [[], ['java']]) {
      const view = viewOf({ items, agents: [{ template: 0, item: 0, phase, node: 'absent' }], accepting: true })
      const { moves, queue } = decide({ ...view, workloadOf: runningOf })
      assert.deepEqual([moves.map(({ to }) => to), queue], [['launching'], []])
    }
})

test('an agent of whose build the last report does not know yet stands for one item of that report', () => {
  const seen = (node: Drawn['agents'][number]['node'], items: number) =>
    decide(
      viewOf({
        items: Array.from({ length: items }, () => 'linux'),
        agents: [{ template: 0, item: 99, phase: 'busy', node }],
        accepting: true,
      }),
    )
  assert.deepEqual(seen('online', 1).queue, [], 'the report is older than the build')
  assert.equal(seen('online', 1).reasons.get(itemId('0'))?.code, 'preparing')
  assert.equal(seen('online', 2).queue.length, 1, 'only one item is its')
  assert.equal(seen('building', 1).queue.length, 1, 'the report knows of the build, so the item is another')
})
