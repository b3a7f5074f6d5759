/**
 * The agents broker (design section 7): from what controllers' queues want to build agents that run, one for one item. Owns the `agent`,
 * `demand` and `presence` rows and the templates. Imports model, runtime, store, scheduler, the engines' contract and the controllers' door.
 * Start at protocol.ts (what hooks say), then decide.ts (pure: all of one controller) and life.ts (pure: one agent), then broker.ts (what carries
 * a decision out).
 */
export { AgentsBroker } from './broker.ts'
export { agentOfWorkload, controllerOfWorkload, runningWork } from './capacity.ts'
export { type AgentDirectoriesOptions, createAgentDirectories } from './directories.ts'
export { evict } from './eviction.ts'
export type { Explanation } from './explain.ts'
export { HookError, type HookErrorCode, type HookService } from './hook-service.ts'
export { accountOfAgents, workloadOfAgent } from './launch.ts'
export { explainedByLease, keepLease } from './lease.ts'
export type { AgentDirectories, AgentsPorts } from './ports.ts'
export * as protocol from './protocol.ts'
export { applyTemplate, DEFAULT_TEMPLATE, deleteTemplate, templatesFor } from './templates.ts'
export { UsageBook } from './usage-book.ts'
