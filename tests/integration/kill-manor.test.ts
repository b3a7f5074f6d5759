/** kill -9 of Manor at ten random moments of a running build: the build finishes, one agent ran for it, nothing is left behind. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AgentView, ControllerView } from '../../src/api/contract.ts'
import { integer, seededRandom, systemClock } from '../../src/runtime/index.ts'
import { Jobs } from '../support/jobs.ts'
import { ManorHome, processesOf } from '../support/manor-process.ts'
import { waitFor } from '../support/wait.ts'

const KILLS = 10
/** Longest from a start of Manor to its kill: all of its first seconds, in which it adopts, places and launches, are tried. */
const LONGEST_LIFE_MS = 2_500
const ARGUMENTS = ['--no-sample', '--distribution', 'hudson']
/** Nothing of an ended agent may be there after this long. */
const LEFT_BEHIND_MS = 60_000

test('ten kills, one build, one agent, nothing left', async t => {
  const seed = Number(process.env.SEED ?? integer(seededRandom(process.pid), 1_000_000))
  t.diagnostic(`SEED=${seed}`)
  const random = seededRandom(seed)
  await using home = await ManorHome.make()
  let manor = await home.up(ARGUMENTS)
  await manor.post('/api/v1/controllers', { name: 'hello', memoryMb: 512, distribution: 'hudson' })
  await waitFor(async () => (await manor.get<ControllerView>('/api/v1/controllers/hello')).phase === 'ready', {
    what: 'hello is ready',
    withinMs: 90_000,
  })
  let jobs = await Jobs.of(manor, 'hello')
  await jobs.create('survivor', 'for i in $(seq 1 40); do echo step $i; sleep 1; done', 'linux')
  await jobs.build('survivor')
  for (let kill = 0; kill < KILLS; kill++) {
    await systemClock.sleep(integer(random, LONGEST_LIFE_MS))
    await manor.kill()
    manor = await home.up(ARGUMENTS)
  }
  jobs = jobs.through(manor)
  const build = await jobs.finished('survivor', 1, 180_000)
  assert.equal(build.result, 'SUCCESS')
  assert.match(await jobs.log('survivor', 1), /step 40/)
  await waitFor(async () => (await manor.get<AgentView[]>('/api/v1/agents?live=true')).length === 0, {
    what: 'no agent is live',
    withinMs: LEFT_BEHIND_MS,
  })
  await waitFor(
    () =>
      processesOf(home.directory).every(
        ({ pid, command }) => pid === manor.child.pid || !/remoting|agent/i.test(command.split(' -jar ')[1] ?? ''),
      ),
    {
      what: 'no agent’s process is left',
      withinMs: LEFT_BEHIND_MS,
      seen: () => processesOf(home.directory),
    },
  )
  const agents = await manor.get<AgentView[]>('/api/v1/agents?live=false&limit=100')
  const ran = agents.filter(({ busyAt }) => busyAt !== undefined)
  assert.equal(ran.length, 1, `exactly one agent ran: ${JSON.stringify(agents)}`)
  const started = agents.filter(({ launchedAt }) => launchedAt !== undefined)
  assert.equal(started.length, 1, `exactly one agent was ever started: ${JSON.stringify(agents)}`)
})
