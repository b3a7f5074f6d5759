/** The command lines of a real Jenkins and of its agent, as far as the double understands them. */
export type CommandLine = {
  /** `-Dname=value`. */
  readonly properties: ReadonlyMap<string, string>
  /** What follows `-jar`. */
  readonly jar: string | undefined
  /** `--name=value` after the jar. */
  readonly options: ReadonlyMap<string, string>
  /** Everything after the jar, as it is. */
  readonly rest: readonly string[]
}

export const parseCommandLine = (words: readonly string[]): CommandLine => {
  const at = words.indexOf('-jar')
  const before = at < 0 ? words : words.slice(0, at)
  const rest = at < 0 ? [] : words.slice(at + 2)
  return {
    properties: new Map(before.filter(word => word.startsWith('-D')).map(word => pairOf(word.slice(2)))),
    jar: at < 0 ? undefined : words[at + 1],
    options: new Map(rest.filter(word => word.startsWith('--')).map(word => pairOf(word.slice(2)))),
    rest,
  }
}

const pairOf = (text: string): [string, string] => {
  const equals = text.indexOf('=')
  return equals < 0 ? [text, ''] : [text.slice(0, equals), text.slice(equals + 1)]
}

/** What a double is started with. */
export type JenkinsOptions = {
  readonly home: string
  /** 0 takes a free one. */
  readonly port: number
  /** Without a slash at the end; empty for none. */
  readonly prefix: string
  /** The policy file of Manor's hook. Without one there is an administrator `admin` with the password and API token below, and no hook. */
  readonly policyFile?: string
  readonly admin?: { readonly name: string; readonly password: string; readonly apiToken?: string }
  /** How long nothing listens, and how long it says 503 then. A real one takes 1.4 to 2.5 s, and 1.5 s. */
  readonly refusedMs?: number
  readonly startingMs?: number
  /** Called when the program would end, with its exit code. */
  readonly onExit?: (code: number) => void
}

/** Errors: a sentence for the one who wrote the command line. */
export const jenkinsOptions = ({ properties, options }: CommandLine): JenkinsOptions => {
  const home = properties.get('JENKINS_HOME') ?? process.env.JENKINS_HOME
  if (home === undefined) throw new Error('Where is the home? Give -DJENKINS_HOME=DIRECTORY.')
  const policyFile = properties.get('manor.policy')
  return {
    home,
    port: Number(options.get('httpPort') ?? 8080),
    prefix: options.get('prefix') ?? '',
    ...(policyFile === undefined ? {} : { policyFile }),
    refusedMs: Number(properties.get('double.refusedMs') ?? 100),
    startingMs: Number(properties.get('double.startingMs') ?? 300),
  }
}
