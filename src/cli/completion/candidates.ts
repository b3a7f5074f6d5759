import type { Argument, Command, Option } from 'commander'
import { type CompletionKind, completionOf } from '../command-module.ts'

/** What may stand at the cursor: words (with what they mean, for shells that show it), names that Manor knows, or files. */
export type Candidates =
  | { readonly kind: 'words'; readonly words: readonly { readonly word: string; readonly meaning?: string }[] }
  | { readonly kind: 'names'; readonly of: Exclude<CompletionKind, 'file' | 'directory'> }
  | { readonly kind: 'files' }
  | { readonly kind: 'directories' }

/** Arguments say by their name what completes them. */
const ARGUMENT_KINDS: Readonly<Record<string, CompletionKind>> = {
  controller: 'controller',
  agent: 'agent',
  template: 'template',
  tenant: 'tenant',
  host: 'host',
  token: 'token',
  item: 'item',
  file: 'file',
}

/** What may follow `before` (the words between the program and the cursor) where `current` has been written so far. Pure. */
export const candidatesFor = (program: Command, before: readonly string[], current: string): Candidates => {
  const { command, operands, pending } = walk(program, before)
  if (pending) return ofOption(pending)
  if (current.startsWith('-'))
    return ofWords(
      optionsOf(command).filter(({ long }) => long !== undefined && !before.includes(long)),
      ({ long, description }) => [long ?? '', description],
    )
  const subcommands = command.commands.filter(candidate => candidate.name() !== 'help')
  if (subcommands.length > 0) return ofWords(subcommands, candidate => [candidate.name(), candidate.summary()])
  const argument = command.registeredArguments[operands]
  return argument ? ofArgument(argument) : NOTHING
}

const NOTHING: Candidates = { kind: 'words', words: [] }

const ofWords = <Item>(items: readonly Item[], describe: (item: Item) => readonly [word: string, meaning: string]): Candidates => ({
  kind: 'words',
  words: items.map(describe).map(([word, meaning]) => ({ word, meaning })),
})

type Walked = { readonly command: Command; readonly operands: number; readonly pending?: Option }

/** Which command the words name, how many operands they hold, and the option whose value comes next. */
const walk = (program: Command, words: readonly string[]): Walked =>
  words.reduce<Walked>(
    ({ command, operands, pending }, word) => {
      if (pending) return { command, operands }
      if (word.startsWith('-') && word !== '-') {
        const option = optionsOf(command).find(({ long, short }) => long === word || short === word)
        return option && (option.required || option.optional) ? { command, operands, pending: option } : { command, operands }
      }
      const next = command.commands.find(candidate => candidate.name() === word || candidate.aliases().includes(word))
      return next ? { command: next, operands: 0 } : { command, operands: operands + 1 }
    },
    { command: program, operands: 0 },
  )

const optionsOf = (command: Command): readonly Option[] => [...command.options, ...(command.parent ? optionsOf(command.parent) : [])]

const ofOption = (option: Option): Candidates => {
  if (option.argChoices) return ofWords(option.argChoices, choice => [choice, ''])
  return ofKind(completionOf(option))
}

const ofArgument = (argument: Argument): Candidates => {
  if (argument.argChoices) return ofWords(argument.argChoices, choice => [choice, ''])
  return ofKind(ARGUMENT_KINDS[argument.name()])
}

const ofKind = (kind: CompletionKind | undefined): Candidates => {
  switch (kind) {
    case undefined:
      return NOTHING
    case 'file':
      return { kind: 'files' }
    case 'directory':
      return { kind: 'directories' }
    default:
      return { kind: 'names', of: kind }
  }
}
