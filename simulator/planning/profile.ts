/**
 * A user's own fleet, from a YAML file: teams and their jobs, groups of hosts with prices and bounds, and the wait that is the goal. Start
 * reading at `readProfile`; the fields are schema.ts, what is done with it is search.ts.
 */
import type { TSchema } from 'typebox'
import { problemIn } from '../../src/config/index.ts'
import { MINUTE, type Milliseconds, type Resources } from '../../src/model/index.ts'
import type { Arrivals, EngineShape, HostGroup, JobMix, Plan, Team } from '../contract.ts'
import { ARRIVALS, type ArrivalsFile, MOST_CONTROLLERS, ProfileFile } from './schema.ts'
import { readLength, readSize } from './units.ts'

export type Percentile = 'p50' | 'p90' | 'p99'
export type Goal = Readonly<Partial<Record<Percentile, Milliseconds>>>

export type ProfileGroup = Omit<HostGroup, 'count'> & { readonly min: number; readonly max: number }

export type Profile = {
  readonly goal: Goal
  /** Virtual hours that each run goes on. */
  readonly hours: number
  /** Runs of each candidate, each with its own chance; it is as good as its worst. */
  readonly seeds: number
  readonly engine: EngineShape
  readonly teams: readonly Team[]
  readonly groups: readonly ProfileGroup[]
}

/** A file that holds no profile. The message names the path, the value and what is allowed. */
export class ProfileError extends Error {
  override readonly name = 'ProfileError'
}

/** What a controller takes where a profile does not say: Manor's own defaults. */
const CONTROLLER: Resources = { cpu: 1, memoryMb: 3_072, diskMb: 51_200 }

/** A whole day, so that the office's hours are among them. */
const DEFAULT_HOURS = 24
const DEFAULT_SEEDS = 2

/** Where a profile's fields are explained. */
const GUIDE = 'docs/simulate.md'

/** Throws a ProfileError. `place` is the file's name, for the message. */
export const readProfile = async (place: string, text: string): Promise<Profile> => {
  const { parseDocument } = await import('yaml')
  const document = parseDocument(text)
  const [problem] = document.errors
  if (problem) throw new ProfileError(`${place} is no YAML: ${problem.message.split('\n')[0]}`)
  const value: unknown = document.toJS()
  check(place, ProfileFile, value, '')
  return toProfile(place, value as ProfileFile)
}

const check = (place: string, schema: TSchema, value: unknown, prefix: string): void => {
  const problem = problemIn(schema, value, prefix, GUIDE)
  if (problem !== undefined) throw new ProfileError(`${place}: ${problem}`)
}

const toProfile = (place: string, file: ProfileFile): Profile => {
  const refuse = (sentence: string): never => {
    throw new ProfileError(`${place}: ${sentence}`)
  }
  const goal = Object.fromEntries(Object.entries(file.goal).map(([name, text]) => [name, readLength(text)])) as Goal
  if (Object.keys(goal).length === 0) refuse('goal is empty: give at least one of p50, p90, p99, such as "p90: 2m".')
  const teams = file.teams.map((team, index) => toTeam(place, team, `teams.${index}`))
  const groups = file.hosts.map((group, index) => toGroup(group, `hosts.${index}`, refuse))
  unique(teams, 'teams', refuse)
  unique(groups, 'hosts', refuse)
  const controllers = teams.reduce((sum, team) => sum + team.controllers, 0)
  if (controllers > MOST_CONTROLLERS) refuse(`teams have ${controllers} controllers together: give at most ${MOST_CONTROLLERS}.`)
  checkFits(teams, groups, refuse)
  return {
    goal,
    hours: file.hours ?? DEFAULT_HOURS,
    seeds: file.seeds ?? DEFAULT_SEEDS,
    engine: (file.engine ?? 'hosts') as EngineShape,
    teams,
    groups,
  }
}

type Refuse = (sentence: string) => never

const unique = (named: readonly { readonly name: string }[], path: string, refuse: Refuse): void => {
  const index = named.findIndex(({ name }, at) => named.findIndex(other => other.name === name) !== at)
  if (index >= 0) refuse(`${path}.${index}.name is "${named[index]?.name}", which another has already: give each its own.`)
}

type TeamFile = ProfileFile['teams'][number]

const toTeam = (place: string, team: TeamFile, path: string): Team => {
  const jobs = team.jobs.map((job, index) => toJob(place, job, `${path}.jobs.${index}`))
  unique(jobs, `${path}.jobs`, sentence => {
    throw new ProfileError(`${place}: ${sentence}`)
  })
  return {
    name: team.name,
    controllers: team.controllers,
    controllerResources: team.controller === undefined ? CONTROLLER : toResources(team.controller),
    weight: team.weight ?? 1,
    ...(team.quota === undefined ? {} : { quota: toSome(team.quota, NO_CAP) }),
    ...(team.guarantee === undefined ? {} : { guarantee: toSome(team.guarantee, NOTHING) }),
    jobs,
  }
}

/** More than any fleet has: what a quota does not name has no cap. Finite, so that a plan can be written as JSON. */
const NO_CAP: Resources = { cpu: 1e9, memoryMb: 1e12, diskMb: 1e12 }
const NOTHING: Resources = { cpu: 0, memoryMb: 0, diskMb: 0 }

const toJob = (place: string, job: TeamFile['jobs'][number], path: string): JobMix => {
  const kind = job.arrivals.kind as keyof typeof ARRIVALS
  check(place, ARRIVALS[kind], job.arrivals, `${path}.arrivals`)
  const arrivals = job.arrivals as ArrivalsFile
  if (arrivals.kind === 'office' && arrivals.fromHour >= arrivals.toHour)
    throw new ProfileError(
      `${place}: ${path}.arrivals.toHour is ${arrivals.toHour}: give an hour after fromHour, which is ${arrivals.fromHour}.`,
    )
  const median = readLength(job.takes.median) / MINUTE
  const p95 = readLength(job.takes.p95) / MINUTE
  if (median <= 0) throw new ProfileError(`${place}: ${path}.takes.median is "${job.takes.median}": give more than nothing.`)
  if (p95 < median)
    throw new ProfileError(`${place}: ${path}.takes.p95 is "${job.takes.p95}": give no less than the median, which is ${job.takes.median}.`)
  const { name, fails, leaks, hangs } = job
  return {
    name,
    arrivals: arrivals satisfies Arrivals,
    minutes: { median, p95 },
    resources: toResources(job.resources),
    ...(fails === undefined ? {} : { fails }),
    ...(leaks === undefined ? {} : { leaks }),
    ...(hangs === undefined ? {} : { hangs }),
  }
}

const toGroup = (group: ProfileFile['hosts'][number], path: string, refuse: Refuse): ProfileGroup => {
  const { name, count, pricePerHour, failureDomains = 1 } = group
  const { min, max } = typeof count === 'number' ? { min: count, max: count } : count
  if (min > max) refuse(`${path}.count.min is ${min}: give at most max, which is ${max}.`)
  return {
    name,
    min,
    max,
    capacity: toResources(group.capacity),
    role: (group.role ?? 'any') as HostGroup['role'],
    attributes: {},
    failureDomains,
    ...(pricePerHour === undefined ? {} : { pricePerHour }),
  }
}

const toResources = ({ cpu, memory, disk }: ProfileFile['hosts'][number]['capacity']): Resources => ({
  cpu,
  memoryMb: readSize(memory),
  diskMb: readSize(disk),
})

const toSome = ({ cpu, memory, disk }: NonNullable<TeamFile['quota']>, others: Resources): Resources => ({
  cpu: cpu ?? others.cpu,
  memoryMb: memory === undefined ? others.memoryMb : readSize(memory),
  diskMb: disk === undefined ? others.diskMb : readSize(disk),
})

/** What is larger than the largest host would wait for ever, however many hosts there are. */
const checkFits = (teams: readonly Team[], groups: readonly ProfileGroup[], refuse: Refuse): void => {
  const fitsOn = (wanted: Resources, not: HostGroup['role']): boolean =>
    groups.some(
      ({ role, capacity }) =>
        role !== not && wanted.cpu <= capacity.cpu && wanted.memoryMb <= capacity.memoryMb && wanted.diskMb <= capacity.diskMb,
    )
  teams.forEach((team, index) => {
    if (!fitsOn(team.controllerResources, 'builds'))
      refuse(`teams.${index}.controller is larger than every host that takes controllers: give a smaller one, or larger hosts.`)
    const job = team.jobs.findIndex(({ resources }) => !fitsOn(resources, 'controllers'))
    if (job >= 0) refuse(`teams.${index}.jobs.${job}.resources are larger than every host that takes builds: give less, or larger hosts.`)
  })
}

/** The world has this long to end what still runs when no new jobs come; where it cannot, the hosts did not keep up. */
const SETTLE_MS: Milliseconds = 4 * 60 * MINUTE
const SAMPLE_MS: Milliseconds = MINUTE

/** How many hosts of each group, by the group's name. */
export type Counts = Readonly<Record<string, number>>

export const planOf = ({ engine, hours, teams, groups }: Profile, counts: Counts, seed: number): Plan => ({
  seed,
  activeMs: hours * 60 * MINUTE,
  settleMs: SETTLE_MS,
  engine,
  hosts: groups.map(({ min, max: _max, ...group }) => ({ ...group, count: counts[group.name] ?? min })).filter(({ count }) => count > 0),
  teams,
  faults: {},
  sampleMs: SAMPLE_MS,
})
