/**
 * Controllers: their life from `pending` to gone (design section 4). Owns the `controller` rows' status; the API writes only what is wanted.
 * Imports model, runtime, store, the engines' contract. Start at decide.ts (pure), then reconciler.ts (what carries a decision out).
 */

export {
  type BuildInfo,
  ClientError,
  type ClientErrorCode,
  type ControllerClient,
  type ControllerClientOptions,
  createControllerClient,
  createProbe,
  type FreestyleJob,
  freestyleJob,
  type Health,
  isPassing,
  type LeftItem,
  type Queued,
  type QueueItem,
} from './client/index.ts'
export { type ControllerStep, type ControllerView, decide, type Probe } from './decide.ts'
export { type DefaultProgram, defaultProgram, leaveProgramUndecided, setDefaultProgram } from './default-program.ts'
export type {
  Capabilities,
  Distribution,
  InstanceSecrets,
  Program,
  ProgramProgress,
  ProgramRequest,
  Programs,
} from './distributions/distribution.ts'
export { distributionOf } from './distributions/distributions.ts'
export { createPrograms, ProgramError, type ProgramErrorCode, type ProgramsOptions } from './distributions/programs/index.ts'
export { OperationError, type OperationErrorCode } from './errors.ts'
export { type FleetState, fleetState, isFleetSetting, setFleet } from './fleet.ts'
export type { HookPolicy } from './hook-policy.ts'
export { ADMIN_NAME, accountOfController, HOOK_FILE, prefixOf, programMounts, provideProgram } from './launch.ts'
export {
  changeSpec,
  createController,
  DEFAULT_SPEC,
  DEFAULT_TENANT,
  moveController,
  type NewController,
  RESERVED_NAMES,
  requestAction,
} from './operations.ts'
export type { ControllerPlace, ControllerPorts, Homes, PlaceController, ProbeController } from './ports.ts'
export { ControllerReconciler } from './reconciler.ts'
export { openSecrets, secretFile } from './secrets.ts'
