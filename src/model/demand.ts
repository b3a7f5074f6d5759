import type { ControllerId, ItemId } from './ids.ts'
import type { Reason } from './reason.ts'
import type { Timestamp } from './units.ts'

/** One buildable item of a controller's queue. */
export type DemandItem = {
  readonly id: ItemId
  /** The label expression, as the controller prints it; absent for an item that any node may take. */
  readonly label?: string
  /** Full name of the job. */
  readonly task: string
  /** When it entered the queue, by the controller's clock. */
  readonly since: Timestamp
  /** Why it waits, in the controller's words. */
  readonly why?: string
  /** Why it waits, in ours: what the broker decided about it last. */
  readonly reason?: Reason
}

/**
 * What a controller's queue wants now: a level, replaced as a whole by a report that says something else. It is not kept over a restart: it is
 * reported anew.
 */
export type Demand = {
  readonly controller: ControllerId
  readonly session: string
  readonly items: readonly DemandItem[]
}
