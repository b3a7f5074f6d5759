import { type FrameworkIds, NotLeadingError, type TaskRecord, type TaskRecords } from '../engines/index.ts'
import type { WorkloadId } from '../model/index.ts'
import type { Store, Transaction } from '../store/index.ts'

const FRAMEWORK_ID = 'mesos-framework-id'
const TERM = 'mesos-term'
const TASK = 'mesos-task/'

/** The id of our framework, in the store: whoever changes it has seen the one before. */
export const frameworkIdsIn = (store: Store): FrameworkIds => ({
  read: async () => store.get('setting', FRAMEWORK_ID)?.value,
  swap: (expected, next) =>
    store.transact(
      tx => {
        if (tx.get('setting', FRAMEWORK_ID)?.value !== expected) return false
        tx.put('setting', { id: FRAMEWORK_ID, value: next })
        return true
      },
      { flush: true },
    ),
})

/** From when to when one engine speaks for the framework: until the next one begins its own. */
export type Term = { readonly number: string; readonly lasts: () => boolean }

/** Begins a term and with that ends all before it: whoever held one writes no record any more. Durable before it resolves. */
export const beginTerm = async (store: Store): Promise<Term> => {
  const number = await store.transact(
    tx => {
      const value = String(tx.nextEpoch())
      tx.put('setting', { id: TERM, value })
      return value
    },
    { flush: true },
  )
  return { number, lasts: () => store.get('setting', TERM)?.value === number }
}

/**
 * What is known of Mesos' tasks, in the store, for as long as a term lasts: that it does is looked at in the transaction of each write.
 *
 * Each write has outlived this process before its call resolves. Against a power cut only that is forced to the disk which Mesos would not tell
 * again: that a task was to be launched, since who has forgotten it launches another, and how it ended, since the leader forgets an ended task
 * once that is acknowledged. How a task is that has not ended is asked for at the next subscription (docs/reconciliation.md of Mesos).
 */
export const taskRecordsIn = (store: Store, term: Term): TaskRecords => {
  const keyOf = (workload: WorkloadId): string => TASK + workload
  const put = (record: TaskRecord) => ({ id: keyOf(record.workload), value: JSON.stringify(record) })
  const check = (tx: Transaction): void => {
    if (tx.get('setting', TERM)?.value !== term.number) throw new NotLeadingError('Another Manor keeps the records of tasks now.')
  }
  return {
    load: async () => store.list('engine-record').flatMap(({ id, value }) => (id.startsWith(TASK) ? [parseRecord(value)] : [])),
    insert: record =>
      store.transact(
        tx => {
          check(tx)
          const known = tx.get('engine-record', keyOf(record.workload))
          if (known !== undefined) return parseRecord(known.value)
          tx.put('engine-record', put(record))
          return undefined
        },
        { flush: true },
      ),
    save: record =>
      store.transact(
        tx => {
          check(tx)
          tx.put('engine-record', put(record))
        },
        { flush: record.step === 'ended' },
      ),
    delete: workload =>
      store.transact(tx => {
        check(tx)
        tx.remove('engine-record', keyOf(workload))
      }),
  }
}

/** Written by this file alone. */
const parseRecord = (value: string): TaskRecord => JSON.parse(value) as TaskRecord
