/**
 * Many seeds, one after the other, on as many lanes as there are workers: stops at the first that fails (or collects all), at a time box, or
 * at an abort, and always tells what was done. What one seed's run is, is the caller's: `planOf` and `simulate`.
 */
import type { Milliseconds } from '../../src/model/index.ts'
import type { Clock } from '../../src/runtime/index.ts'
import type { Outcome, Plan, Violation } from '../contract.ts'
import { RunError, type Simulate } from './pool.ts'

/** Seeds are 32 bit whole numbers; after the last comes the first. */
export const SEEDS = 2 ** 32

/** Failing seeds that are kept when all are collected: where more fail, the first ones tell as much. */
const MOST_FAILURES = 100

/** A seed's run that takes longer than this by the wall has lost its way; the slowest seeds seen take seconds. */
const LONGEST_RUN_MS: Milliseconds = 30 * 60_000

export type SwarmOptions = {
  readonly first: number
  /** How many seeds; absent, as many as the time box allows. */
  readonly count?: number
  /** No seed is begun after this; those that run are finished. */
  readonly forMs?: Milliseconds
  readonly workers: number
  readonly planOf: (seed: number) => Plan
  /** Goes on after a failure. */
  readonly keepGoing?: boolean
  readonly onProgress?: (progress: SwarmProgress) => void
}

export type SwarmProgress = {
  readonly done: number
  readonly failed: number
  readonly count?: number
  readonly virtualMs: Milliseconds
  readonly wallMs: Milliseconds
  /** What is left, by the rate so far; absent before the first seed is done. */
  readonly leftMs?: Milliseconds
}

/** A seed that did not pass: by a claim that did not hold, or by a run that broke. */
export type SwarmFailure = {
  readonly plan: Plan
  readonly violation?: Violation
  /** Why the run broke. */
  readonly broke?: string
}

export type SwarmResult = SwarmProgress & {
  readonly first: number
  readonly failures: readonly SwarmFailure[]
  /** Ended by an abort, before all was done. */
  readonly interrupted: boolean
  readonly builds: number
  readonly faults: number
  readonly manorRestarts: number
  /** A run to show: the first that failed with an outcome, else that of the first seed which ended. */
  readonly example?: Outcome
}

type Ports = { readonly simulate: Simulate; readonly clock: Clock; readonly signal: AbortSignal }

export const runSwarm = async (options: SwarmOptions, ports: Ports): Promise<SwarmResult> => {
  const tally = new Tally(options, ports.clock)
  const stop = new AbortController()
  const signal = AbortSignal.any([ports.signal, stop.signal])
  let next = 0
  const lane = async (): Promise<void> => {
    while (!signal.aborted && tally.mayBegin(next)) {
      const plan = options.planOf((options.first + next++) % SEEDS)
      const ended = await runOne(plan, ports, signal)
      if (ended === 'abandoned') return
      tally.add(plan, ended)
      options.onProgress?.(tally.progress())
      // The other lanes' runs are left: what is wanted now is the failure.
      if (tally.failures.length > 0 && options.keepGoing !== true) stop.abort()
    }
  }
  await Promise.all(Array.from({ length: options.workers }, lane))
  return tally.result(ports.signal.aborted)
}

type Ended = Outcome | { readonly broke: string } | 'abandoned'

const runOne = async (plan: Plan, { simulate, clock }: Ports, signal: AbortSignal): Promise<Ended> => {
  const late = new AbortController()
  const cancel = clock.after(LONGEST_RUN_MS, () => late.abort())
  try {
    return await simulate(plan, AbortSignal.any([signal, late.signal]))
  } catch (cause) {
    if (signal.aborted) return 'abandoned'
    if (late.signal.aborted) return { broke: `It had not ended after ${LONGEST_RUN_MS / 60_000} minutes.` }
    if (cause instanceof RunError) return { broke: cause.message }
    throw cause
  } finally {
    cancel()
  }
}

class Tally {
  readonly failures: SwarmFailure[] = []
  readonly #options: SwarmOptions
  readonly #clock: Clock
  readonly #startedAt: number
  #done = 0
  #failed = 0
  #virtualMs = 0
  #builds = 0
  #faults = 0
  #manorRestarts = 0
  #example: Outcome | undefined

  constructor(options: SwarmOptions, clock: Clock) {
    this.#options = options
    this.#clock = clock
    this.#startedAt = clock.monotonic()
  }

  mayBegin(next: number): boolean {
    const { count = SEEDS, forMs } = this.#options
    return next < count && (forMs === undefined || this.#wallMs() < forMs)
  }

  add(plan: Plan, ended: Exclude<Ended, 'abandoned'>): void {
    this.#done++
    const [violation] = 'broke' in ended ? [] : ended.violations
    if ('broke' in ended) this.#fail({ plan, broke: ended.broke })
    else {
      this.#virtualMs += ended.virtualMs
      this.#builds += ended.builds.succeeded + ended.builds.failed
      this.#faults += ended.faults.length
      this.#manorRestarts += ended.manorRestarts
      const isFirstFailure = violation !== undefined && (this.#example?.violations.length ?? 0) === 0
      if (this.#example === undefined || isFirstFailure) this.#example = ended
      if (violation !== undefined) this.#fail({ plan, violation })
    }
  }

  #fail(failure: SwarmFailure): void {
    this.#failed++
    if (this.failures.length < MOST_FAILURES) this.failures.push(failure)
  }

  #wallMs(): Milliseconds {
    return this.#clock.monotonic() - this.#startedAt
  }

  progress(): SwarmProgress {
    const { count, forMs } = this.#options
    const wallMs = this.#wallMs()
    const byCount = count === undefined || this.#done === 0 ? undefined : (wallMs / this.#done) * (count - this.#done)
    const byTime = forMs === undefined ? undefined : Math.max(0, forMs - wallMs)
    const leftMs = byCount === undefined ? byTime : Math.min(byCount, byTime ?? byCount)
    return {
      done: this.#done,
      failed: this.#failed,
      ...(count === undefined ? {} : { count }),
      virtualMs: this.#virtualMs,
      wallMs,
      ...(leftMs === undefined ? {} : { leftMs }),
    }
  }

  result(interrupted: boolean): SwarmResult {
    const { leftMs: _over, ...progress } = this.progress()
    return {
      ...progress,
      first: this.#options.first,
      failures: this.failures,
      interrupted,
      builds: this.#builds,
      faults: this.#faults,
      manorRestarts: this.#manorRestarts,
      ...(this.#example === undefined ? {} : { example: this.#example }),
    }
  }
}
