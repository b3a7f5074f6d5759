/**
 * Hosts: what people want of the machines that an engine has (cordoned, drained, a role, a tenant), and what becomes of it. Owns the `host` and
 * `host-wanted` rows: the first are what the engine tells with what is wanted laid over it, and everybody reads those; the second outlive
 * Manor and the host. A drain asks the rooms of agents and controllers for what it needs and writes none of their rows itself.
 *
 * Imports model, runtime, store, the engines' contract, and the doors of controllers and agents. Start at operations.ts (what people ask for),
 * then drain.ts (pure: the next step of a drain), then host-keeper.ts (what carries it out).
 */
export { HostKeeper } from './host-keeper.ts'
export { changeHost, cordonHost, drainHost, noSuchHost, uncordonHost } from './operations.ts'
export { type Residents, residentsByHost } from './residents.ts'
