/** What goes wrong with agents in real life, on a real controller: a broken template, a killed agent, a controller that is killed mid-build. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { AgentView, ControllerView, QueueItemView } from '../../src/api/contract.ts'
import { systemClock } from '../../src/runtime/index.ts'
import { Jobs } from '../support/jobs.ts'
import { ManorHome, processesOf, type RunningManor } from '../support/manor-process.ts'
import { waitFor } from '../support/wait.ts'

let home: ManorHome
let manor: RunningManor
let jobs: Jobs

const isReady = (): Promise<unknown> =>
  waitFor(async () => (await manor.get<ControllerView>('/api/v1/controllers/hello')).phase === 'ready', {
    what: 'hello is ready',
    withinMs: 90_000,
  })
const agentsOf = async (job: string): Promise<AgentView[]> =>
  (await manor.get<AgentView[]>('/api/v1/agents?controller=hello&live=false&limit=1000')).filter(({ task }) => task === job)
/** Processes of a live agent are found by its name, which is part of its workload's directory. */
const processOf = (agent: AgentView): number | undefined =>
  processesOf(home.directory).find(({ command }) => command.includes(agent.id) && /java/.test(command.split(' ')[0] ?? ''))?.pid

before(async () => {
  home = await ManorHome.make()
  manor = await home.up(['--no-sample', '--distribution', 'hudson'])
  await manor.post('/api/v1/controllers', { name: 'hello', memoryMb: 512, distribution: 'hudson' })
  await isReady()
  jobs = await Jobs.of(manor, 'hello')
})
after(() => home[Symbol.asyncDispose]())

test('a template whose command fails at once is tried a few times, and the queue item says why it waits', async () => {
  const put = await manor.request('/api/v1/templates/broken', {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ labels: ['broken'], takesUnlabelled: false, command: ['/bin/sh', '-c', 'echo no such tool >&2; exit 3'] }),
  })
  assert.ok(put.ok, await put.text())
  await jobs.create('doomed', 'echo never', 'broken')
  await jobs.build('doomed')
  let seen: QueueItemView | undefined
  const item = await waitFor(
    async () => {
      seen = (await manor.get<QueueItemView[]>('/api/v1/queue?controller=hello')).find(({ task }) => task === 'doomed')
      return seen?.reason?.code === 'template-broken' ? seen : undefined
    },
    { what: 'the item says that its template is broken', withinMs: 60_000, seen: () => seen },
  )
  assert.match(item.reason?.message ?? '', /broken/)
  assert.match(JSON.stringify(item.reason), /exit code 3|code 3/)
  const deadline = systemClock.monotonic() + 10_000
  await waitFor(() => systemClock.monotonic() > deadline, { what: 'ten more seconds', withinMs: 20_000 })
  const starts = (await agentsOf('doomed')).filter(({ launchedAt }) => launchedAt !== undefined).length
  assert.ok(starts >= 1 && starts <= 4, `${starts} starts`)
  const fixed = await manor.request('/api/v1/templates/broken', { method: 'DELETE' })
  assert.equal(fixed.status, 204)
})

test('a killed agent says so, its build fails, and an item that still waits gets another', async () => {
  await jobs.create('victim', 'echo begun; sleep 60', 'linux')
  await jobs.build('victim')
  const busy = await waitFor(async () => (await agentsOf('victim')).find(({ phase }) => phase === 'busy'), {
    what: 'the agent is busy',
    withinMs: 60_000,
  })
  const pid = processOf(busy)
  assert.ok(pid, `the process of ${busy.id} was found`)
  process.kill(pid, 'SIGKILL')
  const build = await jobs.finished('victim', 1)
  assert.equal(build.result, 'FAILURE')
  const ended = await waitFor(async () => (await agentsOf('victim')).find(({ id, phase }) => id === busy.id && phase === 'ended'), {
    what: 'the agent has ended',
  })
  assert.match(ended.reason?.message ?? '', /kill|signal|exit/i)
  assert.equal((await agentsOf('victim')).length, 1, 'a build that began is not begun again')
})

test('an agent killed before its build is replaced', async () => {
  await jobs.create('patient', 'echo done', 'linux')
  await jobs.build('patient')
  const launching = await waitFor(
    async () => {
      const agent = (await agentsOf('patient')).find(({ phase }) => phase === 'launching' || phase === 'online')
      return agent && processOf(agent) !== undefined ? agent : undefined
    },
    { what: 'an agent is on its way', withinMs: 30_000, everyMs: 20 },
  )
  const pid = processOf(launching)
  if (pid !== undefined) process.kill(pid, 'SIGKILL')
  const build = await jobs.finished('patient', 1)
  // The kill may have come a moment after the build began: then the build has failed, and that is right as well.
  const agents = await agentsOf('patient')
  if (build.result === 'SUCCESS') assert.equal(agents.length, 2)
  else assert.equal(agents.length, 1)
})

test('a controller killed mid-build comes back, its agent is not reaped before the controller has said what became of the build', async () => {
  await jobs.create('interrupted', 'echo begun; sleep 30', 'linux')
  await jobs.build('interrupted')
  const busy = await waitFor(async () => (await agentsOf('interrupted')).find(({ phase }) => phase === 'busy'), {
    what: 'the agent is busy',
    withinMs: 60_000,
  })
  const agentPid = processOf(busy)
  const before = await manor.get<ControllerView>('/api/v1/controllers/hello')
  const controller = processesOf(home.directory).find(({ command }) => command.includes('manor.hudson.Controller'))
  assert.ok(controller, 'the process of the controller was found')
  process.kill(controller.pid, 'SIGKILL')
  await waitFor(async () => (await manor.get<ControllerView>('/api/v1/controllers/hello')).epoch > before.epoch, {
    what: 'a new run',
    withinMs: 30_000,
  })
  assert.equal(processOf(busy), agentPid, 'the agent’s process lives on')
  await isReady()
  await jobs.create('afterwards', 'echo again', 'linux')
  await jobs.build('afterwards')
  assert.equal((await jobs.finished('afterwards', 1)).result, 'SUCCESS')
  await waitFor(async () => (await manor.get<AgentView[]>('/api/v1/agents?live=true')).length === 0, {
    what: 'every agent is gone',
    withinMs: 150_000,
  })
})
