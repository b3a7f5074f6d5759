import type { HostView, ResourcesView } from '../../api/contract.ts'
import { ManorClient } from '../client.ts'
import { type CommandModule, examples, onAction, withJson } from '../command-module.ts'
import { show } from '../output/print.ts'
import { stateCell } from '../output/states.ts'
import { type Column, table } from '../output/table.ts'
import type { Terminal } from '../output/terminal.ts'
import { formatCores, formatSize } from '../output/units.ts'

export const hostCommand: CommandModule = {
  register: (command, context) => {
    command.description('Hosts: the machines that controllers and agents run on.')
    const list = command
      .command('list')

      .summary('List them')
      .description('List hosts, with what is promised of each to controllers and agents.')
    withJson(list)
    examples(list, [['host list', 'see what room is left']])
    examples(command, [['host list', 'see what room is left']])
    onAction(list, async (_, options) => {
      const views = await new ManorClient(context, options).get<readonly HostView[]>('/hosts')
      show(context, options.json, views, terminal =>
        views.length === 0
          ? 'No hosts: the engine has told of none yet.'
          : [table(views, columns(terminal), terminal), ...notes(views, terminal)].join('\n'),
      )
    })
  },
}

const columns = (terminal: Terminal): readonly Column<HostView>[] => [
  { title: 'HOST', cell: ({ id }) => id },
  { title: 'STATE', cell: ({ state }) => stateCell('host', state, terminal) },
  { title: 'CORES', cell: host => usedOf(host, 'cpu', formatCores), align: 'right' },
  { title: 'MEMORY', cell: host => usedOf(host, 'memoryMb', formatSize), align: 'right' },
  { title: 'DISK', cell: host => usedOf(host, 'diskMb', formatSize), align: 'right', droppable: 3 },
  { title: 'ENGINE', cell: ({ engine }) => engine, droppable: 4 },
  { title: 'FOR', cell: ({ role, reservedFor }) => (reservedFor ? `tenant ${reservedFor}` : role), droppable: 5 },
  { title: 'LIMITS', cell: ({ limits }) => limitsOf(limits), droppable: 2 },
  { title: 'WHY', cell: ({ reason }) => reason?.message ?? '', least: 16, droppable: 1 },
]

const usedOf = (
  { usedByControllers, usedByAgents, capacity }: HostView,
  what: keyof ResourcesView,
  format: (value: number) => string,
): string => `${format(usedByControllers[what] + usedByAgents[what])} of ${format(capacity[what])}`

const limitsOf = ({ memory, cpu }: HostView['limits']): string => {
  if (memory && cpu) return 'hold'
  return memory || cpu ? `${memory ? 'memory' : 'cpu'} only` : 'not enforced'
}

/** Why limits do not hold, once for each reason and not cut to a column. */
const notes = (hosts: readonly HostView[], terminal: Terminal): readonly string[] => {
  const reasons = new Set(hosts.flatMap(({ limits }) => (limits.reason ? [limits.reason] : [])))
  return [...reasons].map(reason => `\n${terminal.paint('yellow', 'Limits:')} ${reason}`)
}
