/**
 * The client of a controller's own REST, for what Manor asks from outside: is it ready, and (for the sample job and for tests) jobs, builds and
 * logs. Everything that keeps a controller going is the hook's business, not this. Start at client.ts.
 */
export {
  type BuildInfo,
  type ControllerClient,
  createControllerClient,
  type Health,
  type LeftItem,
  type Queued,
  type QueueItem,
} from './client.ts'
export type { ConnectionOptions as ControllerClientOptions } from './connection.ts'
export { ClientError, type ClientErrorCode, isPassing } from './errors.ts'
export { type FreestyleJob, freestyleJob } from './job-xml.ts'
export { createProbe } from './probe.ts'
