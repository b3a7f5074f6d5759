/**
 * How many hosts there should be. Holds Fenzo's AutoScalerTest, ShortfallAutoscalerTest, NaiveShortfallEvaluatorTest,
 * ScaleDownConstraintExecutorTest, BalancedScaleDownConstraintEvaluatorTest and VMCollectionTest. Differences: a delay starts anew whenever
 * its need went away, where Fenzo waits for twice the delay before it does; hosts that were asked for count as coming, where Fenzo counts
 * each waiting task once in ten minutes; its exact scores for balance are its own, what they lead to (as many hosts left in each zone) is
 * held. Groups that are not in use (ShortfallAutoscalerTest 1groupWithActiveVms) are left out of the rules and of what may grow by whoever
 * asks; that their hosts get no work is in placement/constraint.test.ts.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { hostId } from '../../model/index.ts'
import { Scheduler } from '../scheduler.ts'
import { hostOf, place, sizeOf, taskOf, tasksOf } from '../testing.ts'
import type { Task } from '../types.ts'
import { decideScaling, MAX_FIRST_WAIT_MS, type ScaleInput } from './decide.ts'
import { ruleProblems, type ScaleAction, type ScaledHost, type ScaleMemory, type ScaleRule } from './rules.ts'
import { balanceBy, checkPreferences, type DownPreferences } from './scale-down.ts'
import { type Growable, scaledHosts, shortfallOf } from './shortfall.ts'

const COOL_DOWN_MS = 1000
const rule = (change: Partial<ScaleRule> = {}): ScaleRule => ({ group: 'g', minIdle: 2, maxIdle: 5, coolDownMs: COOL_DOWN_MS, ...change })
const host = (id: string, change: Partial<ScaledHost> = {}): ScaledHost => ({
  id: hostId(id),
  group: 'g',
  isIdle: true,
  attributes: {},
  cpu: 4,
  memoryMb: 4096,
  isCordoned: false,
  ...change,
})
const hosts = (idle: number, busy = 0, group = 'g'): ScaledHost[] => [
  ...Array.from({ length: idle }, (_, at) => host(`${group}-idle-${at}`, { group })),
  ...Array.from({ length: busy }, (_, at) => host(`${group}-busy-${at}`, { group, isIdle: false })),
]
/** Decides again and again, each time with what the last answer remembered. */
const deciding = () => {
  let memory: ScaleMemory = {}
  return (now: number, change: Partial<ScaleInput>): readonly ScaleAction[] => {
    const result = decideScaling({ rules: [rule()], hosts: [], shortfall: {}, memory, now, ...change })
    memory = result.memory
    return result.actions
  }
}
/** One that has been watching for long enough to act. */
const rested = (rules: readonly ScaleRule[] = [rule()]) => {
  const decide = deciding()
  decide(-10 * COOL_DOWN_MS, { rules, hosts: rules.flatMap(({ group, minIdle, minSize = 0 }) => hosts(minIdle, minSize, group)) })
  return (now: number, change: Partial<ScaleInput>) => decide(now, { rules, ...change })
}
const up = (count: number, because: 'idle' | 'shortfall' | 'min-size' = 'idle', group = 'g'): ScaleAction => ({
  kind: 'up',
  group,
  count,
  because,
})
const downs = (actions: readonly ScaleAction[]): string[] => actions.flatMap(action => (action.kind === 'down' ? action.hosts : []))

test('too few idle hosts: as many are added as make the most idle, again only after the cool-down', () => {
  const decide = rested()
  assert.deepEqual(decide(0, { hosts: hosts(1) }), [up(4)])
  assert.deepEqual(decide(COOL_DOWN_MS - 1, { hosts: hosts(0, 5) }), [])
  assert.deepEqual(decide(COOL_DOWN_MS, { hosts: hosts(0, 5) }), [up(5)])
  assert.deepEqual(decide(3 * COOL_DOWN_MS, { hosts: hosts(2, 8) }), [])
})

test('after a start nothing is done before the picture is complete', () => {
  const decide = deciding()
  assert.deepEqual(decide(0, {}), [])
  assert.deepEqual(decide(COOL_DOWN_MS, {}), [up(5)])
  const slow = deciding()
  const rules = [rule({ coolDownMs: 10 * MAX_FIRST_WAIT_MS })]
  assert.deepEqual(slow(0, { rules }), [])
  assert.deepEqual(slow(MAX_FIRST_WAIT_MS, { rules }), [up(5)])
})

test('a rule counts the hosts of its own group, and of two the one that needs it acts', () => {
  const decide = rested([rule(), rule({ group: 'h' })])
  assert.deepEqual(decide(0, { hosts: [...hosts(3), ...hosts(1, 0, 'h')] }), [up(4, 'idle', 'h')])
})

test('too many idle hosts: the excess goes, cordoned for a cool-down first', () => {
  const actions = rested()(0, { hosts: hosts(8, 3) })
  assert.deepEqual(downs(actions), ['g-idle-0', 'g-idle-1', 'g-idle-2'])
  assert.equal(actions[0]?.kind === 'down' && actions[0].cordonUntil, COOL_DOWN_MS)
  const two = rested([rule(), rule({ group: 'h', maxIdle: 2 })])(0, { hosts: [...hosts(6), ...hosts(4, 0, 'h')] })
  assert.deepEqual(downs(two), ['g-idle-0', 'h-idle-0', 'h-idle-1'])
})

test('hosts that are cordoned already count neither as idle nor as to be removed', () => {
  const doomed = hosts(8).map((one, at) => ({ ...one, isCordoned: at < 4 }))
  assert.deepEqual(rested()(0, { hosts: doomed }), [])
  assert.deepEqual(rested()(0, { hosts: hosts(8).map((one, at) => ({ ...one, isCordoned: at < 7 })) }), [up(4)])
})

test('hosts that are too small do not count as idle', () => {
  const isTooSmall = ({ cpu }: ScaledHost) => cpu < 4
  assert.deepEqual(rested([rule({ isTooSmall })])(0, { hosts: [...hosts(1), host('small-1', { cpu: 1 }), host('small-2', { cpu: 1 })] }), [
    up(4),
  ])
})

test('waiting work adds hosts beyond the most idle and without a cool-down, but not those again that are coming', () => {
  const decide = rested()
  assert.deepEqual(decide(0, { hosts: hosts(0, 5), shortfall: { g: 9 } }), [up(9, 'shortfall')])
  assert.deepEqual(decide(10, { hosts: hosts(0, 5), shortfall: { g: 9 } }), [])
  assert.deepEqual(decide(20, { hosts: hosts(0, 5), shortfall: { g: 12 } }), [up(3, 'shortfall')])
  // Ten have come and are used; two of those asked for are still to come.
  assert.deepEqual(decide(30, { hosts: hosts(0, 15), shortfall: { g: 5 } }), [up(3, 'shortfall')])
  // What did not come in a cool-down is not believed in any more.
  assert.deepEqual(decide(30 + COOL_DOWN_MS, { hosts: hosts(3, 15), shortfall: { g: 5 } }), [up(5, 'shortfall')])
})

test('a rule may say how many hosts a shortfall is worth', () => {
  const rules = [rule({ adjustShortfall: count => count / 4 })]
  assert.deepEqual(rested(rules)(0, { hosts: hosts(3), shortfall: { g: 10 } }), [up(3, 'shortfall')])
  assert.deepEqual(rested([rule({ adjustShortfall: () => 0 })])(0, { hosts: hosts(3), shortfall: { g: 10 } }), [])
})

test('a group that is below its least size gives no host, however many idle ones it has', () => {
  const actions = rested([rule({ minSize: 20, maxIdle: 2 })])(0, { hosts: hosts(8, 3) })
  assert.deepEqual(downs(actions), [])
})

test('nothing is removed while work waits', () => {
  const rules = [rule({ maxSize: 9 })]
  assert.deepEqual(rested(rules)(0, { hosts: hosts(9), shortfall: { g: 1 } }), [])
})

test('the size stays within its bounds, and below the least hosts are added though enough are idle', () => {
  assert.deepEqual(rested([rule({ maxSize: 7 })])(0, { hosts: hosts(1, 4) }), [up(2)])
  assert.deepEqual(rested([rule({ maxSize: 7 })])(0, { hosts: hosts(0, 5), shortfall: { g: 9 } }), [up(2, 'shortfall')])
  assert.deepEqual(rested([rule({ maxSize: 7 })])(0, { hosts: hosts(0, 8), shortfall: { g: 9 } }), [])
  assert.equal(downs(rested([rule({ minSize: 9 })])(0, { hosts: hosts(8, 3) })).length, 2)
  assert.deepEqual(rested([rule({ minSize: 12 })])(0, { hosts: hosts(8, 3) }), [up(1, 'min-size')])
})

test('a need has to last for its delay, and starts anew when it went away', () => {
  for (const [short, enough, rules] of [
    [hosts(1), hosts(3), [rule({ delayUpMs: 300 })]],
    [hosts(9), hosts(3), [rule({ delayDownMs: 300 })]],
  ] as const) {
    const decide = rested(rules)
    assert.deepEqual(decide(0, { hosts: short }), [])
    assert.deepEqual(decide(200, { hosts: enough }), [])
    assert.deepEqual(decide(400, { hosts: short }), [])
    assert.deepEqual(decide(699, { hosts: short }), [])
    assert.equal(decide(700, { hosts: short }).length, 1)
  }
})

test('rules come and go live', () => {
  const decide = rested()
  const both = [rule(), rule({ group: 'h' })]
  assert.deepEqual(decide(0, { hosts: hosts(3), rules: both }), [])
  assert.deepEqual(decide(COOL_DOWN_MS, { hosts: hosts(3), rules: both }), [up(5, 'idle', 'h')])
  assert.deepEqual(decide(9 * COOL_DOWN_MS, { hosts: hosts(3), rules: [rule()] }), [])
  // It begins anew, with its first wait.
  assert.deepEqual(decide(9 * COOL_DOWN_MS + 1, { hosts: hosts(3), rules: both }), [])
})

test('a rule that cannot be right is passed over and named, the others hold', () => {
  const { actions, problems } = decideScaling({
    rules: [rule({ group: 'bad', minIdle: 5, maxIdle: 2 }), rule()],
    hosts: hosts(3),
    shortfall: { g: 1 },
    memory: {},
    now: 0,
  })
  assert.deepEqual(actions, [up(1, 'shortfall')])
  assert.match(problems[0] ?? '', /rule of bad keeps from 5 to 2 idle hosts/)
  assert.match(ruleProblems(rule({ minSize: 3, maxSize: 1 }))[0] ?? '', /size from 3 to 1/)
  assert.equal(ruleProblems(rule({ coolDownMs: -1 })).length, 1)
  assert.equal(ruleProblems(rule({ group: '' })).length, 1)
})

const zoned = (zones: string): ScaledHost[] => [...zones].map((zone, at) => host(`${zone}${at}`, { attributes: { zone } }))
const balanced: DownPreferences = { scores: [{ score: balanceBy('zone'), weight: 1 }] }

test('as many hosts are left in each zone, busy ones counted', () => {
  const left = (all: readonly ScaledHost[]): string => {
    const gone = new Set<string>(downs(rested([rule({ minIdle: 0, maxIdle: 3 })])(0, { hosts: all, preferences: balanced })))
    return all
      .filter(({ id }) => !gone.has(id))
      .map(({ id }) => id.charAt(0))
      .sort()
      .join('')
  }
  assert.equal(left(zoned('aaaaabbc')), 'abc')
  assert.equal(left(zoned('abcabc')), 'abc')
  assert.equal(left([...zoned('aabbcc'), ...['x', 'y'].map(id => host(`a${id}`, { attributes: { zone: 'a' }, isIdle: false }))]), 'aabcc')
})

test('classes go in order, then scores by weight, and a score of 0 keeps a host', () => {
  const all = ['a', 'b', 'c', 'd'].map(id => host(id))
  const by = (scores: Readonly<Record<string, number>>) => (one: ScaledHost) => scores[one.id] ?? 0
  const ordered = (preferences: DownPreferences) => downs(rested([rule({ minIdle: 0, maxIdle: 0 })])(0, { hosts: all, preferences }))
  assert.deepEqual(ordered({ classOf: ({ id }) => (id === 'd' ? 0 : 1) }), ['d', 'a', 'b', 'c'])
  const one = { score: by({ a: 0.1, b: 0.9, c: 0.5, d: 0.5 }), weight: 1 }
  const other = { score: by({ a: 1, b: 0.1, c: 0.5, d: 0 }), weight: 3 }
  assert.deepEqual(ordered({ scores: [one] }), ['b', 'c', 'd', 'a'])
  assert.deepEqual(ordered({ scores: [one, other] }), ['a', 'c', 'b'])
  const bad: DownPreferences = { scores: [{ ...one, weight: 0 }] }
  assert.throws(() => checkPreferences(bad), /weighs 0/)
  const decided = decideScaling({
    rules: [rule({ minIdle: 0, maxIdle: 3 })],
    hosts: all,
    shortfall: {},
    memory: { g: { actedAt: 0, everActed: true } },
    now: COOL_DOWN_MS,
    preferences: bad,
  })
  assert.match(decided.problems[0] ?? '', /weighs 0/)
  assert.deepEqual(downs(decided.actions), ['a'], 'as without preferences')
})

const growable = (group: string, change: Partial<Growable> = {}): Growable => ({
  group,
  example: hostOf('example', { attributes: { group } }),
  room: 10,
  ...change,
})
const shortfall = (tasks: readonly Task[], groups: readonly Growable[]) => shortfallOf(tasks, groups)

test('a shortfall is the hosts that are really needed, not one for each task', () => {
  assert.deepEqual(shortfall(tasksOf(16, 't'), [growable('g')]), { g: 4 })
  assert.deepEqual(shortfall(tasksOf(3, 't', { resources: sizeOf(3) }), [growable('g')]), { g: 3 })
  assert.deepEqual(shortfall([], [growable('g')]), { g: 0 })
  assert.deepEqual(shortfall([taskOf('1', { resources: sizeOf(5) })], [growable('g')]), { g: 0 })
  // What a group's hosts are like is told by any of them, also by one that takes no work now.
  assert.deepEqual(shortfall(tasksOf(4, 't'), [growable('g', { example: hostOf('example', { state: 'draining' }) })]), { g: 1 })
})

test('a group grows up to its room and the next takes the rest; tasks that name a group make that one grow', () => {
  assert.deepEqual(shortfall(tasksOf(16, 't'), [growable('g', { room: 3 }), growable('h')]), { g: 3, h: 1 })
  assert.deepEqual(shortfall(tasksOf(16, 't', { constraints: { group: 'h' } }), [growable('g'), growable('h')]), { g: 0, h: 4 })
  const mapped = [growable('g', { mayServe: () => false }), growable('h')]
  assert.deepEqual(shortfall(tasksOf(4, 't'), mapped), { g: 0, h: 1 })
})

test('work that is too much for the pieces of a set makes hosts come', () => {
  const example = hostOf('example', { capacity: sizeOf(64), sets: [{ name: 'eni', pieces: 3, unitsPerPiece: 1 }] })
  const tasks = Array.from({ length: 7 }, (_, at) => taskOf(`${at}`, { sets: [{ name: 'eni', value: `${at}`, units: 1 }] }))
  assert.deepEqual(shortfall(tasks, [growable('g', { example })]), { g: 3 })
})

test('quotas and limits make no hosts come, want of room does', () => {
  const scheduler = new Scheduler()
  scheduler.fleet.putHost(hostOf('h'))
  for (const task of [...tasksOf(2, 'limited', { group: 'g' }), ...tasksOf(6, 'free')]) scheduler.queue.add(task)
  scheduler.pass({ now: 0, groupLimits: new Map([['g', sizeOf(0)]]) })
  assert.deepEqual(
    [...scheduler.waitingForRoom()].map(({ id }) => id.replace(/\d/, '')),
    ['free', 'free'],
  )
})

test('a host that is to go gets no task though it is told as ready again, until it is removed', () => {
  const scheduler = new Scheduler()
  const told = ['a', 'b', 'c'].map(id => hostOf(id, { attributes: { kind: 'g' } }))
  for (const one of told) scheduler.fleet.putHost(one)
  const decide = rested([rule({ minIdle: 0, maxIdle: 1 })])
  const going = downs(decide(0, { hosts: scaledHosts(scheduler.fleet, 'kind') }))
  assert.deepEqual(going, ['a', 'b'])
  for (const id of going) scheduler.fleet.cordon(hostId(id))
  for (const one of told) scheduler.fleet.putHost({ ...one, holds: ['image:new'] })
  assert.deepEqual(Object.values(place(scheduler, tasksOf(9, 't'))), ['c', 'c', 'c', 'c'])
  assert.deepEqual(
    scaledHosts(scheduler.fleet, 'kind').map(({ isCordoned }) => isCordoned),
    [true, true, false],
  )
  for (const id of going) scheduler.fleet.removeHost(hostId(id))
  assert.equal(scheduler.fleet.size, 1)
})

test('whatever happens a group never leaves its bounds by what is decided', () => {
  const anyRule = fc.record({
    minIdle: fc.nat({ max: 3 }),
    more: fc.nat({ max: 3 }),
    minSize: fc.nat({ max: 5 }),
    wider: fc.nat({ max: 8 }),
    delay: fc.nat({ max: 3 }),
  })
  const anyStep = fc.record({ idle: fc.nat({ max: 9 }), busy: fc.nat({ max: 9 }), shortfall: fc.nat({ max: 9 }) })
  fc.assert(
    fc.property(anyRule, fc.array(anyStep, { maxLength: 12 }), ({ minIdle, more, minSize, wider, delay }, steps) => {
      const rules = [
        rule({ minIdle, maxIdle: minIdle + more, minSize, maxSize: minSize + wider, delayUpMs: delay * 100, delayDownMs: delay * 100 }),
      ]
      const decide = rested(rules)
      for (const [at, { idle, busy, shortfall: lacking }] of steps.entries())
        for (const action of decide(at * 400, { hosts: hosts(idle, busy), shortfall: { g: lacking } })) {
          if (action.kind === 'up') assert.ok(action.count > 0 && idle + busy + action.count <= minSize + wider)
          else assert.ok(idle + busy - action.hosts.length >= minSize && idle - action.hosts.length >= minIdle)
        }
    }),
  )
})
