import { type Agent, type ItemId, MINUTE, type Reason, SECOND, type TemplateId, type Timestamp } from '../model/index.ts'

/** So many agents of a template in a row that never came online, and it is broken for its controller. */
export const BREAKER_FAILURES = 3
const BROKEN_FIRST_MS = 30 * SECOND
const BROKEN_MOST_MS = 10 * MINUTE
/** Waited after the first agent of an item that died before it took the build; three times as long after each further one. */
const ITEM_BACKOFF_FIRST_MS = SECOND
const ITEM_BACKOFF_MOST_MS = 5 * MINUTE

/** Ends that say nothing about the template: nobody needed the agent any more, or its host was lost. */
const NOT_ITS_FAULT: ReadonlySet<Reason['code']> = new Set<Reason['code']>([
  'superseded',
  'preempted',
  'drained',
  'lease-ended',
  'stopped-by-user',
  'node-lost',
  'controller-not-ready',
])

/** Ends after which an item's next agent is started at once: waiting would mend nothing. */
const NOT_ITS_LOSS: ReadonlySet<Reason['code']> = new Set<Reason['code']>(['superseded', 'preempted', 'drained', 'lease-ended'])

const endedAt = (agent: Agent): Timestamp => agent.endedAt ?? agent.phaseSince
const isTemplateFailure = (agent: Agent): boolean =>
  agent.launchedAt !== undefined && agent.onlineAt === undefined && agent.reason !== undefined && !NOT_ITS_FAULT.has(agent.reason.code)

/** How one template does for one controller. */
export type TemplateHealth = {
  /** Launches in a row that never came online. */
  readonly failures: number
  /** Whether one ever came online, as far as is remembered. */
  readonly proven: boolean
  /** Until when no agent of it is started; undefined where it is not broken, or a new try is due. */
  readonly brokenUntil?: Timestamp
  /** Why the last one failed. */
  readonly cause?: Reason
}

const HEALTHY: TemplateHealth = { failures: 0, proven: false }

/**
 * What the agents of one controller tell of its templates and items. A function of their rows alone, so a restart of Manor forgets no breaker.
 * `changedAt`: when a template was last changed; failures before it do not count, since the change may be the mend.
 */
export class History {
  readonly #templates = new Map<TemplateId, TemplateHealth>()
  readonly #items = new Map<ItemId, Losses>()
  /** Of warm spares, which have no item, by template. */
  readonly #spares = new Map<TemplateId, Losses>()

  constructor(agents: readonly Agent[], changedAt: ReadonlyMap<TemplateId, Timestamp>) {
    const newestLast = [...agents].sort((a, b) => outcomeAt(a) - outcomeAt(b))
    for (const agent of newestLast) this.#learn(agent, changedAt.get(agent.template) ?? 0)
  }

  template(id: TemplateId, now: Timestamp): TemplateHealth {
    const health = this.#templates.get(id) ?? HEALTHY
    if (health.brokenUntil === undefined || health.brokenUntil > now) return health
    const { brokenUntil: _due, ...tryAgain } = health
    return tryAgain
  }

  /** When the item's next agent may be started and why not earlier, or undefined where it may be now. */
  itemBackoff(item: ItemId, now: Timestamp): { readonly until: Timestamp; readonly cause: Reason } | undefined {
    return backoffOf(this.#items.get(item), now)
  }

  /** When the template's next warm spare may be started, where those before it were lost without a build; undefined where it may be now. */
  spareBackoff(template: TemplateId, now: Timestamp): { readonly until: Timestamp } | undefined {
    return backoffOf(this.#spares.get(template), now)
  }

  #learn(agent: Agent, changedAt: Timestamp): void {
    if (agent.onlineAt !== undefined) this.#templates.set(agent.template, { failures: 0, proven: true })
    if (agent.busyAt !== undefined) this.#spares.delete(agent.template)
    if (agent.phase !== 'ended' || agent.reason === undefined) return
    if (agent.busyAt === undefined && agent.launchedAt !== undefined && !NOT_ITS_LOSS.has(agent.reason.code)) {
      const lost = { last: endedAt(agent), cause: agent.reason }
      if (agent.item !== undefined) this.#items.set(agent.item, { ...lost, failures: (this.#items.get(agent.item)?.failures ?? 0) + 1 })
      else this.#spares.set(agent.template, { ...lost, failures: (this.#spares.get(agent.template)?.failures ?? 0) + 1 })
    }
    if (!isTemplateFailure(agent) || endedAt(agent) < changedAt) return
    const before = this.#templates.get(agent.template) ?? HEALTHY
    const failures = before.failures + 1
    this.#templates.set(agent.template, {
      failures,
      proven: before.proven,
      cause: agent.reason,
      ...(failures < BREAKER_FAILURES ? {} : { brokenUntil: endedAt(agent) + brokenFor(failures) }),
    })
  }
}

type Losses = { readonly failures: number; readonly last: Timestamp; readonly cause: Reason }

const backoffOf = (known: Losses | undefined, now: Timestamp) => {
  if (known === undefined) return undefined
  const until = known.last + Math.min(ITEM_BACKOFF_MOST_MS, ITEM_BACKOFF_FIRST_MS * 3 ** (known.failures - 1))
  return until > now ? { until, cause: known.cause } : undefined
}

/** When it was known how the launch went. */
const outcomeAt = (agent: Agent): Timestamp => agent.onlineAt ?? endedAt(agent)

const brokenFor = (failures: number): number => Math.min(BROKEN_MOST_MS, BROKEN_FIRST_MS * 2 ** (failures - BREAKER_FAILURES))

/**
 * How many agents of a template may be on their way to online at a time for one controller. One that has not shown that it works may start only
 * as many as would break it, so that a bad template costs a few starts and not one for each item of a long queue.
 */
export const mayBeOnTheirWay = ({ failures, proven }: TemplateHealth): number => {
  if (failures === 0) return proven ? Number.POSITIVE_INFINITY : BREAKER_FAILURES
  return Math.max(1, BREAKER_FAILURES - failures)
}
