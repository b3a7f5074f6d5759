import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { systemClock, VirtualClock } from '../../src/runtime/index.ts'
import type { Outcome, Plan, RunProgress } from '../contract.ts'
import { failureOf, failureText, virtualTime } from './failure.ts'
import { fakeOutcome, fakePlan } from './fake-simulate.ts'
import { Pool, RunError, type Simulate } from './pool.ts'
import { scaleFigures } from './scale.ts'
import { runSwarm, type SwarmOptions } from './swarm.ts'

const FAKE = join(import.meta.dirname, 'fake-simulate.ts')
const never = new AbortController().signal
const planOf = (seed: number): Plan => fakePlan({ seed, sampleMs: 3_600_000 })

/** Runs a swarm in this process; `failing` seeds fail, and each run takes `wallMs` on a clock that only moves with them. */
const swarm = async (options: Partial<SwarmOptions>, failing: readonly number[] = [], signal = never, wallMs = 1_000) => {
  const clock = new VirtualClock(0)
  const ran: number[] = []
  const simulate: Simulate = async plan => {
    ran.push(plan.seed)
    clock.after(wallMs, () => {})
    await clock.advance(wallMs)
    return fakeOutcome(failing.includes(plan.seed) ? { ...plan, mutation: 'violates' } : plan)
  }
  const result = await runSwarm({ first: 10, count: 5, workers: 1, planOf, ...options }, { simulate, clock, signal })
  return { result, ran }
}

test('each seed runs once, in order, and the sums are told', async () => {
  const { result, ran } = await swarm({})
  assert.deepEqual(ran, [10, 11, 12, 13, 14])
  const { done, failed, virtualMs, wallMs, builds, interrupted } = result
  assert.deepEqual(
    { done, failed, virtualMs, wallMs, builds, interrupted },
    { done: 5, failed: 0, virtualMs: 5 * 9 * 3_600_000, wallMs: 5_000, builds: 2_400, interrupted: false },
  )
  assert.equal(result.example?.plan.seed, 10)
})

test('after the last seed comes the first', async () => {
  const { ran } = await swarm({ first: 2 ** 32 - 1, count: 2 })
  assert.deepEqual(ran, [2 ** 32 - 1, 0])
})

test('the first failure ends it, and is what it shows', async () => {
  const { result, ran } = await swarm({}, [12, 13])
  assert.deepEqual(ran, [10, 11, 12])
  assert.deepEqual([result.done, result.failed, result.example?.plan.seed], [3, 1, 12])
  assert.equal(result.failures[0]?.violation?.invariant, 'no-orphan')
})

test('where it is to keep going, all failures are collected', async () => {
  const { result } = await swarm({ keepGoing: true }, [12, 14])
  assert.deepEqual([result.done, result.failed, result.failures.map(({ plan }) => plan.seed)], [5, 2, [12, 14]])
})

test('no seed is begun after the time box', async () => {
  const { result } = await swarm({ count: 100, forMs: 2_500 })
  assert.equal(result.done, 3)
  assert.equal(result.interrupted, false)
})

test('an abort tells what was done', async () => {
  const stop = new AbortController()
  const { result } = await swarm({ onProgress: ({ done }) => (done === 2 ? stop.abort() : undefined) }, [], stop.signal)
  assert.deepEqual([result.done, result.interrupted], [2, true])
})

test('progress says how many of how many, and what is left by the rate so far', async () => {
  const told: unknown[] = []
  await swarm({ count: 4, onProgress: ({ done, failed, count, leftMs }) => told.push([done, failed, count, leftMs]) })
  assert.deepEqual(told, [
    [1, 0, 4, 3_000],
    [2, 0, 4, 2_000],
    [3, 0, 4, 1_000],
    [4, 0, 4, 0],
  ])
})

test('workers run plans in processes of their own, several at a time, and are used again', async () => {
  await using pool = new Pool({ workers: 2, module: FAKE })
  const result = await runSwarm({ first: 1, count: 6, workers: 2, planOf }, { simulate: pool.simulate, clock: systemClock, signal: never })
  assert.deepEqual([result.done, result.failed], [6, 0])
  assert.deepEqual(await pool.simulate(planOf(3), never), fakeOutcome(planOf(3)))
})

test('a run that throws and a run whose process dies are failures of their seed, and the next seed has a worker again', async () => {
  await using pool = new Pool({ workers: 1, module: FAKE })
  const mutated = (seed: number): Plan => ({
    ...planOf(seed),
    ...(seed === 1 ? { mutation: 'throws' } : seed === 2 ? { mutation: 'dies' } : {}),
  })
  const options = { first: 1, count: 3, workers: 1, planOf: mutated, keepGoing: true }
  const result = await runSwarm(options, { simulate: pool.simulate, clock: systemClock, signal: never })
  assert.deepEqual([result.done, result.failed], [3, 2])
  assert.match(result.failures[0]?.broke ?? '', /The world broke/)
  assert.match(result.failures[1]?.broke ?? '', /Its process ended with exit code 7/)
})

test('a worker says how far its run is where that is asked for', async () => {
  await using pool = new Pool({ workers: 1, module: FAKE })
  const told: RunProgress[] = []
  const outcome = await pool.simulate(planOf(2), never, progress => told.push(progress))
  assert.deepEqual(outcome, fakeOutcome(planOf(2)))
  assert.deepEqual(told, [{ virtualMs: planOf(2).activeMs / 2, wallMs: 1_500, running: 1_234, queued: 5 }])
})

test('an abort ends a run that hangs', async () => {
  await using pool = new Pool({ workers: 1, module: FAKE })
  const stop = new AbortController()
  const run = pool.simulate(fakePlan({ mutation: 'hangs' }), stop.signal)
  stop.abort(new Error('Enough.'))
  await assert.rejects(run, /Enough/)
})

test('a module that is not there is said, not waited for', async () => {
  await using pool = new Pool({ workers: 1, module: join(import.meta.dirname, 'not-there.ts') })
  await assert.rejects(pool.simulate(planOf(1), never), (cause: unknown) => cause instanceof RunError && /not-there/.test(cause.message))
})

test('a failure is told with its claim, what was found, the faults that it needs, and the command that repeats it', () => {
  const plan = fakePlan({ seed: 7, mutation: 'violates', faults: { 'host-dies': 1 } })
  const before = fakeOutcome(plan)
  const shrunk = fakeOutcome({ ...plan, without: Array.from({ length: 40 }, (_, index) => index).filter(index => index !== 2) })
  const [violation] = before.violations
  assert.ok(violation)
  const text = failureText(
    failureOf({ plan, violation }, shrunk, before, ({ seed }) => `plan-${seed}`),
    './manor',
  )
  assert.match(text, /^Seed 7: no-orphan does not hold, at 08:00:00\.000\./)
  assert.match(text, /claim {2}What is not wanted is gone within a minute\.\n {2}found {2}agent a-1 still runs/)
  assert.match(text, /Faults that it needs, 1 of 40:/)
  assert.match(text, /\.\/manor simulate --replay plan-7$/)
})

test('a run that broke is told by why, and can be repeated as well', () => {
  const text = failureText(
    failureOf({ plan: planOf(3), broke: 'Its process ended by SIGKILL.' }, undefined, undefined, () => 'p'),
    './manor',
  )
  assert.match(text, /^Seed 3: the run broke\.\n\nIts process ended by SIGKILL\./)
  assert.match(text, /--replay p$/)
})

test('virtual time is written with days only where there are any', () => {
  assert.deepEqual([0, 3_723_004, 90_000_000].map(virtualTime), ['00:00:00.000', '01:02:03.004', '1d 01:00:00.000'])
})

test('the figures of a scale run are told per build, and of a run without builds as nothing', () => {
  const outcome = fakeOutcome(planOf(1))
  const figures = scaleFigures(outcome)
  assert.equal(figures.builds, 480)
  assert.equal(figures.commitsPerBuild, 6_000 / 480)
  assert.ok(figures.memoryUsedMost >= figures.memoryUsedMedian && figures.memoryUsedMost <= 1)
  const empty: Outcome = { ...outcome, builds: { queued: 0, succeeded: 0, failed: 0, lost: 0 }, samples: [], wallMs: 0, virtualMs: 0 }
  assert.ok(Object.values(scaleFigures(empty)).every(Number.isFinite))
})
