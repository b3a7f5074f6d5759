import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Outcome, Plan } from '../contract.ts'
import { fakeOutcome } from '../runner/fake-simulate.ts'
import { limitOf } from './limits.ts'
import { type Counts, type Profile, ProfileError, planOf, readProfile } from './profile.ts'
import { type Candidate, candidateOf, PlanningError, type SearchPorts, searchHosts } from './search.ts'
import { readLength, readSize } from './units.ts'

const EXAMPLE = await readFile(join(import.meta.dirname, 'examples/forge.yaml'), 'utf8')

/** The example with one line changed; fails where the line is not there. */
const changed = (line: string, by: string): string => {
  assert.ok(EXAMPLE.includes(line), line)
  return EXAMPLE.replace(line, by)
}

const REFUSED: readonly (readonly [line: string, by: string, sentence: RegExp])[] = [
  ['p90: 2m', 'p91: 2m', /^f: there is no field goal\.p91\. There are: p50, p90, p99\.$/],
  ['p90: 2m', 'p90: 120', /^f: goal\.p90 is 120: give a length of time with its unit, such as 90s, 2m or 1h30m\.$/],
  ['goal:\n  p90: 2m', 'goal: {}\nx: 2m', /no field x/],
  ['goal:\n  p90: 2m', 'goal: {}\n', /^f: goal is empty: give at least one of p50, p90, p99/],
  ['hours: 12', 'hours: 1000', /^f: hours is 1000: give a whole number from 1 to 168\.$/],
  ['name: shop', 'name: Shop', /^f: teams\.0\.name is "Shop": give 1 to 19 lower case letters/],
  ['name: ops', 'name: shop', /^f: teams\.1\.name is "shop", which another has already/],
  ['name: full', 'name: unit', /^f: teams\.0\.jobs\.1\.name is "unit", which another has already/],
  ['controllers: 4', 'controllers: many', /^f: teams\.0\.controllers is "many": give a whole number from 1 to 10000\.$/],
  ['kind: steady', 'kind: stedy', /^f: teams\.1\.jobs\.0\.arrivals\.kind is "stedy": give one of steady, office, cron, storm, constant\.$/],
  [
    'kind: steady, perHour: 10',
    'kind: steady, jobs: 10',
    /^f: there is no field teams\.1\.jobs\.0\.arrivals\.jobs\. There are: kind, perHour\.$/,
  ],
  ['kind: steady, perHour: 10', 'kind: steady', /^f: teams\.1\.jobs\.0\.arrivals\.perHour is missing: give a number above 0\.$/],
  ['toHour: 18', 'toHour: 7', /^f: teams\.0\.jobs\.0\.arrivals\.toHour is 7: give an hour after fromHour, which is 8\.$/],
  ['p95: 15m', 'p95: 1m', /^f: teams\.0\.jobs\.0\.takes\.p95 is "1m": give no less than the median, which is 4m\.$/],
  ['memory: 2g', 'memory: 2', /^f: teams\.0\.jobs\.0\.resources\.memory is 2: give a size with its unit/],
  ['memory: 6g', 'memory: 64g', /^f: teams\.0\.jobs\.1\.resources are larger than every host that takes builds/],
  ['memory: 3g', 'memory: 20g', /^f: teams\.0\.controller is larger than every host that takes controllers/],
  ['fails: 0.1', 'fails: 10', /^f: teams\.0\.jobs\.0\.fails is 10: give a chance from 0 to 1\.$/],
  ['{ min: 1, max: 8 }', '{ min: 9, max: 8 }', /^f: hosts\.1\.count\.min is 9: give at most max, which is 8\.$/],
  ['count: 2', 'count: none', /^f: hosts\.0\.count is "none": give a whole number from 1 to 10000, or \{ min: NUMBER, max: NUMBER \}\.$/],
  ['role: builds', 'role: build', /^f: hosts\.1\.role is "build": give one of any, controllers, builds\.$/],
  ['    pricePerHour: 0.38', '    pricePerHour: [', /^f is no YAML: /],
]
for (const [line, by, sentence] of REFUSED)
  test(`${JSON.stringify(by)} is refused with the path, the value and what is allowed`, () =>
    assert.rejects(readProfile('f', changed(line, by)), (cause: unknown) => {
      assert.ok(cause instanceof ProfileError, String(cause))
      assert.match(cause.message, sentence)
      return true
    }))

test('an empty file and a list are refused', async () => {
  for (const text of ['', '- a\n'])
    await assert.rejects(readProfile('f', text), /^ProfileError: f: the file is (null|\["a"\]): give fields/)
})

test('sizes and lengths of time are read with their units', () => {
  assert.deepEqual(['512m', '1.5g', '2TiB', '4 gb'].map(readSize), [512, 1_536, 2_097_152, 4_096])
  assert.deepEqual(['500ms', '90s', '1h30m', '1d'].map(readLength), [500, 90_000, 5_400_000, 86_400_000])
})

test('the example is read, and a plan has the counts that are asked for', async () => {
  const profile = await readProfile('f', EXAMPLE)
  assert.deepEqual(
    profile.groups.map(({ name, min, max }) => [name, min, max]),
    [
      ['home', 2, 2],
      ['build', 1, 8],
    ],
  )
  const plan = planOf(profile, { home: 2, build: 5 }, 9)
  assert.deepEqual([plan.seed, plan.activeMs, plan.hosts.map(({ count }) => count), plan.teams.length], [9, 43_200_000, [2, 5], 2])
  assert.deepEqual(plan.teams[1]?.controllerResources, { cpu: 1, memoryMb: 3_072, diskMb: 51_200 })
})

/** A world that can be worked out by hand: the wait falls with the cores that there are, each group's counting by its weight. */
const world =
  (needed: number, weights: Counts) =>
  (plan: Plan): Outcome => {
    const power = plan.hosts.reduce((sum, { name, count }) => sum + count * (weights[name] ?? 0), 0)
    const p90Ms = power >= needed ? 60_000 : 600_000
    const waits = { p50Ms: 1_000, p90Ms, p99Ms: 2 * p90Ms, mostMs: 3 * p90Ms }
    return fakeOutcome(plan, {
      teams: plan.teams.map(({ name }) => ({ name, builds: 10, waits, cpuHours: 1 })),
      samples: fakeOutcome({ ...plan, sampleMs: 3_600_000 }).samples.map(sample => ({
        ...sample,
        queued: 3,
        memoryUsed: power >= needed ? 0.5 : 0.95,
        cpuUsed: 0.4,
      })),
    })
  }

const ports = (simulate: (plan: Plan) => Outcome, changes: Partial<SearchPorts> = {}): SearchPorts => ({
  simulate: async plan => simulate(plan),
  signal: new AbortController().signal,
  workers: 2,
  isOverload: ({ invariant }) => invariant === 'comes-to-rest',
  ...changes,
})

const oneGroup = async (): Promise<Profile> => readProfile('f', EXAMPLE)

test('the smallest count that meets the goal is found, and one fewer was seen to miss it', async () => {
  const { chosen, candidates, limit, runs, interrupted } = await searchHosts(await oneGroup(), ports(world(7, { build: 1 })))
  assert.deepEqual([chosen?.counts, chosen?.hosts, interrupted], [{ home: 2, build: 7 }, 9, false])
  assert.ok(candidates.some(({ counts, meets }) => counts.build === 6 && !meets))
  assert.equal(chosen?.costPerDay?.toFixed(2), (24 * (2 * 0.2 + 7 * 0.38)).toFixed(2))
  assert.equal(limit?.kind, 'memory')
  assert.ok(runs <= 2 * candidates.length)
})

test('for any need and any bounds it finds the smallest count', async () => {
  const profile = await oneGroup()
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 60 }),
      fc.integer({ min: 0, max: 20 }),
      fc.integer({ min: 0, max: 40 }),
      async (needed, min, more) => {
        const groups = profile.groups.map(group => (group.name === 'build' ? { ...group, min, max: Math.max(1, min + more) } : group))
        const { chosen } = await searchHosts({ ...profile, groups }, ports(world(needed, { build: 1 })))
        const expected = needed > Math.max(1, min + more) ? undefined : Math.max(min, needed)
        assert.equal(chosen?.counts.build, expected)
      },
    ),
    { numRuns: 60 },
  )
})

test('of two groups the cheaper mix is taken', async () => {
  const profile = await oneGroup()
  const [, build] = profile.groups
  assert.ok(build)
  // A large one does the work of four and costs that of two.
  const large = { ...build, name: 'large', min: 0, max: 10, pricePerHour: 2 * 0.38 }
  const groups = [{ ...build, min: 0, max: 10 }, large]
  const { chosen } = await searchHosts({ ...profile, groups }, ports(world(16, { build: 1, large: 4 })))
  assert.deepEqual(chosen?.counts, { build: 0, large: 4 })
})

test('where even the most hosts miss the goal, nothing is chosen and the limit is named', async () => {
  const { chosen, candidates, limit } = await searchHosts(await oneGroup(), ports(world(99, { build: 1 })))
  assert.equal(chosen, undefined)
  assert.equal(candidates.length, 1)
  assert.match(limit?.sentence ?? '', /^Memory: with 10 hosts, while jobs wait, /)
})

test('a world that does not come to rest did not keep up; any other claim that fails is a defect and no answer', async () => {
  const profile = await oneGroup()
  const broken = (invariant: string) => (plan: Plan) =>
    (plan.hosts[1]?.count ?? 0) < 5
      ? fakeOutcome(plan, { violations: [{ invariant, claim: 'c', at: 1, found: '40 items wait.' }] })
      : world(1, { build: 1 })(plan)
  const { chosen, candidates } = await searchHosts(profile, ports(broken('comes-to-rest')))
  assert.equal(chosen?.counts.build, 5)
  assert.equal(candidates.find(({ counts }) => counts.build === 4)?.why, 'It does not keep up: 40 items wait.')
  await assert.rejects(searchHosts(profile, ports(broken('no-orphan'))), PlanningError)
})

test('an abort ends it with the candidates so far', async () => {
  const stop = new AbortController()
  const simulate = async (plan: Plan): Promise<Outcome> => {
    stop.signal.throwIfAborted()
    return world(7, { build: 1 })(plan)
  }
  const planning = await searchHosts(
    await oneGroup(),
    ports(world(7, {}), { simulate, signal: stop.signal, onCandidate: () => stop.abort() }),
  )
  assert.deepEqual([planning.interrupted, planning.candidates.length, planning.chosen], [true, 1, undefined])
})

test('a candidate is as good as its worst run and its slowest team', async () => {
  const profile = await oneGroup()
  const good = world(1, { build: 1 })(planOf(profile, { home: 2, build: 2 }, 1))
  const [first, second] = good.teams
  assert.ok(first && second)
  const bad = { ...good, teams: [first, { ...second, waits: { ...second.waits, p90Ms: 121_000 } }] }
  const candidate = candidateOf(profile, { home: 2, build: 2 }, [good, bad, good], () => false)
  assert.deepEqual(
    [candidate.meets, candidate.slowestTeam, candidate.waits.p90Ms, candidate.why],
    [false, 'ops', 121_000, 'p90 of ops is above the goal.'],
  )
})

const LIMITS: readonly (readonly [memory: number, cpu: number, hasQuota: boolean, kind: string])[] = [
  [0.95, 0.5, false, 'memory'],
  [0.5, 0.95, false, 'cpu'],
  [0.5, 0.95, true, 'cpu'],
  [0.5, 0.4, true, 'quota'],
  [0.7, 0.4, false, 'pieces'],
  [0.3, 0.2, false, 'start'],
]
for (const [memoryUsed, cpuUsed, hasQuota, kind] of LIMITS)
  test(`memory at ${memoryUsed}, cpu at ${cpuUsed}${hasQuota ? ' and a quota' : ''}: what limits is ${kind}`, async () => {
    const profile = await oneGroup()
    const teams = profile.teams.map(team => (hasQuota ? { ...team, quota: { cpu: 1, memoryMb: 1, diskMb: 1 } } : team))
    const groups = profile.groups.map(group => ({ ...group, role: 'any' as const }))
    const missed = world(99, { build: 1 })(planOf({ ...profile, teams, groups }, { home: 2, build: 2 }, 1))
    const samples = missed.samples.map(sample => ({ ...sample, memoryUsed, cpuUsed }))
    // Hosts for controllers alone are none here, so that what is used of all is used of what builds may have.
    const candidate: Candidate = candidateOf({ ...profile, teams }, { home: 2, build: 2 }, [{ ...missed, samples }], () => false)
    assert.equal(limitOf(candidate).kind, kind)
  })

test('room on hosts that are for controllers alone is no room for builds', async () => {
  const profile = await oneGroup()
  const missed = world(99, { build: 1 })(planOf(profile, { home: 2, build: 2 }, 1))
  // 16 of 24 cores are for builds, and 0.6 are promised to six controllers elsewhere: all that builds may have is given.
  const samples = missed.samples.map(sample => ({ ...sample, memoryUsed: 0.3, cpuUsed: 16.6 / 24 }))
  const limit = limitOf(candidateOf(profile, { home: 2, build: 2 }, [{ ...missed, samples }], () => false))
  assert.match(
    limit.sentence,
    /^Cpu: with 4 hosts, while jobs wait, \d+ % of the memory and 100 % of the cores that builds may have are given/,
  )
})
