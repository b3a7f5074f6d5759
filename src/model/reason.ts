import type { Timestamp } from './units.ts'

/**
 * Why something waits or failed: a stable code for programs, a sentence for a person, since when, and what would mend it.
 * Every waiting or failed noun stores one; the API, the command line, the console and the build log all show this same one.
 */
export type Reason = {
  readonly code: ReasonCode
  /** One sentence for a person, without a full stop left out and without a code in it. */
  readonly message: string
  readonly since: Timestamp
  /** What would mend it, as something a person can do. Absent where waiting is all there is. */
  readonly mend?: string
}

/** How a workload ended or why it cannot run; every engine maps its own words into these. */
export const WORKLOAD_REASONS = [
  'oom-container',
  'oom-child',
  'oom-heap',
  'disk-limit',
  'image-pull',
  'launch-timeout',
  'killed-by-us',
  'node-lost',
  'evicted',
  'invalid-spec',
  'quota',
  'exit-code',
  'health-check',
] as const

/** What else can make a noun wait or fail. */
export const CONTROL_REASONS = [
  'no-capacity',
  'no-template',
  'template-broken',
  'template-invalid',
  'not-allowed',
  'waiting-turn',
  'waiting-builds',
  'waiting-boot',
  'preparing',
  'boot-failed',
  'not-secured',
  'host-silent',
  'backing-off',
  'distribution-missing',
  'node-refused',
  'never-connected',
  'superseded',
  'second-task',
  'preempted',
  'cordoned',
  'draining',
  'drained',
  'lease-ended',
  'controller-not-ready',
  'stopped-by-user',
] as const

export type WorkloadReasonCode = (typeof WORKLOAD_REASONS)[number]
export type ReasonCode = WorkloadReasonCode | (typeof CONTROL_REASONS)[number]
