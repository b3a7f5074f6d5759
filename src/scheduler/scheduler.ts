import type { HostId, Timestamp } from '../model/index.ts'
import { chanceFrom } from './chance.ts'
import { Fleet } from './fleet/fleet.ts'
import type { Resident } from './fleet/host-record.ts'
import { OFFER_RULES, OfferBook, type OfferRules } from './fleet/offers.ts'
import { DRAIN_RULES, Drains } from './pass/drain.ts'
import { type Cause, Pass, type PassOptions, type PassResult } from './pass/pass.ts'
import { binPacking, type Fitness } from './placement/fitness.ts'
import { Picker } from './placement/picker.ts'
import type { Shape } from './placement/shape.ts'
import { TaskQueue } from './queue/task-queue.ts'
import type { Offer, Task } from './types.ts'
import { type Why, whyNoRoom } from './why/explain.ts'
import { type Told, tell } from './why/sentence.ts'

export type SchedulerOptions = {
  /** Bin-packing by cpu and memory where absent. */
  readonly fitness?: Fitness
  /** From which fitness on a scan ends early; absent: the best of all hosts is taken. */
  readonly goodEnough?: number
  /** How many hosts with room a scan compares; absent: all (placement/picker.ts says what is lost). */
  readonly candidates?: number
  readonly offers?: OfferRules
  /** For what is left to chance. The same seed and the same calls give the same answers. */
  readonly seed?: number
}

/**
 * The scheduler, kept from pass to pass: hosts, what runs on them, what waits. No timers, no clocks, no I/O: whoever has it tells it what
 * changed, calls `pass`, and does what the result says.
 *
 * @example README.md, which a test runs.
 */
export class Scheduler {
  readonly fleet = new Fleet()
  readonly queue = new TaskQueue()
  readonly offers: OfferBook
  readonly #picker: Picker
  readonly #drains = new Drains(this.fleet)
  #result: PassResult | undefined
  #passes = 0
  #arrivalsBefore = 0
  readonly #whys = new Map<Shape, Why>()
  #whysAsOf = -1

  /** Throws a RangeError where an option is not right; it says which and its mend. */
  constructor({ fitness = binPacking(), goodEnough = ALL_HOSTS, candidates, offers = OFFER_RULES, seed = 1 }: SchedulerOptions = {}) {
    if (candidates !== undefined && !(Number.isInteger(candidates) && candidates > 0))
      throw new RangeError(`candidates is ${candidates}; it has to be a whole number of 1 or more, or left out to compare all hosts.`)
    const chance = chanceFrom(seed)
    this.offers = new OfferBook(this.fleet, offers, chance)
    const options = { fitness, goodEnough, ...(candidates === undefined ? {} : { candidates }) }
    this.#picker = new Picker(this.fleet, options, host => this.offers.of(host), chance)
  }

  /** Places what has room; what it placed waits no longer and runs from now on. Where `drain` is left out, DRAIN_RULES hold. */
  pass(options: PassOptions): PassResult {
    this.#arrivalsBefore = this.fleet.arrivals
    this.#whys.clear()
    const parts = { fleet: this.fleet, queue: this.queue, picker: this.#picker, drains: this.#drains, number: ++this.#passes }
    const result = new Pass(parts, { drain: DRAIN_RULES, ...options }).run()
    this.queue.removeAll(result.placed.map(({ task }) => task))
    this.#result = result
    return result
  }

  /** Offers of the hosts that a pass placed work on, to be accepted; they are held no longer. */
  useOffers(placed: PassResult['placed']): ReadonlyMap<HostId, readonly Offer[]> {
    const used = new Map<HostId, readonly Offer[]>()
    for (const { host } of placed) if (!used.has(host)) used.set(host, this.offers.use(host))
    return used
  }

  /** Running work ended, or will not start after all; undefined where it was not known. */
  end(id: string): Resident | undefined {
    const resident = this.fleet.release(id)
    if (resident?.host !== undefined) this.offers.ended(resident.host)
    return resident
  }

  /** Why the last pass left the task over, in words; undefined where it did not. Worked out with what is known by now. */
  explain(id: string, now?: Timestamp): Told | undefined {
    const waiting = this.queue.waiting(id)
    const cause = this.cause(id)
    if (waiting === undefined || cause === undefined) return undefined
    const shape = this.#picker.shapeOf(waiting)
    return tell(waiting.task, { fleet: this.fleet, shape, cause, why: () => this.#whyOf(shape), now })
  }

  /** What kept the task waiting in the last pass; undefined where it did not wait for anything. */
  cause(id: string): Cause | undefined {
    return this.queue.causeIn(this.#passes, id)
  }

  /** What hosts lack for a waiting task, for programs; undefined where it does not wait. */
  why(id: string): Why | undefined {
    const waiting = this.queue.waiting(id)
    return waiting === undefined ? undefined : this.#whyOf(this.#picker.shapeOf(waiting))
  }

  /** Tasks of one shape lack the same, and finding it out is a scan: kept until something changes. */
  #whyOf(shape: Shape): Why {
    const { version } = this.fleet.changes
    if (this.#whysAsOf !== version) this.#whys.clear()
    this.#whysAsOf = version
    const why = this.#whys.get(shape) ?? whyNoRoom(this.fleet, shape, this.#arrivalsBefore)
    this.#whys.set(shape, why)
    return why
  }

  /** What the last pass left over for want of room: what more hosts would help. Quotas, limits and guarantees they would not. */
  waitingForRoom(): readonly Task[] {
    const waiting: Task[] = []
    for (const { task: id, cause } of this.#result?.leftOver ?? []) {
      const task = this.queue.get(id)
      if (task !== undefined && (cause.kind === 'no-room' || cause.kind === 'draining')) waiting.push(task)
    }
    return waiting
  }

  /** Hosts that are being emptied, by the task they are kept for. */
  draining(): ReadonlyMap<string, HostId> {
    return this.#drains.all()
  }
}

/** No fitness is above 1. */
const ALL_HOSTS = 1.01
