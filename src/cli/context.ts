import type { Clock, Random } from '../runtime/index.ts'

/** What is needed of a stream to write to it; process.stdout is one, tests have their own. */
export type OutputStream = {
  write(text: string): unknown
  readonly isTTY?: boolean
  readonly columns?: number
  readonly rows?: number
}

/** Everything that a command may touch of the process it runs in. */
export type CliContext = {
  readonly stdout: OutputStream
  readonly stderr: OutputStream
  readonly stdin: AsyncIterable<Buffer | string> & { readonly isTTY?: boolean }
  readonly env: Readonly<Record<string, string | undefined>>
  readonly clock: Clock
  readonly random: Random
  /** Aborts at ctrl-C and at a polite request to end. */
  readonly signal: AbortSignal
}

/** How a person starts the command line; hints and examples use it, so that they can be copied. */
export const PROGRAM = './manor'
