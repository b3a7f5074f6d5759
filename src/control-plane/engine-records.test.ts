import assert from 'node:assert/strict'
import { test } from 'node:test'
import { NotLeadingError, type TaskRecord } from '../engines/index.ts'
import { hostId, workloadId } from '../model/index.ts'
import { VirtualClock } from '../runtime/index.ts'
import { type Durable, openSqliteStore, Store, sqliteDurable } from '../store/index.ts'
import { beginTerm, frameworkIdsIn, taskRecordsIn } from './engine-records.ts'

const record = (change: Partial<TaskRecord> = {}): TaskRecord => ({
  workload: workloadId('a.1'),
  attempt: 1,
  labels: { owner: 'o', kind: 'controller', noun: 'a', epoch: 1 },
  host: hostId('h'),
  ports: { http: 31_000 },
  containerizer: 'mesos',
  program: 'java',
  memoryMb: 512,
  graceMs: 1_000,
  step: 'intended',
  intendedAt: 0,
  ...change,
})

test('of two that choose a framework id at once, one is taken and both learn it', async () => {
  const store = await openSqliteStore(':memory:', new VirtualClock())
  const ids = frameworkIdsIn(store)
  assert.equal(await ids.read(), undefined)
  assert.deepEqual(await Promise.all([ids.swap(undefined, 'one'), ids.swap(undefined, 'two')]), [true, false])
  assert.equal(await ids.read(), 'one')
  await store.close()
})

test('a task is inserted once, changed and forgotten', async () => {
  const store = await openSqliteStore(':memory:', new VirtualClock())
  const tasks = taskRecordsIn(store, await beginTerm(store))
  assert.equal(await tasks.insert(record()), undefined)
  assert.deepEqual(await tasks.insert(record({ attempt: 2 })), record())
  await tasks.save(record({ step: 'running', startedAt: 5 }))
  assert.deepEqual(await tasks.load(), [record({ step: 'running', startedAt: 5 })])
  await tasks.delete(workloadId('a.1'))
  assert.deepEqual(await tasks.load(), [])
  await store.close()
})

test('a launch and an end outlive a power cut; between them Mesos tells the state again', async () => {
  const forced: boolean[] = []
  const durable = await sqliteDurable(':memory:')
  const told: Durable = {
    ...durable,
    commit: (batch, isForced) => {
      forced.push(isForced)
      return durable.commit(batch, isForced)
    },
  }
  const store = await Store.open(told, new VirtualClock())
  const tasks = taskRecordsIn(store, await beginTerm(store))
  forced.length = 0
  await tasks.insert(record())
  for (const step of ['staging', 'starting', 'running', 'killing', 'ended'] as const) await tasks.save(record({ step }))
  assert.deepEqual(forced, [true, false, false, false, false, true])
  await store.close()
})

test('who has no term any more writes nothing any more, and the next one finds what was written before', async () => {
  const store = await openSqliteStore(':memory:', new VirtualClock())
  const first = await beginTerm(store)
  const older = taskRecordsIn(store, first)
  await older.insert(record())
  const second = await beginTerm(store)
  assert.deepEqual([first.lasts(), second.lasts()], [false, true])
  for (const write of [
    () => older.insert(record({ workload: workloadId('b.1') })),
    () => older.save(record({ step: 'running' })),
    () => older.delete(workloadId('a.1')),
  ])
    await assert.rejects(write, NotLeadingError)
  const newer = taskRecordsIn(store, second)
  assert.deepEqual(await newer.load(), [record()])
  await newer.save(record({ step: 'running' }))
  await store.close()
})
