export type StartErrorCode = 'home-unwritable' | 'disk-full'

/** Manor cannot start; the sentence says the mend. The command line ends with exit code 2. */
export class StartError extends Error {
  override readonly name = 'StartError'
  readonly code: StartErrorCode
  constructor(code: StartErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
