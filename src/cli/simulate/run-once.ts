import type { Outcome, Plan, RunProgress } from '../../../simulator/contract.ts'
import { type Pool, RunError } from '../../../simulator/runner/pool.ts'
import type { Progress } from '../display/progress.ts'
import { CliError, EXIT } from '../errors.ts'
import { formatDuration } from '../output/units.ts'

/** One run as the step `run` of a display, with how far it is. Rejects with a CliError where it broke, and with the signal's reason. */
export const runOnce = async (plan: Plan, pool: Pool, signal: AbortSignal, progress: Progress): Promise<Outcome> => {
  try {
    const outcome = await pool.simulate(plan, signal, now => {
      progress.update('run', progressText(plan, now), { done: now.virtualMs, total: plan.activeMs })
    })
    const [violation] = outcome.violations
    if (violation === undefined) progress.done('run', `${formatDuration(outcome.virtualMs)} of virtual time`)
    else progress.fail('run', `${violation.invariant} does not hold`)
    return outcome
  } catch (cause) {
    progress.fail('run', signal.aborted ? 'ended by you' : 'it broke')
    progress.close()
    if (cause instanceof RunError) throw new CliError(`The run broke: ${cause.message}`, EXIT.failed, { cause })
    throw cause
  }
}

const progressText = ({ activeMs }: Plan, { virtualMs, wallMs, running, queued }: RunProgress): string => {
  const done =
    virtualMs <= activeMs
      ? `${formatDuration(virtualMs)} of ${formatDuration(activeMs)}`
      : `${formatDuration(virtualMs)}, no more jobs come and what is left ends`
  return `${done} in ${formatDuration(wallMs)}; ${number(running)} builds run, ${number(queued)} wait`
}

const number = (value: number): string => value.toLocaleString('en-US')
