import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Argument } from 'commander'
import { type CommandModule, examples, onAction } from '../command-module.ts'
import { say } from '../output/print.ts'

const SHELLS = ['bash', 'zsh', 'fish'] as const

export const completionCommand: CommandModule = {
  register: (command, context) => {
    command.description('Print a script that lets a shell complete commands, options and the names of controllers.')
    command.addArgument(new Argument('<shell>', 'which shell').choices(SHELLS))
    examples(command, [
      ['completion bash > ~/.manor-completion && source ~/.manor-completion', 'for bash'],
      ['completion zsh > ~/.manor-completion && source ~/.manor-completion', 'for zsh'],
      ['completion fish > ~/.config/fish/completions/manor.fish', 'for fish'],
    ])
    onAction(command, async ([shell = '']) => {
      const script = await readFile(join(import.meta.dirname, '../completion', `manor.${shell}`), 'utf8')
      say(context, script.trimEnd())
    })
  },
}
