import { type Command, CommanderError } from 'commander'
import { closest, didYouMean } from './closest.ts'
import { COMPLETE_WORD } from './commands/registry.ts'
import { type CliContext, PROGRAM } from './context.ts'
import { CliError, EXIT, type ExitCode } from './errors.ts'
import { terminalOf } from './output/terminal.ts'
import { buildProgram } from './program.ts'

/** Runs one command line to its end. Whatever went wrong is told on standard error, in one or two sentences. Never rejects. */
export const runCli = async (given: readonly string[], context: CliContext): Promise<ExitCode> => {
  // No option of the program, since a controller's version is one of "controller create".
  const words = given[0] === '--version' || given[0] === '-V' ? ['version', ...given.slice(1)] : given
  let program: Command | undefined
  try {
    if (words[0] === COMPLETE_WORD) {
      const { complete } = await import('./completion/complete.ts')
      await complete(words.slice(words[1] === '--' ? 2 : 1), context)
      return EXIT.ok
    }
    program = await buildProgram(context, words)
    if (words.length === 0) {
      program.outputHelp()
      return EXIT.ok
    }
    await program.parseAsync(words, { from: 'user' })
    return EXIT.ok
  } catch (error) {
    return tell(error, context, program && commandOf(program, words))
  }
}

/** Errors of the rooms behind `up` and `down` whose sentence says the mend. By name, since importing their rooms would slow every start. */
const SPEAKING_ERRORS: readonly string[] = [
  'ConfigError',
  'StartError',
  'OperationError',
  'StoreError',
  'EngineError',
  'RouterError',
  'ProgramError',
]

const tell = (error: unknown, context: CliContext, command: Command | undefined): ExitCode => {
  if (error instanceof CommanderError) return tellUsage(error, context, command)
  if (error instanceof CliError) {
    sayError(context, error.message)
    return error.exitCode
  }
  if (context.signal.aborted) return EXIT.interrupted
  if (error instanceof Error && SPEAKING_ERRORS.includes(error.name)) {
    sayError(context, error.message)
    return EXIT.usage
  }
  sayError(context, `This is a defect in Manor: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
  return EXIT.failed
}

const sayError = (context: CliContext, message: string): void => {
  const { paint } = terminalOf(context.stderr, context.env)
  context.stderr.write(`${paint('red', 'error:')} ${message}\n`)
}

const tellUsage = (error: CommanderError, context: CliContext, command: Command | undefined): ExitCode => {
  if (error.exitCode === 0) return EXIT.ok
  // A noun without a verb: commander has shown its help.
  if (error.code === 'commander.help') return EXIT.usage
  const help = `${PROGRAM}${command ? ` ${pathOf(command).join(' ')}`.trimEnd() : ''} --help`
  sayError(context, `${usageSentence(error.message)} See ${help}.`)
  return EXIT.usage
}

/** Commander's words as one or two sentences of ours. */
const usageSentence = (message: string): string => {
  const [whole = '', suggestion] = message.replace(/^error: /, '').split('\n')
  // Some of its sentences have their full stop, some have none.
  const first = whole.replace(/\.$/, '')
  const choice = /^(?:option '(--[\w-]+).*'|command-argument value) argument '(.*)' is invalid\. Allowed choices are (.*)$/.exec(first)
  if (choice) {
    const [, option, given = '', allowed = ''] = choice
    return `${option} is "${given}": give one of ${allowed}.${didYouMean(closest(given, allowed.split(', ')))}`
  }
  const hint = suggestion?.replace(/^\((.*)\)$/, '$1')
  return `${first.slice(0, 1).toUpperCase()}${first.slice(1)}.${hint ? ` ${hint}` : ''}`
}

/** The deepest command that the words name. */
const commandOf = (program: Command, words: readonly string[]): Command =>
  words.reduce((command, word) => command.commands.find(candidate => candidate.name() === word) ?? command, program)

const pathOf = (command: Command): readonly string[] => (command.parent ? [...pathOf(command.parent), command.name()] : [])
