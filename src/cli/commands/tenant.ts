import type { SomeResourcesView, TenantView } from '../../api/contract.ts'
import { ManorClient } from '../client.ts'
import { type CommandModule, examples, onAction, withJson } from '../command-module.ts'
import { show } from '../output/print.ts'
import { type Column, table } from '../output/table.ts'
import { formatCores, formatSize } from '../output/units.ts'

export const tenantCommand: CommandModule = {
  register: (command, context) => {
    command.description('Tenants: teams that own controllers and share the hosts.')
    const list = command.command('list').summary('List them').description('List tenants, with their share and what they use.')
    withJson(list)
    examples(list, [['tenant list', 'see who uses what']])
    examples(command, [['tenant list', 'see who uses what']])
    onAction(list, async (_, options) => {
      const views = await new ManorClient(context, options).get<readonly TenantView[]>('/tenants')
      show(context, options.json, views, terminal => (views.length === 0 ? 'No tenants.' : table(views, COLUMNS, terminal)))
    })
  },
}

const resources = ({ cpu, memoryMb }: SomeResourcesView): string =>
  [...(cpu === undefined ? [] : [`${formatCores(cpu)} cores`]), ...(memoryMb === undefined ? [] : [formatSize(memoryMb)])].join(', ')

const COLUMNS: readonly Column<TenantView>[] = [
  { title: 'TENANT', cell: ({ id }) => id },
  { title: 'CONTROLLERS', cell: ({ controllers }) => String(controllers), align: 'right' },
  { title: 'QUEUED', cell: ({ queued }) => String(queued), align: 'right' },
  { title: 'AGENTS USE', cell: ({ usedByAgents }) => resources(usedByAgents) },
  { title: 'AT MOST', cell: ({ quota }) => (quota ? resources(quota) : 'no cap'), droppable: 1 },
  { title: 'GUARANTEED', cell: ({ guarantee }) => (guarantee ? resources(guarantee) : ''), droppable: 2 },
  { title: 'WEIGHT', cell: ({ weight }) => String(weight), align: 'right', droppable: 3 },
]
