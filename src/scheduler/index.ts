/**
 * The scheduler (design section 7): a pure function from tasks, hosts and running work to placements, and for every task left over to why.
 * Imports model alone and does no I/O; whoever calls it commits what it says. Start at types.ts, then schedule.ts.
 */
export { schedule } from './schedule.ts'
export type { LeftOver, Placement, RunningWork, ScheduleInput, ScheduleResult, Task, Tier } from './types.ts'
