/** The daemon itself goes and comes back, with and without live-restore, politely and by a crash; several daemons, one of them silent. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createDockerEngine, type DockerEngineOptions, EngineError } from '../../src/engines/index.ts'
import { hostId } from '../../src/model/index.ts'
import { systemClock, systemRandom } from '../../src/runtime/index.ts'
import { importTestImage, startDockerd, TEST_IMAGE } from '../support/docker.ts'
import { dockerBench, FOREVER, workloadsOf } from '../support/docker-bench.ts'
import { dockerHarness } from '../support/docker-engine.ts'
import { waitFor } from '../support/wait.ts'

const never = new AbortController().signal

const deaths = [
  { signal: 'SIGTERM', liveRestore: true },
  { signal: 'SIGKILL', liveRestore: true },
  { signal: 'SIGTERM', liveRestore: false },
  { signal: 'SIGKILL', liveRestore: false },
] as const
for (const { signal, liveRestore } of deaths)
  test(`a daemon that ${signal === 'SIGTERM' ? 'is stopped' : 'crashes'} and comes back ${liveRestore ? 'with' : 'without'} live-restore`, async () => {
    const harness = await dockerHarness({}, { liveRestore })
    try {
      const { daemon } = harness
      const bench = dockerBench(harness)
      const id = await bench.submit(bench.workload(liveRestore ? FOREVER : 'echo started; exec sleep 300'))
      await bench.said(id, 'started')
      const before = await bench.until(id, 'running')
      await daemon.down(signal)
      // Silence is not death: it is not said to have ended, whatever the daemon did to it while it went.
      const seen = await bench.observe(id)
      assert.ok(seen?.state === 'unknown' || (!liveRestore && seen?.state === 'ended'), JSON.stringify(seen))
      assert.equal((await harness.engine.hosts(never))[0]?.state, 'silent')
      await assert.rejects(bench.submit(bench.workload(FOREVER)), cause => cause instanceof EngineError && cause.retryable)
      await daemon.up()
      if (liveRestore) {
        const after = await bench.until(id, 'running')
        assert.equal(after.startedAt, before.startedAt)
        assert.equal((await bench.said(id, 'started')).split('started').length - 1, 1)
        await bench.stop(id, 1_000)
        assert.equal((await bench.until(id, 'ended')).reason?.code, 'killed-by-us')
      } else {
        // Whether the daemon ended it as it went or as it came back: it was not the program's doing.
        const ended = await waitFor(
          async () => {
            const seen = await bench.observe(id)
            return seen?.reason?.code === 'node-lost' && seen
          },
          { what: 'it ended with its daemon', seen: () => harness.warnings },
        )
        assert.equal(ended.state, 'ended')
      }
      const next = await bench.submit(bench.workload(FOREVER))
      await bench.until(next, 'running')
      await bench.stop(next)
      await bench.until(next, 'ended')
    } finally {
      await harness.dispose()
    }
  })

test('two daemons are two hosts; one that is silent hides nothing of the other', async () => {
  const daemons = await Promise.all([startDockerd(), startDockerd()])
  const [first, second] = daemons
  try {
    for (const daemon of daemons) await importTestImage(daemon)
    const owner = `test-${process.pid}-two`
    const open = (more: Partial<DockerEngineOptions> = {}) =>
      createDockerEngine({
        ...more,
        owner,
        daemons: daemons.map(({ socket }, i) => ({ host: hostId(`docker-${i}`), address: `unix://${socket}` })),
        clock: systemClock,
        random: systemRandom,
        pullPolicy: 'never',
        daemonTimeoutMs: 1_500,
        images: { agent: TEST_IMAGE },
        onWarning: () => undefined,
      })
    const engine = await open()
    const workload = workloadsOf({ owner, image: TEST_IMAGE, shell: script => ['sh', '-c', script] })
    // Without an image of its own it gets the engine's.
    const { image: _, ...plain } = workload(FOREVER)
    const other = workload(FOREVER)
    await assert.rejects(
      engine.submit(plain, undefined, never),
      cause => cause instanceof EngineError && /docker-0, docker-1/.test(cause.reason.mend ?? ''),
    )
    await engine.submit(plain, hostId('docker-0'), never)
    await engine.submit(other, hostId('docker-1'), never)
    const states = async () => Object.fromEntries((await engine.list(never)).map(({ id, state, host }) => [id, `${state} on ${host}`]))
    assert.deepEqual(await states(), { [plain.id]: 'running on docker-0', [other.id]: 'running on docker-1' })
    process.kill(second.pid, 'SIGSTOP')
    try {
      assert.deepEqual(await states(), { [plain.id]: 'running on docker-0', [other.id]: 'unknown on docker-1' })
      assert.deepEqual(
        (await engine.hosts(never)).map(({ id, state }) => [id, state]),
        [
          ['docker-0', 'ready'],
          ['docker-1', 'silent'],
        ],
      )
      // A Manor that is started now does not know what runs there, and does not say that nothing does.
      const fresh = await open()
      await assert.rejects(fresh.list(never), cause => cause instanceof EngineError && cause.retryable && /docker-1/.test(cause.message))
      await fresh.close()
      // One that is told what was placed there says of that alone that it is unknown.
      const told = await open({ placedOn: host => (host === 'docker-1' ? [{ id: other.id, labels: other.labels, ports: {} }] : []) })
      assert.deepEqual(
        (await told.list(never)).map(({ id, state, host }) => [id, state, host]),
        [
          [plain.id, 'running', 'docker-0'],
          [other.id, 'unknown', 'docker-1'],
        ],
      )
      await told.close()
    } finally {
      process.kill(second.pid, 'SIGCONT')
    }
    await waitFor(async () => (await states())[other.id] === 'running on docker-1', { what: 'it is seen again' })
    await engine.close()
    assert.ok(first.pid > 0)
  } finally {
    for (const daemon of daemons) await daemon.dispose()
  }
})
