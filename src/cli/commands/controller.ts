import type { Command } from 'commander'
import { type CommandModule, examples } from '../command-module.ts'
import type { CliContext } from '../context.ts'
import { registerActions } from './controller-actions.ts'
import { registerCreate } from './controller-create.ts'
import { registerLooks } from './controller-looks.ts'

export const controllerCommand: CommandModule = {
  register: (command: Command, context: CliContext): void => {
    command.description('Controllers: isolated Jenkins instances, each with its own home, limits and build agents.')
    registerCreate(command, context)
    registerLooks(command, context)
    registerActions(command, context)
    examples(command, [
      ['controller create team-a --memory 1g --wait', 'make one and wait until it is ready'],
      ['controller list', 'see all of them'],
      ['controller explain team-a', 'learn why one is not ready'],
    ])
  },
}
