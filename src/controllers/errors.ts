import type { ControllerAction } from '../model/index.ts'

export type OperationErrorCode = 'invalid' | 'not-found' | 'exists' | 'illegal-action' | 'not-ready' | 'in-use' | 'too-many' | 'not-allowed'

/** A request that cannot be done, in words that say the mend. The API maps the code to a status, the command line to exit code 2. */
export class OperationError extends Error {
  override readonly name = 'OperationError'
  readonly code: OperationErrorCode
  /** Which field was wrong. */
  readonly field?: string
  /** What would be allowed instead, for `illegal-action`. */
  readonly allowed?: readonly ControllerAction[]
  constructor(
    code: OperationErrorCode,
    message: string,
    details: { readonly field?: string; readonly allowed?: readonly ControllerAction[] } = {},
  ) {
    super(message)
    this.code = code
    if (details.field !== undefined) this.field = details.field
    if (details.allowed !== undefined) this.allowed = details.allowed
  }
}
