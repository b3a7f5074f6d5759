import { type Controller, type ControllerId, SECOND, shareOfHost, type Timestamp } from '../model/index.ts'
import type { Placed, RunningWork, Task } from '../scheduler/index.ts'
import type { Reader } from '../store/index.ts'

/** A place that a controller was given is kept for it this long, until its row shows it. */
const PROMISE_MS = 10 * SECOND
/** A controller that found no place asks again within seconds; freed room is kept for it meanwhile. */
const ASKED_MS = 15 * SECOND

/** What a controller was given. */
export type Promised = Pick<Placed, 'host' | 'ports'> & { readonly epoch: number | undefined }
type Kept = Promised & { readonly until: Timestamp; readonly before: number; readonly work: RunningWork }

/** Controllers that asked for a place, and those that were given one that their rows do not show yet. Neither outlives Manor: they ask again. */
export class ControllerPlaces {
  readonly #asked = new Map<ControllerId, Timestamp>()
  readonly #promised = new Map<ControllerId, Kept>()
  readonly #portsOf: (controller: Controller) => number

  /** `portsOf` says how many ports a controller needs of its host; 0 where they are not the scheduler's to give. */
  constructor(portsOf: (controller: Controller) => number) {
    this.#portsOf = portsOf
  }

  /** It asks (again): what it was given before is given back. */
  ask(id: ControllerId, now: Timestamp): void {
    this.#promised.delete(id)
    this.#asked.set(id, now + ASKED_MS)
  }

  promise(controller: Controller, given: Promised, now: Timestamp): void {
    const { id, epoch } = controller
    const { constraints: _c, readyAt: _r, ports: _p, ...claim } = this.#task(controller)
    this.#asked.delete(id)
    const work = { ...claim, host: given.host, heldPorts: given.ports }
    this.#promised.set(id, { ...given, work, until: now + PROMISE_MS, before: epoch })
  }

  /** The place was not given after all. */
  takeBack(id: ControllerId): void {
    this.#promised.delete(id)
  }

  promised(id: ControllerId): Promised | undefined {
    return this.#promised.get(id)
  }

  /** Those that asked or were promised something. */
  ids(): ReadonlySet<ControllerId> {
    return new Set([...this.#asked.keys(), ...this.#promised.keys()])
  }

  /** As it waits, or undefined once it does not: its turn comes before any agent's (tiers, design section 7). */
  taskOf(id: ControllerId, rows: Pick<Reader, 'get'>, now: Timestamp): Task | undefined {
    const until = this.#asked.get(id)
    if (until === undefined) return undefined
    const controller = rows.get('controller', id)
    const waits = controller?.wanted === 'running' && (controller.phase === 'pending' || controller.phase === 'failed')
    if (until > now && waits) return this.#task(controller)
    this.#asked.delete(id)
    return undefined
  }

  /** What is kept for it until its row shows it. */
  workOf(id: ControllerId, rows: Pick<Reader, 'get'>, now: Timestamp): RunningWork | undefined {
    const kept = this.#promised.get(id)
    if (kept === undefined) return undefined
    if (kept.until > now && rows.get('controller', id)?.epoch === kept.before) return kept.work
    this.#promised.delete(id)
    return undefined
  }

  #task(controller: Controller): Task {
    const { id, tenant, spec, phaseSince } = controller
    const ports = this.#portsOf(controller)
    return {
      id: placeKey(id),
      tier: 'controller',
      tenant,
      controller: id,
      resources: shareOfHost(spec),
      constraints: {},
      readyAt: phaseSince,
      ...(ports === 0 ? {} : { ports }),
    }
  }
}

/** What a controller that waits is called in the scheduler; apart from workloads' ids, which hold no slash. */
export const placeKey = (id: ControllerId): string => `${PREFIX}${id}`
const PREFIX = 'controller/'
export const controllerOfKey = (key: string): string | undefined => (key.startsWith(PREFIX) ? key.slice(PREFIX.length) : undefined)
