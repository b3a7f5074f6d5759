import { hostId, type Observation, type ObservedState, type WorkloadId, type WorkloadLabels } from '../../model/index.ts'
import { endReason, failureReason, statusIn } from './reason.ts'
import type { Known } from './records.ts'
import { isActive, type MarathonApp, type MarathonTask } from './wire.ts'

/** Everything that a view of one workload is made of, from one look. */
export type Sight = {
  readonly id: WorkloadId
  readonly labels: WorkloadLabels
  readonly known: Known
  /** The workload's own app; an app of a later run of its noun is not. */
  readonly app: MarathonApp | undefined
  readonly memory?: { readonly memoryMb: number; readonly peakMemoryMb: number }
}

/** The task that is the workload: the one that was let in, or before that the first of those that may be. */
export const taskOf = (app: MarathonApp, known: Known): MarathonTask | undefined => {
  const tasks = app.tasks ?? []
  if (known.claim !== undefined) return tasks.find(({ id }) => id === known.claim?.task)
  return tasks.filter(isActive).toSorted(byAge)[0]
}

/** Oldest first; the id breaks a tie the same way each time. */
export const byAge = (a: MarathonTask, b: MarathonTask): number => order(a.stagedAt ?? '', b.stagedAt ?? '') || order(a.id, b.id)
const order = (a: string, b: string): number => Number(a > b) - Number(a < b)

/**
 * What a look shows of a workload; undefined for one that Marathon was never seen to have taken on. Pure.
 *
 * What is known must have been read before Marathon was asked: a task is in Marathon's list before it can fetch its start, so one that was let
 * in and is not in a list begun later has ended.
 */
export const observationOf = (sight: Sight, now: number): Observation | undefined => {
  const { id, labels, known, app } = sight
  if (known.end !== undefined) return known.end
  if (app === undefined) return known.accepted ? ended(sight, undefined, now) : undefined
  const task = taskOf(app, known)
  const over = known.exit !== undefined || (task !== undefined && !isActive(task)) || (task === undefined && known.claim !== undefined)
  if (over && known.claim !== undefined) return ended(sight, task, now)
  const stopping = known.stop !== undefined || app.instances === 0
  // While an instance is wanted, Marathon may still launch one.
  if (app.instances === 0 && !(app.tasks ?? []).some(isActive)) return ended(sight, task, now)
  const { host, address, ports } = whereabouts(sight, task)
  const failure = known.claim === undefined ? app.lastTaskFailure : undefined
  const state = stateOf(task, known, stopping)
  return {
    id,
    labels,
    state,
    ...(host === undefined ? {} : { host }),
    ...(address === undefined ? {} : { address }),
    ports,
    ...(known.claim === undefined ? {} : { startedAt: known.claim.at }),
    ...(failure === undefined || state === 'stopping'
      ? {}
      : { reason: { ...failureReason(failure), since: Date.parse(failure.timestamp) } }),
    ...(sight.memory ?? {}),
  }
}

/**
 * A task that runs but has not fetched its start is starting still: only the shell runs. A host that is silent is told before a stop is, since
 * what is on it may go on.
 */
const stateOf = (task: MarathonTask | undefined, known: Known, stopping: boolean): ObservedState => {
  if (task?.state === 'TASK_UNREACHABLE' || task?.state === 'TASK_UNKNOWN') return 'unknown'
  if (stopping || task?.state === 'TASK_KILLING') return 'stopping'
  if (task === undefined) return 'placing'
  if (known.claim !== undefined) return 'running'
  return 'starting'
}

const whereabouts = ({ known, app }: Sight, task: MarathonTask | undefined): Pick<Observation, 'host' | 'address' | 'ports'> => {
  const host = task?.host ?? known.claim?.host
  const names = Object.keys(known.record?.workload.ports ?? {})
  const ports = known.claim?.ports ?? Object.fromEntries(names.flatMap((name, at) => port(name, task?.ports?.[at])))
  return {
    ...(host === undefined ? {} : { host: hostId(host), address: host }),
    ports: app === undefined && task === undefined ? (known.claim?.ports ?? {}) : ports,
  }
}

const port = (name: string, number: number | undefined): [string, number][] => (number === undefined ? [] : [[name, number]])

/** How it ended, from whoever saw it: the shell beside it, Marathon's last failure if that was of its task, or nobody. */
const ended = (sight: Sight, task: MarathonTask | undefined, now: number): Observation => {
  const { id, labels, known, app, memory } = sight
  const { claim, exit, stop, record } = known
  const last = app?.lastTaskFailure
  const failure = last !== undefined && (claim === undefined ? known.stop === undefined : last.taskId === claim.task) ? last : undefined
  const status = exit?.status ?? (failure === undefined ? undefined : statusIn(failure.message ?? '')) ?? finished(task)
  const why = endReason({
    ...(status === undefined ? {} : { status }),
    ...(failure === undefined ? {} : { failure }),
    stopped: stop !== undefined && (exit === undefined || exit.at >= stop.at),
    program: record?.workload.command[0] ?? '',
    memoryLimitMb: record?.workload.resources.memoryMb ?? 0,
    ...(memory === undefined ? {} : { peakMemoryMb: memory.peakMemoryMb }),
  })
  const endedAt = exit?.at ?? (failure === undefined ? now : Date.parse(failure.timestamp))
  const { host, address, ports } = whereabouts(sight, task)
  return {
    id,
    labels,
    state: 'ended',
    ...(host === undefined ? {} : { host }),
    ...(address === undefined ? {} : { address }),
    ports,
    ...(claim === undefined ? {} : { startedAt: claim.at }),
    // The cluster's clock and ours differ a little: an end is never before its start.
    endedAt: Math.max(endedAt, claim?.at ?? 0),
    reason: { ...why, since: endedAt },
    ...(status === undefined ? {} : { exitCode: status }),
    ...(memory === undefined ? {} : { peakMemoryMb: memory.peakMemoryMb }),
  }
}

const finished = (task: MarathonTask | undefined): number | undefined => (task?.state === 'TASK_FINISHED' ? 0 : undefined)
