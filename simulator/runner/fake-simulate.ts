/**
 * A stand-in for the simulator, for tests of what is around it: a plausible outcome at once, the same for the same plan. What a plan's mutation
 * names happens instead of a pass: `violates`, `throws`, `dies` (its process ends), `hangs`.
 */
import { createHash } from 'node:crypto'
import { seededRandom } from '../../src/runtime/index.ts'
import type { FaultDone, Outcome, Plan, RunProgress, Sample } from '../contract.ts'

export const simulate = async (plan: Plan, onProgress?: (progress: RunProgress) => void): Promise<Outcome> => {
  onProgress?.({ virtualMs: plan.activeMs / 2, wallMs: 1_500, running: 1_234, queued: 5 })
  if (plan.mutation === 'throws') throw new Error('The world broke.')
  if (plan.mutation === 'dies') process.exit(7)
  if (plan.mutation === 'hangs') await new Promise(() => {})
  return fakeOutcome(plan)
}

const FAULT_NAMES = ['host-dies', 'engine-answer-lost', 'manor-killed', 'partition'] as const

/** The fault that a fake failure needs; all others can be left out. */
const NEEDED_FAULT = 2

export const fakeOutcome = (plan: Plan, changes: Partial<Outcome> = {}): Outcome => {
  const random = seededRandom(plan.seed)
  const hosts = plan.hosts.reduce((sum, { count }) => sum + count, 0)
  const controllers = plan.teams.reduce((sum, team) => sum + team.controllers, 0)
  const virtualMs = plan.activeMs + plan.settleMs
  const faults = Object.keys(plan.faults).length === 0 ? [] : fakeFaults(plan, random.next)
  const samples: Sample[] = []
  for (let at = plan.sampleMs; at <= virtualMs; at += plan.sampleMs) {
    const busy = at < plan.activeMs ? Math.sin((at / plan.activeMs) * Math.PI) : Math.max(0, 1 - (at - plan.activeMs) / plan.settleMs)
    const down = faults.filter(fault => fault.name === 'host-dies' && fault.at < at && at < fault.at + 600_000).length
    samples.push({
      at,
      queued: Math.round(busy * 20 * random.next()),
      running: Math.round(busy * hosts * 4 * (0.9 + 0.1 * random.next())),
      controllersReady: Math.min(controllers, Math.round((at / 60_000) * 2)),
      cpuUsed: busy * 0.6 * (0.9 + 0.1 * random.next()),
      memoryUsed: 0.2 + busy * 0.7 * (0.9 + 0.1 * random.next()),
      hostsUp: hosts - down,
      queueToLaunchP50Ms: busy < 0.1 ? 0 : 20 + 30 * random.next(),
      queueToLaunchP99Ms: busy < 0.1 ? 0 : 200 * 10 ** (2 * random.next()),
    })
  }
  const fails = plan.mutation === 'violates' && (faults.length === 0 || faults.some(({ number }) => number === NEEDED_FAULT))
  const log = samples
    .slice(-20)
    .map(({ at }, index) => ({ at, what: `agent team-a-${index} placed on host-${index % Math.max(1, hosts)}` }))
  return {
    plan,
    logHash: createHash('sha256').update(JSON.stringify(plan)).digest('hex'),
    log,
    logLines: samples.length,
    faults,
    violations: fails
      ? [
          {
            invariant: 'no-orphan',
            claim: 'What is not wanted is gone within a minute.',
            at: plan.activeMs,
            found: 'agent a-1 still runs <here> & now',
          },
        ]
      : [],
    virtualMs,
    wallMs: virtualMs / 5_000,
    activeWallMs: 1_000,
    cpuMs: virtualMs / 5_000,
    builds: { queued: 480, succeeded: 400, failed: 80, lost: 0 },
    placements: 520,
    mostRunning: samples.reduce((most, { running }) => Math.max(most, running), 0),
    queueToLaunch: { p50Ms: 35, p90Ms: 210, p99Ms: 4_100, mostMs: 61_000 },
    samples,
    teams: plan.teams.map(({ name }, index) => ({
      name,
      builds: 100 + index,
      waits: { p50Ms: 4_000 + index, p90Ms: 9_000, p99Ms: 31_000, mostMs: 90_000 },
      cpuHours: 12.5,
    })),
    peakRssBytes: 300 * 1_048_576,
    store: { bytes: 4_194_304, commits: 6_000, rowsWritten: 14_400 },
    manorRestarts: faults.filter(({ name }) => name === 'manor-killed').length,
    ...changes,
  }
}

const fakeFaults = ({ activeMs, without = [] }: Plan, next: () => number): readonly FaultDone[] =>
  Array.from({ length: 40 }, (_, number): FaultDone => {
    const name = FAULT_NAMES[Math.floor(next() * FAULT_NAMES.length)] ?? 'partition'
    return { number, name, at: Math.floor(next() * activeMs), detail: `host-${number}` }
  })
    .filter(({ number }) => !without.includes(number))
    .toSorted((a, b) => a.at - b.at)

const GB = 1_024

/** A small fleet's plan, for tests. */
export const fakePlan = (changes: Partial<Plan> = {}): Plan => ({
  seed: 1,
  activeMs: 8 * 3_600_000,
  settleMs: 3_600_000,
  engine: 'hosts',
  hosts: [
    { name: 'm', count: 20, capacity: { cpu: 8, memoryMb: 32 * GB, diskMb: 200 * GB }, role: 'any', attributes: {}, failureDomains: 3 },
  ],
  teams: [
    {
      name: 'team-a',
      controllers: 10,
      controllerResources: { cpu: 1, memoryMb: 3 * GB, diskMb: 50 * GB },
      weight: 1,
      jobs: [
        {
          name: 'build',
          arrivals: { kind: 'office', perHour: 60, fromHour: 8, toHour: 18 },
          minutes: { median: 6, p95: 25 },
          resources: { cpu: 1, memoryMb: 2 * GB, diskMb: 5 * GB },
        },
      ],
    },
  ],
  faults: {},
  sampleMs: 60_000,
  ...changes,
})
