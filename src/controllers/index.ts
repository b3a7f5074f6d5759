/**
 * Controllers: their life from `pending` to gone (design section 4). Owns the `controller` rows' status; the API writes only what is wanted.
 * Imports model, runtime, store, the engines' contract. Start at decide.ts (pure), then reconciler.ts (what carries a decision out).
 */
export { OperationError, type OperationErrorCode } from './errors.ts'
export {
  changeSpec,
  createController,
  DEFAULT_SPEC,
  DEFAULT_TENANT,
  type NewController,
  RESERVED_NAMES,
  requestAction,
} from './operations.ts'
