/**
 * A real Marathon leaves two running tasks of a one-instance app after a change was refused (tests/fixtures/marathon-1.11, `two-tasks-*`). What
 * that does to a home, without our guards and with them.
 */
import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { startScript } from '../../src/engines/marathon/start-script.ts'
import type { Workload } from '../../src/model/index.ts'
import { clusterFromEnvironment, clusterHarness, type MarathonBench, marathonBench } from '../support/marathon-engine.ts'
import { shellController } from '../support/shell-workload.ts'
import { waitFor } from '../support/wait.ts'

const APP = '/manor/team-a/c-17'
const { signal } = new AbortController()

/** A controller in small: it writes its number into its home every few milliseconds, and goes on until it is told to end. */
const controller = (home: string, epoch = 1): Workload =>
  shellController('c-17', epoch, `while :; do echo $$ >>${home}/writers; sleep 0.02; done`)

/** Two changes by somebody else, the second while the first is carried out: the first is taken, the second refused. */
const changeTwice = async ({ double }: MarathonBench): Promise<void> => {
  const change = (mem: number): Promise<Response> =>
    fetch(`${double.urls[0]}/v2/apps${APP}`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ mem }),
    })
  assert.equal((await change(80)).status, 200)
  assert.equal((await change(90)).status, 409)
}

const writersOf = async (home: string, since: number): Promise<Set<string>> =>
  new Set((await readFile(join(home, 'writers'), 'utf8')).slice(since).split('\n').filter(Boolean))
const sizeOf = async (home: string): Promise<number> => (await readFile(join(home, 'writers'), 'utf8').catch(() => '')).length

const withHome = async (run: (home: string) => Promise<void>): Promise<void> => {
  const home = await mkdtemp(join(tmpdir(), 'manor-home-'))
  try {
    await run(home)
  } finally {
    await rm(home, { recursive: true, force: true })
  }
}

test('without the guards a home gets two writers', () =>
  withHome(async home => {
    await using bench = await marathonBench()
    const workload = controller(home)
    // Whoever asks is let in, and nobody looks after the app.
    bench.start.instead = url => {
      const query = url.searchParams
      const body = query.has('ended')
        ? ''
        : startScript(workload, { sandbox: query.get('dir') ?? '', ports: { http: 1 } }, query.get('task') ?? '')
      return { status: 200, body }
    }
    const engine = await bench.open('test', { pollMs: 3_600_000 })
    await engine.submit(workload, undefined, signal)
    await engine.close()
    await waitFor(async () => (await sizeOf(home)) > 0, { what: 'it writes' })
    await changeTwice(bench)
    const twoRun = (): boolean => bench.double.core.instancesOf(APP).filter(({ condition }) => condition === 'Running').length === 2
    await waitFor(twoRun, { what: 'two tasks run' })
    await waitFor(() => bench.double.core.deployments.size === 0, { what: 'no deployment is left' })
    const since = await sizeOf(home)
    await waitFor(async () => (await writersOf(home, since)).size === 2, { what: 'two write into one home at the same time' })
  }))

test('a task that Marathon starts beside or after the one that was let in is refused, though nobody looks', () =>
  withHome(async home => {
    await using bench = await marathonBench()
    // Neither looks, nor events, nor the report of the end: the desk alone stands between the home and a second writer.
    bench.double.faults.loseEvents()
    bench.start.instead = url => (url.searchParams.has('ended') ? { status: 503, body: '' } : undefined)
    const blind = await bench.open('test', { pollMs: 3_600_000 })
    await blind.submit(controller(home), undefined, signal)
    await waitFor(async () => (await sizeOf(home)) > 0, { what: 'it writes' })
    await waitFor(() => bench.double.core.deployments.size === 0, { what: 'it is deployed' })
    await changeTwice(bench)
    await waitFor(() => bench.seconds.length > 0, { what: 'a second task is refused' })
    assert.match(bench.seconds[0]?.why ?? '', /its place is held by .+: a volume has one writer/)
    assert.equal((await writersOf(home, 0)).size, 1)
    await blind.close()
    bench.start.instead = undefined
    const engine = await bench.open()
    await waitFor(async () => (await engine.list(signal))[0]?.state === 'ended', { what: 'the run has ended' })
    await waitFor(() => bench.double.core.instancesOf(APP).length === 0, { what: 'nothing of it runs' })
    const size = await sizeOf(home)
    assert.equal((await writersOf(home, 0)).size, 1)
    // The next run is a new epoch of the same noun, in the same app.
    await engine.submit(controller(home, 2), undefined, signal)
    await waitFor(async () => (await sizeOf(home)) > size, { what: 'the next run writes' })
    assert.equal((await writersOf(home, size)).size, 1)
  }))

test('of two tasks that run before either holds the home the newer is ended, within a poll', () =>
  withHome(async home => {
    await using bench = await marathonBench()
    // Both are held in front of the door until both stand there.
    let closed = true
    bench.start.instead = () => (closed ? { status: 503, body: '' } : undefined)
    const engine = await bench.open('test', { pollMs: 50 })
    await engine.submit(controller(home), undefined, signal)
    await waitFor(() => bench.double.core.instancesOf(APP).some(({ condition }) => condition === 'Running'), { what: 'a task runs' })
    await waitFor(() => bench.double.core.deployments.size === 0, { what: 'it is deployed' })
    await engine.close()
    await changeTwice(bench)
    const twoRun = (): boolean => bench.double.core.instancesOf(APP).filter(({ condition }) => condition === 'Running').length === 2
    await waitFor(twoRun, { what: 'two tasks run' })
    const again = await bench.open('test', { pollMs: 50 })
    // The older is kept while nobody holds the home.
    await waitFor(() => bench.seconds.some(({ why }) => /is older\.$/.test(why)), { what: 'the surplus task is ended' })
    closed = false
    await waitFor(async () => (await sizeOf(home)) > 0, { what: 'one writes' })
    await waitFor(async () => (await again.list(signal))[0]?.state === 'running', { what: 'it runs' })
    assert.equal(bench.double.core.instancesOf(APP).filter(({ condition }) => condition === 'Running').length, 1)
    assert.equal((await writersOf(home, 0)).size, 1)
    assert.match(bench.seconds[0]?.why ?? '', /Marathon ran 2 tasks of \/manor\/team-a\/c-17/)
  }))

const cluster = clusterFromEnvironment()

if (cluster !== undefined)
  test('on a Marathon that somebody else started: after a change that it refused nothing of the run is left, and no second task was let in', async context => {
    const harness = await clusterHarness(cluster)
    const { engine, client, group, owner, image } = harness
    try {
      const one = shellController('c-17', 1, 'echo started; while :; do sleep 1; done')
      const workload = { ...one, labels: { ...one.labels, owner }, ...(image === undefined ? {} : { image }) }
      const app = `${group}/${workload.tenant}/c-17`
      await engine.submit(workload, undefined, signal)
      const state = async (): Promise<string | undefined> => (await engine.list(signal)).find(({ id }) => id === workload.id)?.state
      await waitFor(async () => (await state()) === 'running', { what: 'it runs', withinMs: harness.patienceMs, seen: state })
      const isFree = async (): Promise<boolean> =>
        !(await client.deployments(signal)).some(({ affectedApps = [] }) => affectedApps.includes(app))
      await waitFor(isFree, { what: 'it is deployed', withinMs: harness.patienceMs })
      await client.change(app, { mem: 80 }, false, signal)
      await assert.rejects(client.change(app, { mem: 90 }, false, signal), /409/)
      await waitFor(async () => (await state()) === 'ended', { what: 'the run has ended', withinMs: harness.patienceMs, seen: state })
      const tasks = async (): Promise<number> => ((await client.app(app, signal))?.tasks ?? []).length
      await waitFor(async () => (await tasks()) === 0, { what: 'no task is left', withinMs: harness.patienceMs, seen: tasks })
      context.diagnostic(`second tasks: ${harness.seconds.map(({ why }) => why).join('; ') || 'all came after its end'}`)
      assert.equal((await engine.logs(workload.id, 10_000, signal)).match(/started/g)?.length, 1)
    } finally {
      await harness.dispose()
    }
  })
