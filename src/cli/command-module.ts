import { type Command, Option } from 'commander'
import type { ConnectionOptions } from './connection.ts'
import { type CliContext, PROGRAM } from './context.ts'

/**
 * One noun (or one verb that stands alone) of the command line. It is loaded only when its word is on the line; its name, summary and group
 * are in commands/registry.ts, so that help knows them without loading it.
 */
export type CommandModule = {
  /** Adds arguments, options, help, verbs and actions to a fresh command that has its name and summary already. */
  readonly register: (command: Command, context: CliContext) => void
}

/** Options that every command has, beside its own. */
export type CommonOptions = ConnectionOptions & { readonly json?: boolean }

/**
 * Sets what a command does. Operands come in order; options hold the command's own and the global ones, under the names that commander gives
 * them. A rejection ends the run: see run.ts for what becomes of it.
 */
export const onAction = <Options extends object = object>(
  command: Command,
  act: (operands: readonly string[], options: Options & CommonOptions) => Promise<void>,
): Command => command.action(() => act(command.args, command.optsWithGlobals<Options & CommonOptions>()))

export const withJson = (command: Command): Command => command.option('--json', "print the API's own answer as JSON, for programs")

/** An option whose value is read by `read`, which throws a CliError that names the option. */
export const parsed = <Value>(flags: string, description: string, read: (what: string, text: string) => Value): Option => {
  const option = new Option(flags, description)
  return option.argParser((text: string) => read(option.long ?? flags, text))
}

/** What completes a word: names that a running Manor knows, files, or a fixed list. */
export type CompletionKind = 'controller' | 'agent' | 'template' | 'tenant' | 'token' | 'item' | 'host' | 'file' | 'directory'

const KINDS = new WeakMap<object, CompletionKind>()

/** Says what completes an option's value. Arguments say it by their name: `<controller>`, `<file>`. */
export const completedBy = <T extends object>(subject: T, kind: CompletionKind): T => {
  KINDS.set(subject, kind)
  return subject
}
export const completionOf = (subject: object): CompletionKind | undefined => KINDS.get(subject)

/** Adds examples to a command's help: `[words after the program's name, what they do]`. */
export const examples = (command: Command, lines: readonly (readonly [words: string, what: string])[]): Command => {
  const shown = lines.map(([words, what]) => `  # ${what}\n  ${PROGRAM}${words === '' ? '' : ` ${words}`}`)
  return command.addHelpText('after', `\nExamples:\n${shown.join('\n')}`)
}
