/**
 * The simulator as CI runs it: 200 seeds that each commit has of its own, every seed that ever failed, the same log in another process; and the
 * command around it, with its page in a real browser. SEED=N runs 200 others, from N on.
 */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import type { Outcome, Plan } from '../../simulator/contract.ts'
import { denseFleet, seedFleet, simulate } from '../../simulator/index.ts'
import { encodePlan } from '../../simulator/plan-code.ts'
import { planOfFailed, readFailedSeeds } from '../../simulator/runner/failed-seeds.ts'
import { Pool } from '../../simulator/runner/pool.ts'
import { runSwarm, type SwarmFailure } from '../../simulator/runner/swarm.ts'
import { systemClock } from '../../src/runtime/index.ts'
import { launchBrowser, openPage } from '../support/browser.ts'
import { CliRun } from '../support/cli-run.ts'
import { waitFor } from '../support/wait.ts'

const SEEDS = 200
/** A seed takes about a second and a half of one core. Where even this is too short for all of them the test says how many ran. */
const LONGEST_MS = 600_000
/** Of virtual time, dense: as much goes wrong as otherwise in two hours. */
const MINUTES = 20
/** One seed in so many is of sparse faults and an hour, in which there is calm between them. */
const LONG_EVERY = 10
const LEVEL = 'hard'
const workers = Math.min(2, availableParallelism())
const never = new AbortController().signal

const root = join(import.meta.dirname, '../..')

/** Fresh seeds for each state of the sources, the same ones for the same state, so that whoever looks into a failure meets it again. */
const seedOfSources = async (): Promise<number> => {
  const tree = await promisify(execFile)('git', ['-C', root, 'rev-parse', 'HEAD^{tree}']).then(
    ({ stdout }) => stdout.trim(),
    () => undefined,
  )
  return tree === undefined ? Date.now() % 2 ** 31 : Number.parseInt(tree.slice(0, 7), 16)
}
const first = process.env.SEED === undefined ? await seedOfSources() : Number(process.env.SEED)

const directory = await mkdtemp(join(tmpdir(), 'manor-simulator-test-'))
after(() => rm(directory, { recursive: true, force: true }))

const told = ({ plan, violation, broke }: SwarmFailure): string =>
  `seed ${plan.seed}: ${violation === undefined ? broke : `${violation.invariant}: ${violation.claim} Found: ${violation.found}`}\n` +
  `  ./manor simulate --replay ${encodePlan(plan)}`

test(`${SEEDS} seeds pass`, async t => {
  await using pool = new Pool({ workers })
  t.diagnostic(`seeds from ${first} on: SEED=${first} ./test simulator`)
  const result = await runSwarm(
    { first, count: SEEDS, forMs: LONGEST_MS, workers, keepGoing: true, planOf },
    { simulate: pool.simulate, clock: systemClock, signal: never },
  )
  t.diagnostic(`${result.done} seeds, ${result.builds} builds, ${result.faults} faults, ${result.manorRestarts} restarts of Manor`)
  assert.deepEqual(result.failures.map(told), [])
  assert.equal(result.done, SEEDS, `in ${Math.round(result.wallMs / 1_000)} s`)
  assert.ok(result.builds > result.done && result.faults > result.done, 'the seeds had builds and faults')
})

const planOf = (seed: number): Plan => (seed % LONG_EVERY === 0 ? seedFleet(seed, LEVEL, 1) : denseFleet(seed, MINUTES))

for (const failed of await readFailedSeeds())
  test(`seed ${failed.seed}, ${failed.hours === undefined ? 'dense' : `${failed.hours} h`}, passes: ${failed.story}`, async () => {
    await using pool = new Pool({ workers: 1 })
    const outcome = await pool.simulate(planOfFailed(failed), never)
    assert.deepEqual(outcome.violations, [])
  })

test('the same plan has the same log in another process, and another seed has another', async () => {
  const plan = seedFleet(first, LEVEL, 1)
  await using pool = new Pool({ workers: 2 })
  const [here, there, other] = await Promise.all([
    simulate(plan),
    pool.simulate(plan, never),
    pool.simulate(seedFleet((first + 1) % 2 ** 32, LEVEL, 1), never),
  ])
  const fixed = ({ logHash, logLines, faults, builds, samples, violations }: Outcome) => ({
    logHash,
    logLines,
    faults,
    builds,
    samples,
    violations,
  })
  assert.deepEqual(fixed(there), fixed(here))
  assert.notEqual(other.logHash, here.logHash)
})

test('ctrl-C ends the command with what was done, and its workers with it', async () => {
  const run = new CliRun(['simulate', '--seeds', '100000', '--hours', '2', '--workers', '2', '--faults', 'none'], { HOME: directory })
  await waitFor(() => / of 100000 seeds/.test(run.stderr), { what: 'progress is told', withinMs: 120_000 })
  const children = await childrenOf(run.child.pid ?? 0)
  assert.equal(children.length, 2)
  run.child.kill('SIGINT')
  assert.equal(await run.ended, 130)
  assert.match(run.stdout, /^seeds +\d+ done, all passed, ended by you before 100000$/m)
  await waitFor(() => children.every(pid => !isAlive(pid)), { what: 'the workers are gone', withinMs: 10_000 })
})

const childrenOf = async (pid: number): Promise<readonly number[]> =>
  (await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')).split(' ').filter(Boolean).map(Number)

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

test('the example of a profile is answered: how many hosts, what wait, what cost, and what limits', async () => {
  const run = new CliRun(['simulate', '--profile', join(root, 'simulator/planning/examples/forge.yaml'), '--json'], { HOME: directory })
  assert.equal(await run.ended, 0, run.stderr)
  const { chosen, candidates, limit, goal } = JSON.parse(run.stdout)
  assert.ok(chosen.hosts >= 3 && chosen.hosts < 10, `${chosen.hosts} hosts`)
  assert.ok(chosen.waits.p90Ms <= goal.p90)
  assert.equal(chosen.costPerDay.toFixed(2), (24 * (0.2 * chosen.counts.home + 0.38 * chosen.counts.build)).toFixed(2))
  // One host fewer was measured and does not do, unless one is the fewest that the profile allows.
  const fewer = candidates.find(
    (candidate: { readonly counts: Record<string, number> }) => candidate.counts.build === chosen.counts.build - 1,
  )
  assert.equal(fewer?.meets, chosen.counts.build === 1 ? undefined : false)
  assert.ok(limit.sentence.length > 20)
})

test('the page of a run is readable without a network, in light and dark, on a small screen', async t => {
  const file = join(directory, 'run.html')
  const run = new CliRun(['simulate', '--seeds', '1', '--hours', '1', '--first', String(first), '--report', file], { HOME: directory })
  assert.ok([0, 1].includes((await run.ended) ?? -1), run.stderr)
  await using browser = await launchBrowser()
  for (const [width, colorScheme] of [
    [1_280, 'light'],
    [1_280, 'dark'],
    [400, 'light'],
  ] as const) {
    const { page, complaints } = await openPage(browser, { width, colorScheme })
    const asked: string[] = []
    page.on('request', request => asked.push(request.url()))
    await page.goto(pathToFileURL(file).href)
    assert.deepEqual([complaints, asked], [[], [pathToFileURL(file).href]])
    assert.equal(await page.locator('.plot svg[role=img]').count(), 6)
    // Each picture has a name and a description, for those who do not see it.
    for (const plot of await page.locator('svg[role=img]').all())
      assert.match((await plot.locator('desc').first().textContent()) ?? '', /\w/)
    assert.ok(await page.evaluate('document.documentElement.scrollWidth <= innerWidth'), `nothing hangs over at ${width}`)
    if (process.env.MANOR_PICTURES)
      await page.screenshot({ path: join(process.env.MANOR_PICTURES, `simulated-${width}-${colorScheme}.png`), fullPage: true })
    await page.context().close()
  }
  t.diagnostic(`looked at ${file}`)
})
