import type { WorkloadId } from './ids.ts'
import type { Mebibytes, Milliseconds, Timestamp } from './units.ts'

/** What one run took: an agent with its build, or a controller from a start to its end (or to when it was last looked at). */
export type Run = {
  readonly id: WorkloadId
  /** When it ended, or was last looked at. */
  readonly at: Timestamp
  readonly ranMs: Milliseconds
  /** The memory that it had been given. */
  readonly limitMb: Mebibytes
  /** Absent where its engine could not tell. */
  readonly peakMemoryMb?: Mebibytes
  /** What it ran out of: the kernel ended it, or a process in it, at its limit; or Java's own heap within it was full. */
  readonly ranOutOf?: 'limit' | 'heap'
}

/** The last runs of a template's agents or of a controller, newest first. It outlives Manor: what is given by it changes slowly. */
export type Usage = {
  /** See usageId. */
  readonly id: string
  readonly runs: readonly Run[]
}

/** Enough that one odd build among them is seen as one, and few enough that a row is about 5 KB. */
export const RUNS_KEPT = 40

export const usageId = (kind: 'template' | 'controller', name: string): string => `${kind}/${name}`

/** With these runs among its own, each once: a later word of the same run stands for an earlier one. The same object where nothing changes. */
export const withRuns = (usage: Usage, runs: readonly Run[]): Usage => {
  const byId = new Map(usage.runs.map(run => [run.id, run]))
  for (const run of runs) if (saysMore(run, byId.get(run.id))) byId.set(run.id, run)
  const newest = [...byId.values()].sort((a, b) => b.at - a.at || (a.id < b.id ? -1 : 1)).slice(0, RUNS_KEPT)
  const isSame = newest.length === usage.runs.length && newest.every((run, index) => run === usage.runs[index])
  return isSame ? usage : { id: usage.id, runs: newest }
}

/** A later word, or one of the same end that knows what it ran out of: engines may learn that a moment after the end itself. */
const saysMore = (run: Run, known: Run | undefined): boolean =>
  known === undefined || known.at < run.at || (known.at === run.at && known.ranOutOf === undefined && run.ranOutOf !== undefined)
