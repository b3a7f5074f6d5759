import type { FrameworkIds, TaskRecord, TaskRecords } from '../engines/index.ts'
import type { WorkloadId } from '../model/index.ts'
import type { Store } from '../store/index.ts'

const FRAMEWORK_ID = 'mesos-framework-id'
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

/**
 * What is known of Mesos' tasks, in the store. Mesos takes an acknowledgement as a promise that its update is kept, so each is on the disk
 * before the call resolves; updates that come together share one flush.
 */
export const taskRecordsIn = (store: Store): TaskRecords => {
  const keyOf = (workload: WorkloadId): string => TASK + workload
  const put = (record: TaskRecord) => ({ id: keyOf(record.workload), value: JSON.stringify(record) })
  return {
    load: async () => store.list('engine-record').flatMap(({ id, value }) => (id.startsWith(TASK) ? [parseRecord(value)] : [])),
    insert: record =>
      store.transact(
        tx => {
          const known = tx.get('engine-record', keyOf(record.workload))
          if (known !== undefined) return parseRecord(known.value)
          tx.put('engine-record', put(record))
          return undefined
        },
        { flush: true },
      ),
    save: record => store.transact(tx => tx.put('engine-record', put(record)), { flush: true }),
    delete: workload => store.transact(tx => tx.remove('engine-record', keyOf(workload))),
  }
}

/** Written by this file alone. */
const parseRecord = (value: string): TaskRecord => JSON.parse(value) as TaskRecord
