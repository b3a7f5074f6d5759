/** The answer of a search for hosts, before the run of the candidate that it chose. */
import type { Candidate, Planning } from '../planning/search.ts'
import { type Html, html } from './html.ts'
import { duration, number, percent } from './numbers.ts'
import { type ReportColumn, reportTable } from './table.ts'

export const planningSection = ({ profile, chosen, candidates, limit, runs }: Planning): Html => {
  const goal = Object.entries(profile.goal)
    .map(([percentile, ms]) => `${percentile} at most ${duration(ms)}`)
    .join(', ')
  const answer =
    chosen === undefined
      ? html`<div class="verdict bad"><strong>No number of hosts within the bounds meets the goal.</strong>${limit?.sentence}</div>`
      : html`<div class="verdict good"><strong>${number(chosen.hosts)} hosts: ${countsText(chosen)}.</strong>Half of the builds begin within ${duration(chosen.waits.p50Ms)}, nine of ten within ${duration(chosen.waits.p90Ms)}${chosen.costPerDay === undefined ? '' : `, for ${chosen.costPerDay.toFixed(2)} a day`}.</div><p><strong>What keeps fewer from it.</strong> ${limit?.sentence}</p>`
  return html`${answer}<p class="soft">The goal: ${goal}, from the queue to the begin of the build, for every team in every run. ${number(runs)} runs of ${number(profile.hours)} virtual hours were made.</p><h2>Candidates</h2>${reportTable('Candidates', candidates, COLUMNS, row => row === chosen)}<p class="soft">Waits are those of the team that waits longest, in the worst run. What follows is that run of ${chosen === undefined ? 'the largest candidate' : 'the candidate that was chosen'}.</p>`
}

const countsText = ({ counts }: Candidate): string =>
  Object.entries(counts)
    .map(([name, count]) => `${count} ${name}`)
    .join(', ')

const COLUMNS: readonly ReportColumn<Candidate>[] = [
  { title: 'Hosts', cell: countsText },
  { title: 'Half wait less than', cell: ({ waits }) => duration(waits.p50Ms), as: 'number' },
  { title: '9 of 10', cell: ({ waits }) => duration(waits.p90Ms), as: 'number' },
  { title: '99 of 100', cell: ({ waits }) => duration(waits.p99Ms), as: 'number' },
  { title: 'Memory used', cell: ({ memoryUsed }) => percent(memoryUsed), as: 'number' },
  { title: 'Cpu used', cell: ({ cpuUsed }) => percent(cpuUsed), as: 'number' },
  { title: 'Cost a day', cell: ({ costPerDay }) => (costPerDay === undefined ? '' : costPerDay.toFixed(2)), as: 'number' },
  { title: 'Goal', cell: ({ meets, why }) => (meets ? 'met' : (why ?? 'missed')), as: 'long' },
]
