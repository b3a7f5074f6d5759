/** The store's errors, by stable code. */
export type StoreErrorCode =
  | 'store-locked'
  | 'store-full'
  | 'store-unwritable'
  | 'store-newer'
  | 'conflict'
  | 'exists'
  | 'missing'
  | 'closed'
  | 'overloaded'

/** Something the store refused. `conflict`, `exists` and `missing` are the caller's to handle; the others say the mend. */
export class StoreError extends Error {
  override readonly name = 'StoreError'
  readonly code: StoreErrorCode
  constructor(code: StoreErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
