import { readFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { type Profile, ProfileError, readProfile } from '../../../simulator/planning/profile.ts'
import { type Candidate, type Planning, PlanningError, searchHosts } from '../../../simulator/planning/search.ts'
import { Pool, RunError } from '../../../simulator/runner/pool.ts'
import { type CliContext, PROGRAM } from '../context.ts'
import { createProgress } from '../display/progress.ts'
import { CliError, EXIT } from '../errors.ts'
import { show } from '../output/print.ts'
import { type Column, fields, table } from '../output/table.ts'
import type { Terminal } from '../output/terminal.ts'
import { count, formatDuration } from '../output/units.ts'
import type { Core } from './core.ts'
import type { Task } from './options.ts'
import { writeReportFile } from './report-file.ts'

type ProfileTask = Extract<Task, { kind: 'profile' }>

/** A profile is a page of text; a larger file was given by mistake. */
const MAX_FILE_BYTES = 1_048_576

export const runProfile = async (context: CliContext, task: ProfileTask, json: boolean, core: Core): Promise<void> => {
  const profile = await read(task.file)
  const workers = Math.min(task.workers ?? availableParallelism(), profile.seeds)
  const progress = createProgress(context, context.stderr)
  await using pool = new Pool({ workers, ...(core.module === undefined ? {} : { module: core.module }) })
  progress.step('search', `Fewest hosts, ${count(profile.seeds, 'run')} of ${profile.hours} h for each candidate`)
  const planning = await searchHosts(profile, {
    simulate: pool.simulate,
    signal: context.signal,
    workers,
    isOverload: core.isOverload,
    onCandidate: (candidate, runs) => progress.update('search', `${count(runs, 'run')}; ${countsText(candidate)}: ${verdictOf(candidate)}`),
  }).catch(cause => {
    progress.fail('search', 'it broke')
    progress.close()
    throw toldOf(cause, core)
  })
  progress[planning.chosen === undefined ? 'fail' : 'done'](
    'search',
    `${count(planning.candidates.length, 'candidate')}, ${count(planning.runs, 'run')}`,
  )
  progress.close()
  if (task.report !== undefined) await writePage(task.report, task.file, planning)
  show(context, json, viewOf(planning), terminal => text(planning, task.report, terminal))
  if (planning.interrupted)
    throw new CliError('Ended before the fewest hosts were known; what was measured stands above.', EXIT.interrupted)
  if (planning.chosen === undefined)
    throw new CliError(
      `No number of hosts within the profile's bounds meets the goal. ${planning.limit?.sentence ?? ''}`.trim(),
      EXIT.failed,
    )
}

const read = async (file: string): Promise<Profile> => {
  let content: string
  try {
    content = await readFile(file, 'utf8')
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : String(cause)
    throw new CliError(
      `${file} cannot be read${code === 'ENOENT' ? ': there is no such file' : ` (${code})`}. Check the path.`,
      undefined,
      { cause },
    )
  }
  if (content.length > MAX_FILE_BYTES) throw new CliError(`${file} is larger than ${MAX_FILE_BYTES} bytes: is it a profile?`)
  try {
    return await readProfile(file, content)
  } catch (cause) {
    if (cause instanceof ProfileError) throw new CliError(cause.message, undefined, { cause })
    throw cause
  }
}

const toldOf = (cause: unknown, core: Core): unknown => {
  if (cause instanceof PlanningError)
    return new CliError(`${cause.message} See it: ${PROGRAM} simulate --replay ${core.encode(cause.outcome.plan)}`, EXIT.failed, { cause })
  return cause instanceof RunError ? new CliError(`A run broke: ${cause.message}`, EXIT.failed, { cause }) : cause
}

const countsText = ({ counts }: Candidate): string =>
  Object.entries(counts)
    .map(([name, amount]) => `${amount} ${name}`)
    .join(', ')
const verdictOf = ({ meets, why }: Candidate): string => (meets ? 'meets the goal' : (why ?? 'does not'))
const percent = (share: number): string => `${Math.round(share * 100)} %`
const money = (amount: number | undefined): string => (amount === undefined ? '' : amount.toFixed(2))

const columns = (chosen: Candidate | undefined): readonly Column<Candidate>[] => [
  { title: 'HOSTS', cell: ({ hosts }) => String(hosts), align: 'right' },
  { title: 'OF THEM', cell: countsText, least: 12 },
  { title: 'P50', cell: ({ waits }) => formatDuration(waits.p50Ms), align: 'right', droppable: 2 },
  { title: 'P90', cell: ({ waits }) => formatDuration(waits.p90Ms), align: 'right' },
  { title: 'P99', cell: ({ waits }) => formatDuration(waits.p99Ms), align: 'right', droppable: 1 },
  { title: 'MEMORY', cell: ({ memoryUsed }) => percent(memoryUsed), align: 'right', droppable: 3 },
  { title: 'CORES', cell: ({ cpuUsed }) => percent(cpuUsed), align: 'right', droppable: 4 },
  { title: 'A DAY', cell: ({ costPerDay }) => money(costPerDay), align: 'right' },
  {
    title: 'GOAL',
    cell: candidate =>
      candidate === chosen
        ? { text: 'met, the cheapest', colour: 'green' }
        : candidate.meets
          ? 'met'
          : { text: candidate.why ?? 'missed', colour: 'dim' },
    least: 20,
  },
]

const goalText = ({ goal }: Profile): string =>
  Object.entries(goal)
    .map(([percentile, ms]) => `${percentile} <= ${formatDuration(ms)}`)
    .join(', ')

const text = ({ profile, chosen, candidates, limit, runs }: Planning, report: string | undefined, terminal: Terminal): string =>
  [
    table(candidates, columns(chosen), terminal),
    '',
    fields(
      [
        ['goal', `${goalText(profile)}, from the queue to the begin of the build, for every team in every run`],
        ['answer', chosen === undefined ? 'no number of hosts within the bounds' : `${count(chosen.hosts, 'host')}: ${countsText(chosen)}`],
        ['wait', chosen && `p90 ${formatDuration(chosen.waits.p90Ms)} for ${chosen.slowestTeam}, which waits longest`],
        ['cost', chosen?.costPerDay === undefined ? undefined : `${money(chosen.costPerDay)} a day`],
        ['limit', limit?.sentence],
        ['measured', `${count(candidates.length, 'candidate')} in ${count(runs, 'run')} of ${profile.hours} virtual hours`],
        ['report', report],
      ],
      terminal,
    ),
  ].join('\n')

/** For programs: without the runs themselves. */
const viewOf = ({ profile, chosen, candidates, limit, runs, interrupted }: Planning) => {
  const bare = ({ outcome: _run, ...candidate }: Candidate) => candidate
  return {
    goal: profile.goal,
    hours: profile.hours,
    seeds: profile.seeds,
    ...(chosen === undefined ? {} : { chosen: bare(chosen) }),
    candidates: candidates.map(bare),
    ...(limit === undefined ? {} : { limit }),
    runs,
    interrupted,
  }
}

const writePage = async (file: string, profileFile: string, planning: Planning): Promise<void> => {
  const shown = planning.chosen ?? planning.candidates.at(-1)
  if (shown === undefined) return
  const { reportPage } = await import('../../../simulator/report/report.ts')
  const { planningSection } = await import('../../../simulator/report/planning.ts')
  const command = `${PROGRAM} simulate --profile ${profileFile}`
  await writeReportFile(file, reportPage(shown.outcome, { title: 'How many hosts', command, before: [planningSection(planning)] }))
}
