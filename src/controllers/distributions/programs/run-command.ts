import { execFile } from 'node:child_process'
import { access, constants } from 'node:fs/promises'
import { delimiter, join } from 'node:path'

export type CommandResult = { readonly exitCode: number; readonly stdout: string; readonly stderr: string }

/** Runs a program to its end. Rejects where it cannot be started, or when the signal aborts, which also ends the program. */
export type RunCommand = (command: readonly [program: string, ...args: readonly string[]], signal: AbortSignal) => Promise<CommandResult>

/** What a program may print; more ends it. */
const MAX_OUTPUT_BYTES = 1_048_576

export const runCommand: RunCommand = ([program, ...args], signal) =>
  new Promise((resolve, reject) => {
    execFile(program, args, { signal, maxBuffer: MAX_OUTPUT_BYTES, encoding: 'utf8' }, (cause, stdout, stderr) => {
      if (signal.aborted) reject(signal.reason)
      else if (cause === null) resolve({ exitCode: 0, stdout, stderr })
      else if (typeof cause.code === 'number') resolve({ exitCode: cause.code, stdout, stderr })
      else reject(cause)
    })
  })

/** Absolute path of a program on a search path, or undefined. */
export const findOnPath = async (program: string, searchPath: string): Promise<string | undefined> => {
  for (const directory of searchPath.split(delimiter)) {
    const path = join(directory, program)
    if (directory !== '' && (await isExecutable(path))) return path
  }
  return undefined
}

export const isExecutable = (path: string): Promise<boolean> =>
  access(path, constants.X_OK).then(
    () => true,
    () => false,
  )
