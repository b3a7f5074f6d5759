import type { BuildView } from '../../api/contract.ts'
import { aboutController, ManorClient, path } from '../client.ts'
import { type CommandModule, completedBy, examples, onAction, parsed, withJson } from '../command-module.ts'
import { show } from '../output/print.ts'
import { stateCell } from '../output/states.ts'
import { type Column, table } from '../output/table.ts'
import type { Terminal } from '../output/terminal.ts'
import { formatDuration, formatRelative } from '../output/units.ts'
import { parseCount } from '../quantities.ts'

const DEFAULT_LIMIT = 50
const MOST_BUILDS = 1_000

type ListOptions = { readonly controller?: string; readonly limit?: number }

export const buildCommand: CommandModule = {
  register: (command, context) => {
    command.description('Builds, as their controllers tell of them.')
    const list = command.command('list').summary('List the latest').description('List the latest builds, newest first.')
    list.addOption(completedBy(list.createOption('--controller <controller>', 'only those of one controller'), 'controller'))
    list.addOption(
      parsed('--limit <count>', `at most so many (default: ${DEFAULT_LIMIT})`, (what, text) => parseCount(what, text, 1, MOST_BUILDS)),
    )
    withJson(list)
    examples(list, [['build list --controller team-a --limit 10', 'see the last ten of team-a']])
    examples(command, [['build list', 'see the latest builds of all controllers']])
    onAction<ListOptions>(list, async (_, { controller, limit = DEFAULT_LIMIT, ...options }) => {
      const client = new ManorClient(context, options)
      const views =
        controller === undefined
          ? await client.get<readonly BuildView[]>('/builds', { limit })
          : await aboutController(client, controller, () =>
              client.get<readonly BuildView[]>(path`/controllers/${controller}/builds`, { limit }),
            )
      const newestFirst = views.toSorted((a, b) => b.startedAt - a.startedAt)
      show(context, options.json, views, terminal =>
        views.length === 0 ? 'No builds yet.' : table(newestFirst, columns(terminal, context.clock.now()), terminal),
      )
    })
  },
}

const columns = (terminal: Terminal, now: number): readonly Column<BuildView>[] => [
  { title: 'CONTROLLER', cell: ({ controller }) => controller, least: 10 },
  { title: 'BUILD', cell: ({ job, number }) => `${job} #${number}`, least: 12 },
  { title: 'RESULT', cell: ({ result }) => stateCell('build', result ?? 'running', terminal) },
  { title: 'TOOK', cell: ({ startedAt, endedAt }) => formatDuration((endedAt ?? now) - startedAt), align: 'right', droppable: 2 },
  { title: 'STARTED', cell: ({ startedAt }) => formatRelative(startedAt, now), droppable: 1 },
  { title: 'AGENT', cell: ({ agent }) => agent ?? '', least: 10, droppable: 3 },
  { title: 'ADDRESS', cell: ({ url }) => url, least: 24, droppable: 4 },
]
