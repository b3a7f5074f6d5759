export type IdentityErrorCode = 'invalid' | 'not-found' | 'beyond-own-rights' | 'too-many-tokens'

/** A request about tokens that cannot be done, in words that say the mend. */
export class IdentityError extends Error {
  override readonly name = 'IdentityError'
  readonly code: IdentityErrorCode
  readonly field?: string
  constructor(code: IdentityErrorCode, message: string, field?: string) {
    super(message)
    this.code = code
    if (field !== undefined) this.field = field
  }
}
