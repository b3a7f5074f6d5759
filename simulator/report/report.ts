/**
 * One run as one HTML file that is read without a network: style and plots are in it, nothing in it runs. Start reading at `reportPage`; a plot
 * is plot.ts, the look is style.ts. Linear in samples and faults; a plot's size does not grow with them.
 */
import type { Outcome, Sample, TeamOutcome } from '../contract.ts'
import { logText, virtualTime } from '../runner/failure.ts'
import { scaleFigures } from '../runner/scale.ts'
import { Html, html } from './html.ts'
import { bytes, duration, number, percent } from './numbers.ts'
import { lanes, type PlotOptions, plot, type Series } from './plot.ts'
import { STYLE } from './style.ts'
import { type ReportColumn, reportTable } from './table.ts'

/** Faults that are written out one by one, and rows of the table of samples; the plots have all. */
const MOST_FAULT_ROWS = 300
const MOST_SAMPLE_ROWS = 60
const MOST_LOG_LINES = 200

export type ReportOptions = {
  readonly title: string
  /** The command line that makes the same run again. */
  readonly command: string
  /** What a caller has to say before the run itself, such as the candidates of a plan. */
  readonly before?: readonly Html[]
}

export const reportPage = (outcome: Outcome, { title, command, before = [] }: ReportOptions): string => {
  const sections = [...before, verdict(outcome), totals(outcome), plots(outcome), faultSection(outcome), teamSection(outcome)]
  const ends = [planSection(outcome), sampleSection(outcome), logSection(outcome), replaySection(command, outcome)]
  return html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${title}</title><style>${new Html(STYLE)}</style></head><body><main>
<h1>${title}</h1><p class="soft">${subtitle(outcome)}</p>
${sections}${ends}</main></body></html>
`.text
}

const subtitle = ({ plan, virtualMs, wallMs }: Outcome): string => {
  const controllers = plan.teams.reduce((sum, team) => sum + team.controllers, 0)
  const hosts = plan.hosts.reduce((sum, group) => sum + group.count, 0)
  return `Seed ${plan.seed}: ${number(controllers)} controllers of ${plan.teams.length === 1 ? 'one team' : `${number(plan.teams.length)} teams`} on ${number(hosts)} hosts, ${duration(virtualMs)} of virtual time in ${duration(wallMs)}.`
}

const verdict = ({ violations }: Outcome): Html => {
  const [violation] = violations
  if (violation === undefined)
    return html`<div class="verdict good"><strong>Every claim held.</strong>No invariant was broken, and after the last fault all came to rest.</div>`
  return html`<div class="verdict bad" role="alert"><strong>${violation.invariant} does not hold, at ${virtualTime(violation.at)}.</strong><p>Claim: ${violation.claim}</p><p>Found: ${violation.found}</p></div>`
}

const totals = (outcome: Outcome): Html => {
  const { builds, faults, manorRestarts, queueToLaunch } = outcome
  const figures = scaleFigures(outcome)
  const rows: readonly (readonly [name: string, value: string, remark?: string])[] = [
    ['Builds ended', number(figures.builds), `${number(builds.failed)} failed, ${number(builds.lost)} lost`],
    ['Most at a time', number(figures.mostRunning), 'builds running'],
    ['Queue to launch', duration(queueToLaunch.p50Ms), `p90 ${duration(queueToLaunch.p90Ms)}, p99 ${duration(queueToLaunch.p99Ms)}`],
    ['Memory used', percent(figures.memoryUsedMedian), `at most ${percent(figures.memoryUsedMost)}`],
    ['Cpu used', percent(figures.cpuUsedMedian), `at most ${percent(figures.cpuUsedMost)}`],
    ['Placements', number(outcome.placements), `${number(figures.placementsPerVirtualSecond)} a second`],
    ['Faults', number(faults.length), `${number(manorRestarts)} restarts of Manor`],
    ['Processor time', duration(outcome.cpuMs), `${duration(figures.cpuMsPerBuild)} a build, world included`],
    ['Peak memory', bytes(outcome.peakRssBytes), 'world included'],
    ['Store', bytes(outcome.store.bytes), `${number(figures.rowsPerBuild)} rows written a build`],
  ]
  return html`<dl class="totals">${rows.map(([name, value, remark]) => html`<div><dt>${name}</dt><dd>${value}${remark === undefined ? undefined : html`<small>${remark}</small>`}</dd></div>`)}</dl>`
}

const seriesOf = (name: string, samples: readonly Sample[], of: (sample: Sample) => number): Series => ({
  name,
  points: samples.map(sample => ({ at: sample.at, value: of(sample) })),
})

const plots = (outcome: Outcome): Html => {
  const { samples, faults, plan } = outcome
  if (samples.length === 0) return html`<p>The run ended before its first sample was taken.</p>`
  const end = Math.max(outcome.virtualMs, samples.at(-1)?.at ?? 0)
  const common = { end, marks: faults, quietFrom: plan.activeMs }
  const whole: readonly Omit<PlotOptions, keyof typeof common>[] = [
    { title: 'Waiting in the queue', series: [seriesOf('waiting', samples, ({ queued }) => queued)], write: number },
    { title: 'Running builds', series: [seriesOf('running', samples, ({ running }) => running)], write: number },
    {
      title: 'Used capacity',
      series: [seriesOf('memory', samples, ({ memoryUsed }) => memoryUsed), seriesOf('cpu', samples, ({ cpuUsed }) => cpuUsed)],
      write: percent,
      atLeast: 1,
    },
    {
      title: 'From queue to launch',
      series: [
        seriesOf('half are faster', samples, ({ queueToLaunchP50Ms }) => queueToLaunchP50Ms),
        seriesOf('one in a hundred is slower', samples, ({ queueToLaunchP99Ms }) => queueToLaunchP99Ms),
      ],
      write: duration,
      logarithmic: true,
    },
    { title: 'Hosts up', series: [seriesOf('up', samples, ({ hostsUp }) => hostsUp)], write: number },
    { title: 'Controllers ready', series: [seriesOf('ready', samples, ({ controllersReady }) => controllersReady)], write: number },
  ]
  const note = faults.length === 0 ? '' : ' Red marks below a plot are faults.'
  return html`<h2>Over time</h2><p class="soft">Time runs from the start of the run.${note} Where the ground is tinted no new jobs came, and the world was left to come to rest.</p><div class="plots">${whole.map((one, index) => plot({ ...one, ...common }, `plot-${index}`))}</div>`
}

const faultSection = ({ faults, virtualMs }: Outcome): Html | undefined => {
  if (faults.length === 0) return undefined
  const shown = faults.slice(0, MOST_FAULT_ROWS)
  const rest = faults.length - shown.length
  return html`<h2>Faults</h2>${lanes('Faults over time', faults, virtualMs)}<details><summary>${rest === 0 ? 'Each fault' : `The first ${number(shown.length)} of ${number(faults.length)} faults`}</summary>${reportTable(
    'Faults',
    shown,
    [
      { title: 'At', cell: ({ at }) => virtualTime(at) },
      { title: 'Fault', cell: ({ name }) => name },
      { title: 'Number', cell: fault => String(fault.number), as: 'number' },
      { title: 'What happened', cell: ({ detail }) => detail, as: 'long' },
    ],
  )}</details>`
}

const TEAM_COLUMNS: readonly ReportColumn<TeamOutcome>[] = [
  { title: 'Team', cell: ({ name }) => name },
  { title: 'Builds', cell: ({ builds }) => number(builds), as: 'number' },
  { title: 'Half wait less than', cell: ({ waits }) => duration(waits.p50Ms), as: 'number' },
  { title: '9 of 10', cell: ({ waits }) => duration(waits.p90Ms), as: 'number' },
  { title: '99 of 100', cell: ({ waits }) => duration(waits.p99Ms), as: 'number' },
  { title: 'Longest', cell: ({ waits }) => duration(waits.mostMs), as: 'number' },
  { title: 'Cpu hours', cell: ({ cpuHours }) => number(cpuHours), as: 'number' },
]

const teamSection = ({ teams }: Outcome): Html | undefined =>
  teams.length === 0
    ? undefined
    : html`<h2>Teams</h2><p class="soft">Waits are from the queue to the begin of the build.</p>${reportTable('Teams', teams, TEAM_COLUMNS)}`

const planSection = ({ plan }: Outcome): Html => {
  const jobs = plan.teams.flatMap(team => team.jobs.map(job => ({ team, job })))
  return html`<h2>What was simulated</h2>${reportTable('Hosts', plan.hosts, [
    { title: 'Hosts', cell: ({ name }) => name },
    { title: 'Count', cell: ({ count }) => number(count), as: 'number' },
    { title: 'Cores', cell: ({ capacity }) => number(capacity.cpu), as: 'number' },
    { title: 'Memory', cell: ({ capacity }) => bytes(capacity.memoryMb * 1_048_576), as: 'number' },
    { title: 'For', cell: ({ role }) => (role === 'any' ? 'controllers and builds' : role) },
    { title: 'Failure domains', cell: ({ failureDomains }) => number(failureDomains), as: 'number' },
  ])}${reportTable('Jobs', jobs, [
    { title: 'Team', cell: ({ team }) => team.name },
    { title: 'Controllers', cell: ({ team }) => number(team.controllers), as: 'number' },
    { title: 'Jobs', cell: ({ job }) => job.name },
    { title: 'They come', cell: ({ job }) => arrivalText(job.arrivals) },
    { title: 'Last', cell: ({ job }) => `${number(job.minutes.median)} min, one in twenty over ${number(job.minutes.p95)} min` },
    { title: 'Cores', cell: ({ job }) => number(job.resources.cpu), as: 'number' },
    { title: 'Memory', cell: ({ job }) => bytes(job.resources.memoryMb * 1_048_576), as: 'number' },
  ])}`
}

type Arrivals = Outcome['plan']['teams'][number]['jobs'][number]['arrivals']

const arrivalText = (arrivals: Arrivals): string => {
  switch (arrivals.kind) {
    case 'steady':
      return `${number(arrivals.perHour)} an hour`
    case 'office':
      return `${number(arrivals.perHour)} an hour from ${arrivals.fromHour} to ${arrivals.toHour} o'clock`
    case 'cron':
      return `${number(arrivals.jobs)} at once every ${number(arrivals.everyHours)} h`
    case 'storm':
      return `${number(arrivals.jobs)} within a minute, ${number(arrivals.perDay)} times a day`
    case 'constant':
      return `${number(arrivals.jobs)} at any time`
  }
}

const sampleSection = ({ samples }: Outcome): Html | undefined => {
  if (samples.length === 0) return undefined
  const every = Math.ceil(samples.length / MOST_SAMPLE_ROWS)
  const shown = samples.filter((_, index) => index % every === 0)
  return html`<details><summary>The plots as numbers</summary>${reportTable('Samples', shown, [
    { title: 'At', cell: ({ at }) => virtualTime(at) },
    { title: 'Waiting', cell: ({ queued }) => number(queued), as: 'number' },
    { title: 'Running', cell: ({ running }) => number(running), as: 'number' },
    { title: 'Memory', cell: ({ memoryUsed }) => percent(memoryUsed), as: 'number' },
    { title: 'Cpu', cell: ({ cpuUsed }) => percent(cpuUsed), as: 'number' },
    { title: 'Launch p50', cell: ({ queueToLaunchP50Ms }) => duration(queueToLaunchP50Ms), as: 'number' },
    { title: 'Launch p99', cell: ({ queueToLaunchP99Ms }) => duration(queueToLaunchP99Ms), as: 'number' },
    { title: 'Hosts', cell: ({ hostsUp }) => number(hostsUp), as: 'number' },
    { title: 'Controllers', cell: ({ controllersReady }) => number(controllersReady), as: 'number' },
  ])}</details>`
}

const logSection = ({ log, logLines }: Outcome): Html | undefined => {
  const shown = log.slice(-MOST_LOG_LINES)
  if (shown.length === 0) return undefined
  return html`<details><summary>The last ${number(shown.length)} of ${number(logLines)} lines of its log</summary><pre tabindex="0">${logText(shown)}</pre></details>`
}

const replaySection = (command: string, { logHash }: Outcome): Html =>
  html`<h2>The same run again</h2><pre tabindex="0">${command}</pre><p class="soft">Its log has the hash <code>${logHash}</code>; the same plan gives the same log on any machine.</p>`
