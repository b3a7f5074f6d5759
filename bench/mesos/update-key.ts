import { readTaskId } from '../../src/engines/mesos/task-id.ts'

const MEANS = new Map([
  ['TASK_RUNNING', 'running'],
  ['TASK_FINISHED', 'ended'],
  ['TASK_KILLED', 'ended'],
])

/** What a task's update is called on its way, wherever it is seen; undefined of those that nobody waits for. */
export const updateKey = (status: { readonly task_id?: { readonly value: string }; readonly state?: string }): string | undefined => {
  const named = status.task_id && readTaskId(status.task_id.value)
  const means = MEANS.get(status.state ?? '')
  return named === undefined || means === undefined ? undefined : `${named.workload} ${means}`
}
