import { Command } from 'commander'
import { completedBy } from './command-module.ts'
import { COMMANDS, type CommandEntry } from './commands/registry.ts'
import { type CliContext, PROGRAM } from './context.ts'
import { terminalOf } from './output/terminal.ts'

/** Help reads badly in longer lines, however wide the terminal is. */
const MAX_HELP_COLUMNS = 110

/**
 * The command line as a tree. Only the modules of `words` are loaded: the others are there by name and summary, which is all that help and
 * "did you mean" need.
 */
export const buildProgram = async (context: CliContext, words: readonly string[]): Promise<Command> => {
  const program = root(context)
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

const root = (context: CliContext): Command => {
  const help = terminalOf(context.stdout, context.env)
  const program = new Command(PROGRAM)
    .usage('<command> [options]')
    .description('Manor runs a private Jenkins cloud: isolated controllers, each with build agents that come and go with its builds.')
    .helpOption('-h, --help', 'show help, with examples')
    .helpCommand('help [command]', 'Show help for a command')
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
      styleTitle: text => help.paint('bold', text),
      styleCommandText: text => help.paint('cyan', text),
    })
  program.helpCommand(true).commandsGroup('The command line:')
  const home = program.createOption('--home <dir>', 'where Manor keeps everything (MANOR_HOME; else ~/.manor)')
  program.addOption(completedBy(home, 'directory'))
  program.option('--url <url>', 'address of a Manor elsewhere (MANOR_URL)')
  program.option('--token <token>', 'API token for it (MANOR_TOKEN, which is better: it stays out of ps)')
  examples(program)
  return program
}

const argumentTerm = (argument: { name(): string; readonly required: boolean }): string =>
  argument.required ? `<${argument.name()}>` : `[${argument.name()}]`

const examples = (program: Command): void => {
  program.addHelpText(
    'after',
    `\nA first walk:
  ${PROGRAM} up                                  start Manor, with a controller and a sample build
  ${PROGRAM} controller create team-a --wait     make a controller and wait until it is ready
  ${PROGRAM} queue list                          see what waits, and why
  ${PROGRAM} controller create --help            every command has examples`,
  )
}
