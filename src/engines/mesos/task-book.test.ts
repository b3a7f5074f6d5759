import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hostId, type Observation, workloadId } from '../../model/index.ts'
import { seededRandom, settle, VirtualClock } from '../../runtime/index.ts'
import { NotLeadingError, type TaskRecord } from './ports.ts'
import { type FoundTask, TaskBook } from './task-book.ts'
import type { Call, TaskStatus } from './wire.ts'

const record = (id: string, extra: Partial<TaskRecord> = {}): TaskRecord => ({
  workload: workloadId(id),
  attempt: 1,
  labels: { owner: 'o', kind: 'agent', noun: id, epoch: 1 },
  host: hostId('S0'),
  ports: {},
  containerizer: 'mesos',
  program: 'sleep',
  memoryMb: 32,
  graceMs: 1_000,
  step: 'staging',
  intendedAt: 0,
  ...extra,
})

const status = (id: string, state: string, uuid?: string): TaskStatus => ({
  task_id: { value: `${id}.1` },
  state,
  agent_id: { value: 'S0' },
  ...(uuid === undefined ? {} : { uuid }),
})

const bench = async (rows: readonly TaskRecord[], found: ReadonlyMap<string, FoundTask> = new Map()) => {
  const clock = new VirtualClock()
  const sent: Call[] = []
  const kept: string[] = []
  const hints: Observation[] = []
  const disk = { isFull: false, isTheirs: false, saves: 0, fenced: 0 }
  const book = new TaskBook({
    owner: 'o',
    clock,
    random: seededRandom(1),
    records: {
      load: async () => rows,
      insert: async ({ workload }) => {
        kept.push(workload)
        return undefined
      },
      save: async ({ workload, step }) => {
        disk.saves++
        if (disk.isFull) throw new Error('The disk is full.')
        if (disk.isTheirs) throw new NotLeadingError('Theirs.')
        kept.push(`${workload} ${step}`)
      },
      delete: async () => undefined,
    },
    send: call => {
      sent.push(call)
      kept.push(call.type)
    },
    lookUp: async () => found,
    onChange: observation => hints.push(observation),
    onFenced: () => disk.fenced++,
    onWarning: () => undefined,
  })
  await book.load()
  book.subscribed()
  const calls = <Type extends Call['type']>(type: Type): Extract<Call, { type: Type }>[] =>
    sent.filter((call): call is Extract<Call, { type: Type }> => call.type === type)
  return { clock, sent, kept, hints, disk, book, calls }
}

test('once the records are another instance’s nothing is acknowledged and no kill goes out, and that is told', async () => {
  const { book, disk, calls } = await bench([record('a')])
  disk.isTheirs = true
  book.update(status('a', 'TASK_RUNNING', 'u1'))
  await settle()
  await assert.rejects(book.stop(workloadId('a'), 1_000), NotLeadingError)
  assert.deepEqual([calls('ACKNOWLEDGE').length, calls('KILL').length, disk.fenced], [0, 0, 2])
})

test('an update is kept, then acknowledged; the same one again is acknowledged and not kept again', async () => {
  const { book, kept, disk, hints, calls } = await bench([record('a')])
  kept.length = 0
  book.update(status('a', 'TASK_RUNNING', 'u1'))
  assert.deepEqual(kept, [])
  await settle()
  assert.deepEqual(kept, ['a running', 'ACKNOWLEDGE'])
  book.update(status('a', 'TASK_RUNNING', 'u1'))
  await settle()
  assert.equal(disk.saves, 1)
  assert.equal(hints.length, 1)
  assert.equal(calls('ACKNOWLEDGE').length, 2)
})

test('what could not be kept is not acknowledged, and is kept when Mesos tells it again', async () => {
  const { book, disk, calls } = await bench([record('a')])
  disk.isFull = true
  book.update(status('a', 'TASK_FINISHED', 'u1'))
  await settle()
  assert.equal(calls('ACKNOWLEDGE').length, 0)
  disk.isFull = false
  book.update(status('a', 'TASK_FINISHED', 'u1'))
  await settle()
  assert.equal(calls('ACKNOWLEDGE').length, 1)
})

test('what has no uuid is never acknowledged', async () => {
  const { book, calls } = await bench([record('a')])
  book.update(status('a', 'TASK_GONE'))
  await settle()
  assert.equal(calls('ACKNOWLEDGE').length, 0)
  assert.equal(book.get(workloadId('a'))?.step, 'ended')
})

test('tasks that do not answer are asked again, slower and slower, and those that do are not', async () => {
  const { book, clock, calls } = await bench([
    record('a'),
    record('b'),
    record('ended', { step: 'ended', end: { at: 0, state: 'TASK_FINISHED' } }),
  ])
  const asked = (): string[][] => calls('RECONCILE').map(({ reconcile }) => reconcile.tasks.map(({ task_id }) => task_id.value))
  assert.deepEqual(asked(), [['a.1', 'b.1'], []])
  book.update(status('a', 'TASK_RUNNING', 'u'))
  await clock.advance(600_000)
  const rounds = asked().slice(2)
  assert.ok(rounds.every(tasks => tasks.join() === 'b.1'))
  assert.ok(rounds.length >= 10 && rounds.length <= 25, `${rounds.length} rounds in ten minutes`)
  book.update(status('b', 'TASK_RUNNING'))
  const before = asked().length
  await clock.advance(600_000)
  assert.deepEqual(asked().slice(before), [[]], 'only the one about everything, every 15 minutes')
})

test('a kill is sent again with the whole grace until the task has ended, over a new subscription too', async () => {
  const { book, clock, calls } = await bench([record('a', { step: 'running' })])
  await book.stop(workloadId('a'), 20_000)
  await clock.advance(11_000)
  assert.deepEqual(
    calls('KILL').map(({ kill }) => kill.kill_policy?.grace_period.nanoseconds),
    [20e9, 20e9, 20e9],
  )
  book.disconnected()
  await clock.advance(20_000)
  assert.equal(calls('KILL').length, 3)
  book.subscribed()
  await clock.advance(5_000)
  assert.equal(calls('KILL').length, 4)
  book.update(status('a', 'TASK_KILLED', 'u'))
  await clock.advance(60_000)
  assert.equal(calls('KILL').length, 4)
})

test('a container whose grace is over, though Docker does not hear of that, is ended with its executor; a command is not', async () => {
  const { book, clock, calls } = await bench([record('d', { containerizer: 'docker', graceMs: 60_000 }), record('m', { graceMs: 60_000 })])
  for (const id of ['d', 'm']) await book.stop(workloadId(id), 3_000)
  await clock.advance(5_000)
  assert.equal(calls('SHUTDOWN').length, 0)
  await clock.advance(5_000)
  const one = { type: 'SHUTDOWN', shutdown: { executor_id: { value: 'd.1' }, agent_id: { value: 'S0' } } }
  assert.deepEqual(calls('SHUTDOWN'), [one])
  await clock.advance(5_000)
  book.update({ ...status('d', 'TASK_FAILED', 'u'), source: 'SOURCE_AGENT', reason: 'REASON_EXECUTOR_TERMINATED' })
  await clock.advance(60_000)
  assert.deepEqual(calls('SHUTDOWN'), [one, one])
  const end = book.get(workloadId('d'))
  assert.equal(end && book.observe(end).reason?.code, 'killed-by-us')
})

test('a task without a record and without labels is killed, one of another owner is not, one that has ended is done with', async () => {
  const task = { agent: 'S0', ports: {}, containerizer: 'mesos', memoryMb: 32 } as const
  const found = new Map<string, FoundTask>([
    ['bare.1', { ...task, labels: undefined }],
    ['theirs.1', { ...task, labels: { owner: 'p', kind: 'agent', noun: 'x', epoch: 1 } }],
    ['ours.1', { ...task, labels: { owner: 'o', kind: 'agent', noun: 'x', epoch: 1 } }],
  ])
  const { book, calls } = await bench([], found)
  for (const id of ['bare', 'theirs', 'ours']) book.update(status(id, 'TASK_RUNNING'))
  book.update(status('over', 'TASK_FAILED', 'u'))
  await settle()
  assert.deepEqual(
    calls('KILL').map(({ kill }) => kill.task_id.value),
    ['bare.1'],
  )
  assert.deepEqual(
    [...book.all()].map(({ workload, step }) => [workload, step]),
    [['ours', 'running']],
  )
  assert.deepEqual(
    calls('ACKNOWLEDGE').map(({ acknowledge }) => acknowledge.task_id.value),
    ['over.1'],
  )
})

test('an intent that Mesos knows nothing of is forgotten; one that was to be stopped has ended', async () => {
  const { book } = await bench([record('a', { step: 'intended' }), record('b', { step: 'intended', stop: { askedAt: 0, killAt: 0 } })])
  for (const id of ['a', 'b']) book.update({ ...status(id, 'TASK_GONE'), reason: 'REASON_RECONCILIATION' })
  await settle()
  assert.equal(book.get(workloadId('a')), undefined)
  const stopped = book.get(workloadId('b'))
  assert.ok(stopped !== undefined)
  assert.equal(book.observe(stopped).reason?.code, 'killed-by-us')
})
