import { controllerId, hostId, tenantId } from '../../src/model/index.ts'
import { integer, seededRandom } from '../../src/runtime/index.ts'
import { DRAIN_RULES, NO_DRAIN, Scheduler } from '../../src/scheduler/index.ts'

const HOSTS = 2_000
const TENANTS = 500
const WAITING = 10_000
const SHAPES = 40
/** Works that end, and tasks that come, between two passes. */
const CHANGES = 100

/** A scheduler with much to do: a full fleet, and more waiting than fits. Each pass is one turn of the loop, as Manor's own are. */
export class PassLoad {
  readonly #scheduler = new Scheduler()
  readonly #random = seededRandom(4)
  readonly #running: string[] = []
  #count = 0

  constructor() {
    const capacity = { cpu: 8, memoryMb: 32_768, diskMb: 200_000 }
    for (let at = 0; at < HOSTS; at++)
      this.#scheduler.fleet.putHost({ id: hostId(`host-${at}`), role: 'any', state: 'ready', attributes: {}, capacity })
    // Until nothing more fits.
    while (this.#scheduler.queue.size < WAITING) this.#fill()
  }

  /** What changed since the last, and a pass. */
  pass(): void {
    for (let change = 0; change < CHANGES && this.#running.length > 0; change++) this.#endOne()
    this.#fill()
  }

  #fill(): void {
    while (this.#scheduler.queue.size < WAITING) this.#addOne()
    const { placed } = this.#scheduler.pass({ now: this.#count + DRAIN_RULES.afterMs, drain: NO_DRAIN })
    for (const { task } of placed) this.#running.push(task)
  }

  #endOne(): void {
    const at = integer(this.#random, this.#running.length)
    const ended = this.#running[at]
    const last = this.#running.pop()
    if (last !== undefined && at < this.#running.length) this.#running[at] = last
    if (ended !== undefined) this.#scheduler.end(ended)
  }

  #addOne(): void {
    const shape = integer(this.#random, SHAPES)
    const tenant = integer(this.#random, TENANTS)
    this.#scheduler.queue.add({
      id: `task-${this.#count}`,
      tier: 'agent',
      tenant: tenantId(`tenant-${tenant}`),
      controller: controllerId(`controller-${tenant}`),
      resources: { cpu: 1 + (shape % 4), memoryMb: 1_024 * (2 + (shape % 10)), diskMb: 1_000 },
      constraints: {},
      readyAt: this.#count++,
    })
  }
}
