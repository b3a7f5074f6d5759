/** What a scale run is judged by, from its outcome. Pure. */
import type { Milliseconds } from '../../src/model/index.ts'
import type { Outcome, Sample } from '../contract.ts'

export type ScaleFigures = {
  readonly virtualMs: Milliseconds
  readonly wallMs: Milliseconds
  /** Of it while jobs came. */
  readonly activeWallMs: Milliseconds
  /** Virtual time over wall time. */
  readonly timesFaster: number
  readonly builds: number
  readonly mostRunning: number
  readonly placements: number
  readonly placementsPerVirtualSecond: number
  readonly queueToLaunchP50Ms: number
  readonly queueToLaunchP99Ms: number
  /** Of what the hosts have, 0 to 1: the highest, and the median while jobs arrived. */
  readonly memoryUsedMost: number
  readonly memoryUsedMedian: number
  readonly cpuUsedMost: number
  readonly cpuUsedMedian: number
  /** Of the whole run, world and checks included, since they share one process: an upper bound for the control plane. */
  readonly cpuMsPerBuild: number
  readonly peakRssBytes: number
  readonly storeBytes: number
  readonly commitsPerBuild: number
  readonly rowsPerBuild: number
}

export const scaleFigures = (outcome: Outcome): ScaleFigures => {
  const builds = outcome.builds.succeeded + outcome.builds.failed
  const perBuild = (amount: number): number => (builds === 0 ? 0 : amount / builds)
  const active = outcome.samples.filter(({ at }) => at <= outcome.plan.activeMs)
  const most = (of: (sample: Sample) => number): number => active.reduce((highest, sample) => Math.max(highest, of(sample)), 0)
  return {
    virtualMs: outcome.virtualMs,
    wallMs: outcome.wallMs,
    activeWallMs: outcome.activeWallMs,
    timesFaster: outcome.wallMs === 0 ? 0 : outcome.virtualMs / outcome.wallMs,
    builds,
    mostRunning: outcome.mostRunning,
    placements: outcome.placements,
    placementsPerVirtualSecond: outcome.virtualMs === 0 ? 0 : outcome.placements / (outcome.virtualMs / 1_000),
    queueToLaunchP50Ms: outcome.queueToLaunch.p50Ms,
    queueToLaunchP99Ms: outcome.queueToLaunch.p99Ms,
    memoryUsedMost: most(({ memoryUsed }) => memoryUsed),
    memoryUsedMedian: middle(active.map(({ memoryUsed }) => memoryUsed)),
    cpuUsedMost: most(({ cpuUsed }) => cpuUsed),
    cpuUsedMedian: middle(active.map(({ cpuUsed }) => cpuUsed)),
    cpuMsPerBuild: perBuild(outcome.cpuMs),
    peakRssBytes: outcome.peakRssBytes,
    storeBytes: outcome.store.bytes,
    commitsPerBuild: perBuild(outcome.store.commits),
    rowsPerBuild: perBuild(outcome.store.rowsWritten),
  }
}

const middle = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) / 2)] ?? 0
