/**
 * The router (design section 9, first cut): the one address of the fleet. It owns the listening server and nothing else; controllers' rows are
 * read through the port `Routes`, Manor's own pages answer through the port `own`. Imports model, runtime, the store's reader and the
 * controllers' names. Start at resolve.ts (pure: who answers), then entrance.ts, then forward.ts (HTTP) and upgrade.ts (WebSocket).
 *
 * Not here yet: TLS, trusted proxies in front, webhooks kept while a controller starts, inbound TCP agents (they go to the controller's port).
 */
export type { RouterCounters } from './counters.ts'
export type { OwnHandler } from './entrance.ts'
export { RouterError, type RouterErrorCode } from './errors.ts'
export type { RouterFault } from './forward.ts'
export { SESSION_COOKIE } from './headers.ts'
export { DEFAULT_HOST_NAMES, type HostNames } from './resolve.ts'
export { createRouter, type Router, type RouterAddress, type RouterOptions } from './router.ts'
export { type Routes, type RouteTarget, routesFromStore } from './routes.ts'
export { openWorkloadDoor, type WorkloadDoor } from './workload-door.ts'
