import type { Milliseconds, WorkloadId } from '../../model/index.ts'
import type { Clock } from '../../runtime/index.ts'
import { type Facts, stateOf } from './observe.ts'
import { sendSignal } from './processes.ts'
import { killRemains, type Records } from './records.ts'

/** How often a workload that is stopping is looked at: a look is some reads of /proc. */
const STOPPING_POLL_MS = 100
/** Between the claim and the command's session there is nobody to signal yet, for some milliseconds. */
const STARTING_POLL_MS = 10

/**
 * Carries stops through: polite signal to the command's process group, grace, kill. Each step is written down before or right after it is
 * done, so that a stop goes on after a restart of Manor, with what is left of its grace.
 */
export class Stopper {
  readonly #records: Records
  readonly #clock: Clock
  readonly #signal: AbortSignal
  readonly #onError: (cause: unknown) => void
  readonly #driven = new Map<WorkloadId, AbortController>()

  constructor(records: Records, clock: Clock, signal: AbortSignal, onError: (cause: unknown) => void) {
    this.#records = records
    this.#clock = clock
    this.#signal = signal
    this.#onError = onError
  }

  /** Asks for a stop, or brings the kill of one forward. A longer grace than the one under way changes nothing. */
  ask(facts: Facts, grace: Milliseconds): void {
    const { record, stop } = facts
    const now = this.#clock.now()
    const killAt = Math.min(now + grace, stop?.killAt ?? Number.POSITIVE_INFINITY)
    if (stop === undefined || killAt < stop.killAt) this.#records.saveStop(record.id, { ...(stop ?? { askedAt: now }), killAt })
    this.resume(record.id)
  }

  /** Goes on with a stop that was asked for. Does the first step at once. */
  resume(id: WorkloadId): void {
    this.#driven.get(id)?.abort()
    const turn = new AbortController()
    this.#driven.set(id, turn)
    void this.#drive(id, turn)
      .catch(cause => {
        if (!this.#signal.aborted) this.#onError(cause)
      })
      .finally(() => {
        if (this.#driven.get(id) === turn) this.#driven.delete(id)
      })
  }

  async #drive(id: WorkloadId, turn: AbortController): Promise<void> {
    const until = AbortSignal.any([turn.signal, this.#signal])
    while (!until.aborted) {
      const wait = this.#step(id)
      if (wait === undefined) return
      await this.#clock.sleep(wait, until).catch(cause => {
        if (!until.aborted) throw cause
      })
    }
  }

  /** One step; returns when to look again, or undefined where it is over. */
  #step(id: WorkloadId): number | undefined {
    const now = this.#clock.now()
    const facts = this.#records.of(id, now)
    if (facts?.stop === undefined || stateOf(facts) === 'ended') return undefined
    const { stop } = facts
    if (now >= stop.killAt) {
      this.#records.saveStop(id, { ...stop, killedAt: stop.killedAt ?? now })
      kill(facts)
      return STOPPING_POLL_MS
    }
    if (stop.sentAt === undefined) {
      if (facts.main === undefined || !sendSignal(-facts.main.pid, 'SIGTERM')) return STARTING_POLL_MS
      this.#records.saveStop(id, { ...stop, sentAt: now })
    }
    return Math.min(STOPPING_POLL_MS, Math.max(1, stop.killAt - now))
  }
}

const kill = ({ record, main, mainAlive, claim, supervisorAlive }: Facts): void => {
  killRemains(record)
  if (main !== undefined && mainAlive) sendSignal(-main.pid, 'SIGKILL')
  // Not come to its command yet: the shell that would run it goes instead, and nobody is left to start anything.
  else if (main === undefined && 'pid' in claim && supervisorAlive) sendSignal(-claim.pid, 'SIGKILL')
}
