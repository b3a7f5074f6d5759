/**
 * Agents end by themselves once their Manor has been gone for longer than a lease, and never while it is only being restarted: the watchdog
 * under each shell that is here, then with a real Manor, controller and build.
 */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, realpathSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { keepLease, renewEveryMs, underLease } from '../../src/agents/lease.ts'
import type { AgentView, ControllerView, EventView } from '../../src/api/contract.ts'
import { systemClock } from '../../src/runtime/index.ts'
import { Jobs } from '../support/jobs.ts'
import { ManorHome, processesOf, type RunningManor } from '../support/manor-process.ts'
import { waitFor } from '../support/wait.ts'

/** Each program once, though /bin/sh is one of the others. */
const SHELLS = [['/bin/sh'], ['/bin/dash'], ['/bin/bash', '--posix'], ['/bin/busybox', 'sh']].filter(
  ([program = ''], index, all) =>
    existsSync(program) && all.findIndex(([other = '']) => existsSync(other) && realpathSync(other) === realpathSync(program)) === index,
)
const LEASE_MS = 3_000

type Agent = { readonly child: ChildProcess; readonly ended: Promise<string>; said: string }

/** Runs a command under a lease as an engine would, in a process group of its own. */
const start = (shell: readonly string[], file: string, command: readonly string[]): Agent => {
  const [, ...rest] = underLease(command, { file, leaseMs: LEASE_MS })
  const [program = '', ...first] = shell
  const child = spawn(program, [...first, ...rest], { stdio: ['ignore', 'ignore', 'pipe'], detached: true })
  const agent: Agent = {
    child,
    said: '',
    ended: new Promise(resolve => child.on('exit', (code, signal) => resolve(signal ?? String(code)))),
  }
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (agent.said += text))
  return agent
}

const passed = (ms: number): Promise<unknown> => {
  const until = systemClock.monotonic() + ms
  return waitFor(() => systemClock.monotonic() > until, { what: `${ms} ms have passed`, withinMs: ms + 5_000 })
}

for (const shell of SHELLS)
  describe(`the watchdog under ${shell.join(' ')}`, { concurrency: true }, () => {
    let directory: string
    let file: string
    const agents: Agent[] = []
    const begin = (command: readonly string[], at = file): Agent => {
      const agent = start(shell, at, command)
      agents.push(agent)
      return agent
    }
    before(async () => {
      directory = await mkdtemp(join(tmpdir(), 'manor-lease-'))
      file = join(directory, 'beat')
    })
    after(async () => {
      for (const { child } of agents) {
        try {
          if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
        } catch {
          // Nothing of it is left.
        }
      }
      await rm(directory, { recursive: true })
    })

    test('ends an agent whose Manor is gone, and not before the lease is over; one that hears of it goes on', async () => {
      const alive = join(directory, 'alive')
      await Promise.all([writeFile(file, '1\n'), writeFile(alive, '1\n')])
      const began = systemClock.monotonic()
      const left = begin(['sleep', '300'])
      const kept = begin(['sleep', '300'], alive)
      const renewals = await keepLease({ file: alive, leaseMs: LEASE_MS, clock: systemClock, onError: cause => assert.fail(String(cause)) })
      assert.equal(await left.ended, 'SIGTERM')
      const after = systemClock.monotonic() - began
      assert.ok(after >= LEASE_MS, `it ended after ${after} ms`)
      assert.match(left.said, /Manor has been gone for \d+ s and the lease is 3 s: this agent ends itself/)
      await passed(LEASE_MS)
      assert.equal(kept.child.exitCode ?? kept.child.signalCode, null, 'the one whose Manor renews goes on')
      await renewals.stop()
      assert.equal(await kept.ended, 'SIGTERM')
    })

    test('a file that was never there, or cannot be read, ends nobody', async () => {
      const agent = begin(['sleep', '300'], join(directory, 'nothing'))
      await passed(LEASE_MS + 2_000)
      assert.equal(agent.child.exitCode ?? agent.child.signalCode, null)
      assert.equal(agent.said, '')
    })

    test('the agent is who it was: its process, its exit code, its signals; and the watchdog goes after it', async () => {
      const own = join(directory, 'own')
      await writeFile(own, '2\n')
      const marked = begin(['sh', '-c', 'echo $$ >&2; trap - INT; kill -INT $$; exit 1'], own)
      assert.equal(await marked.ended, 'SIGINT', 'SIGINT is not ignored, as it would be in a process behind a shell')
      assert.equal(marked.said.trim(), String(marked.child.pid))
      const failing = begin(['sh', '-c', 'exit 7'], own)
      assert.equal(await failing.ended, '7')
      await waitFor(() => processesOf(own).length === 0, { what: 'no watchdog is left', withinMs: 5_000, seen: () => processesOf(own) })
    })
  })

test('renewals come several times within a lease', () => {
  for (const leaseMs of [10_000, 60_000, 7_200_000]) assert.ok(renewEveryMs(leaseMs) * 4 <= leaseMs, String(leaseMs))
})

describe('a Manor with a lease of 12 s', () => {
  const OF_MANOR_MS = 12_000
  let home: ManorHome
  let manor: RunningManor
  let jobs: Jobs
  const up = (): Promise<RunningManor> => home.up(['--no-sample', '--distribution', 'hudson'])
  const agentOf = async (job: string): Promise<AgentView | undefined> =>
    (await manor.get<AgentView[]>('/api/v1/agents?controller=hello&live=false&limit=1000')).find(({ task }) => task === job)
  const busy = async (job: string): Promise<AgentView> => {
    await jobs.build(job)
    return waitFor(async () => ((await agentOf(job))?.phase === 'busy' ? agentOf(job) : undefined), {
      what: `${job} is built`,
      withinMs: 60_000,
    }) as Promise<AgentView>
  }
  const runs = (agent: AgentView): boolean => processesOf(home.directory).some(({ command }) => command.includes(`${agent.id}`))

  before(async () => {
    home = await ManorHome.make()
    await writeFile(join(home.directory, 'manor.yaml'), 'agents: { lease: 12s }\n')
    manor = await up()
    await manor.post('/api/v1/controllers', { name: 'hello', memoryMb: 512, distribution: 'hudson' })
    await waitFor(async () => (await manor.get<ControllerView>('/api/v1/controllers/hello')).phase === 'ready', {
      what: 'hello is ready',
      withinMs: 90_000,
    })
    jobs = await Jobs.of(manor, 'hello')
  })
  after(() => home[Symbol.asyncDispose]())

  test('killed and started again in time, its build goes on to its end', async () => {
    await jobs.create('patient', 'sleep 30; echo done', 'linux')
    const agent = await busy('patient')
    await manor.kill()
    manor = await up()
    assert.equal((await jobs.finished('patient', 1)).result, 'SUCCESS')
    assert.equal((await agentOf('patient'))?.id, agent.id)
  })

  test('killed and gone, its agents end by themselves after the lease, and when it is back it knows why', async () => {
    await jobs.create('doomed', 'sleep 600', 'linux')
    const agent = await busy('doomed')
    await manor.kill()
    const killedAt = systemClock.monotonic()
    await waitFor(() => !runs(agent), { what: 'the agent has ended', withinMs: 60_000 })
    // The last renewal may have been a moment before the kill.
    const after = systemClock.monotonic() - killedAt
    assert.ok(after >= OF_MANOR_MS - renewEveryMs(OF_MANOR_MS), `it ended ${after} ms after its Manor`)
    manor = await up()
    const ended = await waitFor(async () => ((await agentOf('doomed'))?.phase === 'ended' ? agentOf('doomed') : undefined), {
      what: 'its end is known',
      withinMs: 60_000,
    })
    assert.equal(ended?.reason?.code, 'lease-ended')
    assert.match(ended.reason.message, /ended by itself: Manor had been gone for \d+ s\./)
    const events = await manor.get<EventView[]>(`/api/v1/events?kind=agent&subject=${agent.id}&newestFirst=true`)
    assert.ok(
      events.some(({ message }) => /Manor had been gone for \d+ s/.test(message)),
      JSON.stringify(events.map(({ message }) => message)),
    )
    assert.equal((await manor.get<ControllerView>('/api/v1/controllers/hello')).phase, 'ready', 'controllers have no lease')
  })
})
