/** The lease of agents in containers of a real daemon: the watchdog beside the agent reads the file of its Manor through a mount. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { explainedByLease, keepLease, underLease } from '../../src/agents/lease.ts'
import { systemClock } from '../../src/runtime/index.ts'
import { dockerBench } from '../support/docker-bench.ts'
import { dockerHarness } from '../support/docker-engine.ts'
import { waitFor } from '../support/wait.ts'

const LEASE_MS = 4_000

test('an agent in a container goes on while its Manor renews, and ends by itself once it has been gone for the lease', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'manor-docker-lease-'))
  const harness = await dockerHarness()
  try {
    const lease = { file: join(directory, 'lease', 'beat'), leaseMs: LEASE_MS }
    const keeper = await keepLease({ ...lease, clock: systemClock, onError: cause => assert.fail(String(cause)) })
    const bench = dockerBench(harness)
    const mount = { source: dirname(lease.file), target: dirname(lease.file), readOnly: true }
    const command = underLease(['/bin/sh', '-c', 'echo started; exec sleep 600'], lease)
    const id = await bench.submit({ ...bench.workload(''), command, mounts: [mount] })
    await bench.said(id, 'started')
    const until = systemClock.monotonic() + 2 * LEASE_MS
    await waitFor(() => systemClock.monotonic() > until, { what: 'twice the lease has passed', withinMs: 3 * LEASE_MS })
    assert.equal((await bench.observe(id))?.state, 'running')

    await keeper.stop()
    const stoppedAt = systemClock.now()
    const ended = await bench.until(id, 'ended')
    assert.ok(systemClock.now() - stoppedAt >= LEASE_MS / 2, 'not before the lease is over')
    assert.match(await bench.said(id, 'Manor has been gone'), /Manor has been gone for \d+ s and the lease is 4 s: this agent ends itself/)
    assert.deepEqual([ended.exitCode, ended.reason?.code], [143, 'exit-code'])

    const back = await keepLease({ ...lease, clock: systemClock, onError: cause => assert.fail(String(cause)) })
    await back.stop()
    assert.ok(back.absence, 'Manor knows since when it was gone')
    const { reason } = explainedByLease(ended, back.absence, LEASE_MS)
    assert.equal(reason?.code, 'lease-ended')
    assert.match(reason?.message ?? '', /^It ended by itself: Manor had been gone for \d+ s\.$/)
  } finally {
    await harness.dispose()
    await rm(directory, { recursive: true, force: true })
  }
})
