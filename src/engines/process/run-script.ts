import { SYSTEM_PATH } from './isolation.ts'
import { quote } from './view.ts'

/** Carries the workload's id, so that what it leaves behind is found where there are no control groups. */
export const WORKLOAD_VARIABLE = 'MANOR_WORKLOAD'

/** What every workload's environment starts from. Nothing of Manor's own environment is in it. */
export const baseEnvironment = (id: string, dir: string): Readonly<Record<string, string>> => ({
  PATH: SYSTEM_PATH,
  HOME: dir,
  TMPDIR: `${dir}/tmp`,
  LANG: 'C.UTF-8',
  [WORKLOAD_VARIABLE]: id,
})

/**
 * The script that becomes the command, read from standard input by the workload's own user: that way neither the environment nor the
 * arguments ever stand on a command line that others can read before the command's own.
 */
export const runScript = (command: readonly string[], environment: Readonly<Record<string, string>>, workingDirectory: string): string =>
  [
    ...Object.entries(environment).map(([name, value]) => `export ${name}=${quote(value)}`),
    'umask 022',
    `cd ${quote(workingDirectory)} || exit 125`,
    'unset OLDPWD',
    // The last line: the shell must not read on from what is now the command's input.
    `exec ${command.map(quote).join(' ')} </dev/null`,
    '',
  ].join('\n')
