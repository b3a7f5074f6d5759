import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { WorkloadId } from '../../model/index.ts'
import { deadline } from '../../runtime/index.ts'
import type { Engine } from '../engine.ts'
import { declared } from './declared.ts'
import type { Bench, EngineCapabilities } from './harness.ts'

/** Fails where a declared means of the harness is missing, so that a declaration cannot be a mere word. */
const means = <Means>(given: Means | undefined, name: string): Means => {
  assert.ok(given !== undefined, `the capability is declared, so the harness needs ${name}`)
  return given
}

const CALLS: readonly (readonly [name: string, call: (engine: Engine, bench: Bench, signal: AbortSignal) => Promise<unknown>])[] = [
  ['submit', (engine, { workload, harness }, signal) => engine.submit(workload('exit 0'), harness.host, signal)],
  ['stop', (engine, { workload }, signal) => engine.stop(workload('').id, 0, signal)],
  ['remove', (engine, { workload }, signal) => engine.remove(workload('').id, signal)],
  ['list', (engine, _bench, signal) => engine.list(signal)],
  ['hosts', (engine, _bench, signal) => engine.hosts(signal)],
  ['explain', (engine, { workload }, signal) => engine.explain(workload('').id, signal)],
  ['logs', (engine, { workload }, signal) => engine.logs(workload('').id, 10, signal)],
]

/** Owners, hints, and a far side that fails. */
export const farSideTests = (bench: () => Bench, capabilities: EngineCapabilities): void => {
  test("another owner's workloads are neither listed nor touched", async () => {
    const { harness, workload, observe, signal } = bench()
    const owner = `${harness.owner}-other`
    const other = await harness.engineOf(owner)
    const theirs = workload('while :; do sleep 0.1; done', { labels: { owner, kind: 'agent', noun: 'x', epoch: 1 } })
    await other.submit(theirs, harness.host, signal)
    const listed = async (): Promise<readonly WorkloadId[]> => (await other.list(signal)).map(({ id }) => id)
    assert.deepEqual(await listed(), [theirs.id])
    assert.equal(await observe(theirs.id), undefined)
    await harness.engine.stop(theirs.id, 0, signal)
    await harness.restart()
    assert.equal(await observe(theirs.id), undefined)
    const mine = await harness.engine.list(signal)
    assert.ok(mine.every(({ labels }) => labels.owner === harness.owner))
    const [seen] = await other.list(signal)
    assert.notEqual(seen?.state, 'ended')
    await other.stop(theirs.id, 0, signal)
    const limit = harness.clock.monotonic() + harness.patienceMs
    while ((await other.list(signal)).some(({ state }) => state !== 'ended')) {
      assert.ok(harness.clock.monotonic() < limit, 'it did not end for its own owner')
      await harness.clock.sleep(20)
    }
    await other.remove(theirs.id, signal)
    assert.deepEqual(await listed(), [])
  })

  test('watch tells of an end, and after a gap list has what was missed', async () => {
    const { harness, workload, submit, ended } = bench()
    const first = await hintOf(bench(), async () => submit(workload('sleep 0.3; exit 0')))
    assert.ok(first)
    // Nobody watches while this one ends.
    const missed = await submit(workload('exit 6'))
    assert.equal((await ended(missed)).exitCode, 6)
    await harness.restart()
    assert.equal((await ended(missed)).exitCode, 6)
    assert.ok(await hintOf(bench(), async () => submit(workload('sleep 0.3; exit 0'))))
  })

  for (const [name, call] of CALLS)
    test(`${name} is abandoned where its signal has aborted`, async () => {
      const reason = new Error('given up by the test')
      await assert.rejects(call(bench().harness.engine, bench(), AbortSignal.abort(reason)), cause => cause === reason)
    })

  test('watch ends where its signal aborts', async () => {
    const { harness } = bench()
    const giveUp = new AbortController()
    const watching = (async () => {
      for await (const _hint of harness.engine.watch(giveUp.signal));
    })()
    await harness.clock.sleep(20)
    giveUp.abort()
    // It may end quietly or with the reason: it must not go on.
    await watching.catch(cause => assert.equal(cause, giveUp.signal.reason))
  })

  declared(capabilities.hangs, 'a hung call is abandoned when its signal aborts', async () => {
    const { harness } = bench()
    const { restore } = await means(harness.hang?.bind(harness), 'hang')()
    try {
      for (const [name, call] of CALLS) {
        const limit = deadline(harness.clock, 200)
        await assert.rejects(call(harness.engine, bench(), limit.signal), cause => cause === limit.signal.reason, name)
        limit.done()
      }
    } finally {
      await restore()
    }
  })

  declared(capabilities.hostLoss, 'a lost host makes its workloads unknown, and they come back with it', async () => {
    const { harness, workload, submit, until, signal } = bench()
    const id = await submit(workload('while :; do sleep 0.1; done'))
    const before = await until(id, 'running', ({ state }) => state === 'running')
    const { restore } = await means(harness.loseHost?.bind(harness), 'loseHost')()
    try {
      await until(id, 'unknown', ({ state }) => state === 'unknown')
      const hosts = await harness.engine.hosts(signal)
      assert.equal(hosts.find(host => host.id === before.host)?.state ?? 'silent', 'silent')
    } finally {
      await restore()
    }
    assert.equal((await until(id, 'running again', ({ state }) => state === 'running')).startedAt, before.startedAt)
    await harness.engine.stop(id, 0, signal)
  })

  declared(capabilities.watchGaps, 'hints come again after their stream was cut', async () => {
    const { harness, workload, submit } = bench()
    const hint = hintOf(bench(), async () => {
      await means(harness.cutWatch?.bind(harness), 'cutWatch')()
      return submit(workload('sleep 0.5; exit 0'))
    })
    assert.ok(await hint)
  })
}

/** Whether watch says something of a workload that `start` starts while it is watched. */
const hintOf = async (bench: Bench, start: () => Promise<WorkloadId>): Promise<boolean> => {
  const { harness } = bench
  const limit = deadline(harness.clock, harness.patienceMs)
  let wanted: Promise<WorkloadId> | undefined
  try {
    const watching = harness.engine.watch(limit.signal)[Symbol.asyncIterator]()
    // The watch stands once it has been asked for its first hint.
    let next = watching.next()
    await harness.clock.sleep(50)
    wanted = start()
    for (;;) {
      const { done, value } = await next
      if (done) return false
      if (value.id === (await wanted)) return true
      next = watching.next()
    }
  } finally {
    limit.done()
    await wanted
  }
}
