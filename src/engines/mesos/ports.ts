import type { HostId, Milliseconds, Timestamp, WorkloadId, WorkloadLabels } from '../../model/index.ts'

/**
 * What the Mesos engine has kept for it. All calls resolve once what they did is durable, an answer to Mesos follows only then; durable is what
 * outlives this process, and a power cut too where nothing else is said.
 */
export interface FrameworkIds {
  read(): Promise<string | undefined>
  /** Sets the id to `next` if it is `expected`; tells whether it did. Two replicas that start at once must end with one id. */
  swap(expected: string | undefined, next: string): Promise<boolean>
}

/** What a write of a record rejects with where another instance leads: nothing was written, and nothing may be launched or told to Mesos. */
export class NotLeadingError extends Error {
  override readonly name = 'NotLeadingError'
}

/**
 * The rows of tasks, by workload. Where several instances share them, whoever leads has fenced the others off before it loads: their writes
 * reject with a NotLeadingError.
 */
export interface TaskRecords {
  load(): Promise<readonly TaskRecord[]>
  /** Adds a record; where the workload has one already, gives that back and changes nothing. */
  insert(record: TaskRecord): Promise<TaskRecord | undefined>
  /** Outlives a power cut only where the task has ended: of one that has not, Mesos tells the state again. */
  save(record: TaskRecord): Promise<void>
  delete(workload: WorkloadId): Promise<void>
}

/** Steps of a task in their order; a task never goes back. */
export const TASK_STEPS = ['intended', 'staging', 'starting', 'running', 'killing', 'ended'] as const
export type TaskStep = (typeof TASK_STEPS)[number]

/** Which of Mesos' two containerizers runs it. */
export type Containerizer = 'docker' | 'mesos'

/** What is known of one task. Plain data that survives JSON. */
export type TaskRecord = {
  readonly workload: WorkloadId
  /** Which launch of the workload it is, by its moment: one that is known to have started nothing is followed by another, under a new task id. */
  readonly attempt: number
  readonly labels: WorkloadLabels
  readonly host: HostId
  readonly address?: string
  readonly ports: Readonly<Record<string, number>>
  readonly containerizer: Containerizer
  readonly program: string
  readonly memoryMb: number
  readonly graceMs: Milliseconds
  readonly step: TaskStep
  readonly intendedAt: Timestamp
  readonly startedAt?: Timestamp
  /** Set while its host is silent: nobody knows how it is. */
  readonly silentSince?: Timestamp
  /** Set while it is only said to have ended, by somebody who does not know how; who knows tells it soon. */
  readonly hearsaySince?: Timestamp
  readonly stop?: { readonly askedAt: Timestamp; readonly killAt: Timestamp }
  readonly end?: TaskEnd
}

/** How it ended, in Mesos' own words; what it means is worked out when it is asked for. */
export type TaskEnd = {
  readonly at: Timestamp
  /** TASK_FINISHED and the like. */
  readonly state: string
  /** REASON_... without that prefix. */
  readonly reason?: string
  readonly message?: string
  readonly healthy?: boolean
}
