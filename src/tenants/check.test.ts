import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Host, hostId, NO_RESOURCES, type Resources, type Tenant, tenantId } from '../model/index.ts'
import { shareOf, sharesProblems } from '../scheduler/index.ts'
import { applyChange, capacityOf, problemOf, promiseNotes, promisesOf, RESOURCES, type TenantChange } from './check.ts'

const aTenant = (id: string, change: Partial<Tenant> = {}): Tenant => ({ id: tenantId(id), weight: 1, createdAt: 0, ...change })
const aHost = (id: string, capacity: Resources): Host => ({
  id: hostId(id),
  engine: 'process',
  role: 'any',
  capacity,
  attributes: {},
  state: 'ready',
  seenAt: 0,
  limits: { memory: true, cpu: true },
})
const HOSTS = [aHost('h', { cpu: 8, memoryMb: 16_384, diskMb: 100_000 }), aHost('i', { cpu: 8, memoryMb: 16_384, diskMb: 100_000 })]
const RED = aTenant('red', { guarantee: { cpu: 6 } })

type Row = readonly [what: string, change: TenantChange, field: string, message: RegExp, before?: Partial<Tenant>]
const WRONG: readonly Row[] = [
  ['a weight of 0', { weight: 0 }, 'weight', /^weight is 0: give a number larger than 0/],
  ['a weight below 0', { weight: -1 }, 'weight', /^weight is -1/],
  ['a weight that is no number', { weight: Number.NaN }, 'weight', /^weight is NaN/],
  ['an endless weight', { weight: Number.POSITIVE_INFINITY }, 'weight', /at most 1000000/],
  ['a quota below 0', { quota: { cpu: -1 } }, 'quota.cpu', /^quota.cpu is -1: give 0 to 1000000 cores\.$/],
  ['a quota that is no number', { quota: { memoryMb: Number.NaN } }, 'quota.memoryMb', /^quota.memoryMb is NaN/],
  ['a guarantee below 0', { guarantee: { diskMb: -5 } }, 'guarantee.diskMb', /MB of disk\.$/],
  [
    'a guarantee over its quota',
    { quota: { cpu: 2 }, guarantee: { cpu: 3 } },
    'guarantee.cpu',
    /^guarantee.cpu is 3: above its quota of 2 cores. Give at most 2, or raise the quota\.$/,
  ],
  [
    'a quota below the guarantee that it has',
    { quota: { cpu: 2 } },
    'quota.cpu',
    /^quota.cpu is 2: below its guarantee of 3 cores. Give at least 3/,
    { guarantee: { cpu: 3 } },
  ],
  [
    'a guarantee over what the hosts have',
    { guarantee: { memoryMb: 40_000 } },
    'guarantee.memoryMb',
    /^guarantee.memoryMb is 40000: the hosts have 32768 MB of memory together. Give at most 32768, or add hosts\.$/,
  ],
  [
    'a guarantee over what others leave',
    { guarantee: { cpu: 11 } },
    'guarantee.cpu',
    /^guarantee.cpu is 11: the hosts have 16 cores together, and 6 of that are guaranteed to other tenants. Give at most 10/,
  ],
]

for (const [what, change, field, message, before] of WRONG)
  test(`${what} is refused by field, with the mend`, () => {
    const was = aTenant('blue', before)
    const found = problemOf(applyChange(was, change), { before: was, others: [RED], hosts: HOSTS })
    assert.equal(found?.field, field)
    assert.match(found?.message ?? '', message)
  })

test('what may be promised is taken', () => {
  const table: readonly TenantChange[] = [
    {},
    { weight: 0.5 },
    { quota: { cpu: 0 } },
    { quota: { cpu: 1_000 } },
    { guarantee: { cpu: 10, memoryMb: 32_768 } },
    { quota: { memoryMb: 100 }, guarantee: { cpu: 10 } },
  ]
  for (const change of table)
    assert.equal(problemOf(applyChange(aTenant('blue'), change), { others: [RED], hosts: HOSTS }), undefined, JSON.stringify(change))
})

test('hosts that went away make no other change wrong: a guarantee is held against them only where it grows', () => {
  const before = aTenant('blue', { guarantee: { cpu: 100, memoryMb: 1_000 } })
  const found = (change: TenantChange) => problemOf(applyChange(before, change), { before, others: [RED], hosts: HOSTS })?.field
  assert.equal(found({ weight: 2 }), undefined)
  assert.equal(found({ guarantee: { cpu: 50 } }), undefined)
  assert.equal(found({ guarantee: { cpu: 101 } }), 'guarantee.cpu')
  assert.equal(found({ guarantee: { memoryMb: 2_000 } }), undefined)
})

test('where no host is known a guarantee is taken, and said to be unproven', () => {
  const tenant = applyChange(aTenant('blue'), { guarantee: { cpu: 1_000 } })
  assert.equal(problemOf(tenant, { others: [], hosts: [] }), undefined)
  assert.match(promiseNotes(tenant, promisesOf([tenant], []))[0] ?? '', /^No host is known yet/)
})

test('guarantees that the hosts do not have any more are told of, to those who have one', () => {
  const blue = aTenant('blue', { guarantee: { cpu: 11 } })
  const promises = promisesOf([RED, blue, aTenant('green')], HOSTS)
  assert.deepEqual(promiseNotes(aTenant('green'), promises), [])
  assert.match(promiseNotes(blue, promises).join(), /more than the 16 cores that the hosts have/)
  assert.deepEqual(promiseNotes(blue, promisesOf([blue], HOSTS)), [])
})

test('a change sets what it names, null takes away, and what is left empty is gone', () => {
  const before = aTenant('blue', { weight: 2, quota: { cpu: 4, memoryMb: 100 }, guarantee: { cpu: 1 }, policy: { preemptible: true } })
  const table: readonly (readonly [TenantChange, Partial<Tenant>])[] = [
    [{ quota: { cpu: 5 } }, { quota: { cpu: 5, memoryMb: 100 } }],
    [{ quota: { cpu: null } }, { quota: { memoryMb: 100 } }],
    [{ guarantee: { memoryMb: 7.4 } }, { guarantee: { cpu: 1, memoryMb: 7 } }],
    [{ weight: 3 }, { weight: 3 }],
  ]
  for (const [change, expected] of table) assert.deepEqual(applyChange(before, change), { ...before, ...expected })
  const bare = applyChange(before, { quota: null, guarantee: { cpu: 0 }, policy: null })
  assert.deepEqual(bare, aTenant('blue', { weight: 2 }))
  assert.deepEqual(applyChange(before, { policy: { preemptible: false } }).policy, undefined)
})

test('property: what these rules take the scheduler takes, and no more is ever guaranteed than the hosts have', () => {
  const amount = fc.option(fc.oneof(fc.integer({ min: -2, max: 30 }), fc.double({ min: 0, max: 30 })), { nil: undefined })
  const amounts = fc.record({ cpu: amount, memoryMb: amount, diskMb: amount }).map(found => {
    const named = Object.entries(found).filter(([, value]) => value !== undefined)
    return Object.fromEntries(named) as TenantChange['quota'] & object
  })
  const change = fc.record({ weight: fc.double(), quota: amounts, guarantee: amounts }, { requiredKeys: [] })
  const capacity = { cpu: 40, memoryMb: 50, diskMb: 60 }
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c'), change), { maxLength: 12 }), changes => {
      const tenants = new Map<string, Tenant>()
      for (const [id, each] of changes) {
        const before = tenants.get(id)
        const after = applyChange(before ?? aTenant(id), each)
        const others = [...tenants.values()].filter(other => other.id !== id)
        if (problemOf(after, { before, others, hosts: [aHost('h', capacity)] }) === undefined) tenants.set(id, after)
      }
      assert.deepEqual(sharesProblems([...tenants.values()].map(shareOf), capacity), [])
      const { guaranteed } = promisesOf([...tenants.values()], [])
      for (const name of RESOURCES) assert.ok(guaranteed[name] <= capacity[name] + 1e-5)
    }),
  )
})

test('what all hosts have is their sum, and unknown without one', () => {
  assert.equal(capacityOf([]), undefined)
  assert.deepEqual(capacityOf(HOSTS), { cpu: 16, memoryMb: 32_768, diskMb: 200_000 })
  assert.deepEqual(capacityOf([aHost('empty', NO_RESOURCES)]), NO_RESOURCES)
})
