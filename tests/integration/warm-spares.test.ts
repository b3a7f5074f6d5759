/** Warm spares with a real controller and real agents: what they save between a queue and a build, and that nothing of them is left. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AgentView, ControllerView } from '../../src/api/contract.ts'
import { Jobs } from '../support/jobs.ts'
import { ManorHome, processesOf, type RunningManor } from '../support/manor-process.ts'
import { waitFor } from '../support/wait.ts'

const agentsOf = (manor: RunningManor, live: boolean): Promise<AgentView[]> => manor.get<AgentView[]>(`/api/v1/agents?live=${live}`)

/** A spare that is connected, and no other agent. */
const onlySpare = (manor: RunningManor): Promise<AgentView> =>
  waitFor(
    async () => {
      const [agent, ...others] = await agentsOf(manor, true)
      return others.length === 0 && agent?.phase === 'online' && agent.item === undefined && agent
    },
    { what: 'one warm spare is connected', withinMs: 90_000 },
  )

test('a build begins on the connected spare, another takes its place, and a stopped controller has none', async t => {
  await using home = await ManorHome.make()
  const manor = await home.up(['--no-sample', '--distribution', 'hudson'])
  const applied = await manor.request('/api/v1/templates/default', {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ labels: ['linux'], takesUnlabelled: true, resources: { cpu: 0.25, memoryMb: 256, diskMb: 256 }, spares: 1 }),
  })
  assert.ok(applied.ok, await applied.text())
  await manor.post('/api/v1/controllers', { name: 'hello', memoryMb: 512, cpu: 0.25, distribution: 'hudson' })
  await waitFor(async () => (await manor.get<ControllerView>('/api/v1/controllers/hello')).phase === 'ready', {
    what: 'hello is ready',
    withinMs: 120_000,
  })
  const jobs = await Jobs.of(manor, 'hello')
  await jobs.create('short', 'echo built', 'linux')

  const spare = await onlySpare(manor)
  const asked = Date.now()
  await jobs.build('short')
  assert.equal((await jobs.finished('short', 1)).result, 'SUCCESS')
  const ran = await waitFor(async () => (await agentsOf(manor, false)).find(({ id, phase }) => id === spare.id && phase === 'ended'), {
    what: 'the spare ended after its build',
    withinMs: 60_000,
  })
  assert.equal(ran.build?.job, 'short')
  assert.ok((ran.onlineAt ?? 0) < (ran.busyAt ?? 0), 'it was connected before there was a build')
  t.diagnostic(`${(ran.busyAt ?? 0) - asked} ms from the click on "build" to what Manor knows of its begin`)

  const next = await onlySpare(manor)
  assert.notEqual(next.id, spare.id)
  assert.equal((await agentsOf(manor, false)).filter(({ phase }) => phase === 'ended').length, 1, 'the build had no agent of its own')

  const stopped = await home.command('controller', 'stop', 'hello')
  assert.equal(stopped.code, 0, stopped.stderr)
  await waitFor(async () => (await agentsOf(manor, true)).length === 0, { what: 'its spares are gone with it', withinMs: 90_000 })
  const down = await home.command('down')
  assert.equal(down.code, 0, down.stderr)
  assert.deepEqual(processesOf(home.directory), [])
})
