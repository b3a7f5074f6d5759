import type { SignInLink } from '../../api/contract.ts'
import { ManorClient } from '../client.ts'
import { type CommandModule, examples, onAction, withJson } from '../command-module.ts'
import { remark, say, show } from '../output/print.ts'
import { formatDuration } from '../output/units.ts'

export const consoleCommand: CommandModule = {
  register: (command, context) => {
    command.description('Print a fresh link to the console. It signs one browser in, once.')
    withJson(command)
    examples(command, [['console', 'get a link to open']])
    onAction(command, async (_, options) => {
      const link = await new ManorClient(context, options).send<SignInLink>('POST', '/sign-in-links')
      if (options.json) return show(context, true, link, () => '')
      say(context, link.url)
      remark(context, `Good once, for ${formatDuration(link.expiresAt - context.clock.now())}.`)
    })
  },
}
