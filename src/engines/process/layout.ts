import { join } from 'node:path'
import type { WorkloadId } from '../../model/index.ts'

/**
 * Where the engine keeps things below its state directory. A workload's record directory belongs to Manor's user; only `dir` in it is the
 * workload's own.
 */
export type Layout = {
  readonly directory: string
  readonly workloads: string
  /** One file for each ended workload, all in one directory so that one watch sees every end. */
  readonly exits: string
  /** What is being forgotten: moved here at once, deleted at leisure. */
  readonly trash: string
  /** An empty directory on which a private view is built, in a mount namespace of its own each time. */
  readonly stage: string
  readonly identities: string
}

export const layoutOf = (directory: string): Layout => ({
  directory,
  workloads: join(directory, 'workloads'),
  exits: join(directory, 'exits'),
  trash: join(directory, 'trash'),
  stage: join(directory, 'stage'),
  identities: join(directory, 'identities.json'),
})

/** The files of one workload's record directory; what supervise.sh writes has the same names there. */
export type RecordFiles = {
  readonly root: string
  readonly record: string
  readonly run: string
  readonly claim: string
  readonly main: string
  readonly stop: string
  readonly launchFailed: string
  readonly log: string
  readonly olderLog: string
  /** The workload's private directory, `{dir}`. */
  readonly dir: string
  readonly exit: string
}

export const recordFiles = (layout: Layout, id: WorkloadId): RecordFiles => {
  const root = join(layout.workloads, id)
  return {
    root,
    record: join(root, 'workload.json'),
    run: join(root, 'run'),
    claim: join(root, 'claim'),
    main: join(root, 'main'),
    stop: join(root, 'stop.json'),
    launchFailed: join(root, 'launch-failed'),
    log: join(root, 'log'),
    olderLog: join(root, 'log.1'),
    dir: join(root, 'dir'),
    exit: join(layout.exits, id),
  }
}
