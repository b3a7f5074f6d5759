/** What is told of a seed that failed: its smallest form, and how to see it again. Pure, but for the runs that `shrink` makes. */
import type { Milliseconds } from '../../src/model/index.ts'
import type { FaultDone, LogLine, Outcome, Plan, Violation } from '../contract.ts'
import type { SwarmFailure } from './swarm.ts'

/** Lines of a log that a person reads; the replay has all. */
const MOST_LINES = 60

export type FailureReport = {
  readonly seed: number
  readonly plan: Plan
  /** The claim that did not hold; absent where the run itself broke. */
  readonly violation?: Violation
  readonly broke?: string
  /** Faults that are needed for it, after those that are not were taken out. */
  readonly faults: readonly FaultDone[]
  /** How many the seed had before. */
  readonly faultsBefore: number
  /** The end of the shortest log that shows it. */
  readonly log: readonly LogLine[]
  readonly logLines: number
  readonly logHash?: string
  /** The plan in one word, for `--replay`. */
  readonly replay: string
}

export const failureOf = (
  failure: SwarmFailure,
  shrunk: Outcome | undefined,
  before: Outcome | undefined,
  encode: (plan: Plan) => string,
): FailureReport => {
  const plan = shrunk?.plan ?? failure.plan
  const violation = shrunk?.violations[0] ?? failure.violation
  return {
    seed: plan.seed,
    plan,
    ...(violation === undefined ? {} : { violation }),
    ...(failure.broke === undefined ? {} : { broke: failure.broke }),
    faults: shrunk?.faults ?? before?.faults ?? [],
    faultsBefore: before?.faults.length ?? shrunk?.faults.length ?? 0,
    log: shrunk?.log.slice(-MOST_LINES) ?? [],
    logLines: shrunk?.logLines ?? 0,
    ...(shrunk === undefined ? {} : { logHash: shrunk.logHash }),
    replay: encode(plan),
  }
}

/** `1d 03:04:05.678`: a moment in virtual time since the start. */
export const virtualTime = (at: Milliseconds): string => {
  const two = (value: number): string => String(Math.floor(value)).padStart(2, '0')
  const days = Math.floor(at / 86_400_000)
  const clock = `${two((at / 3_600_000) % 24)}:${two((at / 60_000) % 60)}:${two((at / 1_000) % 60)}.${String(Math.floor(at % 1_000)).padStart(3, '0')}`
  return days === 0 ? clock : `${days}d ${clock}`
}

export const logText = (log: readonly LogLine[]): string => log.map(({ at, what }) => `${virtualTime(at)}  ${what}`).join('\n')

/** The report for a person. `program` is how the command line is started. */
export const failureText = (report: FailureReport, program: string): string => {
  const { seed, violation, broke, faults, faultsBefore, log, logLines } = report
  const head =
    violation === undefined
      ? [`Seed ${seed}: the run broke.`, '', broke ?? 'It gave no outcome.']
      : [
          `Seed ${seed}: ${violation.invariant} does not hold, at ${virtualTime(violation.at)}.`,
          '',
          `  claim  ${violation.claim}`,
          `  found  ${violation.found}`,
        ]
  const left = faults.map(
    ({ number, name, at, detail }) => `  ${virtualTime(at)}  ${name} (${number})${detail === '' ? '' : `: ${detail}`}`,
  )
  return [
    ...head,
    '',
    ...(left.length === 0 ? ['It needs no fault.'] : [`Faults that it needs, ${faults.length} of ${faultsBefore}:`, ...left]),
    ...(log.length === 0 ? [] : ['', `The last ${log.length} of ${logLines} lines of its log:`, logText(log)]),
    '',
    'See it again, exactly:',
    `  ${program} simulate --replay ${report.replay}`,
  ].join('\n')
}
