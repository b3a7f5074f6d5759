import { type Milliseconds, type Resources, SECOND } from '../src/model/index.ts'
import { type Random, seededRandom } from '../src/runtime/index.ts'
import { type Arrivals, ENGINE_SHAPES, type FaultLevel, type HostGroup, type JobMix, type Plan, type Team } from './contract.ts'
import { faultRates } from './faults/index.ts'
import { between, pick } from './kernel/chance.ts'

const HOUR: Milliseconds = 3_600_000
/** Within this after the last fault all must be done: the longest build that hangs, a broken template's longest back-off, and a queue's backlog. */
const SETTLE_MS = 3 * HOUR

/** The fleet of a seed: about 10 controllers of 3 teams on 20 hosts, the engine's shape and the jobs drawn too. */
export const seedFleet = (seed: number, level: FaultLevel, hours: number): Plan => {
  const random = seededRandom(seed)
  const engine = pick(random, ENGINE_SHAPES) ?? 'hosts'
  return {
    seed,
    activeMs: hours * HOUR,
    settleMs: SETTLE_MS,
    engine,
    hosts: [
      group('controllers', 6, { cpu: 8, memoryMb: 15 * 1024, diskMb: 200_000 }, 'controllers'),
      group('builds', 12, { cpu: 8, memoryMb: 15 * 1024, diskMb: 200_000 }, 'builds'),
      group('small', 2, { cpu: 4, memoryMb: 8 * 1024, diskMb: 100_000 }, 'any'),
    ],
    teams: ['red', 'green', 'blue'].map(name => seedTeam(name, random)),
    faults: faultRates(level),
    sampleMs: 60 * SECOND,
  }
}

/** How much more goes wrong in a dense hour. */
const DENSE = 6

/** The fleet of a seed in a short time in which as much is built and as much goes wrong as otherwise in a day: for tests. */
export const denseFleet = (seed: number, minutes: number): Plan => {
  const plan = seedFleet(seed, 'hard', minutes / 60)
  return {
    ...plan,
    teams: plan.teams.map(team => ({
      ...team,
      jobs: team.jobs.map(one => ({ ...one, arrivals: { kind: 'steady', perHour: 60 }, minutes: { median: 2, p95: 6 } })),
    })),
    faults: Object.fromEntries(Object.entries(plan.faults).map(([name, rate]) => [name, DENSE * rate])),
  }
}

const group = (name: string, count: number, capacity: Resources, role: HostGroup['role']): HostGroup => ({
  name,
  count,
  capacity,
  role,
  attributes: { kind: name },
  failureDomains: 3,
})

const seedTeam = (name: string, random: Random): Team => ({
  name,
  controllers: between(random, 2, 5),
  controllerResources: { cpu: 1, memoryMb: 3_072, diskMb: 50_000 },
  weight: between(random, 1, 3),
  ...(random.next() < 0.5 ? { quota: { cpu: between(random, 6, 24), memoryMb: 24_000, diskMb: 400_000 } } : {}),
  jobs: [
    mix('unit', { kind: 'office', perHour: between(random, 10, 40), fromHour: 8, toHour: 18 }, 3, 12, 1, random),
    mix('nightly', { kind: 'cron', jobs: between(random, 2, 8), everyHours: between(random, 2, 8) }, 8, 30, 2, random),
    mix('storm', { kind: 'storm', jobs: between(random, 10, 30), perDay: 2 }, 1, 4, 1, random),
  ],
})

const mix = (name: string, arrivals: Arrivals, median: number, p95: number, cpu: number, random: Random): JobMix => ({
  name,
  arrivals,
  minutes: { median, p95 },
  resources: { cpu, memoryMb: between(random, 512, 2_048), diskMb: 5_000 },
  fails: 0.1,
  leaks: 0.02,
  hangs: 0.005,
})

/**
 * The cluster of the keynote of Jenkins World 2016 (facts: cloudbees, section 5): so many controllers of one kind, so many jobs at any time, on
 * c3.2xlarge, m3.xlarge and m4.4xlarge. How many of each there were was not told; this mix has the 12 cores and 40 GB that a host had there on
 * average (3,748 cores and 12.5 TB over 317 hosts).
 */
export const talkFleet = ({
  controllers,
  jobs,
  hosts,
  hours = 1,
  seed = 1,
}: {
  readonly controllers: number
  readonly jobs: number
  readonly hosts: number
  readonly hours?: number
  readonly seed?: number
}): Plan => {
  const large = Math.round(hosts * 0.55)
  const fast = Math.round(hosts * 0.15)
  return {
    seed,
    activeMs: hours * HOUR,
    settleMs: SETTLE_MS,
    engine: 'hosts',
    hosts: [
      { ...group('m4-4xlarge', large, { cpu: 16, memoryMb: 62 * 1024, diskMb: 500_000 }, 'any'), pricePerHour: 0.8 },
      { ...group('c3-2xlarge', fast, { cpu: 8, memoryMb: 14 * 1024, diskMb: 150_000 }, 'any'), pricePerHour: 0.42 },
      { ...group('m3-xlarge', hosts - large - fast, { cpu: 4, memoryMb: 14 * 1024, diskMb: 75_000 }, 'any'), pricePerHour: 0.266 },
    ],
    teams: TALK_TEAMS.map((name, i) => ({
      name,
      controllers: share(controllers, i),
      controllerResources: { cpu: 1, memoryMb: 2_048, diskMb: 50_000 },
      weight: 1,
      jobs: [
        {
          name: 'build',
          arrivals: { kind: 'constant', jobs: share(jobs, i) },
          minutes: { median: 5, p95: 20 },
          resources: { cpu: 0.1, memoryMb: 512, diskMb: 0 },
          fails: 0.1,
        },
      ],
    })),
    faults: {},
    sampleMs: 10 * SECOND,
  }
}

const TALK_TEAMS = Array.from({ length: 10 }, (_, i) => `team-${i + 1}`)
const share = (all: number, i: number): number =>
  Math.floor((all * (i + 1)) / TALK_TEAMS.length) - Math.floor((all * i) / TALK_TEAMS.length)
