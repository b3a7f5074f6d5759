/**
 * The faults that Docker's own history knows (half events, idle cuts, lost answers, conflicts of names, stops that hang, restarts), played
 * between Manor and a real daemon. What the conformance suite plays already is not repeated.
 */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { containerName } from '../../src/engines/docker/labels.ts'
import { type DockerEngine, EngineError } from '../../src/engines/index.ts'
import { hostId, type Observation, type WorkloadId } from '../../src/model/index.ts'
import { deadline, systemClock } from '../../src/runtime/index.ts'
import { type DockerBench, dockerBench, FOREVER } from '../support/docker-bench.ts'
import { type DockerHarness, dockerHarness } from '../support/docker-engine.ts'
import { waitFor } from '../support/wait.ts'

const never = new AbortController().signal
let harness: DockerHarness
let bench: DockerBench

before(async () => {
  harness = await dockerHarness()
  bench = dockerBench(harness)
})
after(() => harness.dispose())

const startedOnce = async (id: WorkloadId): Promise<void> => {
  const log = await bench.said(id, 'started')
  assert.equal(log.split('started').length - 1, 1, log)
}

/** Follows hints until one is right. */
const hinted = async (engine: DockerEngine, right: (observation: Observation) => boolean, act: () => Promise<unknown>): Promise<void> => {
  const limit = deadline(systemClock, 30_000)
  const watching = (async () => {
    for await (const hint of engine.watch(limit.signal)) if (right(hint)) return true
    return false
  })()
  try {
    await act()
    assert.ok(await watching, 'no such hint came')
  } finally {
    limit.done()
  }
}

test('events are understood in pieces of three bytes, and many in one', async () => {
  harness.proxy.eventPieces = 3
  // The stream that stands was opened before: it is handed on in pieces, too.
  try {
    const wanted = bench.workload('echo über; exit 4')
    await hinted(
      harness.engine,
      ({ id, state, exitCode }) => id === wanted.id && state === 'ended' && exitCode === 4,
      () => bench.submit(wanted),
    )
  } finally {
    harness.proxy.eventPieces = undefined
  }
})

test('a stream that fell silent without an end is begun anew, and what was missed is told', async () => {
  const engine = await harness.open({ eventsIdleMs: 1_000 })
  const wanted = bench.workload('exit 3')
  await waitFor(() => engine.list(never).then(() => true), { what: 'the engine has looked' })
  harness.proxy.eventsAreHeld = true
  await bench.submit(wanted)
  await bench.until(wanted.id, 'ended')
  await hinted(
    engine,
    ({ id }) => id === wanted.id,
    async () => {
      harness.proxy.eventsAreHeld = false
      await bench.submit(bench.workload('exit 0'))
    },
  )
  await engine.close()
})

test('more events missed than a daemon remembers cost nothing but a look', async () => {
  const { client } = harness.daemon
  harness.proxy.eventsAreHeld = true
  const lives = await bench.submit(bench.workload(FOREVER))
  const dies = await bench.submit(bench.workload('tail /dev/zero; exit 5'))
  await bench.until(dies, 'ended')
  for (let i = 0; i < 150; i++) {
    await client.createVolume(`noise-${i}`, {}, never)
    await client.removeVolume(`noise-${i}`, never)
  }
  harness.proxy.eventsAreHeld = false
  harness.proxy.cutEvents()
  const seen = await bench.until(dies, 'ended')
  assert.equal(seen.reason?.code, 'oom-child')
  assert.equal((await bench.until(lives, 'running')).id, lives)
  await bench.stop(lives)
})

for (const [call, path] of [
  ['create', /^\/containers\/create/],
  ['archive', /\/archive/],
  ['start', /\/start/],
] as const)
  for (const kind of ['answer-lost', 'cut'] as const)
    test(`a submit whose ${call} was ${kind === 'cut' ? 'never heard' : 'done but not answered'} says so, and the next one starts it once`, async () => {
      const wanted = bench.workload(FOREVER)
      // On this machine private files go the short way; the daemon is asked to unpack them where it is on another.
      const daemons = [{ host: hostId('docker-1'), address: `unix://${harness.proxy.socket}`, volumesAreOwn: false }]
      const engine = call === 'archive' ? await harness.open({ daemons }) : harness.engine
      harness.proxy.fail(call === 'archive' ? 'PUT' : 'POST', path, { kind })
      await assert.rejects(
        engine.submit(wanted, harness.host, never),
        cause => cause instanceof EngineError && cause.retryable && cause.reason.code === 'node-lost',
      )
      await engine.submit(wanted, harness.host, never)
      await bench.until(wanted.id, 'running')
      await startedOnce(wanted.id)
      await bench.stop(wanted.id)
    })

test('a container that a crash left before its start is not told, is gone on with when asked, and is swept when nobody asks', async () => {
  const wanted = bench.workload(FOREVER)
  const nobodys = bench.workload(FOREVER)
  for (const workload of [wanted, nobodys]) {
    harness.proxy.fail('POST', /\/start/, { kind: 'cut' })
    await assert.rejects(bench.submit(workload), EngineError)
  }
  const engine = await harness.open({ orphanGraceMs: 1_500 })
  assert.deepEqual(
    (await engine.list(never)).filter(({ id }) => id === wanted.id || id === nobodys.id),
    [],
  )
  await engine.submit(wanted, harness.host, never)
  const { client } = harness.daemon
  await waitFor(async () => (await client.inspectContainer(containerName(harness.owner, nobodys.id), never)) === undefined, {
    what: 'the container that nobody asked for is gone',
  })
  await bench.until(wanted.id, 'running')
  await startedOnce(wanted.id)
  await engine.close()
  await bench.stop(wanted.id)
})

test("a container of somebody else's that has the name is left alone, and named", async () => {
  const wanted = bench.workload(FOREVER)
  const name = containerName(harness.owner, wanted.id)
  const { client } = harness.daemon
  const id = await client.createContainer(name, { Image: harness.image, Cmd: ['true'] }, never)
  await assert.rejects(bench.submit(wanted), cause => cause instanceof EngineError && !cause.retryable && cause.message.includes(name))
  assert.ok(await client.inspectContainer(id, never))
  await client.removeContainer(id, true, never)
})

const refusals: readonly (readonly [what: string, path: RegExp, status: number, message: string, code: string, retryable: boolean])[] = [
  ['a full disk', /^\/containers\/create/, 500, 'mkdir /x: no space left on device', 'disk-limit', true],
  ['a device that is not there', /\/start/, 500, 'error gathering device information while adding "/dev/kvm"', 'invalid-spec', false],
  ['an image that vanished', /^\/containers\/create/, 404, 'No such image: x', 'image-pull', true],
  ['a daemon that is overloaded', /\/start/, 500, 'context deadline exceeded', 'launch-timeout', true],
]
for (const [what, path, status, message, code, retryable] of refusals)
  test(`a start that fails for ${what} is ${code}, leaves nothing, and may ${retryable ? '' : 'not '}be tried again`, async () => {
    const wanted = bench.workload(FOREVER)
    harness.proxy.fail('POST', path, { kind: 'answer', status, message })
    await assert.rejects(
      bench.submit(wanted),
      cause => cause instanceof EngineError && cause.reason.code === code && cause.retryable === retryable,
    )
    assert.equal(await harness.daemon.client.inspectContainer(containerName(harness.owner, wanted.id), never), undefined)
    await bench.submit(wanted)
    await bench.until(wanted.id, 'running')
    await bench.stop(wanted.id)
  })

test('a chosen port that turns out to be taken is chosen anew', async () => {
  const wanted = bench.workload(FOREVER, { ports: { http: 0 } })
  harness.proxy.fail(
    'POST',
    /\/start/,
    { kind: 'answer', status: 500, message: 'Bind for 127.0.0.1:1 failed: port is already allocated' },
    2,
  )
  await bench.submit(wanted)
  const { ports } = await bench.until(wanted.id, 'running')
  assert.ok((ports.http ?? 0) > 0)
  await bench.stop(wanted.id)
})

test('a signal that hangs does not hold up the kill', async () => {
  const id = await bench.submit(bench.workload(`trap '' TERM; ${FOREVER.replace("trap 'exit 0' TERM;", '')}`))
  await bench.said(id, 'started')
  harness.proxy.fail('POST', /\/kill/, { kind: 'hang' })
  await bench.stop(id, 500)
  const seen = await bench.until(id, 'ended')
  assert.equal(seen.reason?.code, 'killed-by-us')
})

test('a stop whose record was not answered says so; asked again, it holds', async () => {
  const id = await bench.submit(bench.workload(FOREVER))
  await bench.said(id, 'started')
  harness.proxy.fail('POST', /^\/volumes\/create/, { kind: 'answer-lost' })
  await assert.rejects(bench.stop(id, 5_000), EngineError)
  await bench.stop(id, 5_000)
  const seen = await bench.until(id, 'ended')
  assert.equal(seen.reason?.code, 'killed-by-us')
})

test('a removal that was done but not answered is asked again', async () => {
  const id = await bench.submit(bench.workload('exit 0'))
  await bench.until(id, 'ended')
  harness.proxy.fail('DELETE', /^\/containers/, { kind: 'answer-lost' })
  await assert.rejects(harness.engine.remove(id, never), EngineError)
  await harness.engine.remove(id, never)
  assert.equal(await bench.observe(id), undefined)
})

test("whoever kills a container by hand is not taken for Manor, nor for its memory's limit", async () => {
  const id = await bench.submit(bench.workload(FOREVER))
  await bench.said(id, 'started')
  assert.ok(await harness.daemon.client.killContainer(containerName(harness.owner, id), 'SIGKILL', never))
  const { reason, exitCode } = await bench.until(id, 'ended')
  assert.equal(exitCode, 137)
  assert.equal(reason?.code, 'exit-code')
  assert.match(reason.message, /neither by Manor nor for its memory limit/)
})

test('a JVM that ran out of its own heap is told from one that met the limit', async () => {
  const id = await bench.submit(
    bench.workload('echo "Terminating due to java.lang.OutOfMemoryError: Java heap space"; exit 3', {
      resources: { cpu: 1, memoryMb: 512, diskMb: 0 },
    }),
  )
  const { reason } = await bench.until(id, 'ended')
  assert.equal(reason?.code, 'oom-heap')
  assert.match(reason.message, /Java heap space/)
  assert.match(reason.mend ?? '', /MaxRAMPercentage/)
})

test('an error inside a pull that was answered with 200 is found', async () => {
  const engine = await harness.open({ pullPolicy: 'always' })
  const text = '{"status":"Pulling from x"}\n{"errorDetail":{"message":"manifest unknown: no such tag"},"error":"manifest unknown"}\n'
  harness.proxy.fail('POST', /^\/images\/create/, { kind: 'body', text })
  await assert.rejects(
    engine.submit(bench.workload(FOREVER, { image: '127.0.0.1:1/x:1' }), harness.host, never),
    cause => cause instanceof EngineError && cause.reason.code === 'image-pull' && /no such tag/.test(cause.message) && !cause.retryable,
  )
  // The daemon's own word on a registry where nobody listens.
  await assert.rejects(
    engine.submit(bench.workload(FOREVER, { image: '127.0.0.1:1/x:1' }), harness.host, never),
    cause => cause instanceof EngineError && cause.reason.code === 'image-pull' && cause.retryable,
  )
  await engine.close()
})

test('the oldest version that is spoken works; an older daemon is a silent host that says what mends it', async () => {
  harness.proxy.apiVersion = '1.40'
  const old = await harness.open({})
  const wanted = bench.workload('echo started; exit 2')
  await old.submit(wanted, harness.host, never)
  await waitFor(async () => (await old.list(never)).find(({ id, state }) => id === wanted.id && state === 'ended'), { what: 'it ended' })
  await old.close()
  harness.proxy.apiVersion = '1.39'
  try {
    const older = await harness.open({})
    await assert.rejects(older.list(never), cause => cause instanceof EngineError && /19\.03/.test(cause.reason.mend ?? ''))
    const [host] = await older.hosts(never)
    assert.equal(host?.state, 'silent')
    assert.match(host?.reason?.message ?? '', /1\.39/)
    await older.close()
  } finally {
    harness.proxy.apiVersion = undefined
  }
})

test('a slow daemon is waited for, and its host is silent only beyond the bound', async () => {
  harness.proxy.fail('GET', /^\/containers\/json/, { kind: 'late', ms: 700 })
  const id = await bench.submit(bench.workload('exit 0'))
  await bench.until(id, 'ended')
  harness.proxy.fail('GET', /^\/info/, { kind: 'hang' })
  assert.equal((await harness.engine.hosts(never))[0]?.state, 'silent')
  assert.equal((await harness.engine.hosts(never))[0]?.state, 'ready')
})
