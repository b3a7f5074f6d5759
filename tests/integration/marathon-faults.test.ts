/** What a Marathon does on a bad day, played by the double, and what becomes of controllers then. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { EngineError, type MarathonEngine } from '../../src/engines/index.ts'
import { type Observation, type Workload, type WorkloadId, workloadId } from '../../src/model/index.ts'
import { deadline, systemClock } from '../../src/runtime/index.ts'
import { type MarathonBench, marathonBench } from '../support/marathon-engine.ts'
import { shellController } from '../support/shell-workload.ts'
import { waitFor } from '../support/wait.ts'

const { signal } = new AbortController()
const FOREVER = 'trap "exit 0" TERM; echo ready; while :; do sleep 0.05; done'

const workload = (noun: string, script = FOREVER, extra: Partial<Workload> = {}): Workload => shellController(noun, 1, script, extra)

const see = async (engine: MarathonEngine, id: WorkloadId): Promise<Observation | undefined> =>
  (await engine.list(signal)).find(observation => observation.id === id)
const until = (engine: MarathonEngine, id: WorkloadId, state: Observation['state']): Promise<Observation> => {
  let last: Observation | undefined
  return waitFor(
    async () => {
      last = await see(engine, id)
      return last?.state === state ? last : undefined
    },
    { what: `${id} is ${state}`, seen: () => last },
  )
}
const run = async (engine: MarathonEngine, wanted: Workload): Promise<Observation> => {
  await engine.submit(wanted, undefined, signal)
  return until(engine, wanted.id, 'running')
}
const runningTasks = ({ double }: MarathonBench, app: string): number =>
  double.core.instancesOf(app).filter(({ condition }) => condition === 'Running').length
const refusal = async (work: Promise<unknown>): Promise<EngineError> => {
  const cause = await work.then(
    () => undefined,
    (error: unknown) => error,
  )
  assert.ok(cause instanceof EngineError, String(cause))
  return cause
}

test('a stop goes through the app’s own deployment that finds no room, which would hold it for ever', async () => {
  await using bench = await marathonBench({ hosts: [{ hostname: 'localhost', cpus: 1, mem: 100 }] })
  const engine = await bench.open()
  const big = workload('big', FOREVER, { resources: { cpu: 0.1, memoryMb: 5_000, diskMb: 0 } })
  await engine.submit(big, undefined, signal)
  await until(engine, big.id, 'placing')
  // Until an offer was looked at, Marathon's queue says no more than that it waits.
  const told = async (): Promise<string | undefined> => {
    const why = await engine.explain(big.id, signal)
    return why?.code === 'no-capacity' && /too little memory/.test(why.message) ? why.message : undefined
  }
  await waitFor(told, { what: 'it is explained' })
  assert.equal(bench.double.core.deployments.size, 1)
  await engine.stop(big.id, 0, signal)
  assert.equal((await until(engine, big.id, 'ended')).reason?.code, 'killed-by-us')
  await waitFor(() => bench.double.core.deployments.size === 0, { what: 'nothing is left of the deployment' })
  // Nothing that was refused with 409 went out.
  assert.deepEqual(
    bench.double.requests.filter(line => line.startsWith('PUT')),
    ['PUT /v2/apps/manor/team-a/big?force=true'],
  )
})

test('a deployment of somebody else that holds other apps too is waited for, and named', async () => {
  await using bench = await marathonBench()
  const engine = await bench.open()
  const held = workload('held')
  await run(engine, held)
  const id = bench.double.faults.stick(['/manor/team-a/held', '/other/app'])
  await engine.stop(held.id, 1_000, signal)
  assert.equal((await until(engine, held.id, 'stopping')).state, 'stopping')
  const why = await waitFor(() => engine.explain(held.id, signal), { what: 'it is explained' })
  assert.match(why.message, new RegExp(`${id}.*together with 1 more`))
  assert.ok(!bench.double.requests.some(line => line.startsWith('PUT')), 'a change was sent to a locked app')
  assert.equal(runningTasks(bench, '/manor/team-a/held'), 1)
  bench.double.faults.unstick(id)
  await until(engine, held.id, 'ended')
})

test('a new run waits for the app to be unlocked, without a change sent to it', async () => {
  await using bench = await marathonBench()
  const engine = await bench.open()
  const first = workload('again', 'exit 3')
  await engine.submit(first, undefined, signal)
  await until(engine, first.id, 'ended')
  const atRest = async (): Promise<boolean> => {
    const app = await engine.client.app('/manor/team-a/again', signal)
    return app?.instances === 0 && app.deployments?.length === 0
  }
  await waitFor(atRest, { what: 'its app is at rest' })
  const id = bench.double.faults.stick(['/manor/team-a/again'])
  const before = bench.double.requests.length
  const next = { ...workload('again'), id: workloadId('again.2'), labels: { ...first.labels, epoch: 2 } }
  const cause = await refusal(engine.submit(next, undefined, signal))
  assert.equal(cause.retryable, true)
  assert.match(cause.message, new RegExp(`deployment ${id} holds`))
  assert.ok(!bench.double.requests.slice(before).some(line => line.startsWith('PUT')))
  bench.double.faults.unstick(id)
  await run(engine, next)
  // A whole definition, of which nothing of the last run is left.
  assert.equal(
    bench.double.requests.findLast(line => line.startsWith('PUT')),
    'PUT /v2/apps/manor/team-a/again?partialUpdate=false',
  )
  // The evidence of the first stays until it is removed, and its removal takes nothing of the second away.
  assert.equal((await see(engine, first.id))?.exitCode, 3)
  await engine.remove(first.id, signal)
  assert.equal((await see(engine, next.id))?.state, 'running')
  const old = { ...workload('again'), id: workloadId('again.0'), labels: { ...first.labels, epoch: 0 } }
  assert.equal((await refusal(engine.submit(old, undefined, signal))).reason.code, 'invalid-spec')
})

test('a field that Marathon refuses is named, and nothing is left', async () => {
  await using bench = await marathonBench()
  const engine = await bench.open()
  bench.double.faults.answer('POST', /^\/v2\/apps$/, 422, {
    message: 'Object is not valid',
    details: [{ path: '/mem', errors: ['error.max'] }],
  })
  const wanted = workload('large')
  const cause = await refusal(engine.submit(wanted, undefined, signal))
  assert.equal(cause.reason.code, 'invalid-spec')
  assert.equal(cause.retryable, false)
  assert.match(cause.message, /\/mem is larger than may be/)
  assert.equal(await see(engine, wanted.id), undefined)
  await run(engine, wanted)
})

test('an answer that was lost is no second start', async () => {
  await using bench = await marathonBench()
  const engine = await bench.open()
  bench.double.faults.loseAnswer('POST', /^\/v2\/apps$/)
  const wanted = workload('lost')
  const cause = await refusal(engine.submit(wanted, undefined, signal))
  assert.equal(cause.retryable, true)
  await run(engine, wanted)
  assert.equal(runningTasks(bench, '/manor/team-a/lost'), 1)
  assert.equal(bench.seconds.length, 0)
})

test('a Marathon that has no leader is asked again, and another one is asked at once where there is one', async () => {
  await using bench = await marathonBench({ standbys: 1 })
  const engine = await bench.open()
  await run(engine, workload('steady'))
  bench.double.faults.answer('GET', /^\/v2\/apps/, 503, { message: 'Could not determine the current leader' })
  assert.equal((await engine.list(signal)).length, 1)
  bench.double.faults.answer('POST', /^\/v2\/apps/, 503, { message: 'Could not determine the current leader' })
  assert.equal((await refusal(engine.submit(workload('later'), undefined, signal))).retryable, true)
  await run(engine, workload('later'))
})

test('events that are lost cost time and nothing else; those in the wrong order do no harm', async () => {
  await using bench = await marathonBench()
  const engine = await bench.open()
  await waitFor(() => bench.double.events.count > 0, { what: 'events are followed' })
  bench.double.faults.loseEvents()
  const wanted = workload('quiet', 'sleep 0.3; exit 4')
  await engine.submit(wanted, undefined, signal)
  assert.equal((await until(engine, wanted.id, 'ended')).exitCode, 4)
  bench.double.faults.restore()
  bench.double.faults.reorderEvents()
  await run(engine, workload('mixed'))
})

test('a stream of events that is cut is taken up again, at whoever leads then', async () => {
  await using bench = await marathonBench({ standbys: 1 })
  // The standby alone is known, and looks come once an hour: what is told in time is told by events.
  const engine = await bench.open('test', { marathon: { urls: [bench.double.urls[1] ?? ''] }, pollMs: 3_600_000 })
  await waitFor(() => bench.double.events.count === 1, { what: 'events are followed at the leader' })
  for (const [noun, fault] of [
    ['first', () => bench.double.faults.cutEvents()],
    ['second', () => bench.double.faults.abdicate()],
  ] as const) {
    fault()
    await waitFor(() => bench.double.events.count === 1, { what: 'events are followed again' })
    const limit = deadline(systemClock, 20_000)
    const told = (async () => {
      for await (const hint of engine.watch(limit.signal)) if (hint.id === `${noun}.1` && hint.state === 'ended') return hint
      return undefined
    })()
    await engine.submit(workload(noun, 'sleep 0.2; exit 5'), undefined, signal)
    assert.equal((await told)?.exitCode, 5)
    limit.done()
  }
})

test('a slow Marathon is waited for, and given up by whoever has no time', async () => {
  await using bench = await marathonBench()
  const engine = await bench.open()
  await run(engine, workload('patient'))
  bench.double.faults.slow(/^\/v2\/apps/, 1_500)
  const limit = deadline(systemClock, 200)
  await assert.rejects(engine.list(limit.signal), cause => cause === limit.signal.reason)
  assert.equal((await engine.list(signal))[0]?.state, 'running')
})

test('a task that Marathon launches anew on other ports is not let in, and the run has ended', async () => {
  await using bench = await marathonBench()
  const engine = await bench.open()
  const wanted = workload('crashed')
  await run(engine, wanted)
  bench.double.faults.relaunch('/manor/team-a/crashed')
  const seen = await until(engine, wanted.id, 'ended')
  assert.equal(seen.exitCode, 137)
  await waitFor(() => bench.double.core.instancesOf('/manor/team-a/crashed').length === 0, { what: 'nothing runs for it' })
})

test('a controller on a silent host is unknown and is started nowhere else, however long that lasts', async () => {
  const hosts = [{ hostname: '127.0.0.1' }, { hostname: '127.0.0.2' }]
  await using bench = await marathonBench({ hosts, scaleCheckMs: 100 })
  const engine = await bench.open()
  const wanted = workload('silent')
  const { host } = await run(engine, wanted)
  bench.double.faults.loseHost(String(host))
  await until(engine, wanted.id, 'unknown')
  const checks = bench.double.requests.length
  // Many looks and scale checks later.
  await waitFor(() => bench.double.requests.length > checks + 30, { what: 'many looks were taken' })
  assert.equal(bench.double.core.instancesOf('/manor/team-a/silent').length, 1)
  assert.equal((await engine.hosts(signal)).find(({ id }) => id === host)?.state, 'silent')
  bench.double.faults.restoreHost(String(host))
  await until(engine, wanted.id, 'running')
  await engine.stop(wanted.id, 1_000, signal)
  await until(engine, wanted.id, 'ended')
})

test('while Manor is not there to be asked, a task waits; one that cannot ask backs off, and says so', async () => {
  await using bench = await marathonBench()
  let answer: { status: number; body: string } | undefined = { status: 503, body: '' }
  bench.start.instead = () => answer
  const engine = await bench.open()
  const wanted = workload('waits')
  await engine.submit(wanted, undefined, signal)
  await waitFor(() => bench.start.asked >= 2, { what: 'it has asked twice' })
  assert.equal((await see(engine, wanted.id))?.state, 'starting')
  answer = { status: 200, body: 'exit 75' }
  const seen = await waitFor(async () => (await see(engine, wanted.id))?.reason, { what: 'its failure is told' })
  assert.match(seen.message, /could not reach Manor/)
  answer = undefined
  await until(engine, wanted.id, 'running')
})

test('an app that somebody deletes in Marathon ends its run, and says who may have', async () => {
  await using bench = await marathonBench()
  const engine = await bench.open()
  // It is killed so fast that it tells nobody of its end.
  const wanted = workload('deleted')
  await run(engine, wanted)
  bench.start.instead = () => ({ status: 503, body: '' })
  await fetch(`${bench.double.urls[0]}/v2/apps/manor/team-a/deleted`, { method: 'DELETE' })
  const seen = await until(engine, wanted.id, 'ended')
  assert.equal(seen.reason?.code, 'evicted')
  assert.match(seen.reason?.mend ?? '', /operator/)
})

test('an app of ours whose record was lost is seen, stopped and removed by its labels', async () => {
  await using bench = await marathonBench()
  const engine = await bench.open()
  const wanted = workload('orphan')
  await run(engine, wanted)
  await engine.close()
  const elsewhere = await mkdtemp(join(tmpdir(), 'manor-marathon-'))
  try {
    const fresh = await bench.open('test', { directory: elsewhere })
    const seen = await see(fresh, wanted.id)
    assert.deepEqual(seen?.labels, wanted.labels)
    await fresh.stop(wanted.id, 1_000, signal)
    await until(fresh, wanted.id, 'ended')
    await fresh.remove(wanted.id, signal)
    assert.deepEqual(await fresh.list(signal), [])
    assert.equal(bench.double.core.apps.size, 0)
    await fresh.close()
  } finally {
    await rm(elsewhere, { recursive: true, force: true })
  }
})

test('an app of that path that is not ours is neither taken over nor touched', async () => {
  await using bench = await marathonBench()
  const engine = await bench.open()
  const theirs = { id: '/manor/team-a/taken', cmd: 'sleep 600', cpus: 0.1, mem: 32 }
  await engine.client.create(theirs, signal)
  const wanted = workload('taken')
  const cause = await refusal(engine.submit(wanted, undefined, signal))
  assert.equal(cause.retryable, false)
  assert.match(cause.message, /not this Manor's/)
  await engine.stop(wanted.id, 0, signal)
  assert.equal(bench.double.core.apps.size, 1)
  assert.deepEqual(await engine.list(signal), [])
})

test('Marathon behind a password is asked with it', async () => {
  await using bench = await marathonBench({ credentials: { user: 'manor', password: 'secret' } })
  const without = await bench.open('stranger')
  assert.match(
    (await refusal(without.submit(workload('x', FOREVER, { labels: { ...workload('x').labels, owner: 'stranger' } }), undefined, signal)))
      .message,
    /401|Unauthorized/,
  )
  const engine = await bench.open('test', {
    marathon: { urls: bench.double.urls, credentials: { kind: 'basic', user: 'manor', password: 'secret' } },
  })
  await run(engine, workload('inside'))
})

test('a health check that fails for ever never ends a controller', async () => {
  await using bench = await marathonBench()
  const engine = await bench.open('test', { healthPath: ({ labels }) => `/${labels.noun}/login` })
  const wanted = workload('gc')
  await run(engine, wanted)
  const [check] = bench.double.core.instancesOf('/manor/team-a/gc')[0]?.definition.healthChecks ?? []
  assert.deepEqual([check?.protocol, check?.path, check?.maxConsecutiveFailures], ['MESOS_HTTP', '/gc/login', 0])
})

test('one task a host: as many as there are agents, more when one comes, and not fewer when Mesos forgets for a while', async () => {
  const hosts = ['a', 'b', 'c'].map((hostname, index) => ({ hostname, ports: [31_000 + index * 10, 31_009 + index * 10] as const }))
  await using bench = await marathonBench({ hosts })
  const service = { run: { command: 'exec sleep 600' }, cpu: 0.1, memoryMb: 32, ports: {}, environment: {}, attributes: {} }
  const first = await bench.open('test', { perHost: [{ ...service, name: 'volumes' }] })
  const instances = (): unknown => bench.double.core.apps.get('/manor/on.each.host/volumes')?.json.instances
  const places = (): string[] =>
    bench.double.core
      .instancesOf('/manor/on.each.host/volumes')
      .filter(({ condition }) => condition === 'Running')
      .map(({ agent }) => agent?.hostname ?? '')
      .toSorted()
  await waitFor(() => places().length === 3, { what: 'one runs on each' })
  assert.deepEqual(places(), ['a', 'b', 'c'])
  bench.double.core.addHost({ hostname: 'd', ports: [31_100, 31_109] })
  await waitFor(() => places().length === 4, { what: 'one runs on the new one' })
  bench.double.faults.loseHost('d')
  const looks = bench.double.requests.length
  await waitFor(() => bench.double.requests.length > looks + 20, { what: 'many looks were taken' })
  assert.equal(instances(), 4)
  // The workloads' own list does not show it.
  assert.deepEqual(await first.list(signal), [])
  await first.close()
  // The next Manor describes it otherwise; the one after that has no such service.
  bench.double.faults.restoreHost('d')
  const second = await bench.open('test', { perHost: [{ ...service, name: 'volumes', cpu: 0.2 }] })
  const cpus = (): (number | undefined)[] =>
    bench.double.core.instancesOf('/manor/on.each.host/volumes').map(({ definition }) => definition.cpus)
  await waitFor(() => places().length === 4 && cpus().every(cpu => cpu === 0.2), { what: 'all are as it is described now', seen: cpus })
  await second.close()
  await bench.open()
  await waitFor(() => bench.double.core.apps.size === 0, { what: 'it is gone' })
})
