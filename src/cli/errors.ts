/** How a run of the command line ended, for the shell. */
export const EXIT = {
  ok: 0,
  /** The thing asked for was tried and failed. */
  failed: 1,
  /** Bad input, wrong usage, not signed in, or Manor is not running: nothing was done. */
  usage: 2,
  /** Ended by ctrl-C, as shells count it: 128 + SIGINT. */
  interrupted: 130,
} as const
export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

/** Ends a command with one or two sentences that say the mend, and an exit code. */
export class CliError extends Error {
  override readonly name: string = 'CliError'
  readonly exitCode: ExitCode
  constructor(message: string, exitCode: ExitCode = EXIT.usage, options?: ErrorOptions) {
    super(message, options)
    this.exitCode = exitCode
  }
}
