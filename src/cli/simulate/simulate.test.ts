import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Plan } from '../../../simulator/contract.ts'
import { fakePlan } from '../../../simulator/runner/fake-simulate.ts'
import { seededRandom, systemClock } from '../../runtime/index.ts'
import type { CliContext } from '../context.ts'
import { CliError } from '../errors.ts'
import type { Core } from './core.ts'
import { type SimulateOptions, type Task, taskOf } from './options.ts'
import { runSimulate } from './run-simulate.ts'

const FAKE = join(import.meta.dirname, '../../../simulator/runner/fake-simulate.ts')

/** A simulator whose runs end at once. Of `failing` seeds a claim does not hold while fault 2 is among the faults. */
const fakeCore = (failing: readonly number[] = []): Core => ({
  module: FAKE,
  seedPlan: (seed, _level, hours) =>
    fakePlan({
      seed,
      activeMs: hours * 3_600_000,
      sampleMs: 600_000,
      faults: { 'host-dies': 1 },
      ...(failing.includes(seed) ? { mutation: 'violates' } : {}),
    }),
  scalePlan: ({ seed, hours }) =>
    fakePlan({ seed, activeMs: hours * 3_600_000, ...(failing.includes(seed) ? { mutation: 'violates' } : {}) }),
  minimise: async (plan, { run, onProgress }) => {
    onProgress(1, 1)
    const without = Array.from({ length: 40 }, (_, number) => number).filter(number => number !== 2)
    return run({ ...plan, without })
  },
  encode: plan => Buffer.from(JSON.stringify(plan)).toString('base64url'),
  decode: text => JSON.parse(Buffer.from(text, 'base64url').toString()) as Plan,
  isOverload: () => true,
})

type Ran = { readonly stdout: string; readonly stderr: string; readonly code: number }

const run = async (
  options: SimulateOptions,
  { core = fakeCore(), json = false, signal = new AbortController().signal } = {},
): Promise<Ran> => {
  let stdout = ''
  let stderr = ''
  const context: CliContext = {
    stdout: { write: text => (stdout += text) },
    stderr: { write: text => (stderr += text) },
    stdin: (async function* () {})(),
    env: {},
    clock: systemClock,
    random: seededRandom(1),
    signal,
  }
  try {
    await runSimulate(context, taskOf(options), json, core)
    return { stdout, stderr, code: 0 }
  } catch (cause) {
    if (!(cause instanceof CliError)) throw cause
    return { stdout, stderr: `${stderr}${cause.message}`, code: cause.exitCode }
  }
}

const folder = async (): Promise<AsyncDisposable & { readonly path: string }> => {
  const path = await mkdtemp(join(tmpdir(), 'manor-simulate-'))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) }
}

const TASKS: readonly (readonly [options: SimulateOptions, task: Partial<Task>])[] = [
  [{}, { kind: 'seeds', seeds: 20, hours: 1, faults: 'hard', isFirstLook: true }],
  [
    { seeds: 5, faults: 'none' },
    { kind: 'seeds', seeds: 5, faults: 'none', isFirstLook: false },
  ],
  [{ for: 1_000 }, { kind: 'seeds', forMs: 1_000 }],
  [{ hosts: 5 }, { kind: 'scale', controllers: 2_000, jobs: 8_000, hosts: 5, hours: 1, faults: 'none', seed: 1 }],
  [{ replay: 'x' }, { kind: 'replay', replay: 'x' }],
  [{ profile: '/p' }, { kind: 'profile', file: '/p' }],
]
for (const [options, task] of TASKS)
  test(`${JSON.stringify(options)} asks for ${task.kind}`, () => assert.partialDeepStrictEqual(taskOf(options), task))

test('a time box alone sets no number of seeds', () => assert.equal('seeds' in taskOf({ for: 1_000 }), false))

const TOGETHER: readonly (readonly [options: SimulateOptions, sentence: string])[] = [
  [{ seeds: 3, profile: 'p' }, '--seeds and --profile exclude each other: --profile goes with --workers, --report.'],
  [{ replay: 'p', hours: 3 }, '--hours and --replay exclude each other: --replay goes with --report.'],
  [{ replay: 'p', profile: 'q' }, '--profile and --replay exclude each other: --replay goes with --report.'],
  [
    { jobs: 5, keepGoing: true },
    '--keep-going and --jobs exclude each other: --jobs goes with --controllers, --hosts, --hours, --faults, --first, --report.',
  ],
]
for (const [options, sentence] of TOGETHER)
  test(`${JSON.stringify(options)} is refused`, () =>
    assert.throws(() => taskOf(options), { name: 'CliError', message: sentence, exitCode: 2 }))

test('without options it runs 20 seeds, says what it is, and how to do the same again', async () => {
  const { stdout, stderr, code } = await run({})
  assert.equal(code, 0)
  assert.match(stderr, /Each seed is a fleet of its own/)
  assert.match(stdout, /^seeds +20 done, all passed$/m)
  assert.match(stdout, /^again +\.\/manor simulate --seeds 20 --first \d+ --hours 1 --faults hard$/m)
})

test('a seed that fails is told with the faults that it needs and the command that repeats it, which does', async () => {
  const { stdout, stderr, code } = await run({ seeds: 9, first: 1, workers: 1 }, { core: fakeCore([4]) })
  assert.equal(code, 1)
  assert.match(stdout, /^Seed 4: no-orphan does not hold/m)
  assert.match(stdout, /^Faults that it needs, 1 of 40:$/m)
  assert.match(stdout, /^seeds +4 done, 1 failed$/m)
  assert.match(stderr, /Seed 4 failed: no-orphan does not hold\. --report FILE makes a page of it\.$/)
  const [, word = ''] = /simulate --replay (\S+)/.exec(stdout) ?? []
  const again = await run({ replay: word })
  assert.deepEqual([again.code, /^verdict +no-orphan does not hold/m.test(again.stdout)], [1, true])
})

test('a failure that does not come again is told as what it is', async () => {
  const core: Core = { ...fakeCore([4]), minimise: async () => undefined }
  const { stdout, stderr, code } = await run({ seeds: 9, first: 4, workers: 1 }, { core })
  assert.equal(code, 1)
  assert.match(stderr, /it did not fail again: something in the run does not come from its seed/)
  assert.match(stdout, /^Faults that it needs, 40 of 40:$/m)
})

test('where it is to keep going, all failed seeds are named', async () => {
  const { stdout, stderr } = await run({ seeds: 6, first: 1, workers: 1, keepGoing: true }, { core: fakeCore([2, 5]) })
  assert.match(stdout, /^also failed +5 \(no-orphan\)$/m)
  assert.match(stderr, /2 seeds failed in all/)
})

test('as JSON the result stands alone on standard output', async () => {
  const passed = await run({ seeds: 2, first: 8 }, { json: true })
  assert.partialDeepStrictEqual(JSON.parse(passed.stdout), { passed: true, first: 8, done: 2, failed: 0, failedSeeds: [] })
  const failed = await run({ seeds: 2, first: 8, workers: 1 }, { json: true, core: fakeCore([8]) })
  assert.partialDeepStrictEqual(JSON.parse(failed.stdout), {
    passed: false,
    failedSeeds: [{ seed: 8, invariant: 'no-orphan' }],
    failure: { seed: 8, faultsBefore: 40 },
  })
  const scale = await run({ hosts: 3 }, { json: true })
  assert.partialDeepStrictEqual(JSON.parse(scale.stdout), { passed: true, hosts: 3, builds: 480 })
})

test('ctrl-C ends it with what was done', async () => {
  const stop = new AbortController()
  stop.abort(new DOMException('Interrupted.', 'AbortError'))
  const { stdout, stderr, code } = await run({ seeds: 5 }, { signal: stop.signal })
  assert.equal(code, 130)
  assert.match(stdout, /^seeds +0 done, all passed, ended by you before 5$/m)
  assert.match(stderr, /Ended before all seeds were done/)
})

test('a scale run prints its table, and fails where a claim does not hold', async () => {
  const { stdout, code } = await run({ controllers: 10, jobs: 20, hosts: 20 })
  assert.equal(code, 0)
  for (const line of [
    /^placements +520, 4 a minute$/m,
    /^queue to launch +p50 35 ms, p99 4\.1 s$/m,
    /^peak memory +300 MB/m,
    /^store +4 MB; 12\.5 commits and 30\.0 rows a build$/m,
  ])
    assert.match(stdout, line)
  const failed = await run({ controllers: 10, first: 3 }, { core: fakeCore([3]) })
  assert.deepEqual([failed.code, /no-orphan does not hold: What is not wanted/.test(failed.stderr)], [1, true])
})

test('a replay takes a file as well, and prints its whole log', async () => {
  await using place = await folder()
  const file = join(place.path, 'word')
  await writeFile(file, `${fakeCore().encode(fakePlan({ seed: 9 }))}\n`)
  const { stdout, code } = await run({ replay: file })
  assert.equal(code, 0)
  assert.match(stdout, /^\d\d:\d\d:\d\d\.\d{3} {2}agent team-a-0 placed on/m)
  assert.match(stdout, /^log +\d+ lines, hash [0-9a-f]{64}$/m)
})

test('what is no plan is refused before anything runs', async () => {
  const { stderr, stdout, code } = await run({ replay: 'nonsense' })
  assert.deepEqual([code, stdout], [2, ''])
  assert.match(stderr, /^--replay is "nonsense", which is no plan and no file/)
  assert.equal((await run({ replay: tmpdir() })).code, 2)
})

test('a page is written whole, next to nothing else', async () => {
  await using place = await folder()
  const file = join(place.path, 'page.html')
  const { stdout } = await run({ seeds: 3, first: 1, workers: 1, report: file }, { core: fakeCore([2]) })
  assert.match(stdout, /^report +\S+page\.html$/m)
  assert.match(await readFile(file, 'utf8'), /no-orphan does not hold.*simulate --replay/s)
  assert.deepEqual(await readdir(place.path), ['page.html'])
})

test('a page that could not be written is refused before anything runs', async () => {
  const gone = await run({ report: '/nowhere/page.html' })
  assert.deepEqual([gone.code, gone.stdout], [2, ''])
  assert.match(gone.stderr, /^--report cannot write into \/nowhere/)
  assert.match((await run({ report: tmpdir() })).stderr, /^--report is the folder/)
})

const EXAMPLE = join(import.meta.dirname, '../../../simulator/planning/examples/forge.yaml')

test('a profile is answered with its candidates, the fewest hosts, their cost and what limits', async () => {
  await using place = await folder()
  const report = join(place.path, 'plan.html')
  const { stdout, code } = await run({ profile: EXAMPLE, report })
  assert.equal(code, 0)
  // In the fake world every candidate waits nine seconds, so the fewest hosts do.
  assert.match(stdout, /^answer +3 hosts: 2 home, 1 build$/m)
  assert.match(stdout, /^cost +18\.72 a day$/m)
  assert.match(stdout, /^limit +Nothing: the fewest hosts that the profile allows/m)
  assert.match(await readFile(report, 'utf8'), /3 hosts: 2 home, 1 build/)
  const json = await run({ profile: EXAMPLE }, { json: true })
  assert.partialDeepStrictEqual(JSON.parse(json.stdout), {
    chosen: { counts: { home: 2, build: 1 }, meets: true },
    limit: { kind: 'bounds' },
  })
})

test('a goal that no number of hosts meets ends with exit code 1 and what limits', async () => {
  await using place = await folder()
  const file = join(place.path, 'fleet.yaml')
  await writeFile(file, (await readFile(EXAMPLE, 'utf8')).replace('p90: 2m', 'p90: 5s'))
  const { stdout, stderr, code } = await run({ profile: file })
  assert.equal(code, 1)
  assert.match(stdout, /^answer +no number of hosts within the bounds$/m)
  assert.match(stderr, /^.*No number of hosts within the profile's bounds meets the goal\. \w+: with 10 hosts/s)
})

test('a profile that is not there or is wrong is refused with its place', async () => {
  await using place = await folder()
  const file = join(place.path, 'fleet.yaml')
  assert.match((await run({ profile: file })).stderr, /there is no such file\. Check the path\.$/)
  await writeFile(file, 'goal: {}\n')
  const { stderr, code } = await run({ profile: file })
  assert.deepEqual([code, /fleet\.yaml: teams is missing: give a list of 1 to 200 teams\.$/.test(stderr)], [2, true])
})
