export type ProgramErrorCode =
  /** A site cannot be reached. */
  | 'unreachable'
  /** What came is not what was promised. */
  | 'checksum'
  /** There is no such version. */
  | 'not-found'
  | 'java-missing'
  | 'maven-missing'
  /** A file is not a war that Manor knows. */
  | 'bad-war'
  /** The cache cannot be written. */
  | 'cache'

/** A program cannot be had. The message is one sentence, or two, that say what to do. */
export class ProgramError extends Error {
  override readonly name = 'ProgramError'
  readonly code: ProgramErrorCode
  constructor(code: ProgramErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
