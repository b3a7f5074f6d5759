import type { FaultLevel, Outcome, Plan, Violation } from '../../../simulator/contract.ts'

/** What the command needs of the simulator beside `simulate` itself, which runs in workers. Tests have their own. */
export type Core = {
  /** The module whose `simulate` the workers run; absent, the simulator itself. */
  readonly module?: string
  readonly seedPlan: (seed: number, level: FaultLevel, hours: number) => Plan
  readonly scalePlan: (size: ScaleSize) => Plan
  /** The smallest run that fails in the same way, its whole log with it; undefined where the plan does not fail this time. */
  readonly minimise: (plan: Plan, options: MinimiseOptions) => Promise<Outcome | undefined>
  readonly encode: (plan: Plan) => string
  /** Throws an error whose message says what is wrong with the text. */
  readonly decode: (text: string) => Plan
  /** Whether it says that the hosts did not keep up, and not that Manor is wrong. */
  readonly isOverload: (violation: Violation) => boolean
}

export type MinimiseOptions = {
  readonly run: (plan: Plan) => Promise<Outcome>
  /** Told after each run: how many faults are left, and how many runs were made. */
  readonly onProgress: (faults: number, runs: number) => void
  readonly signal: AbortSignal
}

export type ScaleSize = {
  readonly controllers: number
  readonly jobs: number
  readonly hosts: number
  readonly hours: number
  readonly faults: FaultLevel
  readonly seed: number
}
