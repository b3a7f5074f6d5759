import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  CONTROLLER_PHASES,
  CONTROLLER_WANTED,
  type Controller,
  controllerId,
  MINUTE,
  OBSERVED_STATES,
  type Observation,
  type Presence,
  SECOND,
  tenantId,
  workloadId,
} from '../model/index.ts'
import { type ControllerStep, type ControllerView, decide, HOOK_GREETING_MS, HOOK_SILENCE_MS, SLOW_BOOT_MS } from './decide.ts'
import { DEFAULT_SPEC } from './operations.ts'

const NOW = 1_000_000_000

const controller = (change: Partial<Controller> = {}): Controller => ({
  id: controllerId('a'),
  tenant: tenantId('default'),
  wanted: 'running',
  spec: DEFAULT_SPEC,
  createdAt: 0,
  restartsWanted: 0,
  restartsDone: 0,
  phase: 'ready',
  phaseSince: NOW - MINUTE,
  epoch: 3,
  workload: workloadId('a.3'),
  failures: 0,
  ...change,
})

const observation = (state: Observation['state'], change: Partial<Observation> = {}): Observation => ({
  id: workloadId('a.3'),
  labels: { owner: 'o', kind: 'controller', noun: 'a', epoch: 3 },
  state,
  ports: {},
  ...change,
})

const presence = (change: Partial<Presence> = {}): Presence => ({
  controller: controllerId('a'),
  session: 's',
  epoch: 3,
  seq: 1,
  version: '1',
  reportedAt: NOW - SECOND,
  heardAt: NOW - SECOND,
  reportIntervalMs: 10_000,
  running: 0,
  quieting: false,
  appliedRevision: 0,
  nodes: [],
  load: { heapUsedMb: 0, heapMaxMb: 0, threads: 0, gcShare: 0, eventsDropped: 0 },
  ...change,
})

const view = (change: Partial<ControllerView> & { readonly row?: Partial<Controller> } = {}): ControllerView => {
  const { row, ...rest } = change
  const heard = 'presence' in rest ? rest.presence : presence()
  const controllerNow = controller(row)
  return {
    controller: controllerNow,
    observation: observation('running'),
    strays: [],
    listeningForMs: NOW,
    probe: undefined,
    presence: heard,
    heardForMs: heard && NOW - heard.heardAt,
    restartExitCode: 5,
    servesSilentlySince: undefined,
    liveAgents: 0,
    now: NOW,
    phaseForMs: NOW - controllerNow.phaseSince,
    ...rest,
  }
}

const nameOf = (step: ControllerStep): string => (step.kind === 'move' ? `move ${step.to}` : step.kind)

const RUNNING = observation('running')
const ENDED = observation('ended', { exitCode: 1 })
const SILENT = observation('unknown')

const STRAY = observation('running', { id: workloadId('a.2') })
const STRAY_ENDED = observation('ended', { id: workloadId('a.2') })
const STRAY_SILENT = observation('unknown', { id: workloadId('a.2') })

const AT = { host: '127.0.0.1', httpPort: 20_001, agentPort: 20_002 }
const IN_CONTAINER = observation('running', { address: '172.18.0.2', ports: { http: 20_001, agent: 20_002 } })

const table: readonly (readonly [behaviour: string, ControllerView, expected: string])[] = [
  ['a new one is prepared', view({ row: { phase: 'pending' }, observation: undefined }), 'prepare'],
  ['a failed one waits for its next try', view({ row: { phase: 'failed', nextTryAt: NOW + 5 }, observation: ENDED }), 'wait'],
  ['a failed one whose time has come is prepared', view({ row: { phase: 'failed', nextTryAt: NOW }, observation: ENDED }), 'prepare'],
  [
    'one that starts elsewhere than its row says is located before its door is believed',
    view({ row: { phase: 'starting', endpoint: AT }, observation: IN_CONTAINER, probe: { kind: 'ready', version: '1' } }),
    'locate',
  ],
  ['a ready one that has a new address is located', view({ row: { endpoint: AT }, observation: IN_CONTAINER }), 'locate'],
  ['one that is where its row says stays', view({ row: { endpoint: { ...AT, host: '172.18.0.2' } }, observation: IN_CONTAINER }), 'wait'],
  [
    'one whose agents reach it by another name is located',
    view({ row: { endpoint: AT }, observation: observation('running', { address: '127.0.0.1', peerAddress: 'a' }) }),
    'locate',
  ],
  ['an engine that tells no address leaves the row alone', view({ row: { endpoint: AT }, observation: RUNNING }), 'wait'],
  [
    'a failed one that still runs is stopped before the next run',
    view({ row: { phase: 'failed' }, observation: RUNNING }),
    'stop-workload',
  ],
  ['a failed one on a silent host is not started elsewhere', view({ row: { phase: 'failed' }, observation: SILENT }), 'wait'],
  ['a failed one that is to stop is stopped', view({ row: { phase: 'failed', wanted: 'stopped' }, observation: ENDED }), 'move stopped'],
  ['an intent without traces is carried out', view({ row: { phase: 'preparing' }, observation: undefined }), 'launch'],
  [
    'an intent with traces is not carried out twice',
    view({ row: { phase: 'preparing' }, observation: observation('starting') }),
    'move starting',
  ],
  ['an intent that was taken back', view({ row: { phase: 'preparing', wanted: 'stopped' }, observation: undefined }), 'move stopping'],
  ['a boot that answers and whose hook spoke', view({ row: { phase: 'starting' }, probe: { kind: 'ready', version: '2' } }), 'move ready'],
  [
    'a boot whose hook has not spoken',
    view({ row: { phase: 'starting' }, probe: { kind: 'ready', version: '2' }, presence: undefined }),
    'wait',
  ],
  [
    'a boot that serves and whose hook stays silent',
    view({
      row: { phase: 'starting' },
      probe: { kind: 'ready', version: '2' },
      presence: undefined,
      servesSilentlySince: NOW - HOOK_GREETING_MS,
    }),
    'fail',
  ],
  ['a boot that says 503', view({ row: { phase: 'starting' }, probe: { kind: 'starting' } }), 'wait'],
  ['a boot that ended', view({ row: { phase: 'starting' }, observation: ENDED }), 'fail'],
  ['a boot that vanished', view({ row: { phase: 'starting' }, observation: undefined }), 'fail'],
  ['a boot that could not be secured', view({ row: { phase: 'starting' }, presence: presence({ problem: 'no realm' }) }), 'fail'],
  ['a boot that is not wanted any more', view({ row: { phase: 'starting', wanted: 'stopped' } }), 'move stopping'],
  [
    'one that was ready before its host fell silent may have builds',
    view({ row: { phase: 'starting', wanted: 'stopped', readyAt: NOW - 2 * MINUTE } }),
    'move quieting',
  ],
  [
    'a hook that could not be heard while its host was silent gets its time anew',
    view({
      row: { phase: 'quieting', wanted: 'stopped', phaseSince: NOW - SECOND },
      presence: presence({ running: 1, heardAt: NOW - 2 * HOOK_SILENCE_MS }),
    }),
    'wait',
  ],
  ['a boot on a host that fell silent', view({ row: { phase: 'starting' }, observation: SILENT }), 'move unreachable'],
  ['a ready one is left alone', view(), 'wait'],
  ['a ready one that ended', view({ observation: ENDED }), 'fail'],
  ['a ready one that exits to be restarted', view({ observation: observation('ended', { exitCode: 5 }) }), 'move pending'],
  ['a ready one whose host is silent', view({ observation: SILENT }), 'move unreachable'],
  ['a ready one that is to stop quiets first', view({ row: { wanted: 'stopped' } }), 'move quieting'],
  ['a ready one that is to restart quiets first', view({ row: { restartsWanted: 1 } }), 'move quieting'],
  ['an unreachable one waits', view({ row: { phase: 'unreachable' }, observation: SILENT }), 'wait'],
  ['an unreachable one that came back', view({ row: { phase: 'unreachable' } }), 'move starting'],
  ['an unreachable one that is given up', view({ row: { phase: 'unreachable', wanted: 'stopped' }, observation: SILENT }), 'move stopping'],
  [
    'a quieting one waits for its builds',
    view({ row: { phase: 'quieting', wanted: 'stopped' }, presence: presence({ quieting: true, running: 2 }) }),
    'wait',
  ],
  ['one not yet quiet waits though nothing runs', view({ row: { phase: 'quieting', wanted: 'stopped' } }), 'wait'],
  [
    'a quiet and idle one stops',
    view({ row: { phase: 'quieting', wanted: 'stopped' }, presence: presence({ quieting: true }) }),
    'move stopping',
  ],
  [
    'that it was quiet and idle before it was quieted anew says nothing',
    view({
      row: { phase: 'quieting', wanted: 'stopped', phaseSince: NOW - SECOND },
      presence: presence({ quieting: true, heardAt: NOW - 2 * SECOND }),
    }),
    'wait',
  ],
  [
    'a quieting one stops when its grace is over',
    view({
      row: { phase: 'quieting', wanted: 'stopped', phaseSince: NOW - DEFAULT_SPEC.graceMs },
      presence: presence({ quieting: true, running: 1 }),
    }),
    'move stopping',
  ],
  [
    'a silent hook is not waited for',
    view({ row: { phase: 'quieting', wanted: 'stopped' }, presence: presence({ running: 1, heardAt: NOW - HOOK_SILENCE_MS }) }),
    'move stopping',
  ],
  [
    'one that was told to report less often is waited for longer',
    view({
      row: { phase: 'quieting', wanted: 'stopped' },
      presence: presence({ running: 1, heardAt: NOW - HOOK_SILENCE_MS, reportIntervalMs: 20 * SECOND }),
    }),
    'wait',
  ],
  [
    'and not for ever',
    view({
      row: { phase: 'quieting', wanted: 'stopped' },
      presence: presence({ running: 1, heardAt: NOW - 60 * SECOND, reportIntervalMs: 20 * SECOND }),
    }),
    'move stopping',
  ],
  [
    'a Manor that has just begun gives the hook its time anew, however long ago it was quieted',
    view({
      row: { phase: 'quieting', wanted: 'stopped', phaseSince: NOW - 10 * MINUTE },
      presence: undefined,
      listeningForMs: SECOND,
    }),
    'wait',
  ],
  ['a stop that was taken back', view({ row: { phase: 'quieting' } }), 'move ready'],
  ['a stopping one is stopped until it is gone', view({ row: { phase: 'stopping', wanted: 'stopped' } }), 'stop-workload'],
  ['a stopping one that is gone', view({ row: { phase: 'stopping', wanted: 'stopped' }, observation: ENDED }), 'move stopped'],
  ['a restarting one that is gone', view({ row: { phase: 'stopping' }, observation: ENDED }), 'move pending'],
  ['a stopped one that is wanted again', view({ row: { phase: 'stopped' }, observation: ENDED }), 'move pending'],
  ['a stopped one whose process came back', view({ row: { phase: 'stopped', wanted: 'stopped' } }), 'move stopping'],
  ['a deleted one is retired last', view({ row: { phase: 'deleting', wanted: 'deleted' }, observation: undefined }), 'retire'],
  [
    'a deleted one waits for its agents',
    view({ row: { phase: 'deleting', wanted: 'deleted' }, observation: undefined, liveAgents: 1 }),
    'wait',
  ],
  ['an earlier run that came late is ended, whatever the current one does', view({ strays: [STRAY] }), 'end-stray'],
  ['no run begins while an earlier one lives', view({ row: { phase: 'preparing' }, observation: undefined, strays: [STRAY] }), 'end-stray'],
  ['the traces of earlier runs go', view({ strays: [STRAY_ENDED] }), 'forget-stray'],
  [
    'no run begins while an earlier one may live on a silent host',
    view({ row: { phase: 'failed' }, observation: undefined, strays: [STRAY_SILENT] }),
    'wait',
  ],
  ['an earlier run on a silent host holds up nothing else', view({ row: { wanted: 'stopped' }, strays: [STRAY_SILENT] }), 'move quieting'],
  ['a deleted one’s traces go first', view({ row: { phase: 'deleting', wanted: 'deleted' }, observation: ENDED }), 'forget-workload'],
]

for (const [behaviour, seen, expected] of table)
  test(behaviour, () => {
    assert.equal(nameOf(decide(seen)), expected)
  })

test('a boot that takes long is left alone and says so', () => {
  const step = decide(view({ row: { phase: 'starting', phaseSince: NOW - SLOW_BOOT_MS }, probe: { kind: 'starting' } }))
  assert.equal(step.kind === 'wait' && step.reason?.code, 'waiting-boot')
})

test('a failure carries the engine’s own reason and its mend', () => {
  const oom = observation('ended', {
    exitCode: 137,
    reason: { code: 'oom-container', message: 'It used 512 MB.', since: NOW, mend: 'Give it more.' },
  })
  const step = decide(view({ observation: oom }))
  assert.ok(step.kind === 'fail')
  assert.deepEqual(step.reason, { code: 'oom-container', message: 'It ended unexpectedly: It used 512 MB.', mend: 'Give it more.' })
})

const aView: fc.Arbitrary<ControllerView> = fc
  .record({
    phase: fc.constantFrom(...CONTROLLER_PHASES),
    wanted: fc.constantFrom(...CONTROLLER_WANTED),
    state: fc.option(fc.constantFrom(...OBSERVED_STATES), { nil: undefined }),
    quieting: fc.boolean(),
    running: fc.integer({ min: 0, max: 3 }),
    restarts: fc.integer({ min: 0, max: 1 }),
    hasPresence: fc.boolean(),
    age: fc.integer({ min: 0, max: 30 * MINUTE }),
    agents: fc.integer({ min: 0, max: 2 }),
  })
  .map(({ phase, wanted, state, quieting, running, restarts, hasPresence, age, agents }) =>
    view({
      row: { phase, wanted, restartsWanted: restarts, phaseSince: NOW - age },
      observation: state && observation(state),
      presence: hasPresence ? presence({ quieting, running }) : undefined,
      liveAgents: agents,
    }),
  )

test('whatever is seen: never a second run beside one that may live, never a kill of running builds before their grace', () => {
  fc.assert(
    fc.property(aView, seen => {
      const step = decide(seen)
      const mayLive = seen.observation !== undefined && seen.observation.state !== 'ended'
      if (step.kind === 'prepare' || step.kind === 'launch' || step.kind === 'retire') assert.equal(mayLive, false)
      if (seen.controller.phase === 'ready') assert.notEqual(step.kind, 'stop-workload')
      if (seen.controller.phase === 'ready' && step.kind === 'move') assert.notEqual(step.to, 'stopping')
      if (step.kind === 'wait' && step.againMs !== undefined) assert.ok(step.againMs >= 0)
    }),
    { numRuns: 2_000 },
  )
})

test('a wanted end is always reached: following the steps of a healthy world comes to rest', () => {
  for (const wanted of CONTROLLER_WANTED)
    for (const phase of CONTROLLER_PHASES) {
      // Nothing takes a deletion back.
      if (phase === 'deleting' && wanted !== 'deleted') continue
      const rest = settleFrom(phase, wanted)
      assert.equal(rest, { running: 'ready', stopped: 'stopped', deleted: 'gone' }[wanted], `${phase} wanted ${wanted} rests at ${rest}`)
    }
})

/** Plays a world in which everything works, until nothing changes any more. */
const settleFrom = (phase: Controller['phase'], wanted: Controller['wanted']): string => {
  let row = controller({ phase, wanted })
  let alive = !['pending', 'failed', 'stopped', 'preparing', 'deleting'].includes(phase)
  let traces = alive
  let now = NOW
  for (let i = 0; i < 100; i++) {
    const seen: ControllerView = {
      controller: row,
      observation: traces ? observation(alive ? 'running' : 'ended', { exitCode: 143 }) : undefined,
      probe: alive ? { kind: 'ready', version: '2' } : undefined,
      presence: alive ? presence({ quieting: row.phase === 'quieting' }) : undefined,
      heardForMs: alive ? 0 : undefined,
      restartExitCode: 5,
      servesSilentlySince: undefined,
      strays: [],
      listeningForMs: now,
      liveAgents: 0,
      now,
      phaseForMs: now - row.phaseSince,
    }
    const step = decide(seen)
    switch (step.kind) {
      case 'wait':
        return row.phase
      case 'move':
        row = { ...row, phase: step.to, phaseSince: now }
        break
      case 'prepare':
        row = { ...row, phase: 'preparing', phaseSince: now }
        traces = false
        break
      case 'launch':
        alive = true
        traces = true
        break
      case 'stop-workload':
        alive = false
        break
      case 'forget-workload':
        traces = false
        break
      case 'end-stray':
      case 'forget-stray':
      case 'fail':
        row = { ...row, phase: 'failed', phaseSince: now }
        break
      case 'retire':
        return 'gone'
    }
    now += SECOND
  }
  return `${row.phase}, for ever on the move`
}
