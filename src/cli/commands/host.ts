import type { Command } from 'commander'
import type { HostDetailView, HostView } from '../../api/contract.ts'
import { ManorClient, path } from '../client.ts'
import { type CommandModule, examples, onAction, withJson } from '../command-module.ts'
import type { CliContext } from '../context.ts'
import { show } from '../output/print.ts'
import { registerHostChanges } from './host-change.ts'
import { describeHost, listHosts } from './host-text.ts'

export const hostCommand: CommandModule = {
  register: (command, context) => {
    command.description('Hosts: the machines that controllers and agents run on.')
    registerList(command, context)
    registerShow(command, context)
    registerHostChanges(command, context)
    examples(command, [
      ['host list', 'see what room is left'],
      ['host drain h1 --deadline 30m', 'empty a host before its maintenance'],
      ['host show h1', 'see what is left on it and what it waits for'],
      ['host uncordon h1', 'let it take work again'],
    ])
  },
}

const registerList = (parent: Command, context: CliContext): void => {
  const list = parent
    .command('list')
    .summary('List them')
    .description('List hosts, with what is promised of each to controllers and agents.')
  withJson(list)
  examples(list, [['host list', 'see what room is left']])
  onAction(list, async (_, options) => {
    const views = await new ManorClient(context, options).get<readonly HostView[]>('/hosts')
    show(context, options.json, views, terminal =>
      views.length === 0 ? 'No hosts: the engine has told of none yet.' : listHosts(views, terminal),
    )
  })
}

const registerShow = (parent: Command, context: CliContext): void => {
  const command = parent
    .command('show')
    .summary('Show one')
    .description('Show a host, what runs on it, and what it waits for where it is being emptied.')
    .argument('<host>')
  withJson(command)
  examples(command, [['host show h1', 'see whether it is empty yet']])
  onAction(command, async ([name = ''], options) => {
    const view = await new ManorClient(context, options).get<HostDetailView>(path`/hosts/${name}`)
    show(context, options.json, view, terminal => describeHost(view, terminal, context.clock.now()))
  })
}
