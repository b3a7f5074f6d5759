import { type CommandModule, examples, onAction } from '../command-module.ts'
import type { DownOptions } from '../up/run-down.ts'

export const downCommand: CommandModule = {
  register: (command, context) => {
    command.description(
      'Stop Manor and every controller, gracefully: no new builds start, running ones are waited for. What each controller is wanted to be is kept, so that up brings it back.',
    )
    command.option('--now', 'do not wait for running builds: those of a freestyle job are lost')
    examples(command, [
      ['down', 'stop all, and wait for running builds'],
      ['down --now', 'stop all at once'],
    ])
    onAction<DownOptions>(command, async (_, options) => {
      const { runDown } = await import('../up/run-down.ts')
      return runDown(context, options)
    })
  },
}
