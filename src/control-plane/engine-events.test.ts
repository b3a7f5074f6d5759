import assert from 'node:assert/strict'
import { test } from 'node:test'
import { waitFor } from '../../tests/support/wait.ts'
import { type Event, workloadId } from '../model/index.ts'
import { VirtualClock } from '../runtime/index.ts'
import { openSqliteStore, type Store } from '../store/index.ts'
import { engineEventsIn } from './engine-events.ts'

const firstEvent = (store: Store): Promise<Event> =>
  waitFor(async () => (await store.events({ after: 0, limit: 10 }))[0], { what: 'the event is kept' })

test('a second task of a controller is an event of it, with its reason, who held the home, and why', async () => {
  const store = await openSqliteStore(':memory:', new VirtualClock())
  const warnings: string[] = []
  const events = engineEventsIn(store, message => warnings.push(message))
  const why = 'its place is held by t1: a volume has one writer'
  events.secondTask({ workload: workloadId('team-a.3'), noun: 'team-a', task: 't2', holder: 't1', why })
  const event = await firstEvent(store)
  assert.deepEqual([event.kind, event.subject, event.type, event.actor], ['controller', 'team-a', 'second-task', 'manor'])
  assert.deepEqual(event.data, { reason: 'second-task', workload: 'team-a.3', task: 't2', holder: 't1' })
  assert.match(event.message ?? '', /Its place is held by t1: a volume has one writer\. Look who changes/)
  assert.deepEqual(warnings, [event.message])
  await store.close()
})

test('that Mesos has removed the framework is an event with its mend', async () => {
  const store = await openSqliteStore(':memory:', new VirtualClock())
  const mend = 'End Manor and start it with ./manor up --new-framework.'
  engineEventsIn(store, () => undefined).parting({ kind: 'removed', reason: { code: 'evicted', message: 'Mesos has removed it.', mend } })
  const event = await firstEvent(store)
  assert.deepEqual([event.kind, event.subject, event.type, event.data], ['manor', 'mesos', 'framework-removed', { reason: 'evicted' }])
  assert.equal(event.message, `Mesos has removed it. ${mend}`)
  await store.close()
})

test('where it cannot be kept it is in the log all the same', async () => {
  const store = await openSqliteStore(':memory:', new VirtualClock())
  await store.close()
  const warnings: string[] = []
  engineEventsIn(store, message => warnings.push(message)).secondTask({
    workload: workloadId('team-a.3'),
    noun: 'team-a',
    task: 't2',
    holder: undefined,
    why: 'team-a.3 was stopped',
  })
  await new Promise(resolve => setImmediate(resolve))
  assert.equal(warnings.length, 2)
  assert.match(warnings[1] ?? '', /could not be kept/)
})
