import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isPortsAlone, neverRan, type TaskEnding, taskReason, waitingReason } from './end-reason.ts'

const ending: TaskEnding = {
  state: 'failed',
  message: 'started',
  err: 'task: non-zero exit (3)',
  exitCode: 3,
  stopped: false,
  nodeIsDrained: false,
  memoryLimitMb: 512,
  program: 'java',
}

// The words of states, messages and errors are those of a real Swarm (Docker 20.10).
const rows: readonly (readonly [
  what: string,
  how: Partial<Omit<TaskEnding, 'exitCode'>> & { readonly exitCode?: number | undefined },
  code: string,
  says: RegExp,
])[] = [
  ['an exit code', {}, 'exit-code', /exit code 3/],
  ['a good end', { state: 'complete', message: 'finished', err: '', exitCode: 0 }, 'exit-code', /exit code 0/],
  ['no program', { exitCode: 127, err: 'task: non-zero exit (127)' }, 'invalid-spec', /java/],
  ['a kill that only the node knows more of', { exitCode: 137, err: 'task: non-zero exit (137)' }, 'exit-code', /512 MB/],
  ['a stop of ours', { state: 'shutdown', message: 'shutdown', err: '', stopped: true, exitCode: 143 }, 'killed-by-us', /exit code 143/],
  ['a stop of ours that needed the kill', { stopped: true, exitCode: 137 }, 'killed-by-us', /was killed/],
  [
    'a stop of ours before it ran',
    { state: 'shutdown', message: 'pending task scheduling', err: '', stopped: true, exitCode: undefined },
    'killed-by-us',
    /on request/,
  ],
  ['no such image', { state: 'rejected', message: 'preparing', err: 'No such image: nope:1', exitCode: 0 }, 'image-pull', /nope:1/],
  [
    'a mount that is not there',
    {
      state: 'rejected',
      message: 'preparing',
      err: 'invalid mount config for type "bind": bind source path does not exist: /nope',
      exitCode: 0,
    },
    'invalid-spec',
    /\/nope/,
  ],
  [
    'a port that is taken',
    {
      message: 'starting',
      err: 'starting container failed: driver failed programming external connectivity on endpoint x: Error starting userland proxy: listen tcp4 0.0.0.0:7777: bind: address already in use',
      exitCode: 128,
    },
    'quota',
    /7777/,
  ],
  ['a drained node', { state: 'shutdown', message: 'shutdown', err: '', nodeIsDrained: true, exitCode: 143 }, 'evicted', /drained/],
  ['a node that was away', { state: 'shutdown', message: 'shutdown', err: '', exitCode: 143 }, 'node-lost', /out of reach/],
  ['a node that is gone for good', { state: 'orphaned', message: 'started', err: '', exitCode: 0 }, 'node-lost', /gone for too long/],
  [
    'a node whose labels changed',
    { state: 'rejected', message: 'task rejected by constraint enforcer', err: 'assigned node no longer meets constraints' },
    'evicted',
    /took it off its node/,
  ],
]
for (const [what, how, code, says] of rows)
  test(`a task that ended by ${what} is told as ${code}`, () => {
    const { exitCode, ...rest } = { ...ending, ...how }
    const reason = taskReason(exitCode === undefined ? rest : { ...rest, exitCode })
    assert.equal(reason.code, code)
    assert.match(reason.message, says)
  })

test('what its node refused may be tried again, unless the workload itself is wrong', () => {
  assert.equal(neverRan({ err: 'No such image: x' }).retryable, true)
  assert.equal(neverRan({ err: 'assigned node no longer meets constraints' }).retryable, true)
  assert.equal(neverRan({ err: 'bind source path does not exist: /x' }).retryable, false)
  assert.ok(neverRan({ err: '' }).message.length > 20)
})

const waits: readonly (readonly [err: string, says: RegExp, portsAlone: boolean])[] = [
  ['no suitable node (insufficient resources on 3 nodes)', /room/, false],
  ['no suitable node (scheduling constraints not satisfied on 3 nodes)', /may run it/, false],
  ['no suitable node (scheduling constraints not satisfied on 2 nodes; host-mode port already in use on 1 node)', /port/, true],
  ['no suitable node (insufficient resources on 2 nodes; host-mode port already in use on 1 node)', /room/, false],
  ['', /waits/, false],
]
for (const [err, says, portsAlone] of waits)
  test(`a task that waits says why: ${err || 'nothing said'}`, () => {
    const { code, message } = waitingReason(err)
    assert.equal(code, 'no-capacity')
    assert.match(message, says)
    assert.equal(isPortsAlone(err), portsAlone)
  })
