import { type CommandModule, examples, onAction, withJson } from '../command-module.ts'
import { show } from '../output/print.ts'
import { readVersion } from '../version.ts'

export const versionCommand: CommandModule = {
  register: (command, context) => {
    withJson(command)
    examples(command, [['version', 'see which Manor this command line belongs to']])
    onAction(command, async (_, { json }) => {
      const version = await readVersion()
      show(context, json, { version }, () => version)
    })
  },
}
