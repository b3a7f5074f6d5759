/**
 * What a Mesos does on a bad day, on demand, from a test or through the control port (README.md): what happens to calls and events on the way
 * is here, what the leader itself does wrong in leader-faults.ts, and what happens to masters and agents in mesos-double.ts.
 */
import type { Clock } from '../../../src/runtime/index.ts'
import { LeaderFaults } from './leader-faults.ts'
import { type EventFaults, noEventFaults } from './stream.ts'

/** What becomes of a call. `lose`: not done, and the connection breaks; `lose-answer`: done, and the connection breaks. */
type CallFault =
  | { readonly kind: 'lose' | 'lose-answer' | 'hang'; readonly type: string; left: number }
  | { readonly kind: 'answer'; readonly type: string; readonly status: number; readonly text: string; left: number }

export class Faults {
  readonly events: EventFaults = noEventFaults()
  readonly leader = new LeaderFaults()
  #calls: CallFault[] = []
  #slowMs = 0
  readonly #clock: Clock

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** `type` is a call's, or `*` for any. */
  loseCall(type: string, times = 1): void {
    this.#calls.push({ kind: 'lose', type, left: times })
  }

  loseAnswer(type: string, times = 1): void {
    this.#calls.push({ kind: 'lose-answer', type, left: times })
  }

  /** The connection stands and nothing comes. */
  hangCall(type: string, times = 1): void {
    this.#calls.push({ kind: 'hang', type, left: times })
  }

  answerCall(type: string, status: number, text: string, times = 1): void {
    this.#calls.push({ kind: 'answer', type, status, text, left: times })
  }

  /** Every call is answered so much later. */
  slow(ms: number): void {
    this.#slowMs = ms
  }

  async delay(): Promise<void> {
    if (this.#slowMs > 0) await this.#clock.sleep(this.#slowMs)
  }

  take(type: string): CallFault | undefined {
    const fault = this.#calls.find(each => each.left > 0 && (each.type === '*' || each.type === type))
    if (fault !== undefined) fault.left--
    return fault
  }

  restore(): void {
    Object.assign(this.events, { ...noEventFaults(), doubled: this.events.doubled, lost: this.events.lost, late: this.events.late })
    this.events.doubled.clear()
    this.events.lost.clear()
    this.events.late.clear()
    this.leader.restore()
    this.#calls = []
    this.#slowMs = 0
  }
}
