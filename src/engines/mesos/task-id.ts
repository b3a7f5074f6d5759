import { type WorkloadId, workloadId } from '../../model/index.ts'

/**
 * A task's id is its workload's and the moment of the launch, in milliseconds. Ids are never used again: a launch that is known to have
 * started nothing is followed by one of a later moment. Mesos takes 1 to 255 characters without control characters and path separators, "." and ".." excepted.
 */
export const taskIdOf = (workload: WorkloadId, attempt: number): string => `${workload}.${attempt}`

/** Whose task that is, or undefined where it is none of Manor's making. */
export const readTaskId = (task: string): { readonly workload: WorkloadId; readonly attempt: number } | undefined => {
  const [, workload, attempt] = /^(.+)\.(\d+)$/.exec(task) ?? []
  return workload === undefined ? undefined : { workload: workloadId(workload), attempt: Number(attempt) }
}
