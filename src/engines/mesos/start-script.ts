import type { Workload } from '../../model/index.ts'

/**
 * What a task begins with. Mesos hands a task words and variables, no files, and fetching them from Manor would make every start depend on it.
 * So files, variables and command travel as one shell script in variables of the task, in base64; a line of `sh` puts it together and runs it.
 * An image needs `sh` and `base64` for that, which coreutils and busybox have.
 *
 * The script makes the private directory (in the sandbox, or below the temporary directory where the image's user cannot write there), forgets
 * the variables that brought it, sends both streams to one, and becomes the command: no process of ours remains.
 */

/** One variable: the kernel takes 128 KiB in one word (MAX_ARG_STRLEN), and Docker's own files of variables 64 KiB in one line. */
const CHUNK_CHARACTERS = 60_000
/**
 * All of them: what may be handed to a new program is a quarter of its stack, 2 MiB by default, of which Docker's and the agent's own words
 * take some. Policies, hooks and secrets come to about a hundred kilobytes.
 */
export const MAX_SCRIPT_CHARACTERS = 1_000_000

/** The line before a task's own output; what stands above it is the agent's. */
export const BEGIN_MARK = '--- manor: the output of the workload begins ---'

const quote = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`

/** Text as one word of the shell, with the private directory put where it is meant. */
const word = (text: string): string => (text === '' ? "''" : text.split('{dir}').map(quote).join('"$D"'))

/** The script of a workload whose port placeholders are filled in. */
export const startScript = (workload: Pick<Workload, 'command' | 'environment' | 'workingDirectory' | 'files'>): string => {
  const lines = [
    'D=$MESOS_SANDBOX',
    '[ -n "$D" ] || D=$PWD',
    '[ -w "$D" ] || D=$(mktemp -d)',
    'D=$D/manor; (umask 077; mkdir -p "$D/tmp") || exit 126',
  ]
  const directories = new Set<string>()
  for (const { path } of workload.files) {
    const at = path.lastIndexOf('/')
    if (at > 0) directories.add(path.slice(0, at))
  }
  for (const directory of directories) lines.push(`(umask 077; mkdir -p "$D"/${quote(directory)}) || exit 126`)
  for (const { path, content, encoding, mode } of workload.files) {
    const target = `"$D"/${quote(path)}`
    // Made unreadable for others before anything is in it.
    const write = encoding === 'base64' ? `printf %s ${quote(content)} | base64 -d >${target}` : `printf %s ${word(content)} >${target}`
    lines.push(`(umask 077; ${write}) && chmod ${mode.toString(8)} ${target} || exit 126`)
  }
  lines.push('export TMPDIR="$D/tmp"')
  for (const [name, value] of Object.entries(workload.environment)) lines.push(`export ${name}=${word(value)}`)
  lines.push(`cd ${workload.workingDirectory === undefined ? '"$D"' : word(workload.workingDirectory)} || exit 126`)
  lines.push('unset D', `echo ${quote(BEGIN_MARK)}`)
  // Last: $D is needed for the words and must not be left behind.
  const command = `set -- ${workload.command.map(word).join(' ')}`
  return [...lines.slice(0, -2), command, ...lines.slice(-2), 'exec "$@" 2>&1'].join('\n')
}

export type Bootstrap = {
  readonly arguments: readonly string[]
  readonly variables: readonly { readonly name: string; readonly value: string }[]
}

/** How long the script is as it travels. */
export const scriptCharacters = (script: string): number => Math.ceil(Buffer.byteLength(script) / 3) * 4

/** Words for `sh` and the variables that carry the script. */
export const bootstrap = (script: string): Bootstrap => {
  const encoded = Buffer.from(script, 'utf8').toString('base64')
  const variables: { name: string; value: string }[] = []
  for (let at = 0; at < encoded.length; at += CHUNK_CHARACTERS)
    variables.push({ name: `MANOR_${variables.length}`, value: encoded.slice(at, at + CHUNK_CHARACTERS) })
  const names = variables.map(({ name }) => name)
  const line = `S=$(printf %s ${names.map(name => `"$${name}"`).join('')} | base64 -d); unset ${names.join(' ')}; eval "unset S; $S"`
  return { arguments: ['-c', line], variables }
}
