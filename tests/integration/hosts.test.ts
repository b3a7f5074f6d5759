/**
 * Hosts are emptied with real processes: a real controller with real builds, on two hosts that are this machine twice. Each test goes on from
 * where the one before left off.
 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { AgentView, ControllerView, EventView, HostDetailView, HostView } from '../../src/api/contract.ts'
import { Jobs } from '../support/jobs.ts'
import { HOSTS, TwoHosts } from '../support/two-hosts.ts'
import { waitFor } from '../support/wait.ts'

const WITHIN_MS = 120_000

describe('a host is emptied', () => {
  let manor: TwoHosts
  let jobs: Jobs
  const controller = (): Promise<ControllerView> => manor.get<ControllerView>('/api/v1/controllers/hello')
  const host = (name: string): Promise<HostDetailView> => manor.get<HostDetailView>(`/api/v1/hosts/${name}`)
  const act = (name: string, body: object): Promise<HostView> => manor.post<HostView>(`/api/v1/hosts/${name}/actions`, body)
  const agentOf = async (job: string): Promise<AgentView | undefined> =>
    (await manor.get<AgentView[]>('/api/v1/agents?live=false&limit=1000')).find(({ task }) => task === job)
  const isReady = (on?: string): Promise<unknown> => {
    let seen: ControllerView | undefined
    return waitFor(
      async () => {
        seen = await controller()
        return seen.phase === 'ready' && (on === undefined || seen.host === on)
      },
      { what: `the controller is ready on ${on ?? 'a host'}`, withinMs: WITHIN_MS, seen: () => JSON.stringify(seen) },
    )
  }
  const isInState = (name: string, state: HostView['state']): Promise<unknown> => {
    let seen: HostDetailView | undefined
    return waitFor(
      async () => {
        seen = await host(name)
        return seen.state === state
      },
      { what: `${name} is ${state}`, withinMs: WITHIN_MS, seen: () => JSON.stringify(seen) },
    )
  }
  const says = (name: string, code: string, pattern: RegExp): Promise<unknown> => {
    let seen: HostView | undefined
    return waitFor(
      async () => {
        seen = await host(name)
        return seen.reason?.code === code && pattern.test(seen.reason.message)
      },
      { what: `${name} says ${code} ${pattern}`, withinMs: WITHIN_MS, seen: () => JSON.stringify(seen?.reason) },
    )
  }
  const busy = (job: string): Promise<AgentView> =>
    waitFor(
      async () => {
        const agent = await agentOf(job)
        return agent?.phase === 'busy' ? agent : undefined
      },
      { what: `${job} is being built`, withinMs: WITHIN_MS },
    )
  const eventsOf = async (subject: string): Promise<EventView[]> => manor.get<EventView[]>(`/api/v1/events?subject=${subject}&limit=1000`)
  const otherThan = (name: string | undefined): string => HOSTS.find(id => id !== name) ?? ''

  before(async () => {
    manor = await TwoHosts.open('hello')
    await manor.post('/api/v1/controllers', { name: 'hello', memoryMb: 512, distribution: 'hudson', graceMs: 60_000 })
    await isReady()
    jobs = await Jobs.of(manor, 'hello')
  })
  after(() => manor[Symbol.asyncDispose]())

  test('its build ends with SUCCESS, and only then its controller moves; then builds run on the other host', async () => {
    const from = (await controller()).host ?? ''
    const { epoch } = await controller()
    // Builds go where the controller is: else the drain would have none to wait for.
    await act(otherThan(from), { action: 'cordon' })
    await jobs.create('patient', 'sleep 12; echo done', 'linux')
    await jobs.build('patient')
    assert.equal((await busy('patient')).host, from)
    await act(otherThan(from), { action: 'uncordon' })
    assert.equal((await act(from, { action: 'drain' })).state, 'draining')
    await says(from, 'draining', /waits for 1 build to end/)
    const during = await host(from)
    assert.deepEqual(
      [during.controllers.map(({ id, phase }) => [id, phase]), during.agents.map(({ phase }) => phase)],
      [[['hello', 'ready']], ['busy']],
    )
    assert.equal((await controller()).epoch, epoch, 'it is not moved while a build runs there')
    assert.equal((await jobs.finished('patient', 1)).result, 'SUCCESS')
    await isReady(otherThan(from))
    await isInState(from, 'drained')
    const told = (await eventsOf('hello')).map(({ seq, type }) => ({ seq, type }))
    const moved = told.find(({ type }) => type === 'move-requested')
    assert.ok(moved, 'the move is an event')
    const agent = await agentOf('patient')
    const ended = (await eventsOf(agent?.id ?? '')).find(({ type, data }) => type === 'phase-changed' && data.phase === 'ended')
    assert.ok(ended !== undefined && ended.seq < moved.seq, 'its agent was gone before')
    assert.deepEqual(
      (await eventsOf(from)).map(({ type }) => type),
      ['drain-requested', 'drained'],
    )
    await jobs.create('next', 'echo done', 'linux')
    await jobs.build('next')
    assert.equal((await jobs.finished('next', 1)).result, 'SUCCESS')
    assert.equal((await agentOf('next'))?.host, otherThan(from))
  })

  test('that it is out of service is kept over a restart of Manor', async () => {
    const there = (await controller()).host ?? ''
    await manor.stop()
    await manor.start()
    assert.equal((await host(otherThan(there))).state, 'drained')
    assert.equal((await controller()).host, there)
    jobs = jobs.through(manor)
  })

  test('on the last host the controller stays, and the host says so; at a deadline it stops and waits, with the reason', async () => {
    await isReady()
    const from = (await controller()).host ?? ''
    await act(from, { action: 'drain' })
    await says(from, 'no-capacity', /nowhere to go: none of the one other host takes one .*They go on here until one does/)
    assert.equal((await controller()).phase, 'ready')
    await act(from, { action: 'drain', deadlineMs: 0 })
    await isInState(from, 'drained')
    const waiting = await controller()
    assert.equal(waiting.phase, 'pending')
    assert.equal(waiting.reason?.code, 'no-capacity')
    assert.match(`${waiting.reason?.message} ${waiting.reason?.mend}`, /uncordon one/)
    await act(from, { action: 'uncordon' })
    await isReady(from)
  })

  test('a build that is there at the deadline is ended, and its agent says why', async () => {
    const from = (await controller()).host ?? ''
    await jobs.create('endless', 'sleep 600', 'linux')
    await jobs.build('endless')
    const agent = await busy('endless')
    await act(otherThan(from), { action: 'uncordon' })
    await act(from, { action: 'drain', deadlineMs: 2_000 })
    await isInState(from, 'drained')
    assert.equal((await controller()).host, otherThan(from))
    const ended = await manor.get<AgentView>(`/api/v1/agents/${agent.id}`)
    assert.equal(ended.reason?.code, 'drained')
    assert.match(ended.reason.message, /deadline, which is over\. Its build endless #1 was lost/)
    await isReady()
    assert.notEqual((await jobs.finished('endless', 1)).result, 'SUCCESS')
  })
})
