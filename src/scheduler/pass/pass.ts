import type { HostId, Timestamp } from '../../model/index.ts'
import type { Fleet } from '../fleet/fleet.ts'
import { REFUSED } from '../placement/fitness.ts'
import { Hope } from '../placement/hope.ts'
import { type Picker, prepare } from '../placement/picker.ts'
import type { Shape } from '../placement/shape.ts'
import { Allowance, type GroupLimits, type Refusal } from '../queue/allowance.ts'
import type { Heap } from '../queue/heap.ts'
import type { Lane, LeftWaiting, TaskQueue, TenantQueue, Waiting } from '../queue/task-queue.ts'
import { Turns } from '../queue/turns.ts'
import type { Amount } from '../resources.ts'
import { type SetHold, type Task, TIERS } from '../types.ts'
import { type DrainRules, type Drains, deservesDrain, hostToDrain } from './drain.ts'
import { type PreemptionRules, preemptionFor, victimRule } from './preempt.ts'

export type PassOptions = {
  readonly now: Timestamp
  /** Limits by group; absent: none. */
  readonly groupLimits?: GroupLimits
  /** Absent: no host is emptied for a task. */
  readonly drain?: DrainRules
  /** Absent: nothing is stopped for a task. */
  readonly preemption?: PreemptionRules
  /** The pass ends after so many placements; the rest is the next pass's. */
  readonly placements?: number
  /** The pass ends once it looked at so many hosts: what bounds its time, a look being some tens of nanoseconds. */
  readonly looks?: number
}

/** Where a task goes, and which ports and pieces of sets are its own there. */
export type Placed = {
  readonly task: string
  readonly host: HostId
  readonly ports: readonly number[]
  readonly setHolds: readonly SetHold[]
}

/** Why a task was left over. What mends it is worked out when somebody asks (why/explain.ts): most is never asked about. */
export type Cause = Refusal | { readonly kind: 'no-room' } | { readonly kind: 'draining'; readonly host: HostId }

/** Work that is to be stopped for a task. The task is placed on that host by a later pass, once the work is released. */
export type Stop = { readonly forTask: string; readonly host: HostId; readonly stop: readonly string[] }

export type PassResult = {
  /** In the order in which they were decided. */
  readonly placed: readonly Placed[]
  /** Those whose turn came in its order, then the others; put together when it is first asked for. */
  readonly leftOver: readonly LeftWaiting[]
  readonly stops: readonly Stop[]
  /** What callers' own constraints and fitness functions threw, by name. */
  readonly faults: ReadonlyMap<string, string>
  /** `done`, or which of its bounds ended the pass before all ready tasks had their turn. */
  readonly endedBy: 'done' | 'placements' | 'looks'
  readonly looks: number
}

export type PassParts = {
  readonly fleet: Fleet
  readonly queue: TaskQueue
  readonly picker: Picker
  readonly drains: Drains
  /** Which pass it is. */
  readonly number: number
}

/**
 * One pass: every ready task in turn gets the best host that has room. Takes what it gives in the fleet, so that its result and the fleet
 * agree; the tasks that were placed are taken off the queue by the caller.
 *
 * Promises: no host, quota or limit is exceeded by what it places; nothing is left over that fits, but for hosts that are kept for a task
 * and room that is held for a guarantee. Room only shrinks within a pass, so a shape that was refused is not looked at again, and once all
 * were (placement/hope.ts) the other turns are not played: of lanes in which nothing changed since, what the last pass said is said again.
 *
 * Cost of a pass, linear in what changed and not in what waits:
 *
 *   N x key  +  L x turn(log2 L)  +  C x S x update(log2 H)  +  W' x look  +  (first use of a shape) H x look
 *
 * for L lanes (controllers of tenants that want something), N new tasks, C hosts that changed since the last pass or in it (placements are
 * among them), S shapes that wait, H hosts, and W' tasks in lanes that changed or whose turn came. Where hosts may be emptied or work stopped
 * for somebody, or a quota refuses a task that would fit, all turns are played: W' is then all W that wait. BENCHMARKS.md has the curve.
 */
export class Pass {
  readonly #parts: PassParts
  readonly #options: PassOptions
  readonly #total: Readonly<Amount>
  readonly #allowance: Allowance
  readonly #placed: Placed[] = []
  readonly #leftOver: LeftWaiting[] = []
  /** Those of whole lanes that had no hope, by lane. */
  readonly #hopeless: (readonly LeftWaiting[])[] = []
  readonly #stops: Stop[] = []
  /** Those without room so far, and up to which of them something was placed after. */
  readonly #refused: Waiting[] = []
  #overtaken = 0
  /** For whom room could not be made. */
  readonly #inVain = new Set<string>()

  constructor(parts: PassParts, options: PassOptions) {
    const { fleet, queue, drains } = parts
    this.#parts = parts
    this.#options = options
    this.#total = fleet.total()
    this.#allowance = new Allowance(queue, fleet.ledger, options.groupLimits, () => fleet.free())
    drains.settle(task => queue.get(task) !== undefined)
  }

  run(): PassResult {
    const { picker } = this.#parts
    const before = picker.looks
    const endedBy = this.#turns(before)
    const seen = this.#leftOver
    const hopeless = this.#hopeless
    let leftOver: readonly LeftWaiting[] | undefined
    return {
      placed: this.#placed,
      get leftOver() {
        leftOver ??= hopeless.length === 0 ? seen : joined(seen, hopeless)
        return leftOver
      },
      stops: this.#stops,
      faults: picker.takeFaults(),
      endedBy,
      looks: picker.looks - before,
    }
  }

  #turns(looksBefore: number): PassResult['endedBy'] {
    const { fleet, queue, picker } = this.#parts
    const { now, placements = Number.POSITIVE_INFINITY, looks = Number.POSITIVE_INFINITY } = this.#options
    this.#placeKept(placements)
    const hope = new Hope(fleet, queue, picker)
    for (const tier of TIERS) {
      const turns = new Turns(queue, tier, fleet.ledger, this.#total, now)
      let wasPlaced = false
      for (let waiting = turns.next(wasPlaced); waiting !== undefined; waiting = turns.next(wasPlaced)) {
        if (this.#placed.length >= placements) return 'placements'
        if (picker.looks - looksBefore >= looks) return 'looks'
        const cause = this.#place(waiting)
        wasPlaced = cause === undefined
        if (cause === undefined) {
          this.#overtake()
          continue
        }
        if (cause === NO_ROOM) this.#refused.push(waiting)
        this.#leftOver.push(this.#leave(waiting, cause))
        if (hope.isLeft() || this.#mayMakeRoom(turns.oldest)) continue
        this.#leaveAll(turns.rest())
        break
      }
    }
    return 'done'
  }

  #overtake(): void {
    for (; this.#overtaken < this.#refused.length; this.#overtaken++) {
      const waiting = this.#refused[this.#overtaken]
      if (waiting !== undefined) waiting.overtaken = true
    }
  }

  /** Tasks whose host is empty by now go before all turns: nobody else may have it, and what they leave of it is free for those to come. */
  #placeKept(placements: number): void {
    const { queue, drains, picker } = this.#parts
    for (const [id, host] of [...drains.all()]) {
      const waiting = queue.waiting(id)
      if (waiting === undefined || waiting.task.readyAt > this.#options.now || this.#placed.length >= placements) continue
      const { task } = waiting
      if (this.#allowance.refusal(task) !== undefined || !this.#placeOnKept(waiting, picker.shapeOf(waiting), host)) continue
      queue.noteServed(task.tier, task.tenant, task.controller)
      queue.remove(id)
    }
  }

  #mayMakeRoom(oldest: Timestamp): boolean {
    const { drain, preemption, now } = this.#options
    if (this.#inVain.size >= MAX_IN_VAIN) return false
    if (preemption !== undefined && this.#stops.length < preemption.atMost) return true
    return drain !== undefined && this.#parts.drains.size < drain.atMost && now - oldest >= drain.afterMs
  }

  /** Most wait for the same cause as the pass before, which is then said by the same record. */
  #leave(waiting: Waiting, cause: Cause): LeftWaiting {
    if (waiting.left?.cause !== cause) {
      waiting.left = { task: waiting.task.id, cause }
      // What its lane said as a whole is not said again: it named the cause before.
      waiting.lane.hopeless = undefined
    }
    waiting.leftInPass = this.#parts.number
    return waiting.left
  }

  #leaveAll(tenants: Heap<TenantQueue>): void {
    for (let place = 0; place < tenants.size; place++) {
      const tenant = tenants.at(place)
      if (tenant !== undefined) this.#leaveTenant(tenant)
    }
  }

  /** Leaves over what nothing in this pass can help. Of lanes in which nothing changed since one did the same, what that one said is said again. */
  #leaveTenant({ tier, tenant, inTurn }: TenantQueue): void {
    const { now } = this.#options
    const mayRefuse = this.#allowance.mayRefuse(tier, tenant)
    for (let place = 0; place < inTurn.size; place++) {
      const lane = inTurn.at(place)
      if (lane === undefined) continue
      const isKnown = lane.next === 0 && lane.hopeless !== undefined && lane.hopeless.now <= now && !mayRefuse
      const left = isKnown ? lane.hopeless?.left : this.#leaveLane(lane)
      if (left !== undefined) this.#hopeless.push(left)
      lane.hopelessInPass = isKnown ? this.#parts.number : 0
    }
  }

  #leaveLane(lane: Lane): LeftWaiting[] {
    const { now } = this.#options
    const { drains } = this.#parts
    const { waiting, next } = lane
    const left: LeftWaiting[] = []
    let isPlain = true
    for (let at = next; at < waiting.length; at++) {
      const one = waiting[at]
      if (one === undefined || one.task.readyAt > now) continue
      const host = drains.size === 0 ? undefined : drains.hostOf(one.task.id)
      const cause = this.#allowance.refusal(one.task) ?? (host === undefined ? NO_ROOM : { kind: 'draining', host })
      isPlain &&= cause === NO_ROOM
      left.push(this.#leave(one, cause))
    }
    lane.hopeless = isPlain && left.length === waiting.length ? { left, now } : undefined
    return left
  }

  #place(waiting: Waiting): Cause | undefined {
    const { task } = waiting
    const refusal = this.#allowance.refusal(task)
    if (refusal !== undefined) return refusal
    const { picker, drains } = this.#parts
    const shape = picker.shapeOf(waiting)
    const kept = drains.size === 0 ? undefined : drains.hostOf(task.id)
    const slot = picker.pick(shape)
    if (slot >= 0) {
      this.#claim(waiting, shape, slot)
      return undefined
    }
    if (kept !== undefined) return { kind: 'draining', host: kept }
    return this.#makeRoom(waiting, shape) ?? NO_ROOM
  }

  #placeOnKept(waiting: Waiting, shape: Shape, host: HostId): boolean {
    const { fleet, picker } = this.#parts
    const slot = fleet.slotOf(host)
    if (slot === undefined) return false
    prepare(shape)
    if (picker.score(shape, slot, true) === REFUSED) return false
    this.#claim(waiting, shape, slot)
    return true
  }

  #claim(waiting: Waiting, shape: Shape, slot: number): void {
    const { fleet, drains } = this.#parts
    const { task } = waiting
    const { host, ports, setHolds } = fleet.claim(task, slot, shape.ask)
    // It waits no longer, though its caller takes it off the queue.
    shape.waiting--
    waiting.shape = undefined
    if (drains.size > 0) drains.letGo(task.id)
    this.#allowance.placed(task)
    this.#placed.push({ task: task.id, host, ports, setHolds })
  }

  /** By stopping what may be stopped, else by letting a host run empty. */
  #makeRoom(waiting: Waiting, shape: Shape): Cause | undefined {
    const { fleet, drains } = this.#parts
    const { task, lane } = waiting
    let slot = this.#stopFor(task, shape)
    if (slot < 0) slot = this.#drainFor(waiting, shape)
    const host = fleet.record(slot)?.host.id
    if (host === undefined) return undefined
    drains.keep(task.id, slot)
    lane.hopeless = undefined
    return { kind: 'draining', host }
  }

  #stopFor(task: Task, shape: Shape): number {
    const { fleet, queue } = this.#parts
    const { preemption } = this.#options
    if (preemption === undefined || this.#stops.length >= preemption.atMost) return -1
    return this.#onceInVain('stop', task, shape, () => {
      const found = preemptionFor(task, shape, fleet, victimRule(task, queue, fleet, this.#total))
      const host = found && fleet.record(found.slot)?.host.id
      if (found === undefined || host === undefined) return -1
      this.#stops.push({ forTask: task.id, host, stop: found.victims.map(({ id }) => id) })
      return found.slot
    })
  }

  #drainFor(waiting: Waiting, shape: Shape): number {
    const { fleet, drains } = this.#parts
    const { drain, now } = this.#options
    if (drain === undefined || !deservesDrain(waiting, drain, drains, now)) return -1
    return this.#onceInVain('drain', waiting.task, shape, () => hostToDrain(fleet, shape))
  }

  /** Looks for room to be made, but not again for the like once there was none: what runs only grows within a pass. */
  #onceInVain(how: 'stop' | 'drain', task: Task, shape: Shape, look: () => number): number {
    const key = `${how} ${shape.key === '' ? task.id : shape.key} ${task.tier} ${task.tenant}`
    if (this.#inVain.size >= MAX_IN_VAIN || this.#inVain.has(key)) return -1
    const slot = look()
    if (slot < 0) this.#inVain.add(key)
    return slot
  }
}

/** Each is a scan over hosts and what runs there; a pass that makes room for nobody should not take long over it. */
const MAX_IN_VAIN = 32

/** Written out: many short lists are joined to one of thousands in each pass. */
const joined = (first: readonly LeftWaiting[], others: readonly (readonly LeftWaiting[])[]): readonly LeftWaiting[] => {
  const all = new Array<LeftWaiting>(others.reduce((sum, { length }) => sum + length, first.length))
  let at = 0
  for (const one of first) all[at++] = one
  for (const list of others) for (const one of list) all[at++] = one
  return all
}

const NO_ROOM: Cause = { kind: 'no-room' }
