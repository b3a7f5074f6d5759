import type { Fleet } from '../fleet/fleet.ts'
import type { TaskQueue } from '../queue/task-queue.ts'
import type { Picker } from './picker.ts'
import type { Shape } from './shape.ts'

/**
 * Whether anything that waits may still find room in this pass: once every shape was refused the other turns need not be played, however
 * many wait. A shape whose constraints reach over the fleet always may, since what others placed can make it fit.
 *
 * Cost: what came since the last pass, plus the shapes that wait, once a pass.
 */
export class Hope {
  readonly #fleet: Fleet
  readonly #picker: Picker
  readonly #shapes: readonly Shape[]
  /** Those before it have none. */
  #at = 0
  #asOf: number

  constructor(fleet: Fleet, queue: TaskQueue, picker: Picker) {
    this.#fleet = fleet
    this.#picker = picker
    for (const waiting of queue.takeUnshaped()) picker.shapeOf(waiting)
    if (picker.reservationsChanged()) for (const waiting of queue.everyWaiting()) picker.shapeOf(waiting)
    this.#shapes = picker.live()
    this.#asOf = fleet.changes.freedVersion
  }

  isLeft(): boolean {
    const { freedVersion } = this.#fleet.changes
    if (freedVersion !== this.#asOf) {
      this.#asOf = freedVersion
      this.#at = 0
    }
    for (; this.#at < this.#shapes.length; this.#at++) {
      const shape = this.#shapes[this.#at]
      if (shape !== undefined && shape.waiting > 0 && (shape.reach === 'fleet' || !this.#picker.isRefused(shape))) return true
    }
    return false
  }
}
