import { availableParallelism } from 'node:os'
import type { Outcome } from '../../../simulator/contract.ts'
import { type FailureReport, failureOf, failureText } from '../../../simulator/runner/failure.ts'
import { Pool } from '../../../simulator/runner/pool.ts'
import { runSwarm, type SwarmProgress, type SwarmResult } from '../../../simulator/runner/swarm.ts'
import { HOUR, SECOND } from '../../model/index.ts'
import { type CliContext, PROGRAM } from '../context.ts'
import { createProgress, type Progress } from '../display/progress.ts'
import { CliError, EXIT } from '../errors.ts'
import { remark, say, show } from '../output/print.ts'
import { fields } from '../output/table.ts'
import type { Terminal } from '../output/terminal.ts'
import { count, formatDuration } from '../output/units.ts'
import type { Core } from './core.ts'
import type { Task } from './options.ts'
import { writeReportFile } from './report-file.ts'

type SeedsTask = Extract<Task, { kind: 'seeds' }>

const INTRODUCTION = `Each seed is a fleet of its own with its own jobs and faults. Manor's control plane runs in it, unmodified, in virtual time, and what must
hold is checked all along. ${PROGRAM} simulate --help shows what else there is.`

/** Progress is told no more often than this; small seeds end many times a second. */
const TELL_EVERY_MS = 200

export const runSeeds = async (context: CliContext, task: SeedsTask, json: boolean, core: Core): Promise<void> => {
  const { hours, faults, keepGoing, seeds, forMs } = task
  const first = task.first ?? Math.floor(context.random.next() * 2 ** 32)
  const workers = Math.min(task.workers ?? availableParallelism(), seeds ?? Number.POSITIVE_INFINITY)
  if (task.isFirstLook && !json) remark(context, INTRODUCTION)
  const progress = createProgress(context, context.stderr)
  await using pool = new Pool({ workers, ...(core.module === undefined ? {} : { module: core.module }) })
  progress.step('seeds', `${amountText(task)}, from ${first}`)
  let toldAt = Number.NEGATIVE_INFINITY
  const result = await runSwarm(
    {
      first,
      workers,
      keepGoing,
      planOf: seed => core.seedPlan(seed, faults, hours),
      ...(seeds === undefined ? {} : { count: seeds }),
      ...(forMs === undefined ? {} : { forMs }),
      onProgress: now => {
        if (context.clock.monotonic() - toldAt < TELL_EVERY_MS) return
        toldAt = context.clock.monotonic()
        progress.update('seeds', progressText(now), amountOf(now, forMs))
      },
    },
    { simulate: pool.simulate, clock: context.clock, signal: context.signal },
  )
  progress[result.failed === 0 && !result.interrupted ? 'done' : 'fail']('seeds', progressText(result))
  const { failure, shown } = await explain(context, result, pool, core, progress)
  progress.close()
  if (task.report !== undefined && shown !== undefined) await writePage(task.report, shown, core)
  const again = `${PROGRAM} simulate --seeds ${result.count ?? result.done} --first ${first} --hours ${hours} --faults ${faults}`
  if (failure !== undefined && !json) say(context, `\n${failureText(failure, PROGRAM)}\n`)
  show(context, json, viewOf(task, result, failure, again), terminal => summary(task, result, again, terminal))
  end(result, task.report)
}

/** The first failure in its smallest form, and the run that a page is made of. */
const explain = async (
  context: CliContext,
  { failures: [first], example }: SwarmResult,
  pool: Pool,
  core: Core,
  progress: Progress,
): Promise<{ readonly failure?: FailureReport; readonly shown?: Outcome }> => {
  const shown = example === undefined ? {} : { shown: example }
  if (first === undefined) return shown
  const before = example?.violations.length ? example : undefined
  // A run that broke has no outcome to compare with, so it is told as it is.
  if (first.broke !== undefined || before === undefined) return { ...shown, failure: failureOf(first, undefined, undefined, core.encode) }
  progress.step('shrink', `Seed ${first.plan.seed} fails; faults that it does not need are taken out`)
  try {
    const shrunk = await core.minimise(before.plan, {
      run: plan => pool.simulate(plan, context.signal),
      onProgress: (faults, runs) => progress.update('shrink', `${count(faults, 'fault')} left after ${count(runs, 'run')}`),
      signal: context.signal,
    })
    if (shrunk === undefined) {
      progress.fail('shrink', 'it did not fail again: something in the run does not come from its seed, which is a defect of the simulator')
      return { shown: before, failure: failureOf(first, before, before, core.encode) }
    }
    progress.done('shrink', `${count(shrunk.faults.length, 'fault')} of ${before.faults.length} left`)
    return { shown: shrunk, failure: failureOf(first, shrunk, before, core.encode) }
  } catch (cause) {
    if (!context.signal.aborted) throw cause
    progress.fail('shrink', 'left, since you ended it')
    return { shown: before, failure: failureOf(first, before, before, core.encode) }
  }
}

const writePage = async (file: string, outcome: Outcome, core: Core): Promise<void> => {
  const { reportPage } = await import('../../../simulator/report/report.ts')
  const command = `${PROGRAM} simulate --replay ${core.encode(outcome.plan)}`
  await writeReportFile(file, reportPage(outcome, { title: `Manor simulated: seed ${outcome.plan.seed}`, command }))
}

const amountText = ({ seeds, hours, faults, forMs }: SeedsTask): string => {
  const many = seeds === undefined ? 'seeds' : count(seeds, 'seed')
  return `${many} x ${hours} h, faults ${faults}${forMs === undefined ? '' : `, for ${formatDuration(forMs)}`}`
}

const amountOf = ({ done, count: total, wallMs }: SwarmProgress, forMs: number | undefined) =>
  total !== undefined ? { done, total } : { done: Math.min(wallMs, forMs ?? wallMs), total: forMs ?? wallMs }

/** `412 of 1000 seeds, 0 failed, 1.4 virtual hours a second, 6m40s left`. */
const progressText = ({ done, failed, count: total, virtualMs, wallMs, leftMs }: SwarmProgress): string => {
  const rate = wallMs === 0 ? 0 : virtualMs / HOUR / (wallMs / SECOND)
  const seeds = total === undefined ? count(done, 'seed') : `${done} of ${count(total, 'seed')}`
  const left = leftMs === undefined ? '' : `, ${formatDuration(leftMs)} left`
  return `${seeds}, ${failed} failed, ${rate.toFixed(rate < 10 ? 1 : 0)} virtual hours a second${left}`
}

const summary = (task: SeedsTask, result: SwarmResult, again: string, terminal: Terminal): string => {
  const { done, failed, failures, virtualMs, wallMs, builds, faults, manorRestarts, interrupted } = result
  const others = failures.slice(1).map(({ plan, violation }) => `${plan.seed} (${violation?.invariant ?? 'broke'})`)
  return fields(
    [
      [
        'seeds',
        `${done} done, ${failed === 0 ? 'all passed' : `${failed} failed`}${interrupted ? `, ended by you before ${task.seeds ?? 'all'}` : ''}`,
      ],
      ['also failed', others.join(', ')],
      ['virtual time', `${formatDuration(virtualMs)} in ${formatDuration(wallMs)}`],
      ['builds', builds.toLocaleString('en-US')],
      ['faults', `${faults.toLocaleString('en-US')}, and ${count(manorRestarts, 'restart')} of Manor`],
      ['report', task.report],
      ['again', again],
    ],
    terminal,
  )
}

/** For programs: what was asked, what came out, and the failure in its smallest form. */
const viewOf = ({ hours, faults }: SeedsTask, result: SwarmResult, failure: FailureReport | undefined, again: string) => {
  const { first, done, failed, failures, interrupted, virtualMs, wallMs, builds, faults: faultsDone, manorRestarts } = result
  return {
    passed: failed === 0 && !interrupted,
    interrupted,
    first,
    hours,
    level: faults,
    done,
    failed,
    virtualMs,
    wallMs,
    builds,
    faults: faultsDone,
    manorRestarts,
    failedSeeds: failures.map(({ plan, violation, broke }) => ({
      seed: plan.seed,
      invariant: violation?.invariant,
      found: violation?.found ?? broke,
    })),
    ...(failure === undefined ? {} : { failure: { ...failure, command: `${PROGRAM} simulate --replay ${failure.replay}` } }),
    again,
  }
}

const end = ({ failed, failures, interrupted }: SwarmResult, report: string | undefined): void => {
  const [first] = failures
  if (first !== undefined) {
    const what = first.violation === undefined ? 'its run broke' : `${first.violation.invariant} does not hold`
    const hint = report === undefined ? ' --report FILE makes a page of it.' : ''
    throw new CliError(`Seed ${first.plan.seed} failed: ${what}.${failed > 1 ? ` ${failed} seeds failed in all.` : ''}${hint}`, EXIT.failed)
  }
  if (interrupted) throw new CliError('Ended before all seeds were done; those that were done passed.', EXIT.interrupted)
}
