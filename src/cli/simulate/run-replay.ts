import { readFile, stat } from 'node:fs/promises'
import type { Outcome } from '../../../simulator/contract.ts'
import { logText, virtualTime } from '../../../simulator/runner/failure.ts'
import { Pool } from '../../../simulator/runner/pool.ts'
import { type CliContext, PROGRAM } from '../context.ts'
import { createProgress } from '../display/progress.ts'
import { CliError, EXIT } from '../errors.ts'
import { say, show } from '../output/print.ts'
import { fields } from '../output/table.ts'
import type { Terminal } from '../output/terminal.ts'
import { count, formatDuration } from '../output/units.ts'
import type { Core } from './core.ts'
import type { Task } from './options.ts'
import { writeReportFile } from './report-file.ts'
import { runOnce } from './run-once.ts'

type ReplayTask = Extract<Task, { kind: 'replay' }>

/** A plan in one word is a few kilobytes; a larger file was given by mistake. */
const MAX_FILE_BYTES = 1_048_576

export const runReplay = async (context: CliContext, task: ReplayTask, json: boolean, core: Core): Promise<void> => {
  const word = await wordOf(task.replay)
  const plan = { ...decode(word, task.replay, core), keepLog: true }
  const progress = createProgress(context, context.stderr)
  await using pool = new Pool({ workers: 1, ...(core.module === undefined ? {} : { module: core.module }) })
  progress.step('run', `Seed ${plan.seed}`)
  const outcome = await runOnce(plan, pool, context.signal, progress)
  progress.close()
  if (task.report !== undefined) {
    const { reportPage } = await import('../../../simulator/report/report.ts')
    const command = `${PROGRAM} simulate --replay ${word}`
    await writeReportFile(task.report, reportPage(outcome, { title: `Manor simulated: seed ${plan.seed}`, command }))
  }
  if (!json) say(context, logText(outcome.log))
  show(context, json, outcome, terminal => `\n${summary(outcome, task.report, terminal)}`)
  const [violation] = outcome.violations
  if (violation !== undefined) throw new CliError(`Seed ${plan.seed} fails: ${violation.invariant} does not hold.`, EXIT.failed)
}

/** The text of the file of that name, or the text itself. */
const wordOf = async (given: string): Promise<string> => {
  const known = await stat(given).catch(() => undefined)
  if (known === undefined) return given.trim()
  if (!known.isFile()) throw new CliError(`--replay is ${given}, which is no file: give a plan's word, or a file that holds it.`)
  if (known.size > MAX_FILE_BYTES) throw new CliError(`${given} is larger than ${MAX_FILE_BYTES} bytes: does it hold a plan's word?`)
  return (await readFile(given, 'utf8')).trim()
}

/** Longest that a wrong word is repeated. */
const MOST_SHOWN = 40

const decode = (word: string, given: string, core: Core) => {
  try {
    return core.decode(word)
  } catch (cause) {
    const shown = given.length > MOST_SHOWN ? `${given.slice(0, MOST_SHOWN)}…` : given
    const why = cause instanceof Error ? ` (${cause.message})` : ''
    throw new CliError(
      `--replay is "${shown}", which is no plan and no file${why}: copy all of the word that a failure printed.`,
      undefined,
      { cause },
    )
  }
}

/** More than these are better read in the log. */
const MOST_FAULTS = 6

const faultsText = (faults: Outcome['faults']): string => {
  if (faults.length === 0) return 'none'
  if (faults.length > MOST_FAULTS) return `${faults.length}, each in the log above`
  return faults.map(({ name, at }) => `${name} at ${virtualTime(at)}`).join(', ')
}

const summary = (
  { violations: [violation], faults, virtualMs, wallMs, logLines, logHash }: Outcome,
  report: string | undefined,
  terminal: Terminal,
): string =>
  fields(
    [
      ['verdict', violation === undefined ? 'every claim held' : `${violation.invariant} does not hold, at ${virtualTime(violation.at)}`],
      ['claim', violation?.claim],
      ['found', violation?.found],
      ['faults', faultsText(faults)],
      ['virtual time', `${formatDuration(virtualMs)} in ${formatDuration(wallMs)}`],
      ['log', `${count(logLines, 'line')}, hash ${logHash}`],
      ['report', report],
    ],
    terminal,
  )
