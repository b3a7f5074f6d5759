import { Command, Help } from 'commander'
import { completedBy } from './command-module.ts'
import { COMMANDS, type CommandEntry } from './commands/registry.ts'
import type { ConnectionOptions } from './connection.ts'
import { type CliContext, PROGRAM } from './context.ts'
import { CliError } from './errors.ts'
import { terminalOf } from './output/terminal.ts'

/** Heading of the options that say which Manor is meant. */
const WHERE = 'Which Manor:'

/** Help reads badly in longer lines, however wide the terminal is. */
const MAX_HELP_COLUMNS = 110

/**
 * The command line as a tree. Only the modules of `words` are loaded: the others are there by name and summary, which is all that help and
 * "did you mean" need.
 */
export const buildProgram = async (context: CliContext, words: readonly string[]): Promise<Command> => {
  const program = newProgram(context)
  for (const entry of COMMANDS) await addCommand(program, entry, context, words.includes(entry.name))
  return program
}

/** The whole tree with every module loaded, for completion. */
export const buildWholeProgram = (context: CliContext): Promise<Command> =>
  buildProgram(
    context,
    COMMANDS.map(({ name }) => name),
  )

const addCommand = async (program: Command, entry: CommandEntry, context: CliContext, loaded: boolean): Promise<void> => {
  const command = program.command(entry.name).summary(entry.summary).description(`${entry.summary}.`).helpGroup(`${entry.group}:`)
  if (loaded) (await entry.load()).register(command, context)
}

/** Commander's own choices, for what is changed only in part. */
const plainHelp = new Help()

const newProgram = (context: CliContext): Command => {
  const help = terminalOf(context.stdout, context.env)
  const program: Command = new Command(PROGRAM)
    .usage('<command> [options]')
    .description('Manor runs a private Jenkins cloud: isolated controllers, each with build agents that come and go with its builds.')
    .helpOption('-h, --help', 'show help, with examples')
    .exitOverride()
    .configureOutput({
      writeOut: text => void context.stdout.write(text),
      writeErr: text => void context.stderr.write(text),
      // run.ts prints errors itself, all in one way.
      outputError: () => {},
      getOutHelpWidth: () => Math.min(MAX_HELP_COLUMNS, help.columns ?? 80),
      getErrHelpWidth: () => Math.min(MAX_HELP_COLUMNS, help.columns ?? 80),
      getOutHasColors: () => true,
      getErrHasColors: () => true,
    })
    .configureHelp({
      showGlobalOptions: true,
      subcommandTerm: command => [command.name(), ...command.registeredArguments.map(argument => argumentTerm(argument))].join(' '),
      // A noun's help is about its verbs; where Manor is matters to those who run one.
      visibleGlobalOptions: command =>
        command.commands.length > 0 || !command.parent
          ? []
          : root(command).options.filter(({ long }) => !isLocal(command) || long === '--home'),
      // The program's own help begins with the commands; its options stand below them.
      visibleOptions: command => (command.parent ? plainHelp.visibleOptions(command) : []),
      styleTitle: text => help.paint('bold', text === 'Global Options:' ? WHERE : text),
      styleCommandText: text => help.paint('cyan', text),
    })
  const home = program.createOption('--home <dir>', 'its home (MANOR_HOME, or ~/.manor)')
  program.addOption(completedBy(home, 'directory').helpGroup(WHERE))
  program.addOption(program.createOption('--url <url>', 'its address, if elsewhere (MANOR_URL)').helpGroup(WHERE))
  program.addOption(program.createOption('--token <token>', 'token for that address (MANOR_TOKEN)').helpGroup(WHERE))
  const helpCommand = program.createCommand('help').summary('Show help for a command').argument('[command]')
  program.hook('preAction', (_, command) => refuseElsewhere(command))
  program.addHelpCommand(helpCommand.helpOption(false).helpGroup('The command line:'))
  examples(program)
  return program
}

const isLocal = (command: Command): boolean => COMMANDS.some(({ name, isLocal }) => isLocal === true && name === command.name())

/** An option that would do nothing is refused, before somebody believes that it did something. */
const refuseElsewhere = (command: Command): void => {
  const { url, token } = command.optsWithGlobals<ConnectionOptions>()
  const given = url === undefined ? (token === undefined ? undefined : '--token') : '--url'
  if (isLocal(command) && given !== undefined)
    throw new CliError(`${PROGRAM} ${command.name()} works on this machine and takes no ${given}: leave it out.`)
}

const root = (command: Command): Command => (command.parent ? root(command.parent) : command)

const argumentTerm = (argument: { name(): string; readonly required: boolean }): string =>
  argument.required ? `<${argument.name()}>` : `[${argument.name()}]`

const examples = (program: Command): void => {
  program.addHelpText(
    'after',
    `\nA first walk:
  ${PROGRAM} up                                  start Manor, with a controller and a sample build
  ${PROGRAM} controller create team-a --wait     make a controller and wait until it is ready
  ${PROGRAM} queue list                          see what waits, and why
  ${PROGRAM} controller create --help            every command has examples

Every command takes --help, nearly all --json; and to say which Manor is meant:
  --home <dir>      its home (MANOR_HOME, or ~/.manor)
  --url <url>       its address, if elsewhere (MANOR_URL)
  --token <token>   token for that address (MANOR_TOKEN)`,
  )
}
