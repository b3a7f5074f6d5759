import { type ChanceSource, integerBelow } from '../chance.ts'
import type { Fleet } from '../fleet/fleet.ts'
import type { Waiting } from '../queue/task-queue.ts'
import { EPSILON } from '../resources.ts'
import type { Task } from '../types.ts'
import type { CheckContext, Faults } from './constraint.ts'
import { checkFitness, type Fitness, REFUSED } from './fitness.ts'
import { HostTree } from './host-tree.ts'
import type { OffersOf } from './host-view.ts'
import { type Shape, shapeKey, shapeOf } from './shape.ts'

export type PickOptions = {
  readonly fitness: Fitness
  /** A scan ends at the first host that suits a task this well, 0 to 1. Above 1, as by default: the best of all. */
  readonly goodEnough: number
  /**
   * A scan ends after so many hosts that have room, taken from all over the fleet by chance; absent: all. What is lost: of `n` candidates
   * the best is among the best share `q` of all that have room with probability 1 - (1 - q)^n; 64 make the best 5 % in 96 of 100 scans. A
   * task is never refused because of it: as long as none has room the scan goes on.
   */
  readonly candidates?: number
}

/** What a soft constraint, the binding of consumable sets and the fitness weigh, where a task has them; Fenzo's own proportions. */
const SOFT_WEIGHT = 0.5
const SETS_WEIGHT = 0.15
const FITNESS_WEIGHT = 0.35
/** A host that only this tenant or kind of work may use goes before one that others need, however well that one suits. */
const RESERVED_BONUS = 4
const ROLE_BONUS = 2

/** Most that the trees of all shapes take together; the shapes that were used longest ago lose theirs first. */
const MAX_TREE_BYTES = 64 * 1_048_576
/** A tree costs a look at each host and serves many picks; so many looks at what changed, one pick after the other, cost as much. */
const WORTH_A_TREE = 16
/** Shapes remembered: more than any fleet has templates and controllers' sizes; what is forgotten is worked out again. */
const MAX_SHAPES = 4_096
/** Where as many in a row wait, forgetting one is not worth a longer search. */
const MAX_LOOKS_TO_FORGET = 64

/**
 * Finds the best host for a task.
 *
 * Cost, for H hosts: a task that is the first of its shape, and the only one that waits, scans all hosts (some 20 ns each, no allocation);
 * otherwise a tree of them is built (the same again), and each one after that costs log2(H) for every host that changed since plus log2(H) for the best: placing 200 tasks of 3 shapes
 * on 10,000 hosts looks at about as many hosts as there are placements. Shapes whose constraints reach over the fleet (balanced, unique by
 * zone, affinity, a caller's function) scan each time; good-enough and candidates cut those short. A shape that was refused stays so, at no
 * cost, until something comes free. Measured in bench/scheduler.
 */
export class Picker {
  readonly #fleet: Fleet
  readonly #options: PickOptions
  readonly #context: CheckContext
  readonly #chance: ChanceSource
  /** By key, used longest ago first. */
  readonly #shapes = new Map<string, Shape>()
  readonly #live = new Set<Shape>()
  readonly #faults: Faults = new Map()
  #places: Int32Array = new Int32Array(0)
  #reservations = 0
  #trees = 0
  #looks = 0

  constructor(fleet: Fleet, options: PickOptions, offersOf: OffersOf, chance: ChanceSource) {
    this.#fleet = fleet
    this.#options = { ...options, fitness: checkFitness(options.fitness) }
    this.#context = { fleet, offersOf, faults: this.#faults }
    this.#chance = chance
  }

  /** Hosts looked at so far. */
  get looks(): number {
    return this.#looks
  }

  /** What callers' own functions threw since the last time this was asked. */
  takeFaults(): ReadonlyMap<string, string> {
    const faults = new Map(this.#faults)
    this.#faults.clear()
    return faults
  }

  shapeOf(waiting: Waiting): Shape {
    const { task, shape: known } = waiting
    const reserved = this.#fleet.hasReservation(task.tenant)
    if (known !== undefined && known.isReserved === reserved) return known
    const key = shapeKey(task, reserved, this.#options.fitness)
    const shape = (key === undefined ? undefined : this.#shapes.get(key)) ?? this.#newShape(task, key, reserved)
    if (known !== undefined) known.waiting--
    shape.waiting++
    this.#live.add(shape)
    waiting.shape = shape
    return shape
  }

  /** Whether what tells tenants' shapes apart changed since this was asked last. */
  reservationsChanged(): boolean {
    const changed = this.#reservations !== this.#fleet.reservations
    this.#reservations = this.#fleet.reservations
    return changed
  }

  /** The shapes that tasks wait of, of all tasks that were asked about. */
  live(): Shape[] {
    for (const shape of this.#live) if (shape.waiting === 0) this.#live.delete(shape)
    return [...this.#live]
  }

  /** The slot of the best host that has room, or -1. */
  pick(shape: Shape): number {
    const { changes, order } = this.#fleet
    if (this.isRefused(shape)) return -1
    const hosts = order.slots().length
    const isWorthIt = shape.uses > 0 || shape.waiting > 1
    let slot: number
    if (shape.reach === 'host' && isWorthIt && HostTree.bytesFor(hosts) <= MAX_TREE_BYTES)
      slot = this.#amongChanged(shape, hosts) ?? this.#slotAt(this.#freshTree(shape, hosts).best())
    else slot = this.#scan(shape)
    shape.uses++
    if (slot < 0) shape.refusedAt = changes.version
    return slot
  }

  /** Whether it is known without a look that no host has room. */
  isRefused({ refusedAt, reach }: Shape): boolean {
    if (refusedAt < 0) return false
    const { changes } = this.#fleet
    // Taking room lets nothing in; but where a constraint reaches over the fleet, work elsewhere may.
    return reach === 'host' ? changes.freedVersion <= refusedAt : changes.version === refusedAt
  }

  /** How well the host suits, -Infinity where it has no room. `evenIfKept` for the task that the host is kept for. */
  score(shape: Shape, slot: number, evenIfKept = false): number {
    this.#looks++
    const { columns } = this.#fleet
    if (columns.takes[slot] !== 1) return REFUSED
    const role = columns.role[slot] ?? 0
    if (role !== 0 && role !== shape.role) return REFUSED
    const reservedFor = columns.reservedFor[slot] ?? 0
    if (reservedFor !== 0 && reservedFor !== shape.tenantCode) return REFUSED
    if (columns.loners[slot] !== 0 || (shape.wantsToBeAlone && columns.works[slot] !== 0)) return REFUSED
    if (columns.kept[slot] === 1 && !evenIfKept) return REFUSED
    const { dimensions, amounts } = shape.ask
    for (let at = 0; at < dimensions.length; at++) {
      const dimension = dimensions[at] ?? 0
      if ((columns.used[dimension]?.[slot] ?? 0) + (amounts[at] ?? 0) > (columns.total[dimension]?.[slot] ?? 0) + EPSILON) return REFUSED
    }
    const bonus = (reservedFor === 0 ? 0 : RESERVED_BONUS) + (role === 0 ? 0 : ROLE_BONUS)
    if (shape.hard.length === 0 && shape.soft.length === 0 && shape.sets.length === 0 && columns.sets[slot] === 0)
      return shape.fitness(slot) + bonus
    return this.#scoreInFull(shape, slot) + bonus
  }

  #scoreInFull(shape: Shape, slot: number): number {
    const sets = this.#fleet.record(slot)?.sets
    let sum = 0
    let weights = FITNESS_WEIGHT
    if (sets !== undefined || shape.sets.length > 0) {
      const fit = sets?.fit(shape.sets) ?? 0
      if (fit === 0) return REFUSED
      sum += SETS_WEIGHT * fit
      weights += SETS_WEIGHT
    }
    for (const check of shape.hard) if (!check.allows(slot)) return REFUSED
    if (shape.soft.length > 0) {
      let wished = 0
      let total = 0
      for (const { check, weight } of shape.soft) {
        wished += weight * check.score(slot)
        total += weight
      }
      sum += (SOFT_WEIGHT * wished) / total
      weights += SOFT_WEIGHT
    }
    return (sum + FITNESS_WEIGHT * shape.fitness(slot)) / weights
  }

  #scan(shape: Shape): number {
    prepare(shape)
    const slots = this.#fleet.order.slots()
    const hosts = slots.length
    const { candidates = Number.POSITIVE_INFINITY } = this.#options
    const enough = this.#options.goodEnough + this.#bonusWithinReach(shape)
    const sampled = candidates < hosts
    const places = sampled ? this.#placesFor(hosts) : undefined
    let found = 0
    let best = -1
    let most = REFUSED
    for (let looked = 0; looked < hosts; looked++) {
      const slot = slots[places === undefined ? looked : drawAt(places, looked, this.#chance)] ?? 0
      const score = this.score(shape, slot)
      if (score === REFUSED) continue
      found++
      if (score > most) {
        best = slot
        most = score
      }
      if (most >= enough || found >= candidates) break
    }
    return best
  }

  /**
   * Of a shape that was refused, only hosts that changed since can have room: where its tree was dropped to make room for others, looking at
   * those is cheaper than a new one. Undefined where there is a tree, or too much changed.
   */
  #amongChanged(shape: Shape, hosts: number): number | undefined {
    const { changes, order } = this.#fleet
    const since = shape.refusedAt
    if (shape.tree !== undefined || since < 0) return undefined
    if (!changes.reachesBackTo(since) || (changes.version - since) * WORTH_A_TREE > hosts) return undefined
    prepare(shape)
    const positions = order.positions()
    let best = -1
    let most = REFUSED
    for (let at = since; at < changes.version; at++) {
      const slot = changes.slotAt(at)
      const position = positions[slot] ?? -1
      if (position < 0) continue
      const score = this.score(shape, slot)
      // Of equals the first in the order of hosts, as in a tree.
      if (score === REFUSED || score < most || (score === most && position > (positions[best] ?? -1))) continue
      best = slot
      most = score
    }
    return best
  }

  #slotAt(position: number): number {
    return position < 0 ? -1 : (this.#fleet.order.slots()[position] ?? -1)
  }

  /** All positions in some order. It need not be the first again for the next draw to be even. */
  #placesFor(hosts: number): Int32Array {
    if (this.#places.length !== hosts) this.#places = Int32Array.from({ length: hosts }, (_, at) => at)
    return this.#places
  }

  /** A host without the bonus is not good enough where one with it may follow. */
  #bonusWithinReach({ tenantCode, role }: Shape): number {
    return (tenantCode === 0 ? 0 : RESERVED_BONUS) + (this.#fleet.hasRole(role === 1 ? 'controllers' : 'builds') ? ROLE_BONUS : 0)
  }

  /** The shape's tree, up to date. */
  #freshTree(shape: Shape, hosts: number): HostTree {
    const { changes, order } = this.#fleet
    const version = changes.version
    prepare(shape)
    let { tree } = shape
    const missed = version - shape.version
    if (tree === undefined || shape.orderVersion !== order.version || missed > hosts || !changes.reachesBackTo(shape.version)) {
      const slots = order.slots()
      if (tree === undefined) this.#makeRoomForTree(shape, hosts)
      if (tree === undefined || shape.orderVersion !== order.version) tree = new HostTree(hosts)
      tree.build(hosts, position => this.score(shape, slots[position] ?? 0))
      shape.tree = tree
    } else {
      const positions = order.positions()
      for (let at = shape.version; at < version; at++) {
        const slot = changes.slotAt(at)
        const position = positions[slot] ?? -1
        if (position >= 0) tree.set(position, this.score(shape, slot))
      }
    }
    shape.version = version
    shape.orderVersion = order.version
    this.#touch(shape)
    return tree
  }

  /** Counts one tree more, and drops the one that was used longest ago where they would take too much. */
  #makeRoomForTree(shape: Shape, hosts: number): void {
    this.#trees++
    if (this.#trees * HostTree.bytesFor(hosts) <= MAX_TREE_BYTES) return
    for (const other of this.#shapes.values()) {
      if (other === shape || other.tree === undefined) continue
      other.tree = undefined
      this.#trees--
      return
    }
  }

  #newShape(task: Task, key: string | undefined, reserved: boolean): Shape {
    const shape = shapeOf(task, key ?? '', reserved, this.#options.fitness, this.#context)
    if (key === undefined) return shape
    if (this.#shapes.size >= MAX_SHAPES) this.#forgetOne()
    this.#shapes.set(key, shape)
    return shape
  }

  /** The shape that was used longest ago and of which nothing waits. Of those that wait there are no more than tasks. */
  #forgetOne(): void {
    let looked = 0
    for (const [key, old] of this.#shapes) {
      if (++looked > MAX_LOOKS_TO_FORGET) return
      if (old.waiting > 0) continue
      this.#shapes.delete(key)
      if (old.tree !== undefined) this.#trees--
      old.tree = undefined
      return
    }
  }

  #touch(shape: Shape): void {
    if (shape.key === '' || !this.#shapes.delete(shape.key)) return
    this.#shapes.set(shape.key, shape)
  }
}

/** To be called before a row of looks between which nothing is placed. */
export const prepare = ({ hard, soft }: Shape): void => {
  for (const check of hard) check.prepare()
  for (const { check } of soft) check.prepare()
}

/** The next of a draw without putting back (Fisher and Yates): swaps one of those not drawn yet to `at`, and gives it. */
const drawAt = (places: Int32Array, at: number, chance: ChanceSource): number => {
  const other = at + integerBelow(chance, places.length - at)
  const drawn = places[other] ?? 0
  places[other] = places[at] ?? 0
  places[at] = drawn
  return drawn
}
