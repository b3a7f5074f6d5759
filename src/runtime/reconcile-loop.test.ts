import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from './random.ts'
import { ReconcileLoop, type ReconcileLoopOptions } from './reconcile-loop.ts'
import { settle, VirtualClock } from './virtual-clock.ts'

const SECOND = 1_000

const loopOf = (clock: VirtualClock, options: Partial<ReconcileLoopOptions> & Pick<ReconcileLoopOptions, 'reconcile'>): ReconcileLoop =>
  new ReconcileLoop({
    name: 'test',
    clock,
    random: seededRandom(1),
    concurrency: 4,
    resyncMs: 3_600 * SECOND,
    keys: () => [],
    onError: () => undefined,
    ...options,
  })

/** A step that ends when told. */
const gate = (): { readonly wait: Promise<void>; open(): void } => {
  const { promise, resolve } = Promise.withResolvers<void>()
  return { wait: promise, open: resolve }
}

test('wake-ups before a step starts are one, and one during a step makes it run once more', async () => {
  const clock = new VirtualClock()
  const hold = gate()
  let runs = 0
  const loop = loopOf(clock, {
    concurrency: 1,
    reconcile: async key => {
      if (key === 'a') runs++
      if (runs === 1) await hold.wait
      return undefined
    },
  })
  loop.wake('a')
  loop.wake('b')
  for (let i = 0; i < 10; i++) loop.wake('a')
  hold.open()
  await settle()
  assert.equal(runs, 2)
  assert.equal(loop.depth, 0)
  await loop.stop()
})

test('a key is never worked on by two workers, and no more keys than allowed at a time', async () => {
  const clock = new VirtualClock()
  const working = new Map<string, number>()
  let most = 0
  const loop = loopOf(clock, {
    concurrency: 3,
    reconcile: async key => {
      working.set(key, (working.get(key) ?? 0) + 1)
      assert.equal(working.get(key), 1)
      most = Math.max(most, working.size)
      await clock.sleep(10)
      working.delete(key)
      return undefined
    },
  })
  for (let i = 0; i < 50; i++) loop.wake(`key-${i % 10}`)
  for (let i = 0; i < 10; i++) {
    await clock.advance(7)
    for (let key = 0; key < 10; key++) loop.wake(`key-${key}`)
  }
  assert.equal(most, 3)
  await clock.advance(SECOND)
  assert.equal(loop.depth, 0)
  await loop.stop()
})

test('a failed step is tried again with growing delays, and success forgets the failures', async () => {
  const clock = new VirtualClock()
  const at: number[] = []
  const failures: number[] = []
  const loop = loopOf(clock, {
    backoff: { firstMs: 100, factor: 2, mostMs: 10_000 },
    reconcile: async () => {
      at.push(clock.monotonic())
      if (at.length < 5) throw new Error('not yet')
      return undefined
    },
    onError: (_key, _cause, count) => failures.push(count),
  })
  loop.wake('a')
  await clock.advance(10 * SECOND)
  assert.deepEqual(failures, [1, 2, 3, 4])
  const delays = at.slice(1).map((time, i) => time - (at[i] ?? 0))
  for (const [i, delay] of delays.entries()) {
    const full = 100 * 2 ** i
    assert.ok(delay >= full / 2 && delay <= full, `delay ${i} is ${delay}, not within ${full / 2} to ${full}`)
  }
  loop.wake('a')
  await clock.advance(10)
  assert.equal(at.length, 6)
  await loop.stop()
})

test('a step that names a time is looked at again then, and a wake-up before it takes its place', async () => {
  const clock = new VirtualClock()
  const at: number[] = []
  const start = clock.monotonic()
  const loop = loopOf(clock, {
    reconcile: async () => {
      at.push(clock.monotonic() - start)
      return at.length < 4 ? 100 : undefined
    },
  })
  loop.wake('a')
  await clock.advance(50)
  loop.wake('a')
  await clock.advance(SECOND)
  assert.deepEqual(at, [0, 50, 150, 250])
  await loop.stop()
})

test('losing every event costs a resync’s time and nothing else', async () => {
  const clock = new VirtualClock()
  const seen = new Set<string>()
  const keys: string[] = []
  const loop = loopOf(clock, {
    resyncMs: 30 * SECOND,
    keys: () => keys,
    reconcile: async key => {
      seen.add(key)
      return undefined
    },
  })
  loop.start()
  keys.push('late')
  await clock.advance(34 * SECOND)
  assert.deepEqual([...seen], ['late'])
  await loop.stop()
})

test('a resync of many keys is spread over its interval, and each key has its turn', async () => {
  const clock = new VirtualClock()
  const keys = Array.from({ length: 1_000 }, (_, i) => `key-${i}`)
  const runs: { key: string; at: number }[] = []
  const loop = loopOf(clock, {
    resyncMs: 30 * SECOND,
    keys: () => keys,
    reconcile: async key => {
      runs.push({ key, at: clock.monotonic() })
      return undefined
    },
  })
  loop.start()
  await settle()
  assert.equal(runs.length, 1_000)
  runs.length = 0
  // The looks of the start count: within twice the interval each had another.
  await clock.advance(64 * SECOND)
  assert.equal(new Set(runs.map(({ key }) => key)).size, 1_000)
  const atOnce = Map.groupBy(runs, ({ at }) => at)
  assert.ok(Math.max(...[...atOnce.values()].map(({ length }) => length)) <= 50)
  await loop.stop()
})

test('what events wake anyway is not woken by the resync too, and has its turn once they cease', async () => {
  const clock = new VirtualClock()
  let runs = 0
  const loop = loopOf(clock, {
    resyncMs: 30 * SECOND,
    keys: () => ['busy'],
    reconcile: async () => {
      runs++
      return undefined
    },
  })
  loop.start()
  for (let i = 0; i < 60; i++) {
    await clock.advance(5 * SECOND)
    loop.wake('busy')
  }
  await settle()
  assert.equal(runs, 61)
  await clock.advance(64 * SECOND)
  assert.ok(runs > 61)
  await loop.stop()
})

test('a key that is settled is passed over by the resync for as long as it is, and never by a wake-up', async () => {
  const clock = new VirtualClock()
  let runs = 0
  let isSettled = true
  const loop = loopOf(clock, {
    resyncMs: 30 * SECOND,
    keys: () => ['calm'],
    isSettled: () => isSettled,
    reconcile: async () => {
      runs++
      return undefined
    },
  })
  loop.start()
  await clock.advance(300 * SECOND)
  assert.equal(runs, 1)
  loop.wake('calm')
  await settle()
  assert.equal(runs, 2)
  isSettled = false
  await clock.advance(64 * SECOND)
  assert.ok(runs > 2)
  await loop.stop()
})

test('stop waits for the steps that run, tells them, and starts no other', async () => {
  const clock = new VirtualClock()
  const started: string[] = []
  let told = false
  const loop = loopOf(clock, {
    concurrency: 1,
    reconcile: async (key, signal) => {
      started.push(key)
      await clock.sleep(SECOND, signal).catch(() => {
        told = true
      })
      return undefined
    },
  })
  loop.wake('a')
  loop.wake('b')
  await settle()
  await loop.stop()
  assert.ok(told)
  loop.wake('c')
  await clock.advance(SECOND)
  assert.deepEqual(started, ['a'])
})
