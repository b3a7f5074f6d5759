import type { HostId, Milliseconds, Timestamp } from '../../model/index.ts'
import type { Fleet } from '../fleet/fleet.ts'
import type { Shape } from '../placement/shape.ts'
import type { Waiting } from '../queue/task-queue.ts'
import { isEligible, isLargeEnough, leaversNeeded } from './capable.ts'

export type DrainRules = {
  /** A task that waits longer than this without a place has a host emptied for it. */
  readonly afterMs: Milliseconds
  /** Most hosts that are emptied at a time: each stands partly idle meanwhile. */
  readonly atMost: number
  /**
   * Only for tasks that others were placed after in turn. Where all that waits is alike, nobody is starved however long it waits, and a host
   * kept for whoever waits longest would take the turn of those with smaller shares. Absent: for any that waits long.
   */
  readonly onlyOvertaken?: boolean
}

export const DRAIN_RULES: DrainRules = { afterMs: 120_000, atMost: 4 }

/** For callers that keep nothing between passes, and where nothing may stand idle while something waits. */
export const NO_DRAIN: DrainRules = { afterMs: Number.POSITIVE_INFINITY, atMost: 0 }

/**
 * Hosts kept for tasks that waited too long, so that small work that goes on coming cannot starve large work for ever: nothing new is
 * placed on such a host until its task fits. A task's turn comes in any case; what it lacks is a host, and a kept host only empties.
 */
export class Drains {
  readonly #fleet: Fleet
  readonly #byTask = new Map<string, HostId>()

  constructor(fleet: Fleet) {
    this.#fleet = fleet
  }

  get size(): number {
    return this.#byTask.size
  }

  /** Task by host, for people and tests. */
  all(): ReadonlyMap<string, HostId> {
    return this.#byTask
  }

  hostOf(task: string): HostId | undefined {
    return this.#byTask.get(task)
  }

  keep(task: string, slot: number): void {
    const host = this.#fleet.record(slot)?.host.id
    if (host === undefined) return
    this.#byTask.set(task, host)
    this.#fleet.keep(slot, true)
  }

  letGo(task: string): void {
    const host = this.#byTask.get(task)
    if (host === undefined) return
    this.#byTask.delete(task)
    const slot = this.#fleet.slotOf(host)
    if (slot !== undefined) this.#fleet.keep(slot, false)
  }

  /** Lets hosts go whose task no longer waits, or that are no longer ready. A host that came back under its id is kept again. */
  settle(stillWaits: (task: string) => boolean): void {
    const { columns } = this.#fleet
    for (const [task, host] of [...this.#byTask]) {
      const slot = this.#fleet.slotOf(host)
      if (slot === undefined || columns.takes[slot] !== 1 || !stillWaits(task)) this.letGo(task)
      else if (columns.kept[slot] !== 1) this.#fleet.keep(slot, true)
    }
  }
}

/** Whether a host should be emptied for the task now. */
export const deservesDrain = ({ task, overtaken }: Waiting, rules: DrainRules, drains: Drains, now: Timestamp): boolean =>
  drains.size < rules.atMost &&
  drains.hostOf(task.id) === undefined &&
  // Nobody waits for a spare, so no host stands idle for one.
  task.tier !== 'spare' &&
  now - task.readyAt >= rules.afterMs &&
  (overtaken || rules.onlyOvertaken !== true)

/**
 * The host that will have room for the task soonest by what is known about ends, then with the fewest works to wait for; -1 where none is
 * large enough. Linear in the hosts and what runs on those that could do it; asked a few times per pass at most.
 */
export const hostToDrain = (fleet: Fleet, shape: Shape): number => {
  let best = -1
  let soonest = Number.POSITIVE_INFINITY
  let fewest = Number.POSITIVE_INFINITY
  for (const slot of fleet.order.slots()) {
    if (fleet.columns.kept[slot] === 1 || !isEligible(fleet, shape, slot) || !isLargeEnough(fleet, shape, slot)) continue
    const byEnd = [...(fleet.record(slot)?.residents ?? [])].sort((a, b) => endOf(a) - endOf(b) || a.arrival - b.arrival)
    const leavers = leaversNeeded(fleet, shape, slot, byEnd)
    if (leavers === undefined) continue
    const last = leavers.at(-1)
    const at = last === undefined ? Number.NEGATIVE_INFINITY : endOf(last)
    if (best < 0 || at < soonest || (at === soonest && leavers.length < fewest)) {
      best = slot
      soonest = at
      fewest = leavers.length
    }
  }
  return best
}

/** What is not known to end ends last. A large number instead of infinity, since infinities have no difference to sort by. */
const endOf = ({ endsAt }: { readonly endsAt: number | undefined }): number => endsAt ?? Number.MAX_SAFE_INTEGER
