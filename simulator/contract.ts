/**
 * What a simulation is asked and what it answers, as plain data: it can be sent to a worker, kept in a file and compared. Everything that a run
 * depends on beside the code is in its plan, so the same plan gives the same log hash on any machine.
 */
import type { HostRole, Milliseconds, Resources } from '../src/model/index.ts'

/** How the engine of the simulated world places: our scheduler on whole hosts, our scheduler on offers, or the engine itself. */
export const ENGINE_SHAPES = ['hosts', 'offers', 'own-placement'] as const
export type EngineShape = (typeof ENGINE_SHAPES)[number]

export type HostGroup = {
  readonly name: string
  readonly count: number
  readonly capacity: Resources
  readonly role: HostRole
  readonly attributes: Readonly<Record<string, string>>
  /** Hosts are dealt to this many failure domains in turn. */
  readonly failureDomains: number
  /** For planning; money per host and hour, in whatever currency. */
  readonly pricePerHour?: number
}

/** A length of time or an amount that varies: logarithmic normal around the median, `p95` being what one in twenty exceeds. */
export type Spread = { readonly median: number; readonly p95: number }

/** When jobs arrive, over all controllers of a team. */
export type Arrivals =
  /** At random, so many an hour. */
  | { readonly kind: 'steady'; readonly perHour: number }
  /** At random, by the hour of the day: `perHour` from `fromHour` to `toHour` on working days, a tenth of it otherwise. */
  | { readonly kind: 'office'; readonly perHour: number; readonly fromHour: number; readonly toHour: number }
  /** All at once at the full hour. */
  | { readonly kind: 'cron'; readonly jobs: number; readonly everyHours: number }
  /** So many within a minute, at a random moment, so often a day. */
  | { readonly kind: 'storm'; readonly jobs: number; readonly perDay: number }
  /** So many in the queue or running at any time: as one ends the next comes. */
  | { readonly kind: 'constant'; readonly jobs: number }

export type JobMix = {
  readonly name: string
  readonly arrivals: Arrivals
  readonly minutes: Spread
  readonly resources: Resources
  /** Chances, 0 to 1: ends as a failure; outgrows its memory; never ends by itself (aborted by a person after `hangMs`). */
  readonly fails?: number
  readonly leaks?: number
  readonly hangs?: number
  /** Warm spares that the label's template keeps for each controller of the team; absent: none. */
  readonly spares?: number
}

export type Team = {
  readonly name: string
  readonly controllers: number
  readonly controllerResources: Resources
  readonly weight: number
  readonly quota?: Resources
  readonly guarantee?: Resources
  readonly jobs: readonly JobMix[]
}

export const FAULT_LEVELS = ['none', 'mild', 'hard'] as const
export type FaultLevel = (typeof FAULT_LEVELS)[number]

export type Plan = {
  /** A 32 bit whole number. */
  readonly seed: number
  /** How long jobs arrive and faults happen. */
  readonly activeMs: Milliseconds
  /** How long the world is given afterwards, without new jobs and faults, to come to rest (the liveness bound). */
  readonly settleMs: Milliseconds
  readonly engine: EngineShape
  readonly hosts: readonly HostGroup[]
  readonly teams: readonly Team[]
  /** Rates per virtual hour by the fault's name; a fault that is not here does not happen. */
  readonly faults: Readonly<Record<string, number>>
  /** Faults to leave out, by their number in the order in which the seed makes them: how a failure is made smaller. */
  readonly without?: readonly number[]
  /** Name of a deliberate bug to run with (simulator/mutations): only for the test that shows that the simulator can fail. */
  readonly mutation?: string
  /** A sample of the fleet is taken this often. */
  readonly sampleMs: Milliseconds
  /** Keep the whole event log, not only its hash and its tail. */
  readonly keepLog?: boolean
}

/** One thing that happened in the world, in virtual time since the start. */
export type LogLine = { readonly at: Milliseconds; readonly what: string }

export type FaultDone = { readonly number: number; readonly name: string; readonly at: Milliseconds; readonly detail: string }

/** How far a run is. It tells nothing that the outcome depends on. */
export type RunProgress = {
  /** Since the start of the run; beyond the plan's `activeMs` the world settles. */
  readonly virtualMs: Milliseconds
  readonly wallMs: Milliseconds
  readonly running: number
  readonly queued: number
}

export type Violation = {
  /** Name of the invariant or liveness claim, and the sentence that it holds. */
  readonly invariant: string
  readonly claim: string
  readonly at: Milliseconds
  /** What was found instead. */
  readonly found: string
}

/** The fleet at one moment. */
export type Sample = {
  readonly at: Milliseconds
  readonly queued: number
  readonly running: number
  readonly controllersReady: number
  /** Of what the hosts that are up have, 0 to 1. */
  readonly cpuUsed: number
  readonly memoryUsed: number
  readonly hostsUp: number
  /** Of items that got their agent launched since the last sample; 0 where none did. */
  readonly queueToLaunchP50Ms: number
  readonly queueToLaunchP99Ms: number
}

export type Waits = { readonly p50Ms: number; readonly p90Ms: number; readonly p99Ms: number; readonly mostMs: number }

export type TeamOutcome = {
  readonly name: string
  readonly builds: number
  /** From the queue to the build's begin. */
  readonly waits: Waits
  /** Hours of cpu used by its builds. */
  readonly cpuHours: number
}

export type Outcome = {
  readonly plan: Plan
  /** SHA-256 over all log lines. */
  readonly logHash: string
  /** The whole log where the plan asked for it, else its last lines. */
  readonly log: readonly LogLine[]
  readonly logLines: number
  readonly faults: readonly FaultDone[]
  /** Empty is a pass. The run ends at the first one. */
  readonly violations: readonly Violation[]
  readonly virtualMs: Milliseconds
  readonly wallMs: Milliseconds
  /** Of it while jobs came and faults happened. */
  readonly activeWallMs: Milliseconds
  /** Processor time of the whole run; of it the control plane's own cannot be told apart, so this is an upper bound of that. */
  readonly cpuMs: Milliseconds
  readonly builds: { readonly queued: number; readonly succeeded: number; readonly failed: number; readonly lost: number }
  readonly placements: number
  readonly mostRunning: number
  readonly queueToLaunch: Waits
  readonly samples: readonly Sample[]
  readonly teams: readonly TeamOutcome[]
  readonly peakRssBytes: number
  readonly store: { readonly bytes: number; readonly commits: number; readonly rowsWritten: number }
  /** Restarts of Manor that the faults brought about. */
  readonly manorRestarts: number
}
