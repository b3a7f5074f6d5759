import type { Command } from 'commander'
import type { HostView, TenantView } from '../../api/contract.ts'
import { aboutTenant, ManorClient, path } from '../client.ts'
import { type CommandModule, examples, onAction, withJson } from '../command-module.ts'
import { type CliContext, PROGRAM } from '../context.ts'
import { show } from '../output/print.ts'
import { registerAccess } from './tenant-access.ts'
import { registerChanges } from './tenant-change.ts'
import { describeTenant, listTenants } from './tenant-text.ts'

export const tenantCommand: CommandModule = {
  register: (command, context) => {
    command.description('Tenants: teams that own controllers and share the hosts, by weight, guarantee and quota.')
    registerList(command, context)
    registerShow(command, context)
    registerChanges(command, context)
    registerAccess(command, context)
    registerDelete(command, context)
    examples(command, [
      ['tenant list', 'see who uses what, and who waits'],
      ['tenant create payments --weight 2 --memory-quota 64g', 'a team with twice the share of others, and a bound'],
      ['tenant guarantee payments --cpu 4', 'cores that it gets before others may burst'],
    ])
  },
}

const registerList = (parent: Command, context: CliContext): void => {
  const list = parent
    .command('list')
    .summary('List them')
    .description('List tenants: what their agents use and wait for, as bars of one scale, and how they share.')
  withJson(list)
  examples(list, [['tenant list', 'see who uses what']])
  onAction(list, async (_, options) => {
    const client = new ManorClient(context, options)
    const [views, hosts] = await Promise.all([client.get<readonly TenantView[]>('/tenants'), hostsFor(client, options.json)])
    show(context, options.json, views, terminal =>
      views.length === 0 ? `No tenants: a controller needs one (${PROGRAM} tenant create default).` : listTenants(views, hosts, terminal),
    )
  })
}

const registerShow = (parent: Command, context: CliContext): void => {
  const command = parent
    .command('show')
    .summary('Show one')
    .description('Show what a tenant may use, uses and waits for.')
    .argument('<tenant>')
  withJson(command)
  examples(command, [['tenant show payments', 'see how far it is from its guarantee and its quota']])
  onAction(command, async ([name = ''], options) => {
    const client = new ManorClient(context, options)
    const view = await aboutTenant(client, name, () => client.get<TenantView>(path`/tenants/${name}`))
    const hosts = await hostsFor(client, options.json)
    show(context, options.json, view, terminal => describeTenant(view, hosts, terminal, context.clock.now()))
  })
}

/** What the bars are parts of; JSON shows none. */
const hostsFor = async (client: ManorClient, json: boolean | undefined): Promise<readonly HostView[]> =>
  json ? [] : client.get<readonly HostView[]>('/hosts')

const registerDelete = (parent: Command, context: CliContext): void => {
  const command = parent
    .command('delete')
    .summary('Delete one that has nothing any more')
    .description('Delete a tenant. It must have no controllers, no templates and no tokens; what it still has is named.')
    .argument('<tenant>')
  withJson(command)
  examples(command, [['tenant delete payments', 'after its controllers are deleted and its tokens revoked']])
  onAction(command, async ([name = ''], options) => {
    const client = new ManorClient(context, options)
    await aboutTenant(client, name, () => client.send('DELETE', path`/tenants/${name}`))
    show(context, options.json, { id: name, deleted: true }, () => `Tenant ${name} is deleted.`)
  })
}
