/**
 * The simulator (design section 12): the whole control plane, unmodified, in virtual time among simulated machines, engines, controllers and agents,
 * with faults drawn from one seed. Start at contract.ts (what is asked and answered), then simulate.ts (one run), world/world.ts (what there
 * is), faults/index.ts (what goes wrong) and invariants/index.ts (what must hold). docs/add-a-fault.md says how to add to the last two.
 */
export * from './contract.ts'
export { FAULT_NAMES, faultRates } from './faults/index.ts'
export { denseFleet, seedFleet, talkFleet } from './fleets.ts'
export { type MinimiseOptions, minimise } from './minimise.ts'
export { decodePlan, encodePlan } from './plan-code.ts'
export { simulate } from './simulate.ts'
