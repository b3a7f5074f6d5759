import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  type Agent,
  agentId,
  type Controller,
  controllerId,
  type DemandItem,
  forItem,
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
const agentOf = (i: number, template: Template, itemNumber: number | undefined, phase: Agent['phase']): Agent => ({
  id: agentId(`agent-${i}`),
  controller: C,
  tenant: tenantId('t'),
  template: template.id,
  ...(itemNumber === undefined ? {} : { item: itemId(String(itemNumber)) }),
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
    /** Undefined: a warm spare. */
    readonly item: number | undefined
    readonly phase: Agent['phase']
    readonly node: 'absent' | 'offline' | 'online' | 'building'
  }[]
  readonly accepting: boolean
  /** Warm spares that each template keeps. */
  readonly spares?: readonly number[]
}
const drawnWith = (item: fc.Arbitrary<number | undefined>) => ({
  items: fc.array(fc.constantFrom(undefined, 'linux', 'java', 'java && linux', '!java', 'windows', '(('), { maxLength: 12 }),
  agents: fc.array(
    fc.record({
      template: fc.nat(1),
      item,
      phase: fc.constantFrom(...LIVE),
      node: fc.constantFrom('absent' as const, 'offline' as const, 'online' as const, 'building' as const),
    }),
    { maxLength: 12 },
  ),
  accepting: fc.boolean(),
})
const drawn: fc.Arbitrary<Drawn> = fc.record(drawnWith(fc.nat(15)))
/** The same with warm spares, some of them left from when more were wanted. */
const drawnWithSpares: fc.Arbitrary<Drawn> = fc.record({
  ...drawnWith(fc.option(fc.nat(15), { nil: undefined })),
  spares: fc.array(fc.nat(3), { minLength: 2, maxLength: 2 }),
})

const notEnded = (agents: readonly Agent[]): readonly Agent[] => agents.filter(({ phase }) => phase !== 'ended')
const withAgents = (view: BrokerView, agents: readonly Agent[]): BrokerView => ({ ...view, agents, live: notEnded(agents) })

const viewOf = ({ items, agents: some, accepting, spares }: Drawn): BrokerView => {
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
    reportIntervalMs: 10_000,
    running: 0,
    quieting: false,
    appliedRevision: 0,
    nodes,
    load: { heapUsedMb: 0, heapMaxMb: 0, threads: 0, gcShare: 0, eventsDropped: 0 },
  }
  return {
    controller: { ...controller, phase: accepting ? 'ready' : 'quieting' },
    demand: { controller: C, session: 's', items: items.map((label, i) => item(i, label)) },
    presence,
    agents,
    live: notEnded(agents),
    templates: spares === undefined ? TEMPLATES : TEMPLATES.map((template, i) => ({ ...template, spares: spares[i] ?? 0 })),
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
      ...(rebound ? forItem(agent, rebound.item) : agent),
      ...(moved ? { phase: moved.to } : {}),
      ...(moved?.to === 'busy' ? { busyAt: NOW } : {}),
    }
  })
  const queued = decision.queue.map(({ item: wanted, template }, i) => ({
    ...agentOf(1_000 + i, template, 0, 'queued'),
    item: wanted.id,
  }))
  const spares = decision.spares.map((template, i) => agentOf(2_000 + i, template, undefined, 'queued'))
  return { agents: [...agents, ...queued, ...spares], queued: queued.length }
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

/** Unused agents of a template that no item is bound to. */
const unboundOf = (view: BrokerView, agents: readonly Agent[], template: Template): Agent[] => {
  const matcher = new Matcher(view.templates)
  const items = (view.demand?.items ?? []).flatMap(one => {
    const found = matcher.templateFor(one)
    return 'code' in found ? [] : [{ item: one, template: found }]
  })
  return bind(items, agents.filter(isUnused), matcher).spare.filter(agent => agent.template === template.id)
}

test('a template has as many warm spares as it wants or had, never more, and none is begun where no build would be', () => {
  fc.assert(
    fc.property(drawnWithSpares, given => {
      const view = viewOf(given)
      const { spares } = decide(view)
      const { agents } = after(view)
      for (const { id, spares: wanted = 0 } of view.templates) {
        const begun = spares.filter(template => template.id === id).length
        const unused = agents.filter(agent => agent.template === id && isUnused(agent)).length
        if (begun > 0) assert.ok(given.accepting && unused <= wanted + given.items.length, `${begun} begun, ${unused} unused`)
      }
      // An agent that is launched in one decision goes before others in the next: after a few all have found their places.
      let settled = agents
      for (let again = 0; again < 3; again++) settled = after(withAgents(view, settled)).agents
      for (const template of view.templates) {
        const left = unboundOf(view, settled, template)
        const launched = left.filter(({ phase }) => phase === 'launching' || phase === 'online').length
        const most = Math.max(template.spares ?? 0, launched)
        assert.ok(left.length <= (given.accepting ? most : launched), `${left.length} of ${template.spares}, ${launched} launched`)
      }
    }),
    { numRuns: 2_000 },
  )
})

test('no warm spare is begun while an item that it could run waits without an agent', () => {
  fc.assert(
    fc.property(drawnWithSpares, fc.boolean(), (given, isBroken) => {
      const view = viewOf(given)
      const failed = [1, 2, 3].map(i => ({
        ...agentOf(3_000 + i, TEMPLATES[0] ?? DEFAULT_TEMPLATE, 99, 'ended'),
        launchedAt: NOW - 2_000,
        endedAt: NOW - 1_000,
        reason: { code: 'never-connected' as const, message: '', since: 0 },
      }))
      const { spares, queue } = decide(isBroken ? withAgents(view, [...view.agents, ...failed]) : view)
      const matcher = new Matcher(view.templates)
      const { agents } = after(view)
      const has = new Set([...queue.map(({ item: one }) => one.id), ...agents.filter(isUnused).map(one => one.item)])
      for (const { id, labels, takesUnlabelled } of spares)
        for (const one of view.demand?.items ?? [])
          if (matcher.serves({ label: labels.join(' '), takesUnlabelled }, one)) assert.ok(has.has(one.id), `${id} before ${one.id}`)
      const proven = given.agents.some(
        ({ template, phase, node }) =>
          template === 0 && (phase === 'online' || phase === 'busy' || node === 'online' || node === 'building'),
      )
      if (isBroken && !proven) assert.ok(spares.every(({ id }) => id !== 'java'))
    }),
    { numRuns: 2_000 },
  )
})

test('with warm spares, too, decisions that are committed come to rest, and queue no more agents for items after the first', () => {
  fc.assert(
    fc.property(drawnWithSpares, given => {
      let view = viewOf(given)
      // A spare that was launched goes before another template's agent for an item: that one is given up or for the next item, and a spare is begun.
      for (let round = 0; round < ROUNDS_TO_REST; round++) {
        view = withAgents(view, after(view).agents)
        assert.deepEqual(decide(view).queue, [])
      }
      const { spares, moves, rebind } = decide(view)
      assert.deepEqual([spares, moves, rebind], [[], [], []])
    }),
    { numRuns: 1_000 },
  )
})
const ROUNDS_TO_REST = 4

const SPARE = { template: 1, item: undefined, node: 'online' } as const
const one = (spares: readonly number[], items: Drawn['items'], agents: Drawn['agents'], accepting = true) =>
  viewOf({ items, agents, accepting, spares })

test('an item is for the warm spare that can run it at once, and another spare is begun', () => {
  const { rebind, queue, spares, moves } = decide(one([0, 1], ['linux'], [{ ...SPARE, phase: 'online' }]))
  assert.deepEqual(
    rebind.map(({ agent, item: taken }) => [agent.id, taken]),
    [['agent-0', '0']],
  )
  assert.deepEqual([queue, spares.map(({ id }) => id), moves], [[], ['plain'], []])
})

test('a spare of another template is taken where it can run the item: the controller gives it to that one', () => {
  const items: Drawn['items'] = ['linux']
  const view = one([0, 1], items, [{ ...SPARE, phase: 'online' }])
  // Whichever template comes first, "linux" fits both.
  const { queue, rebind } = decide({ ...view, templates: [...view.templates].reverse() })
  assert.equal(queue.length, 0)
  assert.equal(decide(view).queue.length, 0)
  assert.equal(rebind.length, 1)
})

test('no spare is begun of a template that asks for what its tenant may not have', () => {
  const view = one([0, 1], [], [])
  assert.deepEqual(
    decide(view).spares.map(({ id }) => id),
    ['plain'],
  )
  assert.deepEqual(decide({ ...view, denied: () => ({ code: 'not-allowed', message: 'It asks for more.' }) }).spares, [])
})

test('a spare that waits for its place becomes the agent of an item that comes', () => {
  const { rebind, queue, spares } = decide(one([0, 1], [undefined], [{ ...SPARE, phase: 'queued', node: 'absent' }]))
  assert.deepEqual([rebind.map(({ agent }) => agent.id), queue, spares.length], [['agent-0'], [], 1])
})

test('while a report is older than a build on a spare, its item is for the next spare, and no third is begun', () => {
  const busy = { template: 1, item: undefined, phase: 'busy', node: 'online' } as const
  const { rebind, queue, spares } = decide(one([0, 1], [undefined], [busy, { ...SPARE, phase: 'launching', node: 'absent' }]))
  assert.deepEqual([rebind.map(({ agent }) => agent.id), queue, spares], [['agent-1'], [], []])
})

test('an agent whose item is gone stays as a warm spare where one is wanted, and is for nothing from then on', () => {
  const { rebind, spares, moves, marks } = decide(one([0, 1], [], [{ template: 1, item: 7, phase: 'online', node: 'online' }]))
  assert.deepEqual(
    rebind.map(({ agent, item: taken }) => [agent.id, taken]),
    [['agent-0', undefined]],
  )
  assert.deepEqual([spares, moves, marks.get(agentId('agent-0'))], [[], [], undefined])
})

test('spares beyond what is wanted, of another run of the controller, or older than their template end like any that nobody needs', () => {
  const spare = { ...SPARE, phase: 'online' } as const
  const isEnding = (view: BrokerView): boolean => decide(view).marks.get(agentId('agent-0'))?.spare === NOW
  const view = one([0, 1], [], [spare])
  const [agent] = view.agents
  assert.ok(agent)
  assert.equal(isEnding(view), false)
  assert.equal(isEnding(one([0, 0], [], [spare])), true)
  assert.equal(isEnding(withAgents(view, [{ ...agent, epoch: 0 }])), true)
  assert.equal(isEnding(withAgents(view, [{ ...agent, label: 'old' }])), true)
  assert.equal(isEnding({ ...view, changedAt: new Map([[templateId('plain'), NOW - 1]]) }), true)
  assert.equal(isEnding({ ...view, changedAt: new Map([[templateId('plain'), NOW - 1_000]]) }), false)
  assert.equal(isEnding(one([0, 1], [], [spare], false)), true, 'while the controller is quieted')
  // They are not doubled meanwhile.
  assert.equal(decide(withAgents(view, [{ ...agent, epoch: 0 }])).spares.length, 0)
})

test('a template whose spares are lost is given the next after a while, longer each time', () => {
  const lost = (count: number) =>
    Array.from({ length: count }, (_, i) => ({
      ...agentOf(3_000 + i, TEMPLATES[1] ?? DEFAULT_TEMPLATE, undefined, 'ended'),
      launchedAt: NOW - 3_000,
      onlineAt: NOW - 2_500,
      endedAt: NOW - 2_000,
      reason: { code: 'oom-container' as const, message: '', since: 0 },
    }))
  const view = one([0, 1], [], [])
  assert.equal(decide(withAgents(view, lost(1))).spares.length, 1)
  const twice = decide(withAgents(view, lost(2)))
  assert.deepEqual([twice.spares.length, twice.againMs], [0, 1_000])
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

test('where all agents build and nothing waits nothing is decided, and each thing that is otherwise is seen', () => {
  const busy = { template: 0, item: 1, phase: 'busy', node: 'building' } as const
  const view = viewOf({ items: [], agents: [busy, busy], accepting: true })
  const ended = (agent: Agent): Observation => ({
    ...runningOf(agent),
    state: 'ended',
    reason: { code: 'node-lost', message: '', since: 0 },
  })
  const movesOf = (change: Partial<BrokerView>): string[] =>
    decide({ ...view, ...change }).moves.map(({ agent, to }) => `${agent.id} ${to}`)
  const { againMs, moves, queue, spares } = decide(view)
  assert.deepEqual({ againMs, moves, queue, spares }, { againMs: undefined, moves: [], queue: [], spares: [] })
  assert.deepEqual(movesOf({ workloadOf: agent => (agent.id === 'agent-1' ? ended(agent) : runningOf(agent)) }), ['agent-1 ended'])
  const idle = viewOf({ items: [], agents: [busy, { ...busy, node: 'online' }], accepting: true })
  assert.equal(typeof decide(idle).againMs, 'number', 'one that is idle on an old report is looked at again')
  const waiting = viewOf({ items: ['linux'], agents: [busy, busy], accepting: true })
  assert.equal(decide(waiting).queue.length + decide(waiting).reasons.size > 0, true)
  const spare = viewOf({ items: [], agents: [busy, busy], accepting: true, spares: [1, 0] })
  assert.equal(decide(spare).spares.length, 1)
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
      assert.equal(decide(withAgents(view, after(view).agents)).queue.length, 0)
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
