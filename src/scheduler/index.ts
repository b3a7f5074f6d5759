/**
 * The scheduler (design section 7): pure, and usable alone; imports model alone and does no I/O. Whoever calls it does what it says.
 *
 * - `schedule` is one pass over everything at hand, for callers that keep nothing between passes.
 * - `Scheduler` keeps hosts, running work and what waits from pass to pass; README.md beside this has the example.
 *
 * Where to start reading: types.ts (tasks, hosts, running work), scheduler.ts, then the rooms in the order of a pass:
 * queue/ (whose turn it is), placement/ (which host is best), fleet/ (hosts as columns), pass/ (one pass; emptying hosts and stopping work for
 * a task), why/ (what is lacking, in words), autoscale/ (how many hosts there should be).
 */

export { decideScaling, MAX_FIRST_WAIT_MS, type ScaleInput, type ScaleResult } from './autoscale/decide.ts'
export type { GroupMemory, ScaleAction, ScaledHost, ScaleMemory, ScaleRule } from './autoscale/rules.ts'
export { ruleProblems } from './autoscale/rules.ts'
export { balanceBy, checkPreferences, type DownPreferences, type DownScore } from './autoscale/scale-down.ts'
export { type Growable, scaledHosts, shortfallOf } from './autoscale/shortfall.ts'
export { type ChanceSource, chanceFrom } from './chance.ts'
export { Fleet, HOST } from './fleet/fleet.ts'
export type { Resident } from './fleet/host-record.ts'
export { OFFER_RULES, type OfferBook, type OfferRules } from './fleet/offers.ts'
export { DRAIN_RULES, type DrainRules, NO_DRAIN } from './pass/drain.ts'
export type { Cause, PassOptions, PassResult, Placed, Stop } from './pass/pass.ts'
export { PREEMPTION_RULES, type PreemptionRules } from './pass/preempt.ts'
export type { Constraint, SoftConstraint } from './placement/constraint.ts'
export { binPacking, type Fitness, spreading } from './placement/fitness.ts'
export type { HostView } from './placement/host-view.ts'
export type { GroupLimits } from './queue/allowance.ts'
export { shareOf, shareProblems, sharesProblems, type TenantShare } from './queue/shares.ts'
export type { TaskQueue } from './queue/task-queue.ts'
export { schedule } from './schedule.ts'
export { Scheduler, type SchedulerOptions } from './scheduler.ts'
export * from './types.ts'
export type { Estimate, Lack, Why } from './why/explain.ts'
export type { Told } from './why/sentence.ts'
