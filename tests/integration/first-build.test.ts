/** The whole product, as a new user runs it: real Hudson, real agent, real build. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AgentView, ControllerView, EventView, HostView, StatusView } from '../../src/api/contract.ts'
import { Jobs } from '../support/jobs.ts'
import { ManorHome, processesOf, type RunningManor, runManor } from '../support/manor-process.ts'
import { waitFor } from '../support/wait.ts'

const controllerOf = async (manor: { get<T>(path: string): Promise<T> }, name: string): Promise<ControllerView> =>
  manor.get<ControllerView>(`/api/v1/controllers/${name}`)

test('manor up --once: a sample build ends with SUCCESS, and nothing is left', async () => {
  await using home = await ManorHome.make()
  const started = performance.now()
  const { code, stdout, stderr } = await runManor(['up', '--once', '--home', home.directory, '--port', '0'])
  assert.equal(code, 0, stdout + stderr)
  assert.match(stdout, /Hudson|Jenkins/, 'it says which distribution it took')
  assert.match(stdout, /SUCCESS/)
  assert.ok(performance.now() - started < 90_000, 'within 90 s')
  assert.deepEqual(processesOf(home.directory), [])
})

test('ctrl-C stops Manor alone; up again adopts the controller, and a build that ran goes on', async () => {
  await using home = await ManorHome.make()
  const first = await home.up(['--no-sample', '--distribution', 'hudson'])
  await first.post('/api/v1/controllers', { name: 'hello', memoryMb: 512, distribution: 'hudson' })
  const before = await waitFor(
    async () => {
      const view = await controllerOf(first, 'hello')
      return view.phase === 'ready' ? view : undefined
    },
    { what: 'hello is ready', withinMs: 90_000 },
  )
  const jobs = await Jobs.of(first, 'hello')
  await jobs.create('long', 'for i in 1 2 3 4 5 6 7 8 9 10 11 12; do echo step $i; sleep 1; done', 'linux')
  await jobs.build('long')
  await waitFor(() => jobs.state('long', 1), { what: 'the build runs' })
  assert.equal(await first.interrupt(), 0)
  assert.ok(processesOf(home.directory).length > 0, 'the controller and its agent go on')

  const second = await home.up(['--no-sample', '--distribution', 'hudson'])
  const after = await controllerOf(second, 'hello')
  assert.deepEqual([after.phase, after.epoch], ['ready', before.epoch], 'no restart')
  const build = await jobs.through(second).finished('long', 1)
  assert.equal(build.result, 'SUCCESS')
  assert.match(await jobs.through(second).log('long', 1), /step 12/)
  const agents = await second.get<AgentView[]>('/api/v1/agents?controller=hello&live=false')
  assert.equal(agents.length, 1, 'exactly one agent ran for it')
  await waitFor(async () => (await second.get<AgentView[]>('/api/v1/agents?controller=hello&live=true')).length === 0, {
    what: 'the agent is gone',
  })

  const down = await home.command('down')
  assert.equal(down.code, 0, down.stderr)
  assert.match(down.stdout, /hello/, 'it says what it stopped')
  assert.deepEqual(processesOf(home.directory), [])
})

/** Milliseconds since the first was queued, an agent a line, for whoever looks at a failure. */
const timesOf = (agents: readonly AgentView[]): string => {
  const start = Math.min(...agents.map(({ queuedAt }) => queuedAt))
  const since = (at: number | undefined): string => (at === undefined ? '-' : String(at - start)).padStart(7)
  return agents
    .toSorted((a, b) => (a.placedAt ?? 0) - (b.placedAt ?? 0))
    .map(
      ({ id, queuedAt, placedAt, onlineAt, busyAt, endedAt, reason }) =>
        `${id.padEnd(28)} queued ${since(queuedAt)} placed ${since(placedAt)} online ${since(onlineAt)} busy ${since(busyAt)} ended ${since(endedAt)} ${reason?.message ?? ''}`,
    )
    .join('\n')
}

/** What a controller has waiting is known to Manor after this long, also on a busy machine. */
const REPORTED_AFTER_MS = 5_000

/**
 * Whoever was given a place held no more than any other controller that had builds waiting then, or one more: places come free at moments of
 * their own, and a report may be on its way.
 */
const assertFairTurns = (agents: readonly AgentView[], names: readonly string[]): void => {
  const placed = agents.map(agent => ({ ...agent, placedAt: agent.placedAt ?? Number.POSITIVE_INFINITY }))
  const heldBy = (name: string, at: number, andAtOnce: boolean): number =>
    placed.filter(
      ({ controller, placedAt, endedAt = Number.POSITIVE_INFINITY }) =>
        controller === name && (placedAt < at || (andAtOnce && placedAt === at)) && endedAt > at,
    ).length
  const waits = (name: string, at: number): boolean =>
    placed.some(({ controller, queuedAt, placedAt }) => controller === name && queuedAt < at - REPORTED_AFTER_MS && placedAt > at)
  for (const { controller, placedAt } of placed)
    for (const other of names)
      if (other !== controller && waits(other, placedAt))
        assert.ok(
          // Places that are given at the same moment were given one after the other.
          heldBy(controller, placedAt, false) <= heldBy(other, placedAt, true) + 1,
          `${controller} was given a place before ${other}, which held less\n${timesOf(agents)}`,
        )
}

/** What a build that did not succeed said, and what Manor did about its agent. */
const storyOf = async (
  manor: RunningManor,
  build: { readonly jobs: Jobs | undefined; readonly job: string } | undefined,
  agent: string,
): Promise<string> => {
  const events = await manor.get<EventView[]>(`/api/v1/events?subject=${agent}&limit=100`)
  const lines = events.map(({ at, type, message, data }) => `${at} ${type} ${message} ${JSON.stringify(data ?? {})}`)
  return [`${build?.job} did not succeed on ${agent}.`, await build?.jobs?.log(build.job, 1), ...lines].join('\n')
}

test('20 builds over 3 controllers all finish, never more agents than the host can hold, in fair turns', async t => {
  await using home = await ManorHome.make()
  const manor = await home.up(['--no-sample', '--distribution', 'hudson'])
  const names = ['team-a', 'team-b', 'team-c']
  for (const name of names) await manor.post('/api/v1/controllers', { name, memoryMb: 512, cpu: 0.25, distribution: 'hudson' })
  // Room for four agents at a time, so that there is something to be fair about.
  const template = await manor.request('/api/v1/templates/default', {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ labels: ['linux'], takesUnlabelled: true, resources: { cpu: 0.25, memoryMb: 256, diskMb: 256 } }),
  })
  assert.ok(template.ok, await template.text())
  const all = await Promise.all(
    names.map(async name => {
      await waitFor(async () => (await controllerOf(manor, name)).phase === 'ready', { what: `${name} is ready`, withinMs: 120_000 })
      return Jobs.of(manor, name)
    }),
  )
  const builds = Array.from({ length: 20 }, (_, i) => ({ jobs: all[i % 3], job: `job-${i}` }))
  for (const { jobs, job } of builds) await jobs?.create(job, 'sleep 2; echo done', 'linux')
  await Promise.all(builds.map(({ jobs, job }) => jobs?.build(job)))
  let most = 0
  const [host] = await manor.get<HostView[]>('/api/v1/hosts')
  assert.ok(host)
  await waitFor(
    async () => {
      const [live, now] = await Promise.all([manor.get<AgentView[]>('/api/v1/agents?live=true'), manor.get<HostView[]>('/api/v1/hosts')])
      most = Math.max(most, live.filter(({ phase }) => phase !== 'queued').length)
      for (const { usedByAgents, usedByControllers, capacity } of now) {
        assert.ok(usedByAgents.memoryMb + usedByControllers.memoryMb <= capacity.memoryMb, 'never more memory than there is')
        assert.ok(usedByAgents.cpu + usedByControllers.cpu <= capacity.cpu + 1e-9, 'never more cpu than there is')
      }
      const states = await Promise.all(builds.map(({ jobs, job }) => jobs?.state(job, 1)))
      const lost = [...states.entries()].find(
        ([, state]) => state?.building === false && state.result !== null && state.result !== 'SUCCESS',
      )
      if (lost !== undefined) assert.fail(await storyOf(manor, builds[lost[0]], lost[1]?.builtOn ?? ''))
      return states.every(state => state?.result === 'SUCCESS')
    },
    { what: 'all 20 builds succeed', withinMs: 240_000, everyMs: 500 },
  )
  const agents = await manor.get<AgentView[]>('/api/v1/agents?live=false&limit=1000')
  const started = agents.filter(({ launchedAt }) => launchedAt !== undefined)
  assert.equal(started.length, 20, `one agent was started for each build\n${timesOf(agents)}`)
  t.diagnostic(`at most ${most} agents at a time`)
  assertFairTurns(started, names)
  const status = await manor.get<StatusView>('/api/v1/status')
  assert.equal(status.queued, 0)
})
