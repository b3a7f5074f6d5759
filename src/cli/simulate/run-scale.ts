import type { Outcome } from '../../../simulator/contract.ts'
import { duration } from '../../../simulator/report/numbers.ts'
import { Pool } from '../../../simulator/runner/pool.ts'
import { type ScaleFigures, scaleFigures } from '../../../simulator/runner/scale.ts'
import { MINUTE } from '../../model/index.ts'
import { type CliContext, PROGRAM } from '../context.ts'
import { createProgress } from '../display/progress.ts'
import { CliError, EXIT } from '../errors.ts'
import { show } from '../output/print.ts'
import { fields } from '../output/table.ts'
import type { Terminal } from '../output/terminal.ts'
import { formatDuration, formatSize } from '../output/units.ts'
import type { Core } from './core.ts'
import type { Task } from './options.ts'
import { writeReportFile } from './report-file.ts'
import { runOnce } from './run-once.ts'

type ScaleTask = Extract<Task, { kind: 'scale' }>

/** Ten thousand controllers and their jobs fit; the whole machine does not go with them. */
const HEAP_MB = 8_192
/** V8 would let the heap of a large world grow to several times what lives in it; so it takes a third less, for about as much time. */
const HEAP_GROWTH = 100
/** A look at all of a large world, and the calls that are under way meanwhile, outlive a nursery of V8's own size. */
const NURSERY_MB = 64

export const runScale = async (context: CliContext, task: ScaleTask, json: boolean, core: Core): Promise<void> => {
  const { controllers, jobs, hosts, hours, faults, seed } = task
  const words = `--controllers ${controllers} --jobs ${jobs} --hosts ${hosts} --hours ${hours} --faults ${faults} --first ${seed}`
  const command = `${PROGRAM} simulate ${words}`
  const title = `${number(controllers)} controllers, ${number(jobs)} jobs, ${number(hosts)} hosts, ${hours} h`
  const progress = createProgress(context, context.stderr)
  await using pool = new Pool({
    workers: 1,
    heapMb: HEAP_MB,
    heapGrowth: HEAP_GROWTH,
    nurseryMb: NURSERY_MB,
    ...(core.module === undefined ? {} : { module: core.module }),
  })
  progress.step('run', title)
  const plan = core.scalePlan({ controllers, jobs, hosts, hours, faults, seed })
  const outcome = await runOnce(plan, pool, context.signal, progress)
  progress.close()
  if (task.report !== undefined) {
    const { reportPage } = await import('../../../simulator/report/report.ts')
    await writeReportFile(task.report, reportPage(outcome, { title, command }))
  }
  const figures = scaleFigures(outcome)
  const view = {
    controllers,
    jobs,
    hosts,
    hours,
    level: faults,
    seed,
    passed: outcome.violations.length === 0,
    ...figures,
    logHash: outcome.logHash,
    violations: outcome.violations,
    command,
  }
  show(context, json, view, terminal => table(outcome, figures, command, task.report, terminal))
  const [violation] = outcome.violations
  if (violation !== undefined)
    throw new CliError(`${violation.invariant} does not hold: ${violation.claim} ${violation.found}`, EXIT.failed)
}

const number = (value: number): string => value.toLocaleString('en-US')
const percent = (share: number): string => `${Math.round(share * 100)} %`
const megabytes = (bytes: number): string => formatSize(bytes / 1_048_576)

const table = (outcome: Outcome, figures: ScaleFigures, command: string, report: string | undefined, terminal: Terminal): string =>
  fields(
    [
      ['virtual time', `${formatDuration(figures.virtualMs)}, of it ${formatDuration(outcome.plan.activeMs)} with jobs coming`],
      [
        'wall time',
        `${formatDuration(figures.wallMs)}, of it ${formatDuration(figures.activeWallMs)} with jobs coming; ${number(Math.round(figures.timesFaster))} times faster than real time`,
      ],
      ['builds', `${number(figures.builds)}, at most ${number(figures.mostRunning)} at a time`],
      [
        'placements',
        `${number(figures.placements)}, ${number(Math.round((figures.placementsPerVirtualSecond * MINUTE) / 1_000))} a minute`,
      ],
      ['queue to launch', `p50 ${duration(figures.queueToLaunchP50Ms)}, p99 ${duration(figures.queueToLaunchP99Ms)}`],
      ['memory given', `${percent(figures.memoryUsedMedian)}, at most ${percent(figures.memoryUsedMost)} of the cluster`],
      ['cores given', `${percent(figures.cpuUsedMedian)}, at most ${percent(figures.cpuUsedMost)} of the cluster`],
      ['processor time', `${figures.cpuMsPerBuild.toFixed(1)} ms a build, of the whole simulation: the control plane's own is less`],
      ['peak memory', `${megabytes(figures.peakRssBytes)}, of the whole simulation`],
      [
        'store',
        `${megabytes(figures.storeBytes)}; ${figures.commitsPerBuild.toFixed(1)} commits and ${figures.rowsPerBuild.toFixed(1)} rows a build`,
      ],
      ['report', report],
      ['again', command],
    ],
    terminal,
  )
