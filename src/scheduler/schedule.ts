import { NO_DRAIN } from './pass/drain.ts'
import { shareOf, shareProblems, type TenantShare } from './queue/shares.ts'
import { taskProblem } from './queue/task-problem.ts'
import { Scheduler } from './scheduler.ts'
import type { LeftOver, RunningWork, ScheduleInput, ScheduleResult, Task } from './types.ts'

/**
 * One pass for callers that keep nothing between passes: places what has room, in fair turns, and says of the rest why not. Pure and
 * deterministic: the order of its inputs does not matter.
 *
 * Promises: no host and no quota is exceeded by what it places; nothing is left over that fits (work-conserving).
 * Cost: that of the fleet and queue being built (linear in hosts, running work and tasks, with a sort of the tasks), one Pass, and a scan
 * of the hosts for each shape that is left over.
 */
export const schedule = ({ tasks, hosts, running, tenants }: ScheduleInput): ScheduleResult => {
  const scheduler = new Scheduler()
  for (const host of hosts) scheduler.fleet.putHost(host)
  // Nothing is ended here, so ids of running work are not needed, and one that also waits does no harm.
  for (const { id: _unused, ...work } of running) scheduler.fleet.adopt(work)
  const shares = tenants.map((tenant): TenantShare => {
    const share = shareOf(tenant)
    const whole = { ...share, weight: share.weight > 0 ? share.weight : Number.MIN_VALUE }
    if (shareProblems(whole).length === 0) return whole
    const { guarantee: _wrong, ...plain } = whole
    return plain
  })
  scheduler.queue.setShares('agent', shares)
  // A tenant's quota and guarantee are for its agents (model/tenant.ts).
  scheduler.queue.setShares(
    'controller',
    shares.map(({ id, weight }) => ({ id, weight })),
  )
  for (const { tier, tenant, controller } of inOrderOfTurns(running)) scheduler.queue.noteServed(tier, tenant, controller)
  const leftOver: LeftOver[] = []
  for (const task of tasks) {
    const problem = taskProblem(task)
    if (problem === undefined) scheduler.queue.add(task)
    else leftOver.push({ task: task.id, reason: invalid(task, problem) })
  }
  const result = scheduler.pass({ now: Number.POSITIVE_INFINITY, drain: NO_DRAIN })
  for (const { task } of result.leftOver) {
    const reason = scheduler.explain(task)
    if (reason !== undefined) leftOver.push({ task, reason })
  }
  return { placements: result.placed.map(({ task, host }) => ({ task, host })), leftOver }
}

/** What runs tells whose turns were the last: the tie between equal shares is theirs who have waited longest. */
const inOrderOfTurns = (running: readonly RunningWork[]): RunningWork[] =>
  running
    .filter(({ since }) => since !== undefined)
    .sort((a, b) => (a.since ?? 0) - (b.since ?? 0) || order(a.tenant, b.tenant) || order(a.controller, b.controller))

const order = (a: string, b: string): number => (a === b ? 0 : a < b ? -1 : 1)

const invalid = ({ tier }: Task, problem: string): LeftOver['reason'] => ({
  code: 'invalid-spec',
  message: problem,
  mend: `Correct the ${tier === 'controller' ? "controller's spec" : 'template'}.`,
})
